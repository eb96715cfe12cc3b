package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const sftpNetworkRemedy = "Check the host and the port, that an SFTP server listens there, and the network and the firewall of where Terraform runs; HTTPS_PROXY is not used for SFTP."

// errSFTPNotFound is the error of a file that does not exist.
var errSFTPNotFound = fs.ErrNotExist

var errSFTPDenied = &readError{
	problem: "access is denied: permission denied",
	remedy:  "Let the user of the path read the file, and list the folders that a pattern leads through.",
}

// explainSFTPError explains what goes wrong before a file is found, and in a
// connection.
func explainSFTPError(a sftpAddress, err error) *readError {
	var (
		dns         *net.DNSError
		noAlgorithm *ssh.AlgorithmNegotiationError
		answer      *sftp.StatusError
	)
	switch {
	case errors.As(err, &dns):
		return &readError{problem: fmt.Sprintf("there is no host %q", a.host), remedy: sftpNetworkRemedy, retryable: true}
	case errors.Is(err, errTimeout):
		return &readError{problem: errTimeout.Error(), remedy: sftpNetworkRemedy, retryable: true}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &readError{problem: fmt.Sprintf("%q refuses the connection: no server listens there", a.server()), remedy: sftpNetworkRemedy, retryable: true}
	case errors.Is(err, os.ErrPermission):
		return errSFTPDenied
	case isRefusedLogin(err):
		return &readError{
			problem: "the server refuses the credentials",
			remedy:  "Check the name of the user in the path, and that the server knows the key or the password. " + sftpCredentialsHint,
		}
	case errors.As(err, &noAlgorithm):
		return &readError{
			problem: fmt.Sprintf("there is no safe algorithm in common with the server for %s", noAlgorithm.What),
			remedy:  "The server must be updated: it offers only what is no longer safe, such as ssh-rsa with SHA-1.",
		}
	case errors.As(err, &answer):
		return &readError{problem: "the server answers: " + brief(err)}
	case isLostConnection(err):
		return &readError{problem: "the connection to the server was lost: " + brief(err), remedy: sftpNetworkRemedy, retryable: true}
	default:
		return &readError{problem: "the server cannot be used: " + brief(err), remedy: sftpNetworkRemedy}
	}
}

// isRefusedLogin reports whether a server refuses all credentials. The library has
// no type for that, and the server may hang up before all were tried.
func isRefusedLogin(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unable to authenticate") || strings.Contains(text, "Too many authentication failures")
}

func isLostConnection(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.Is(err, os.ErrClosed)
}

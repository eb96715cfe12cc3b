package storage

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

const schemeSFTP = "sftp"

// defaultSFTPPort is that of SSH.
const defaultSFTPPort = "22"

// sftpAddress is the path of a file on an SFTP server, or of several that match a
// pattern.
type sftpAddress struct {
	user, host, port string
	path             string // absolute, or relative to the user's home folder; may be a pattern
	query            string // parameters: how to log in
}

// homeFolder begins the path of a URL that is relative to the user's home folder.
const homeFolder = "~/"

// parseSFTPAddress splits a path. Only the user is percent-decoded; only ? ends the
// path on the server. Errors do not show a path that may hold a password.
func parseSFTPAddress(text string) (sftpAddress, error) {
	_, rest, _ := strings.Cut(text, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, file, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return sftpAddress{}, sftpPathError("The path names no user.")
	}
	user, hasPassword := authority[:at], strings.Contains(authority[:at], ":")
	if hasPassword {
		return sftpAddress{}, PathErrorf("Leave it out of the path, which is kept in the state. "+sftpCredentialsHint, nil, "There is a password in the path of the SFTP server.")
	}
	user, err := url.PathUnescape(user)
	if err != nil || user == "" {
		return sftpAddress{}, sftpPathError("The path names no valid user.")
	}
	host, port, err := splitHostPort(authority[at+1:])
	if err != nil {
		return sftpAddress{}, sftpPathError("The path names no valid host and port.")
	}
	a := sftpAddress{user: user, host: host, port: port, path: "/" + file, query: query}
	if relative, isRelative := strings.CutPrefix(file, homeFolder); isRelative {
		a.path = relative
	}
	if a.path == "" || strings.HasSuffix(a.path, "/") {
		return sftpAddress{}, PathErrorf("Write the path of the file on the server, such as sftp://user@sftp.example.com/exports/vip.csv, or a pattern.", nil, "%q names no file.", a)
	}
	return a, nil
}

func sftpPathError(problem string) error {
	return PathErrorf("Write it as in sftp://user@sftp.example.com/exports/vip.csv, with the port after the host if it is not 22, and an @ in the name of the user as %40. "+
		"The path is not shown, since it may hold a password.", nil, "%s", problem)
}

// splitHostPort splits the part of a URL that names the server.
func splitHostPort(text string) (host, port string, err error) {
	host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), defaultSFTPPort
	if strings.Contains(text, ":") && !strings.HasSuffix(text, "]") {
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", "", err
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, " %\\") {
		return "", "", fmt.Errorf("no host and port: %w", err)
	}
	return host, port, nil
}

// server is the address to connect to.
func (a sftpAddress) server() string { return net.JoinHostPort(a.host, a.port) }

// String is for messages: without the user and the parameters, and without a path
// that may be the rest of a password or hold an email address.
func (a sftpAddress) String() string {
	server := a.server()
	if a.port == defaultSFTPPort {
		server = strings.TrimSuffix(server, ":"+defaultSFTPPort)
	}
	switch {
	case a.isMasked():
		return "sftp://" + server + "/…"
	case strings.HasPrefix(a.path, "/"):
		return "sftp://" + server + a.path
	default:
		return "sftp://" + server + "/" + homeFolder + a.path
	}
}

// isMasked reports whether messages do not show the path.
func (a sftpAddress) isMasked() bool { return strings.Contains(a.path, "@") }

// withPath is the address of another file on the same server.
func (a sftpAddress) withPath(path string) sftpAddress {
	a.path = path
	return a
}

// params returns the parameters, all of which must be known.
func (a sftpAddress) params() (params, error) {
	return address{scheme: schemeSFTP, query: a.query}.params("host_key", "known_hosts", "private_key_env", "private_key_path", "passphrase_env", "password_env")
}

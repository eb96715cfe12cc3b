package storage

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Environment variables that hold what is needed to log in. Parameters of the path
// name others in their place, for more than one server.
const (
	sftpPrivateKey     = "SFTP_PRIVATE_KEY"
	sftpPrivateKeyPath = "SFTP_PRIVATE_KEY_PATH"
	sftpPassphrase     = "SFTP_PRIVATE_KEY_PASSPHRASE"
	sftpPassword       = "SFTP_PASSWORD"
	sftpKnownHosts     = "SFTP_KNOWN_HOSTS"
	sshAgentSocket     = "SSH_AUTH_SOCK"
)

const sftpCredentialsHint = "Credentials come from the private key in " + sftpPrivateKey + " or in the file that " + sftpPrivateKeyPath + " names (with " + sftpPassphrase +
	"), from " + sftpPassword + ", or, without any of them, from the agent that " + sshAgentSocket + " names."

// sftpLogin is what logs in to a server.
type sftpLogin struct {
	key      ssh.Signer // nil: none
	password string     // empty: none
	agent    string     // socket; empty: none
}

// newSFTPLogin takes what the environment and the parameters of the path say. The
// agent is only asked where they say nothing: a server ends the connection after a
// few keys that it does not know.
func newSFTPLogin(p params, getenv func(string) string) (sftpLogin, error) {
	key, err := privateKey(p, getenv)
	if err != nil {
		return sftpLogin{}, err
	}
	l := sftpLogin{key: key}
	if l.password, err = secretOf(p, "password_env", sftpPassword, getenv); err != nil {
		return sftpLogin{}, err
	}
	if l.key == nil && l.password == "" {
		l.agent = getenv(sshAgentSocket)
	}
	if l == (sftpLogin{}) {
		return sftpLogin{}, &readError{problem: "there are no credentials for the server", remedy: sftpCredentialsHint}
	}
	return l, nil
}

// secretOf returns the value of an environment variable, or of the one that a
// parameter names, which must be set.
func secretOf(p params, parameter, variable string, getenv func(string) string) (string, error) {
	named, given := p[parameter]
	if !given {
		return getenv(variable), nil
	}
	value := getenv(named)
	if value == "" {
		return "", &readError{problem: fmt.Sprintf("the environment variable that the parameter %q names is not set", parameter), remedy: "Set it where Terraform runs, or leave the parameter out to use " + variable + "."}
	}
	return value, nil
}

// privateKey returns the private key; nil if there is none.
func privateKey(p params, getenv func(string) string) (ssh.Signer, error) {
	text, err := secretOf(p, "private_key_env", sftpPrivateKey, getenv)
	if err != nil {
		return nil, err
	}
	source := "the private key in the environment"
	path, given := p["private_key_path"]
	if !given && text == "" {
		path = getenv(sftpPrivateKeyPath)
	}
	if path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, &readError{problem: fmt.Sprintf("the private key in %q cannot be read: %s", path, segment.Cause(err)), remedy: sftpCredentialsHint}
		}
		text, source = string(content), fmt.Sprintf("the private key in %q", path)
	}
	if text == "" {
		return nil, nil //nolint:nilnil // there need not be a key
	}
	passphrase, err := secretOf(p, "passphrase_env", sftpPassphrase, getenv)
	if err != nil {
		return nil, err
	}
	return parsePrivateKey([]byte(text), passphrase, source)
}

// parsePrivateKey says what is wrong with a private key without quoting it.
func parsePrivateKey(text []byte, passphrase, source string) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey(text)
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		if passphrase == "" {
			return nil, &readError{problem: source + " has a passphrase", remedy: "Set " + sftpPassphrase + ", or the environment variable that the parameter \"passphrase_env\" names."}
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(passphrase))
	}
	switch {
	case err == nil:
		return signer, nil
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, &readError{problem: "the passphrase does not open " + source, remedy: "Check " + sftpPassphrase + "."}
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File")):
		return nil, &readError{problem: source + " is in PuTTY's format", remedy: "Convert it with puttygen key.ppk -O private-openssh -o key."}
	default:
		return nil, &readError{
			problem: source + " is not a private key that can be read",
			remedy:  "It must be the whole text that ssh-keygen writes, from -----BEGIN to -----END with its line breaks: RSA, ECDSA or Ed25519, not the public key.",
		}
	}
}

// methods returns the ways to log in. What end returns must be called once the
// connection is there or has failed.
func (l sftpLogin) methods(ctx context.Context) (methods []ssh.AuthMethod, end func(), err error) {
	end = func() {}
	if l.agent != "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", l.agent)
		if err != nil {
			return nil, end, &readError{problem: "the agent that " + sshAgentSocket + " names cannot be reached: " + brief(err), remedy: sftpCredentialsHint}
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		end = func() { stop(); _ = conn.Close() }
		methods = append(methods, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	if l.key != nil {
		methods = append(methods, ssh.PublicKeys(l.key))
	}
	if l.password != "" {
		methods = append(methods, ssh.Password(l.password), ssh.KeyboardInteractive(l.answer))
	}
	return methods, end, nil
}

// answer gives the password to a server that asks for nothing else. Other questions,
// such as for a code, cannot be answered.
func (l sftpLogin) answer(_, _ string, questions []string, echo []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echo[0]:
		return []string{l.password}, nil
	default:
		return nil, errAsksForMore
	}
}

var errAsksForMore = &readError{
	problem: "the server asks for more than a password",
	remedy:  "Let the user of the path log in with a private key, or with a password alone.",
}

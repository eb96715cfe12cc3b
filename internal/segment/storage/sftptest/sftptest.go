// Package sftptest runs OpenSSH's server for tests, as a process without privileges,
// with keys and a configuration of its own. Only tests import it.
package sftptest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Server is a server on this machine. Each connection is served by a process of its
// own, to which it is relayed.
type Server struct {
	t       testing.TB
	program string
	as      *identity
	dir     string
	Address string // host and port
	User    string
	HostKey ssh.PublicKey // Ed25519

	OtherHostKey ssh.PublicKey // ECDSA

	mu     sync.Mutex
	faults []Fault
	conns  map[net.Conn]bool
	count  atomic.Int64
	all    sync.WaitGroup

	isSilent atomic.Bool
}

// Fault is what becomes of a connection.
type Fault struct {
	After  int64  // bytes that the server sends before
	Silent bool   // nothing more is sent, rather than the connection lost
	Then   func() // called when it happens; may be nil
}

// Start starts a server that the key in [Server.KeyPath] opens. It skips the test if
// OpenSSH's server is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	program, err := exec.LookPath("sshd")
	if err != nil {
		program = "/usr/sbin/sshd" // not on the PATH of everybody
		if _, err := os.Stat(program); err != nil {
			t.Skip("needs sshd, which is not installed here: make servers, or apt-get install openssh-server")
		}
	}
	dir, err := os.MkdirTemp("", "sftptest-") //nolint:usetesting // nobody else may enter t.TempDir()
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	s := &Server{t: t, program: program, as: unprivileged(), dir: dir, conns: map[net.Conn]bool{}}
	s.User = s.as.name()
	s.own(dir)
	s.own(s.mkdir(s.Dir()))
	s.writeKeys()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	s.Address = listener.Addr().String()
	s.write(s.KnownHostsPath(), knownhosts.Line([]string{knownhosts.Normalize(s.Address)}, s.HostKey)+"\n")
	s.all.Go(func() { s.accept(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		s.Disconnect()
		s.all.Wait()
	})
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

// Dir is the folder of files to be read.
func (s *Server) Dir() string { return s.path("files") }

// KeyPath is the private key of the user.
func (s *Server) KeyPath() string { return s.path("user_key") }

// KnownHostsPath is a file of known hosts with the key of the server.
func (s *Server) KnownHostsPath() string { return s.path("known_hosts") }

// URL is the URL of a file, or of a pattern, in [Server.Dir].
func (s *Server) URL(name string) string {
	return "sftp://" + s.User + "@" + s.Address + s.Dir() + "/" + name
}

// Name is how messages name a file.
func (s *Server) Name(name string) string { return "sftp://" + s.Address + s.Dir() + "/" + name }

// Environment are the variables that let a client log in.
func (s *Server) Environment() map[string]string {
	return map[string]string{
		"SFTP_PRIVATE_KEY_PATH": s.KeyPath(), "SFTP_KNOWN_HOSTS": s.KnownHostsPath(),
		"SFTP_PRIVATE_KEY": "", "SFTP_PRIVATE_KEY_PASSPHRASE": "", "SFTP_PASSWORD": "", "SSH_AUTH_SOCK": "",
	}
}

// Put writes a file, and the folders that lead to it.
func (s *Server) Put(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.Dir(), name)
	for dir := filepath.Dir(path); dir != s.Dir(); dir = filepath.Dir(dir) {
		s.own(s.mkdir(dir))
	}
	s.write(path, content)
	return path
}

// Connections is the number of connections so far.
func (s *Server) Connections() int64 { return s.count.Load() }

// Open is the number of connections that are open now.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Fail lets the next connections fail, one fault each.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// ForgetFaults lets the next connections succeed.
func (s *Server) ForgetFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Silence lets the connections say nothing more.
func (s *Server) Silence() { s.isSilent.Store(true) }

// Disconnect ends all connections.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *Server) own(path string) {
	s.t.Helper()
	check(s.t, s.as.own(path))
}

func (s *Server) mkdir(path string) string {
	s.t.Helper()
	check(s.t, os.MkdirAll(path, 0o750))
	return path
}

func (s *Server) write(path, content string) {
	s.t.Helper()
	check(s.t, os.WriteFile(path, []byte(content), 0o600))
	s.own(path)
}

// writeKeys writes the keys of the host and of the user, and the configuration.
func (s *Server) writeKeys() {
	s.t.Helper()
	_, host, err := ed25519.GenerateKey(rand.Reader)
	check(s.t, err)
	s.HostKey = s.writeKey("host_ed25519", host)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(s.t, err)
	s.OtherHostKey = s.writeKey("host_ecdsa", other)
	_, user, err := ed25519.GenerateKey(rand.Reader)
	check(s.t, err)
	s.write(s.path("authorized_keys"), string(ssh.MarshalAuthorizedKey(s.writeKey("user_key", user))))
	s.write(s.path("config"), strings.Join([]string{
		"HostKey " + s.path("host_ed25519"), "HostKey " + s.path("host_ecdsa"), "AuthorizedKeysFile " + s.path("authorized_keys"),
		"Subsystem sftp internal-sftp", "StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PidFile none", "LogLevel ERROR",
	}, "\n")+"\n")
}

// writeKey writes a private key and returns the public one.
func (s *Server) writeKey(name string, key crypto.Signer) ssh.PublicKey {
	s.t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	check(s.t, err)
	s.write(s.path(name), string(pem.EncodeToMemory(block)))
	public, err := ssh.NewPublicKey(key.Public())
	check(s.t, err)
	return public
}

func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // the test has ended
		}
		s.count.Add(1)
		s.mu.Lock()
		s.conns[conn] = true
		var fault *Fault
		if len(s.faults) > 0 {
			fault, s.faults = &s.faults[0], s.faults[1:]
		}
		s.mu.Unlock()
		s.all.Go(func() {
			if err := s.serve(conn, fault); err != nil {
				s.t.Logf("sshd: %v", err)
			}
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// serve runs the server for a connection until that ends.
func (s *Server) serve(conn net.Conn, fault *Fault) error {
	command := exec.CommandContext(context.WithoutCancel(s.t.Context()), s.program, "-i", "-e", "-f", s.path("config"))
	command.Dir = s.dir
	s.as.become(command)
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	log := &strings.Builder{}
	command.Stderr = log
	if err := command.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(in, conn) // until either ends
		_ = in.Close()
		_ = command.Process.Kill()
	}()
	relay(silenced{conn, s}, out, fault)
	_ = conn.Close()
	if _ = command.Wait(); log.Len() > 0 { // killed
		return fmt.Errorf("%s", log)
	}
	return nil
}

// silenced drops what is written while the server is silent.
type silenced struct {
	io.Writer

	server *Server
}

func (c silenced) Write(p []byte) (int, error) {
	if c.server.isSilent.Load() {
		return len(p), nil
	}
	return c.Writer.Write(p)
}

// relay passes on what the server sends, until the fault.
func relay(conn io.Writer, out io.Reader, fault *Fault) {
	if fault == nil {
		_, _ = io.Copy(conn, out) // until either ends
		return
	}
	_, _ = io.CopyN(conn, out, fault.After)
	if fault.Then != nil {
		fault.Then()
	}
	if fault.Silent {
		_, _ = io.Copy(io.Discard, out)
	}
}

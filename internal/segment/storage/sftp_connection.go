package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// sftpServer is a server to which one connection is kept, for all files that are
// found together. A connection that is lost is made again.
type sftpServer struct {
	retryPolicy
	address sftpAddress
	login   sftpLogin
	hostKeys

	lock chan struct{} // of conn; a channel, since a context ends the wait for it
	conn *sftpConnection
}

// newSFTPServer reads keys and known hosts from the disk.
func newSFTPServer(p retryPolicy, a sftpAddress) (*sftpServer, error) {
	parameters, err := a.params()
	if err != nil {
		return nil, err
	}
	keys, err := newHostKeys(a, parameters, os.Getenv)
	if err != nil {
		return nil, err
	}
	login, err := newSFTPLogin(parameters, os.Getenv)
	if err != nil {
		return nil, err
	}
	return &sftpServer{retryPolicy: p, address: a, login: login, hostKeys: keys, lock: make(chan struct{}, 1)}, nil
}

// acquire returns the connection. The caller releases it.
func (s *sftpServer) acquire(ctx context.Context) (*sftpConnection, error) {
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.conn != nil && s.conn.retain() {
		return s.conn, nil
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return conn, nil
}

// connect logs in. If the server shows a key that is not the right one, it may have
// others: each type of key is asked for once.
func (s *sftpServer) connect(ctx context.Context) (*sftpConnection, error) {
	var refused error
	for algorithms := s.algorithms(); ; {
		conn, err := s.dial(ctx, algorithms)
		var other *otherKeyError
		var noAlgorithm *ssh.AlgorithmNegotiationError
		switch {
		case errors.As(err, &other):
			if refused == nil {
				refused = &other.readError
			}
			algorithms = slices.DeleteFunc(algorithms, func(name string) bool { return keyTypeOf(name) == other.keyType })
			if len(algorithms) == 0 {
				return nil, refused
			}
		case refused != nil && errors.As(err, &noAlgorithm):
			return nil, refused
		default:
			return conn, err
		}
	}
}

// dial connects with the given algorithms of host keys. Closing the connection when
// the context ends is what ends all that waits for it.
func (s *sftpServer) dial(ctx context.Context, algorithms []string) (*sftpConnection, error) {
	methods, end, err := s.login.methods(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	tcp, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address.server())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = tcp.Close() })
	client, answers, err := openSFTP(tcp, s.address.server(), &ssh.ClientConfig{User: s.address.user, Auth: methods, HostKeyCallback: s.check, HostKeyAlgorithms: algorithms})
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = tcp.Close() // nothing was read
		return nil, err
	}
	c := &sftpConnection{tcp: tcp, client: client, answers: answers, users: 1, keepFor: min(unusedAfter, s.responseTimeout)}
	go func() { _ = client.Wait(); c.kill() }()
	return c, nil
}

// openSFTP opens the session of SFTP in a connection.
func openSFTP(tcp net.Conn, server string, config *ssh.ClientConfig) (*sftp.Client, *meter, error) {
	conn, channels, requests, err := ssh.NewClientConn(tcp, server, config)
	if err != nil {
		return nil, nil, err
	}
	session, err := ssh.NewClient(conn, channels, requests).NewSession()
	if err != nil {
		return nil, nil, err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := session.RequestSubsystem("sftp"); err != nil {
		return nil, nil, errNoSFTP
	}
	answers := &meter{Reader: out}
	client, err := sftp.NewClientPipe(answers, in)
	return client, answers, err
}

var errNoSFTP = &readError{problem: "the server lets this user log in, but not read files by SFTP", remedy: "Let its operator allow SFTP to the user."}

// sftpConnection is a connection that several may use.
type sftpConnection struct {
	tcp     net.Conn
	client  *sftp.Client
	answers *meter
	keepFor time.Duration // without users

	mu     sync.Mutex
	users  int
	dead   bool
	unused *time.Timer // runs while there are no users
}

// unusedAfter is how long a connection waits for the next file.
const unusedAfter = 5 * time.Second

// retain reports whether there is still a connection, which is then used once more.
func (c *sftpConnection) retain() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false
	}
	if c.unused != nil {
		c.unused.Stop()
	}
	c.users++
	return true
}

func (c *sftpConnection) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.users == 0 && !c.dead {
		c.unused = time.AfterFunc(c.keepFor, c.closeUnused)
	}
}

func (c *sftpConnection) closeUnused() {
	c.mu.Lock()
	isUnused := c.users == 0
	c.mu.Unlock()
	if isUnused {
		c.kill()
	}
}

// kill ends the connection at once, and with it all calls that wait for it.
func (c *sftpConnection) kill() {
	c.mu.Lock()
	c.dead = true
	c.mu.Unlock()
	_ = c.tcp.Close() // it may be broken
}

// meter tells of what is received.
type meter struct {
	io.Reader

	mu     sync.Mutex
	notify func(n int) // nil: nobody
}

// Read implements [io.Reader].
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notify != nil {
		m.notify(n)
	}
	return n, err
}

// tell lets f be told from now on.
func (m *meter) tell(f func(n int)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notify = f
}

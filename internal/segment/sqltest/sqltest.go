// Package sqltest starts real database servers for tests, from programs that are
// installed on this machine, on free loopback ports. Only tests and benchmarks
// import it.
package sqltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Users of a server. The password has characters that a URL must encode.
const (
	Owner    = "segment_owner"  // of every database
	Reader   = "segment_reader" // may connect; reads what a test grants it
	Password = "Hu5h/@:#? 100%"
)

// Server is a running server.
type Server struct {
	Scheme string
	Port   int
	admin  admin
}

// admin is the part of a server that differs between programs.
type admin interface {
	// exec runs statements as the superuser.
	exec(ctx context.Context, database, statements string) error
	// value returns the first column of the first row.
	value(ctx context.Context, database, query string) (string, error)
	create(database string) string
	drop(database string) string
}

// Database is a database for one test.
type Database struct {
	*Server
	Name string
	t    testing.TB
}

// missing reports that a server is not installed on this machine.
type missing struct{ program, install string }

func (m missing) Error() string {
	return fmt.Sprintf("needs %s, which is not installed here: %s", m.program, m.install)
}

func isMissing(err error) bool { return errors.As(err, new(missing)) }

var (
	postgres = sync.OnceValues(repeated(startPostgres))
	mariadb  = sync.OnceValues(repeated(func() (*Server, error) { return startMariaDB() }))
)

// repeated starts a server several times if it has to: the port that was free may
// be taken by another process before the server listens on it.
func repeated(start func() (*Server, error)) func() (*Server, error) {
	return func() (server *Server, err error) {
		for range 3 {
			if server, err = start(); err == nil || isMissing(err) {
				break
			}
		}
		return server, err
	}
}

// Postgres creates a database on a PostgreSQL server. It skips the test if the
// program is missing.
func Postgres(t testing.TB) *Database {
	t.Helper()
	return database(t, postgres)
}

// MariaDB does the same on a MariaDB server.
func MariaDB(t testing.TB) *Database {
	t.Helper()
	return database(t, mariadb)
}

// MariaDBWith does the same on a server of its own, which has further options.
func MariaDBWith(t testing.TB, options ...string) *Database {
	t.Helper()
	return database(t, repeated(func() (*Server, error) { return startMariaDB(options...) }))
}

var databases atomic.Int64

func database(t testing.TB, start func() (*Server, error)) *Database {
	t.Helper()
	server, err := start()
	var none missing
	if errors.As(err, &none) {
		t.Skip(none)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &Database{Server: server, Name: fmt.Sprintf("test%d", databases.Add(1)), t: t}
	if err := server.admin.exec(t.Context(), "", server.admin.create(d.Name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.admin.exec(context.Background(), "", server.admin.drop(d.Name)); err != nil {
			t.Error(err)
		}
	})
	return d
}

// URL returns the URL for the owner.
func (d *Database) URL() string { return d.URLOf(Owner, Password) }

// URLOf returns the URL for any user.
func (d *Database) URLOf(user, password string) string {
	u := url.URL{Scheme: d.Scheme, User: url.UserPassword(user, password), Host: fmt.Sprintf("127.0.0.1:%d", d.Port), Path: "/" + d.Name}
	return u.String()
}

// Exec runs statements as the superuser.
func (d *Database) Exec(statements string) {
	d.t.Helper()
	if err := d.admin.exec(context.Background(), d.Name, statements); err != nil {
		d.t.Fatal(err)
	}
}

// Value queries one value as the superuser.
func (d *Database) Value(query string) string {
	d.t.Helper()
	value, err := d.admin.value(context.Background(), d.Name, query)
	if err != nil {
		d.t.Fatal(err)
	}
	return value
}

// stops end the servers.
var (
	mu    sync.Mutex
	stops []func()
)

// NewPostgres creates a database and returns the URL for its owner, for programs
// other than tests. They end the server with Stop.
func NewPostgres(name string) (string, error) {
	server, err := postgres()
	if err != nil {
		return "", err
	}
	d := &Database{Server: server, Name: name}
	return d.URL(), server.admin.exec(context.Background(), "", server.admin.create(name))
}

// Stop ends all servers; for TestMain.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	stops = nil
}

// host has the directory, the port and the user of a server: these programs
// refuse to run as root.
type host struct {
	dir  string
	port int
	as   *identity
}

func newHost(user string) (*host, error) {
	dir, err := os.MkdirTemp("", "sqltest-")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.New("no TCP address")
	}
	h := &host{dir: dir, port: address.Port, as: unprivileged(user)}
	return h, h.as.own(dir)
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

// write creates a file that the server may read.
func (h *host) write(name, content string) (string, error) {
	path := h.path(name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, h.as.own(path)
}

// run runs a program to its end.
func (h *host) run(program string, args ...string) error {
	command := exec.CommandContext(context.Background(), program, args...)
	command.Dir = h.dir
	h.as.become(command)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// serve starts a program and waits until it answers.
func (h *host) serve(answers func(context.Context) error, program string, args ...string) error {
	log, err := os.Create(h.path("server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.CommandContext(context.Background(), program, args...)
	command.Dir, command.Stdout, command.Stderr = h.dir, log, log
	h.as.become(command)
	ended, err := start(command)
	if err != nil {
		return err
	}
	mu.Lock()
	stops = append(stops, func() {
		_ = command.Process.Kill() // its data are not needed any more
		<-ended
		_ = os.RemoveAll(h.dir)
	})
	mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s ended: %s", program, text)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", program, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// find returns the path of a program on PATH or in one of the directories.
func find(program, install string, dirs ...string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, program))
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", missing{program, install}
}

package sql_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// postgresProxy stands between a client and a PostgreSQL server. Its fields are
// set before the first connection.
type postgresProxy struct {
	lose     int                                     // cancel requests that are accepted and not passed on
	hold     bool                                    // the server is not told when the client hangs up
	rewrite  func(toServer bool, data []byte) []byte // may be nil
	listener net.Listener
	server   string

	mu      sync.Mutex
	cancels int           // requests so far
	sent    []byte        // by clients
	open    []func()      // end what is open
	hungUp  chan struct{} // gets one for each client that has hung up
}

// proxy returns a proxy in front of the server of a database.
func proxy(t *testing.T, db *sqltest.Database) *postgresProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postgresProxy{listener: listener, server: fmt.Sprintf("127.0.0.1:%d", db.Port), hungUp: make(chan struct{}, 100)}
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, end := range p.open {
			end()
		}
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// url returns the URL of the database through the proxy, without TLS, so that
// there is one connection.
func (p *postgresProxy) url(db *sqltest.Database, parameters string) string {
	return strings.Replace(db.URL(), p.server, p.listener.Addr().String(), 1) + "?sslmode=disable" + parameters
}

func (p *postgresProxy) serve(client net.Conn) {
	defer client.Close()
	first := make([]byte, 8) // length and code of the first message
	if _, err := io.ReadFull(client, first); err != nil {
		return
	}
	const cancelRequest = 80877102
	if binary.BigEndian.Uint32(first[4:]) == cancelRequest {
		p.mu.Lock()
		p.cancels++
		lost := p.cancels <= p.lose
		p.mu.Unlock()
		if lost {
			return // a server that has taken a request hangs up as well
		}
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.open = append(p.open, func() { server.Close() })
	p.mu.Unlock()
	go func() {
		defer client.Close()
		p.pipe(client, server, false)
	}()
	if _, err := server.Write(first); err != nil {
		return
	}
	p.pipe(server, client, true)
	p.hungUp <- struct{}{}
	if !p.hold {
		server.Close()
	}
}

func (p *postgresProxy) pipe(to, from net.Conn, toServer bool) {
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		data := buf[:n]
		if toServer {
			p.mu.Lock()
			p.sent = append(p.sent, data...)
			p.mu.Unlock()
		}
		if p.rewrite != nil {
			data = p.rewrite(toServer, data)
		}
		if _, broken := to.Write(data); err != nil || broken != nil {
			return
		}
	}
}

func (p *postgresProxy) cancelRequests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cancels
}

func (p *postgresProxy) saw(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.sent, []byte(text))
}

// hangGuard ends a test that would never end.
const hangGuard = time.Minute

// cancelOnceRunning runs a query and cancels it while the server executes it.
func cancelOnceRunning(t *testing.T, db *sqltest.Database, url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		rows, err := sql.Source{URL: url, Query: "SELECT pg_sleep(3600)::text AS a"}.Open(ctx, []string{"a"})
		if err == nil {
			_, err = rows.Next(nil)
			rows.Close()
		}
		ended <- err
	}()
	const running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
	for deadline := time.Now().Add(hangGuard); db.Value(running) != "1"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the query does not begin")
		}
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(hangGuard):
		t.Fatal("the query does not end")
	}
}

// A server may drop a cancel request, so one is not enough.
func TestSQL_cancelRequestIsRepeated(t *testing.T) {
	t.Parallel()
	db := sqltest.Postgres(t)
	p := proxy(t, db)
	p.lose, p.hold = 1, true
	cancelOnceRunning(t, db, p.url(db, ""))
	wantNoStatements(t, db)
	if n := p.cancelRequests(); n < 2 {
		t.Errorf("%d cancel requests", n)
	}
}

// A server that gets no cancel request notices that the client has disconnected.
func TestSQL_serverNoticesDisconnect(t *testing.T) {
	t.Parallel()
	db := sqltest.Postgres(t)
	p := proxy(t, db)
	p.lose = 1000
	cancelOnceRunning(t, db, p.url(db, ""))
	select {
	case <-p.hungUp:
	case <-time.After(hangGuard):
		t.Fatal("the connection is left open")
	}
	wantNoStatements(t, db)
}

// The server checks the connection if it can. Servers that cannot are read as
// well.
func TestSQL_connectionCheck(t *testing.T) {
	t.Parallel()
	db := sqltest.Postgres(t)
	db.Exec(people)
	owned(db)
	const setting = "client_connection_check_interval"
	tests := map[string]struct {
		parameters string
		rewrite    func(toServer bool, data []byte) []byte
		want       string // the setting in the session
		asked      bool
	}{
		"as usual":   {want: "1s", asked: true},
		"in the URL": {parameters: "&" + setting + "=5s", want: "5s"},
		"not known to the server": {want: "0", asked: true, rewrite: func(toServer bool, data []byte) []byte {
			if toServer {
				return bytes.Replace(data, []byte("LOCAL client_"), []byte("LOCAL nobody_"), 1)
			}
			return data
		}},
		"an older server": {want: "0", rewrite: func(toServer bool, data []byte) []byte {
			if !toServer {
				return regexp.MustCompile("server_version\x00[0-9]{2}").ReplaceAll(data, []byte("server_version\x0013"))
			}
			return data
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proxy(t, db)
			p.rewrite = test.rewrite
			url := p.url(db, test.parameters)
			rows := openSQL(t, sql.Source{URL: url, Query: "SELECT current_setting('" + setting + "') AS a FROM people LIMIT 1"}, "a")
			wantRows(t, rows, []string{test.want})
			if asked := p.saw("SET LOCAL " + setting); asked != test.asked {
				t.Errorf("asked for the check: %t, want %t", asked, test.asked)
			}
			_, err := segmenttest.ReadAll(openSQL(t, sql.Source{URL: url, Query: "DELETE FROM people RETURNING email"}, "email"))
			wantError(t, err, "query", "The query writes")
		})
	}
}

// A cancelled statement ends on the server: before it arrives, while it is
// compiled, and while it runs.
func TestSQL_cancelledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const moments, apart = 12, 25 * time.Millisecond
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		source := sql.Source{URL: db.URL(), Query: "SELECT COUNT(*) AS a FROM seq_1_to_200000 AS a, seq_1_to_200000 AS b WHERE a.seq * b.seq % 7 = 3"}
		if db.Scheme == "postgres" {
			var sums strings.Builder // each costs a while to compile
			for i := range 20 {
				fmt.Fprintf(&sums, ", sum(i * %d %% 7) FILTER (WHERE i %% %d = 1)", i, i+2)
			}
			source.URL += "?jit=on&jit_above_cost=0&jit_inline_above_cost=0&jit_optimize_above_cost=0"
			source.Query = "SELECT count(*) AS a" + sums.String() + " FROM generate_series(1, 20000000000) AS i"
		}
		for i := range moments {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(i)*apart, cancel)
			rows, err := source.Open(ctx, []string{"a"})
			if err == nil {
				_, err = rows.Next(nil)
				rows.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("moment %d: error %v", i, err)
			}
			wantNoStatements(t, db)
			cancel()
		}
	})
}

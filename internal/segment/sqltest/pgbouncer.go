package sqltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// PgBouncer returns a database as it is reached through a pooler of its own in a pool
// mode: session, transaction or statement. It skips the test if the program is missing.
func PgBouncer(t testing.TB, d *Database, mode string) *Database {
	t.Helper()
	pooler, err := repeated(func() (*Server, error) { return startPgBouncer(d, mode) })()
	var none missing
	if errors.As(err, &none) {
		t.Skip(none)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Database{Server: pooler, Name: d.Name, t: t}
}

// ThroughPool queries one value as the owner through the pooler, which may give it a
// connection of the owner's that was used before.
func (d *Database) ThroughPool(query string) string {
	d.t.Helper()
	conn, err := pgconn.Connect(d.t.Context(), d.URL())
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close(d.t.Context())
	result := conn.ExecParams(d.t.Context(), query, nil, nil, nil, nil).Read()
	if result.Err != nil || len(result.Rows) != 1 {
		d.t.Fatal(len(result.Rows), result.Err)
	}
	return string(result.Rows[0][0])
}

func startPgBouncer(d *Database, mode string) (*Server, error) {
	program, err := find("pgbouncer", "apt-get install pgbouncer", "/usr/sbin")
	if err != nil {
		return nil, err
	}
	h, err := newHost("postgres")
	if err != nil {
		return nil, err
	}
	users, err := h.write("users", fmt.Sprintf("%q %q\n%q %q\n", Owner, Password, superuser, superPassword))
	if err != nil {
		return nil, err
	}
	config, err := h.write("config", strings.Join([]string{
		"[databases]", fmt.Sprintf("* = host=127.0.0.1 port=%d", d.Port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", h.port), "unix_socket_dir =",
		"auth_type = scram-sha-256", "auth_file = " + users, "pool_mode = " + mode, "default_pool_size = 2",
	}, "\n")+"\n")
	if err != nil {
		return nil, err
	}
	answers := func(ctx context.Context) error { return postgresAdmin{h.port}.exec(ctx, d.Name, "SELECT 1") }
	return &Server{Scheme: d.Scheme, Port: h.port, admin: d.admin}, h.serve(answers, program, config)
}

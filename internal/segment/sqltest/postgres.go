package sqltest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	superuser     = "superuser"
	superPassword = "superuser-of-tests"
)

func startPostgres() (*Server, error) {
	const install, dir = "apt-get install postgresql", "/usr/lib/postgresql/*/bin"
	initdb, err := find("initdb", install, dir)
	if err != nil {
		return nil, err
	}
	program, err := find("postgres", install, dir)
	if err != nil {
		return nil, err
	}
	h, err := newHost("postgres")
	if err != nil {
		return nil, err
	}
	password, err := h.write("password", superPassword)
	if err != nil {
		return nil, err
	}
	if err := h.run(initdb, "-D", h.path("data"), "-U", superuser, "-A", "scram-sha-256", "--pwfile", password, "--no-sync", "-E", "UTF8", "--locale=C"); err != nil {
		return nil, err
	}
	a := postgresAdmin{h.port}
	if err := h.serve(func(ctx context.Context) error { return a.exec(ctx, "", "SELECT 1") }, program, "-D", h.path("data"), "-p", strconv.Itoa(h.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=32MB"); err != nil {
		return nil, err
	}
	roles := fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; CREATE ROLE %s LOGIN PASSWORD '%s'", Owner, Password, Reader, Password)
	return &Server{Scheme: "postgres", Port: h.port, admin: a}, a.exec(context.Background(), "", roles)
}

type postgresAdmin struct{ port int }

func (a postgresAdmin) connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	if database == "" {
		database = "postgres"
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, superPassword), Host: fmt.Sprintf("127.0.0.1:%d", a.port), Path: database}
	return pgconn.Connect(ctx, u.String())
}

func (a postgresAdmin) exec(ctx context.Context, database, statements string) error {
	conn, err := a.connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Exec(ctx, statements).Close()
}

func (a postgresAdmin) value(ctx context.Context, database, query string) (string, error) {
	conn, err := a.connect(ctx, database)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	result := conn.ExecParams(ctx, query, nil, nil, nil, nil).Read()
	if result.Err != nil || len(result.Rows) == 0 {
		return "", result.Err
	}
	return string(result.Rows[0][0]), nil
}

func (postgresAdmin) create(database string) string {
	return fmt.Sprintf("CREATE DATABASE %s OWNER %s", database, Owner)
}

func (postgresAdmin) drop(database string) string {
	return fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", database)
}

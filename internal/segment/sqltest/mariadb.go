package sqltest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"
)

func startMariaDB(options ...string) (*Server, error) {
	const install, dir = "apt-get install mariadb-server", "/usr/sbin"
	installDB, err := find("mariadb-install-db", install, "/usr/bin")
	if err != nil {
		return nil, err
	}
	program, err := find("mariadbd", install, dir)
	if err != nil {
		return nil, err
	}
	h, err := newHost("mysql")
	if err != nil {
		return nil, err
	}
	if err := h.run(installDB, "--no-defaults", "--datadir="+h.path("data"), "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return nil, err
	}
	a := mariaAdmin{h.port}
	options = append([]string{
		"--no-defaults", "--datadir=" + h.path("data"), "--port=" + strconv.Itoa(h.port), "--bind-address=127.0.0.1", "--socket=" + h.path("socket"),
		"--pid-file=" + h.path("pid"), "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4",
	}, options...)
	if err := h.serve(func(ctx context.Context) error { return a.exec(ctx, "", "SELECT 1") }, program, options...); err != nil {
		return nil, err
	}
	users := fmt.Sprintf("CREATE USER '%s' IDENTIFIED BY '%s'; CREATE USER '%s' IDENTIFIED BY '%s'", Owner, Password, Reader, Password)
	return &Server{Scheme: "mysql", Port: h.port, admin: a}, a.exec(context.Background(), "", users)
}

type mariaAdmin struct{ port int }

func (a mariaAdmin) open(database string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = "root", "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(a.port)), database
	config.MultiStatements, config.Logger = true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (a mariaAdmin) exec(ctx context.Context, database, statements string) error {
	db, err := a.open(database)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statements)
	return err
}

func (a mariaAdmin) value(ctx context.Context, database, query string) (value string, err error) {
	db, err := a.open(database)
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query).Scan(&value)
	return value, err
}

func (mariaAdmin) create(database string) string {
	return fmt.Sprintf("CREATE DATABASE %s CHARACTER SET utf8mb4; GRANT ALL ON %s.* TO '%s'; GRANT SHOW VIEW ON %s.* TO '%s'", database, database, Owner, database, Reader)
}

func (mariaAdmin) drop(database string) string { return "DROP DATABASE " + database }

package sqltest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Vitess starts Vitess, from the program vtcombo, with a keyspace whose shards are
// two databases of one MariaDB server. vschema says how tables are spread over the
// shards, which have the tables already.
func Vitess(t testing.TB, vtcombo, keyspace, vschema string, shards [2]*Database) *Database {
	t.Helper()
	server, err := repeated(func() (*Server, error) { return startVitess(vtcombo, keyspace, vschema, shards) })()
	if err != nil {
		t.Fatal(err)
	}
	return &Database{Server: server, Name: keyspace, t: t}
}

func startVitess(vtcombo, keyspace, vschema string, shards [2]*Database) (*Server, error) {
	h, err := newHost("nobody") // Vitess refuses to run as root
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(vtcombo)
	if err != nil {
		return nil, err
	}
	program, err := h.write("vtcombo", string(content)) // where its user may run it
	if err != nil {
		return nil, err
	}
	schema := filepath.Join("schema", keyspace)
	if err := os.MkdirAll(h.path(schema), 0o755); err != nil {
		return nil, err
	}
	if _, err := h.write(filepath.Join(schema, "vschema.json"), vschema); err != nil {
		return nil, err
	}
	if err := os.Chmod(program, 0o755); err != nil {
		return nil, err
	}
	var topology strings.Builder
	for i, name := range []string{"-80", "80-"} {
		fmt.Fprintf(&topology, " shards:{name:%q db_name_override:%q}", name, shards[i].Name)
	}
	args := []string{
		"--proto-topo", fmt.Sprintf(`keyspaces:{name:%q%s replica_count:1 rdonly_count:-1} cells:"test"`, keyspace, topology.String()),
		"--schema-dir", h.path("schema"), "--db-host", "127.0.0.1", "--db-port", strconv.Itoa(shards[0].Port), "--db-charset", "utf8mb4",
		"--mysql-auth-server-impl", "none", "--mysql-server-port", strconv.Itoa(h.port), "--mysql-server-bind-address", "127.0.0.1",
		"--port", "0", "--mycnf-server-id", "1", "--normalize-queries", "--allow-kill-statement", "--tablet-types-to-wait", "primary",
	}
	for _, user := range []string{"app", "dba", "allprivs", "appdebug", "filtered", "repl"} {
		args = append(args, "--db-"+user+"-user", "root", "--db-"+user+"-use-ssl=false")
	}
	a := mariaAdmin{h.port}
	answers := func(ctx context.Context) error { return a.exec(ctx, keyspace, "SELECT 1") }
	return &Server{Scheme: "mysql", Port: h.port, admin: a}, h.serve(answers, program, args...)
}

package provider

import (
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/sqlservertest"
)

// Ctrl-C during a plan ends the statement on the server.
func TestAccSQLServer_interrupted(t *testing.T) {
	t.Parallel()
	w, server := newEnv(t), sqlservertest.Start(t)
	hanging := sqlServerRows(1000)
	hanging.Hang = true
	server.Answer(sqlServerQuery, hanging)
	c := newCLI(t, w.exportSQLServer(server.URL(), sqlServerQuery))
	p := c.start("plan", "-no-color", "-input=false")
	p.until("the query runs", func() bool { return len(server.Executed()) > 0 })
	p.interrupt()
	if out, err := p.wait(); err == nil || !strings.Contains(out, "nterrupt") {
		t.Errorf("%v: %s", err, out)
	}
	if !eventually(func() bool { return server.Connections() == 0 }) {
		t.Errorf("%d connections are left", server.Connections())
	}
	if n := server.Attentions(); n == 0 {
		t.Error("the statement was not cancelled on the server")
	}
	w.wantNoImport()
}

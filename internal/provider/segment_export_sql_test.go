package provider

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// sqlServers are the servers that acceptance tests run against.
var sqlServers = map[string]func(testing.TB) *sqltest.Database{"PostgreSQL": sqltest.Postgres, "MariaDB": sqltest.MariaDB}

// onEachServer runs a test against a new database of every kind of server.
func onEachServer(t *testing.T, test func(t *testing.T, w *env, db *sqltest.Database)) {
	t.Helper()
	requireAcc(t)
	for name, start := range sqlServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := start(t)
			newCustomers(db)
			test(t, newEnv(t), db)
		})
	}
}

// requireAcc skips a test that drives Terraform before it starts a server.
func requireAcc(t *testing.T) {
	t.Helper()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("runs Terraform, so it needs %s", resource.EnvTfAcc)
	}
}

const customers = `CREATE TABLE customers (email varchar(100), first_name varchar(100), score int, vip boolean);
INSERT INTO customers VALUES ('ann@example.com', 'Ann', 10, true), ('bob@example.com', 'Bob', 20, true), ('eve@example.com', 'Eve', 30, true), ('joe@example.com', 'Joe', 40, false);`

// vipQuery is the query of the tests, with one parameter.
func vipQuery(db *sqltest.Database) string {
	if db.Scheme == "postgres" {
		return "SELECT * FROM customers WHERE vip AND score >= $1"
	}
	return "SELECT * FROM customers WHERE vip AND score >= ?"
}

// newCustomers makes the table, and lets Reader read it.
func newCustomers(db *sqltest.Database) {
	db.Exec(customers)
	if db.Scheme == "postgres" {
		db.Exec("GRANT SELECT ON customers TO " + sqltest.Reader)
	} else {
		db.Exec("GRANT SELECT ON customers TO '" + sqltest.Reader + "'")
	}
}

func sqlSegment(arguments ...string) string { return vipSegment("sql", arguments...) }

// exportSQL exports what the query finds.
func (w *env) exportSQL(db *sqltest.Database, more ...string) configuration {
	w.t.Helper()
	url := db.URLOf(sqltest.Reader, sqltest.Password)
	return w.export(threeCSV).
		with(exportBlock, "segment", sqlSegment(append(more, fmt.Sprintf("url = %q", hclText(url)), fmt.Sprintf("query = %q", vipQuery(db)), `args = ["10"]`)...)).
		with(exportBlock, "data_matching", `{ email = "email" }`).
		with(exportBlock, "attributes", `{ first_name = "first_name" }`).
		with(exportBlock, "properties", `{ score = "score" }`)
}

// hclText keeps percent signs from being templates.
func hclText(text string) string { return strings.ReplaceAll(text, "%{", "%%{") }

func TestAccSegmentExport_sql(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		config := w.exportSQL(db, `version_query = "SELECT count(*), sum(score) FROM customers WHERE vip"`)
		drifted := applied(config, inState(exportAddress, values{"profile_count": 4, "last_run.reason": changedSegment}))
		drifted.PreConfig = func() { db.Exec("UPDATE customers SET vip = true") }
		drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 4, "last_run.reason": changedSegment})
		w.run(
			applied(config, inState(exportAddress, values{"profile_count": 3, "last_run.reason": "first run", "last_run.status": "succeeded"})),
			drifted,
		)
		w.wantImports(2)
		w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	})
}

// A null among the args is NULL, and no empty text.
func TestAccSegmentExport_sqlNullArg(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		db.Exec("UPDATE customers SET first_name = '' WHERE first_name = 'Ann'")
		query := "SELECT * FROM customers WHERE first_name = COALESCE(?, 'Bob')"
		if db.Scheme == "postgres" {
			query = "SELECT * FROM customers WHERE first_name = COALESCE($1, 'Bob')"
		}
		url := hclText(db.URLOf(sqltest.Reader, sqltest.Password))
		config := w.exportSQL(db).with(exportBlock, "segment", sqlSegment(fmt.Sprintf("url = %q", url), fmt.Sprintf("query = %q", query), "args = [null]"))
		w.run(applied(config))
		w.wantMembers("bob@example.com")
	})
}

// What would write is refused on plan, with nothing sent to a server of MySQL's
// protocol: here nobody listens.
func TestAccSegmentExport_sqlWrites(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "segment", sqlSegment(`url = "mysql://reader@127.0.0.1:1/crm"`, `query = "DELETE FROM customers"`))
	w.run(refused(config, "Segment Cannot Be Read", "begins with DELETE", "not sent to the database"))
	w.wantImports(0)
}

const changedSegment = "segment changed: +1 ~0 -0 (1 import job, 1s at best)"

// While the version query answers the same, the query is not run: here the
// version does not see what has changed.
func TestAccSegmentExport_sqlVersion(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		config := w.exportSQL(db, `version_query = "SELECT max(score) FROM customers"`)
		unseen := resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: func() { db.Exec("UPDATE customers SET vip = true") }}
		seen := applied(config, inState(exportAddress, values{"profile_count": 4}))
		seen.PreConfig = func() {
			w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com")
			db.Exec("UPDATE customers SET score = 50 WHERE score = 40")
		}
		seen.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": changedSegment})
		w.run(applied(config), unseen, seen)
		w.wantImports(2)
		w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	})
}

func TestAccSegmentExport_sqlRefused(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		config := w.exportSQL(db)
		of := func(user, password, query string) configuration {
			return config.with(exportBlock, "segment", sqlSegment(fmt.Sprintf("url = %q", db.URLOf(user, password)), fmt.Sprintf("query = %q", query)))
		}
		w.run(
			refused(of(sqltest.Reader, sqltest.Password, "SELECT email\nFORM customers"), "Segment Cannot Be Read", "The server refuses the query", "SQLSTATE"),
			refused(of(sqltest.Reader, "wrong", vipQuery(db)), "Segment Cannot Be Read", `The server refuses user "segment_reader"`),
			refused(of(sqltest.Owner, sqltest.Password, "DELETE FROM customers RETURNING *"), "Segment Cannot Be Read"),
			refused(of(sqltest.Reader, sqltest.Password, "SELECT email AS mail FROM customers"), "Columns Not In Segment", `data_matching.email is to come from "email"`),
		)
		w.wantImports(0)
	})
}

func TestAccSegmentExport_sqlArguments(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	with := func(segments string) configuration { return config.with(exportBlock, "segment", segments) }
	w.run(
		refused(with(sqlSegment(`query = "SELECT 1"`)), "One Argument Needed In Block", "sql needs exactly one of the arguments url and url_env", "none of them"),
		refused(with(sqlSegment(`url = "postgres://h/d"`, `url_env = "DATABASE_URL"`, `query = "SELECT 1"`)), "One Argument Needed In Block", "It has url and url_env."),
		refused(with(sqlSegment(`url_env = "postgres://h/d"`, `query = "SELECT 1"`)), "Not An Environment Variable"),
		refused(with(sqlSegment(`url_env = "DATABASE_URL"`, `query = " "`)), "must not be empty"),
		refused(with(block(`name = "vip"`, `file { path = "a.csv" }`, "sql "+block(`url_env = "DATABASE_URL"`, `query = "SELECT 1"`))), "A Segment Needs One Source", "It has file and sql."),
		refused(with(sqlSegment(`url_env = "SEGMENT_URL_THAT_IS_NOT_SET"`, `query = "SELECT 1"`)), "Segment Cannot Be Read", "SEGMENT_URL_THAT_IS_NOT_SET", "is not set"),
	)
	w.wantImports(0)
}

// What is known of a database only on apply is read then.
func TestAccSegmentExport_sqlUnknown(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w, db := newEnv(t), sqltest.Postgres(t)
	newCustomers(db)
	url := fmt.Sprintf("%q", db.URLOf(sqltest.Reader, sqltest.Password))
	config := w.exportSQL(db).without(exportBlock, "properties")
	for input, segment := range map[string]string{
		url:    sqlSegment(`url = terraform_data.late.output`, `query = "SELECT * FROM customers WHERE vip"`),
		`"10"`: sqlSegment(`url = `+url, `query = "SELECT * FROM customers WHERE vip AND score >= $1"`, "args = [terraform_data.late.output]"),
	} {
		step := applied(config.with(dataBlock, "input", input).with(exportBlock, "segment", segment), inState(exportAddress, values{"profile_count": 3}))
		step.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, values{"profile_count": unknown, "last_run": unknown})
		sameEnv(t, w).run(step)
	}
}

// sameEnv drives Terraform from nothing in an environment that exists.
func sameEnv(t *testing.T, w *env) *env {
	t.Helper()
	return &env{Server: w.Server, t: t, dir: w.dir, list: w.list, clock: w.clock}
}

// With url_env neither the URL nor its password reaches anything; with url they
// are in the state, and nowhere else.
func TestAccSecrets_sqlURL(t *testing.T) {
	t.Parallel()
	const password = "Wolpertinger-77"
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		user := db.Name + "_user"
		if db.Scheme == "postgres" {
			db.Exec(fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; GRANT SELECT ON customers TO %s", user, password, user))
			t.Cleanup(func() { db.Exec(fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %s", user, user)) })
		} else {
			db.Exec(fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'; GRANT SELECT ON customers TO %s", user, password, user))
		}
		url := db.URLOf(user, password)
		config := w.exportSQL(db).with(exportBlock, "segment", sqlSegment(`url_env = "SEGMENT_URL"`, fmt.Sprintf("query = %q", vipQuery(db)), `args = ["10"]`, `version_query = "SELECT email, first_name FROM customers"`))
		c := newCLI(t, config, "TF_LOG=TRACE", "SEGMENT_URL="+url, "TF_VAR_url="+url)
		c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
		c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
		db.Exec("UPDATE customers SET first_name = email")
		c.run("segment changed", "plan", "-no-color", "-input=false", "-out=plan.bin")
		c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
		db.Exec("DROP TABLE customers")
		c.fail("The server refuses the query", "plan", "-no-color", "-input=false")
		c.wantNoSecrets([]string{url, password, "ann@example.com", "joe@example.com"})

		// From a variable: Terraform itself shows the lines of a configuration.
		c.write("main.tf", strings.Replace(c.read("main.tf"), `url_env = "SEGMENT_URL"`, "url = var.url", 1)+"variable \"url\" {\n  sensitive = true\n}\n")
		c.fail("The server refuses the query", "plan", "-no-color", "-input=false")
		db.Exec(customers + "GRANT SELECT ON customers TO " + user)
		c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
		if strings.Contains(c.output.String(), password) {
			t.Error("the password is in the output")
		}
		if !strings.Contains(c.read("terraform.tfstate"), password) {
			t.Error("the password is not in the state, as the documentation says")
		}
	})
}

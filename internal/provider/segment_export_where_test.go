package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

const consentColumn = "Accepts Email Marketing"

// consentWhere is a filter by the column of a shop.
const consentWhere = `where = { "Accepts Email Marketing" = ["yes", "TRUE"] }`

// shopRows are rows of an export of a shop, of people from one number to another who all
// have the same consent.
func shopRows(from, to int, consent string) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "p%d@example.com,P%d,%s\n", i, i, consent)
	}
	return b.String()
}

// shop writes an export of a shop and returns its path.
func (w *env) shop(rows ...string) string {
	w.t.Helper()
	return w.write("shop.csv", "EMail,FirstName,"+consentColumn+"\n"+strings.Join(rows, ""))
}

// filteredSegment is the block of a segment in a file, with a filter.
func filteredSegment(name, path, where string) string {
	return block(fmt.Sprintf("name = %q", name), where, fmt.Sprintf("file { path = %q }", path))
}

// exporting is an export of a segment.
func (w *env) exporting(segment string) configuration {
	w.t.Helper()
	return w.export(threeCSV).with(exportBlock, "segment", segment)
}

// Only rows with one of the values are exported. Who loses it leaves a mirrored list,
// and a change of the filter makes a run due if it changes who is in the segment.
func TestAccSegmentExport_where(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	yes, upper, others := shopRows(0, 970, " yes"), shopRows(970, 1000, "TRUE"), shopRows(1000, 2300, "no")+shopRows(2300, 2310, "Yes")+shopRows(2310, 2500, "")
	path := w.shop(yes, others, upper, "nobody,Nobody,no\n", "noone,Noone,yes\n")
	config := w.exporting(filteredSegment("vip", path, consentWhere)).with(exportBlock, "sync_mode", `"mirror"`)
	mail := func(from, to int) []string { return addressesIn(shopRows(from, to, "")) }

	first := applied(config, inState(exportAddress, values{
		"profile_count": 1000, "rejected_count": 1, "duplicate_count": 0, "filtered_count": 1501, "last_run.rows_filtered": 1501, "last_run.profiles_submitted": 1000,
	}))
	left := applied(config, inState(exportAddress, merged(changesOf(0, 0, 20, 980), values{
		"filtered_count": 1520, "last_run.rows_filtered": 1520, "last_run.profiles_removed": 20, "last_run.profiles_submitted": 0,
	})))
	left.PreConfig = func() {
		w.wantMembers(mail(0, 1000)...)
		w.shop(shopRows(0, 20, "no"), shopRows(20, 970, " yes"), others, upper)
	}
	left.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, merged(changesOf(0, 0, 20, 980), values{
		"last_run.reason": "segment changed: +0 ~0 -20 (nothing to send)", "filtered_count": 1520, "profile_count": 980,
	}))
	outside := applied(config, inState(exportAddress, values{"filtered_count": 1521, "profile_count": 980, "last_run.rows_filtered": 1520}))
	outside.PreConfig = func() { w.shop(shopRows(0, 20, "no"), shopRows(20, 970, "yes"), others, upper, "nobody,Nobody,no\n") }
	outside.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}

	same := applied(w.exporting(filteredSegment("vip", path, `where = { "Accepts Email Marketing" = ["TRUE", " yes ", "yes"] }`)).with(exportBlock, "sync_mode", `"mirror"`),
		inState(exportAddress, values{"last_run.profiles_removed": 20, "filtered_count": 1521}))
	wider := applied(w.exporting(filteredSegment("vip", path, `where = { "Accepts Email Marketing" = ["yes", "TRUE", "Yes"] }`)).with(exportBlock, "sync_mode", `"mirror"`),
		inState(exportAddress, merged(changesOf(10, 0, 0, 980), values{"filtered_count": 1511, "last_run.profiles_added": 10, "last_run.rows_filtered": 1511})))
	wider.PreConfig = func() { w.wantImports(1) }
	wider.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "segments changed"})
	narrower := applied(w.exporting(filteredSegment("vip", path, `where = { "Accepts Email Marketing" = ["yes", "Yes"] }`)).with(exportBlock, "sync_mode", `"mirror"`),
		inState(exportAddress, merged(changesOf(0, 0, 30, 960), values{"filtered_count": 1541, "last_run.profiles_removed": 30})))
	w.run(first, left, outside, same, wider, narrower)
	want := slices.Concat(mail(20, 970), mail(2300, 2310))
	slices.Sort(want)
	w.wantMembers(want...)
	w.wantImports(2)
}

// The plan and the run tell how many rows are left out, and nothing of them.
func TestAccSegmentExport_whereIsTold(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.exporting(filteredSegment("vip", w.shop(shopRows(0, 3, "yes"), shopRows(3, 1503, "no"), "nobody,Nobody,maybe\n"), consentWhere))
	c := newCLI(t, config, "TF_LOG=TRACE")
	c.run("3 profiles (1 import job, 1s at best), from 3 rows: 0 duplicates, and 0 rows that cannot be exported. 1,501 more rows are left out by where.",
		"plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	c.run("filtered_count = 1501", "show", "-no-color")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
	w.shop(shopRows(1, 4, "yes"), shopRows(4, 1503, "no"))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	c.run("rows_filtered = 1499", "show", "-no-color")
	w.shop(shopRows(1, 5, "yes"), shopRows(5, 1503, "no"))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve", "-refresh=false")
	c.run("filtered_count = 1498", "show", "-no-color")
	c.wantNoSecrets([]string{"p1000@example", "nobody", "maybe"})
}

// A filter that cannot be meant is an error of the plan, at the filter.
func TestAccSegmentExport_whereRefused(t *testing.T) {
	t.Parallel()
	const line = `where = {`
	tests := map[string]struct {
		where string
		words []string
	}{
		"no column":      {`where = {}`, []string{"where = {}", "where map must contain at least 1 elements"}},
		"a blank column": {`where = { " " = ["yes"] }`, []string{line, "must not be empty"}},
		"no value":       {`where = { "Accepts Email Marketing" = [] }`, []string{line, `segment[0].where["Accepts Email Marketing"] list must contain at least 1 elements`}},
		"a null value":   {`where = { "Accepts Email Marketing" = ["yes", null] }`, []string{"Null List Value", line}},
		"null":           {`where = { "Accepts Email Marketing" = null }`, []string{"Null Map Value", line}},
		"another column": {`where = { "Accepts email marketing" = ["yes"] }`, []string{
			"Column Not In Segment", line, `where names a column that segment "vip" does not have: no column "Accepts email marketing"; the columns are "EMail", "FirstName", "Accepts Email Marketing".`, "Nothing was sent.",
		}},
		"nobody": {`where = { "Accepts Email Marketing" = ["Y"] }`, []string{
			"Segment Is Empty", line, `where leaves out all of the 3 rows of its source: none of them has one of the values in the column "Accepts Email Marketing".`, "Nothing was sent.",
		}},
	}
	var all refusals
	for name, test := range tests {
		w := newEnv(t)
		all.add(name, w, w.exporting(filteredSegment("vip", w.shop(shopRows(0, 2, "yes"), shopRows(2, 3, "no")), test.where)), test.words, w.wantNoImport)
	}
	all.run(t)
}

// A filter that leaves nobody may be allowed, and a mirror then takes everybody off the
// list; a rule on how many that may be still holds.
func TestAccSegmentExport_whereNobody(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.exporting(filteredSegment("vip", w.shop(shopRows(0, 3, "yes")), consentWhere)).with(exportBlock, "sync_mode", `"mirror"`).
		with(exportBlock, "safeguards", "{ allow_empty_segment = true }")
	empty := refused(config, "Too Many Members Would Be Removed")
	empty.PreConfig = func() { w.shop(shopRows(0, 3, "no")) }
	allowed := applied(config.with(exportBlock, "safeguards", block("allow_empty_segment = true", "max_removed_percent = 100")),
		inState(exportAddress, values{"profile_count": 0, "filtered_count": 3, "last_run.profiles_removed": 3}))
	w.run(applied(config), empty, allowed)
	w.wantMembers()
}

// Each segment has a filter of its own.
func TestAccSegmentExport_whereOfSeveral(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := w.shop(shopRows(0, 2, "yes"), shopRows(2, 4, "no"), shopRows(4, 6, "maybe"))
	config := w.exporting("").without(exportBlock, "segment").with(exportBlock, "segment_property", `"Segments"`).
		with(exportBlock, "segment a", filteredSegment("a", path, `where = { "Accepts Email Marketing" = ["yes"] }`)).
		with(exportBlock, "segment b", filteredSegment("b", path, `where = { "Accepts Email Marketing" = ["yes", "no"], FirstName = ["P1", "P2"] }`))
	missing := refused(config.with(exportBlock, "segment b", filteredSegment("b", path, `where = { Consent = ["yes"] }`)),
		"Column Not In Segment", "where = { Consent", `where names a column that segment "b" does not have`)
	w.run(applied(config, inState(exportAddress, values{"profile_count": 3, "duplicate_count": 1, "filtered_count": 8})), missing)
	w.wantMembers("p0@example.com", "p1@example.com", "p2@example.com")
	w.wantProperty("p0@example.com", "Segments", `["a"]`)
	w.wantProperty("p1@example.com", "Segments", `["a","b"]`)
	w.wantProperty("p2@example.com", "Segments", `["b"]`)
}

// Values of every format are compared by the text that is sent.
func TestAccSegmentExport_whereOfFormats(t *testing.T) {
	t.Parallel()
	everyone := append([]person{{"sam@example.com", "Sam", 50, true, nil, address{"Oslo"}}}, people...)
	typed := `where = { VIP = ["true"], Score = ["10", "20", "50.0"], "address.city" = ["Oslo", "Bern"] }`
	for name, test := range map[string]struct{ file, content, where string }{
		"CSV":     {"vip.csv.gz", gzipOf(csvOf(everyone)), `where = { Score = ["10", "50"] }`},
		"TSV":     {"vip.tsv", tsvOf(everyone), `where = { Score = [10, "50"] }`},
		"NDJSON":  {"vip.ndjson", ndjsonOf(everyone), typed},
		"Parquet": {"vip.parquet", parquetOf(everyone), typed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.exporting(filteredSegment("vip", w.write(test.file, test.content), test.where))
			w.run(applied(config, inState(exportAddress, values{"profile_count": 2, "filtered_count": 3, "rejected_count": 0})))
			w.wantMembers("ann@example.com", "sam@example.com")
		})
	}
}

// A row whose value is a list is rejected, since nobody knows whether it is meant.
func TestAccSegmentExport_whereOfLists(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	rows := `{"EMail":"ann@example.com","FirstName":"Ann","tier":["gold"]}
{"EMail":"bob@example.com","FirstName":"Bob","tier":"gold"}
{"EMail":"eve@example.com","FirstName":"Eve","tier":"silver"}
{"EMail":"joe@example.com","FirstName":"Joe"}
`
	c := newCLI(t, w.exporting(filteredSegment("vip", w.write("vip.ndjson", rows), `where = { tier = ["gold", ""] }`)).with(exportBlock, "safeguards", halfRejected))
	c.run(`the row has in the column "tier" a list or an object, which where cannot compare with a value: 1 row (1 of vip)`, "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantMembers("bob@example.com", "joe@example.com")
}

func TestAccSegmentExport_whereOfQueries(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		db.Exec("ALTER TABLE customers ADD COLUMN rate decimal(10,2)")
		db.Exec("UPDATE customers SET rate = score / 4.0")
		yes, query := "1", "SELECT * FROM customers WHERE score >= ?" // MySQL has no booleans
		if db.Scheme == "postgres" {
			yes, query = "true", "SELECT * FROM customers WHERE score >= $1"
		}
		segment := func(where string) string {
			return block(`name = "vip"`, where, "sql "+block(fmt.Sprintf("url = %q", hclText(db.URLOf(sqltest.Reader, sqltest.Password))), fmt.Sprintf("query = %q", query), `args = ["10"]`))
		}
		config := w.exportSQL(db).with(exportBlock, "sync_mode", `"mirror"`).with(exportBlock, "safeguards", "{ max_removed_percent = 100 }")
		filtered := config.with(exportBlock, "segment", segment(fmt.Sprintf(`where = { vip = [%q], rate = ["2.5", "5.00", "10"] }`, yes)))
		first := applied(filtered, inState(exportAddress, values{"profile_count": 2, "filtered_count": 2}))
		left := applied(filtered, inState(exportAddress, values{"profile_count": 1, "filtered_count": 3, "last_run.profiles_removed": 1}))
		left.PreConfig = func() {
			w.wantMembers("ann@example.com", "bob@example.com")
			db.Exec("UPDATE customers SET vip = false WHERE first_name = 'Ann'")
		}
		null := applied(config.with(exportBlock, "segment", segment(`where = { first_name = [""] }`)), inState(exportAddress, values{"profile_count": 1, "filtered_count": 3}))
		null.PreConfig = func() { db.Exec("UPDATE customers SET first_name = NULL WHERE first_name = 'Eve'") }
		missing := refused(config.with(exportBlock, "segment", segment(`where = { consent = ["yes"] }`)),
			"Column Not In Segment", "where = { consent", `no column "consent"; the columns are "email", "first_name", "score", "vip", "rate".`)
		w.run(first, left, missing, null)
		w.wantMembers("eve@example.com")
	})
}

func TestAccDataverse_where(t *testing.T) {
	t.Parallel()
	i := newInsights(t)
	i.dataverse.Add("id-max", dataverse.Profile{"email": "max@example.com", "firstname": "max", "income": 1200}, "VIP_customers")
	segment := func(where string) string {
		return block(`name = "vip"`, where, "dataverse "+block(fmt.Sprintf("environment_url = %q", i.dataverse.URL), `segment = "VIP_customers"`))
	}
	config := i.configuration("VIP_customers")
	c := i.cli(config.with(exportBlock, "segment", segment(`where = { Income = ["1200.50"], firstname = ["ann", "eve", "max"] }`)))
	c.run("from 2 rows: 0 duplicates, and 0 rows that cannot be exported. 2 more rows are left out by where.", "plan", "-no-color", "-input=false")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	i.wantMembers("ann@example.com", "eve@example.com")
	c.write("main.tf", strings.Replace(c.read("main.tf"), "Income = [", "Tier = [", 1))
	c.fail(`where names a column that segment "vip" does not have: no column "Tier"`, "plan", "-no-color", "-input=false")
}

// A filter that is not known yet leaves the counts to apply.
func TestAccSegmentExport_whereUnknown(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]struct{ input, where string }{
		"values": {`["yes"]`, `where = { "Accepts Email Marketing" = terraform_data.late.output }`},
		"value":  {`"yes"`, `where = { "Accepts Email Marketing" = [terraform_data.late.output] }`},
		"all":    {`{ "Accepts Email Marketing" = ["yes"] }`, `where = terraform_data.late.output`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			path := w.shop(shopRows(0, 2, "yes"), shopRows(2, 5, "no"))
			config := w.exporting(filteredSegment("vip", path, where.where)).with(dataBlock, "input", where.input)
			step := applied(config, inState(exportAddress, values{"profile_count": 2, "filtered_count": 3, "last_run.reason": "first run"}))
			step.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, values{"profile_count": unknown, "filtered_count": unknown, "last_run": unknown})
			w.run(step)
			w.wantMembers("p0@example.com", "p1@example.com")
		})
	}
}

// A plan that is pinned promises whom it exports, and not which rows it leaves out.
func TestAccSegmentExport_pinnedWithOtherRowsLeftOut(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := w.shop(shopRows(0, 2, "yes"))
	c := newCLI(t, w.exporting(filteredSegment("vip", path, consentWhere)).with(exportBlock, "pin_to_plan", "true"))
	c.terraformRun("profile_count = 2", "plan", "-out=plan.bin")
	w.shop(shopRows(0, 2, "yes"), shopRows(2, 5, "no"))
	c.terraformRun("Apply complete", "apply", "plan.bin")
	c.run("filtered_count = 3", "show", "-no-color")
	w.wantMembers("p0@example.com", "p1@example.com")
	c.terraformRun("No changes", "plan")
}

// A run on demand takes the same rows, and tells how many it left out.
func TestAccSegmentExportRun_where(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.exporting(filteredSegment("vip", w.shop(shopRows(0, 2, "yes"), shopRows(2, 5, "no")), consentWhere)).with(exportBlock, "run_on_apply", "false")
	run := ran(config, inState(runAddress, values{"profiles_submitted": 2, "rows_filtered": 3}))
	w.run(applied(config, inState(exportAddress, values{"filtered_count": 3, "last_run": nil})), run)
	w.wantMembers("p0@example.com", "p1@example.com")
}

func TestSegmentExportRunAction_where(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := newActions(w)
	export := w.exportObject(threeCSV)
	withWhere := func(texts ...string) {
		list := []tftypes.Value{}
		for _, text := range texts {
			list = append(list, tftypes.NewValue(tftypes.String, text))
		}
		export["segment"] = blocks{{"name": "vip", "file": values{"path": w.shop(shopRows(0, 2, "yes"), shopRows(2, 5, "no"))}, "where": values{consentColumn: list}}}
	}
	withWhere("yes")
	wantDiagnostic(t, a.plan(export), tfprotov6.DiagnosticSeverityWarning, "2 Profiles To Export", "3 more rows are left out by where.")
	progress, end := a.invoke(t.Context(), export)
	wantNoDiagnostics(t, end)
	if len(progress) != 2 || !strings.HasPrefix(progress[0], "5 rows read; 2 of 2 profiles") || !strings.HasSuffix(progress[1], "\n3 rows left out by where.") {
		t.Errorf("it reported %q", progress)
	}
	w.wantMembers("p0@example.com", "p1@example.com")
	withWhere("y")
	wantDiagnostic(t, a.plan(export), tfprotov6.DiagnosticSeverityError, "Segment Is Empty", "where leaves out all of the 5 rows")
}

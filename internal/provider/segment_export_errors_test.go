package provider

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Segments that cannot be read or must not be sent are refused when planning,
// on the argument that is to blame.
func TestAccSegmentExport_segmentRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content string
		words   []string
	}{
		"empty file":        {"", []string{"Segment Cannot Be Read", "is empty", "must hold the column names"}},
		"header only":       {"EMail,FirstName\n", []string{"Segment Is Empty", `name = "vip"`, `Segment "vip" has no rows`, "safeguards.allow_empty_segment = true"}},
		"header of nothing": {",,\n" + rowAnn, []string{"Segment Cannot Be Read", "names no column"}},
		"column twice":      {"EMail,FirstName, EMail\na@example.com,A,b@example.com\n", []string{`has the column "EMail" twice, at 1 and 3`}},
		"NUL bytes":         {"EMail,FirstName\nann@example.com,A\x00nn\n", []string{"No Row Can Be Exported", "the row has a NUL byte in a mapped column: 1 row (1 of vip)"}},
		"binary data":       {"EMail,\x00FirstName\n\x01\x02", []string{"is not text but binary data"}},
		"HTML page":         {"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", []string{"is not CSV but an HTML page", "a page for signing in"}},
		"semicolons":        {strings.ReplaceAll(threeCSV, ",", ";"), []string{"separated by \";\", not by \",\"", "Set delimiter = \";\""}},
		"no header":         {rowAnn + rowBob, []string{"Line 1 of", "is not a header but a row of data", "with the argument columns"}},
		"gzip":              {"\x1f\x8b\x08\x00abc", []string{"ends in the middle of its gzip data", "copy or export it again"}},
		"Excel workbook":    {"PK\x03\x04abc", []string{"is not CSV but a zip archive", "an Excel workbook is saved as CSV UTF-8"}},
		"UTF-16":            {"\xff\xfeE\x00M\x00a\x00i\x00l\x00\n\x00", []string{"is UTF-16", "Set encoding = \"utf-16\""}},
		"Latin-1 header":    {"EMail,FirstName,Stra\xdfe\n", []string{"name of column 3", "is not UTF-8 but probably windows-1252"}},
		"no address column": {"Address,FirstName\n" + rowAnn, []string{"Column Not In Segment", "data_matching.email", `no column "EMail"`, `"Address", "FirstName"`}},
		"no valid row":      {"EMail,FirstName\n,Ann\nhere,Bob\n,Eve\n", []string{"No Row Can Be Exported", "Of 3 rows none", "is empty: 2 rows (1, 3 of vip)", "not valid: 1 row (2 of vip)"}},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		plans.add(name, w, w.export(test.content), test.words, w.wantNoImport)
	}
	plans.run(t)
}

func TestAccSegmentExport_fileRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path  func(w *env) string
		words []string
	}{
		"missing":            {func(w *env) string { return filepath.Join(w.dir, "nowhere.csv") }, []string{"There is no file", "create the file before planning"}},
		"missing, relative":  {func(*env) string { return "nowhere.csv" }, []string{`There is no file "nowhere.csv"`, "${path.module}"}},
		"directory":          {func(w *env) string { return w.dir }, []string{"is a directory, not a file"}},
		"below a file":       {func(w *env) string { return filepath.Join(w.dir, "vip.csv", "vip.csv") }, []string{"cannot be opened", "not a directory"}},
		"name of only space": {func(*env) string { return " " }, []string{"must not be empty"}},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		plans.add(name, w, w.export(threeCSV).with(exportBlock, "segment", fileSegment(test.path(w))), test.words, w.wantNoImport)
	}
	plans.run(t)
}

// Every column that is missing is named with what it is mapped to, and with
// the columns that are there.
func TestAccSegmentExport_missingColumns(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).
		with(exportBlock, "attributes", block(`last_name = "Surname"`, `location { city = "Town" }`)).
		with(exportBlock, "properties", `{ tier = "Tier" }`)
	w.run(refused(config,
		"Columns Not In Segment", `Segment "vip" does not have 3 of the columns that are named`, `attributes.last_name is to come from "Surname"`,
		`attributes.location.city is to come from "Town"`, `property "tier" is to come from "Tier"`, `The columns are "EMail", "FirstName"`,
	))
	w.wantImports(0)
}

// A value of another type stops an export that says so: it is named by row, and
// never quoted.
func TestAccSegmentExport_propertyNotOfItsType(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ bad, is string }{
		"number":   {"12x", "is not a number"},
		"boolean":  {"maybe", "is not a boolean"},
		"datetime": {"yesterday", "is not a date"},
		"json":     {"{", "is not a JSON value"},
		"list":     {"[1", "is not a list"},
	}
	var plans refusals
	for kind, test := range tests {
		w := newEnv(t)
		config := w.export("EMail,FirstName,Value\nann@example.com,Ann,\nbob@example.com,Bob,"+test.bad+"\neve@example.com,Eve,"+test.bad+"\n").
			with(exportBlock, "property", strictProperty("income", "Value", kind))
		words := []string{"Property Is Not Of Its Type", "In 2 rows (2, 3 of vip)", `property "income" ` + test.is, "Nothing was sent"}
		plans.add(kind, w, config, words, w.wantNoImport)
	}
	plans.run(t)
}

// Configurations that are wrong whatever Klaviyo says are refused before
// anybody is asked.
func TestAccSegmentExport_configurationRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		argument, expression string
		words                []string
	}{
		"no consent": {
			"destination", `{ account_id = "MainAc", data_privacy_consent = false }`,
			[]string{"No Consent To Export Personal Data", "data_privacy_consent = true", "Nothing is sent without it"},
		},
		"public key": {
			"destination", `{ account_id = "MainAc", data_privacy_consent = true, api_key = "MainAc" }`,
			[]string{"API Key Not Usable", "public API key"},
		},
		"reserved property":            {"properties", `{ "$consent" = "EMail" }`, []string{"Property Name Not Allowed", `"$consent" begins with $`}},
		"property of no name":          {"properties", `{ " " = "EMail" }`, []string{"A property needs a name"}},
		"property that cannot be seen": {"properties", `{ " $tier" = "EMail" }`, []string{"Property Name Not Allowed", `" $tier" begins with $`}},
		"property between spaces":      {"properties", `{ "tier " = "EMail" }`, []string{"Property Name Not Allowed", `"tier " begins or ends with white space`}},
		"property over two lines":      {"segment_property", `"a\nb"`, []string{"Property Name Not Allowed", "segment_property =", `"a\nb" contains a control character`}},
		"long property":                {"segment_property", `"` + strings.Repeat("x", 256) + `"`, []string{"Property Name Not Allowed", "at most 255 characters; this one has 256"}},
		"long list id":                 {"list_id", `"` + strings.Repeat("x", 61) + `"`, []string{"list_id", "must be an id of Klaviyo's", "at most 60"}},
		"no time to create":            {"timeouts", `{ create = "0s" }`, []string{"Not A Duration", `"0s" is not a duration above zero`, `"90s" or "10m"`}},
		"less than no time to update":  {"timeouts", `{ update = "-1h" }`, []string{"Not A Duration", `"-1h" is not a duration above zero`}},
		"range that runs backwards":    {"schedule", `{ cron = "0 0 * * sat-mon" }`, []string{"Cron Expression Not Usable", "the day of week", "runs backwards", "write 6,0-1 instead"}},
		"step of nothing":              {"schedule", `{ cron = "*/0 * * * *" }`, []string{"Cron Expression Not Usable", "the minute", `"*/0"`}},
		"no such type":                 {"property", typedProperty("a", "EMail", "integer"), []string{"type = ", `"number"`, "integer"}},
		"two delimiters":               {"segment", fileSegment("a.csv", `delimiter = "||"`), []string{"Not A Delimiter", `it is "||"`}},
		"quote as delimiter":           {"segment", fileSegment("a.csv", `delimiter = "\""`), []string{"Not A Delimiter"}},
		"region":                       {"data_matching", block(`email = "EMail"`, `phone_region = "Spain"`), []string{"Not A Country", `"Spain"`, "such as US, GB or ES"}},
		"list id":                      {"list_id", `"https://www.klaviyo.com/list/Y6nRLr"`, []string{"list_id", "must be an id of Klaviyo's such as Y6nRLr"}},
		"sync mode":                    {"sync_mode", `"replace"`, []string{"sync_mode", `"upsert"`}},
		"blank name":                   {"display_name", `" "`, []string{"display_name", "must not be empty"}},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		plans.add(name, w, w.export(threeCSV).with(exportBlock, test.argument, test.expression), test.words, w.wantNoRequest)
	}
	plans.run(t)
}

func (w *env) wantNoRequest() {
	w.t.Helper()
	for _, r := range w.Requests() {
		w.t.Errorf("%s %s was sent", r.Method, r.Path)
	}
}

// What Klaviyo or the connection does not allow is refused when planning.
func TestAccSegmentExport_destinationRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		block, argument, expression string
		words                       []string
	}{
		"no consent": {connectionBlock, "data_privacy_consent", "false", []string{"No Consent To Export Personal Data"}},
		"unknown list": {
			exportBlock, "list_id", `"NoList"`,
			[]string{"List Not Found", "list_id =", `There is no list "NoList"`, "at the end of its address"},
		},
		"list not allowed": {
			connectionBlock, "allowed_list_ids", `["Y6nRLr"]`,
			[]string{"List Not Allowed", "list_id =", "add the id to allowed_list_ids"},
		},
		"no list allowed": {connectionBlock, "allowed_list_ids", `[]`, []string{"List Not Allowed"}},
		"too many profiles": {
			connectionBlock, "max_profiles_per_export", "2",
			[]string{"Too Many Profiles", "destination =", "hold 3 profiles", "allows 2", "raise max_profiles_per_export"},
		},
		"other account": {
			exportBlock, "destination", literalDestination("OtherA"),
			[]string{"API Key Of Another Account", "destination =", "account OtherA", `belongs to MainAc ("Northwind")`},
		},
		"key not known": {
			exportBlock, "destination", literalDestination("MainAc", `api_key = "pk_nobody"`),
			[]string{"API Key Refused", "401", "The key came from api_key of the connection"},
		},
		"key not set": {
			exportBlock, "destination", literalDestination("MainAc", `api_key_env = "KLAVIYO_KEY_THAT_IS_NOT_SET"`),
			[]string{"API Key Missing", "KLAVIYO_KEY_THAT_IS_NOT_SET"},
		},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		plans.add(name, w, w.export(threeCSV).with(test.block, test.argument, test.expression), test.words, w.wantNoImport)
	}
	plans.run(t)
}

// An error names the scope that a key lacks: the plan finds missing scopes to read,
// the apply those to write, which cannot be tried before.
func TestAccSegmentExport_missingScope(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"accounts:read", "lists:read", "profiles:read", "lists:write", "profiles:write"} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			var scopes []string
			for _, s := range simulator.AllScopes {
				if s != scope {
					scopes = append(scopes, s)
				}
			}
			w.AddKey(mainKey, scopes...)
			lacks := []string{"API Key Lacks A Scope", "missing required scopes: " + scope, "create a new private key", "came from api_key of the provider"}
			if strings.HasSuffix(scope, ":read") {
				w.run(refused(w.export(threeCSV), lacks...))
				w.wantImports(0)
			} else {
				w.run(failed(w.export(threeCSV), lacks...))
				w.wantMembers()
			}
		})
	}
}

// A failure between two plans is an error of the second one, and the export
// continues once the cause is fixed.
func TestAccSegmentExport_brokenLater(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		breakIt, mend func(w *env)
		words         []string
	}{
		"key revoked": {
			func(w *env) { w.RevokeKey(mainKey) }, func(w *env) { w.AddKey(mainKey) },
			[]string{"API Key Refused", "may have been revoked", "The key came from api_key of the provider"},
		},
		"list deleted": {
			func(w *env) { w.DeleteList(w.list.ID) }, func(w *env) { w.AddList(w.list) },
			[]string{"List Not Found", "list_id ="},
		},
		"file gone": {
			func(w *env) { os.Remove(filepath.Join(w.dir, "vip.csv")) }, func(w *env) { w.segment(threeCSV) },
			[]string{"Segment Cannot Be Read", "There is no file"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.export(threeCSV)
			broken := refused(config, test.words...)
			broken.PreConfig = func() { test.breakIt(w) }
			mended := resource.TestStep{Config: config.String(), PreConfig: func() { test.mend(w) }}
			w.run(applied(config), broken, mended)
			w.wantMembers(three...)
		})
	}
}

// A list that is deleted after the checks gets an error of its own.
func TestAccSegmentExport_listDeletedDuringRun(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost {
			w.DeleteList(w.list.ID)
		}
	})
	w.run(failed(w.export(threeCSV), "List Not Found", "list_id =", "probably deleted while the export ran"))
}

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// peopleCase is a file as somebody has it, with what the plan and Klaviyo get.
type peopleCase struct {
	file, content string
	arguments     []string          // of the file
	blocks        map[string]string // of the export
	plan          []string          // words of the plan
	want          map[string]string // address -> first name and properties
}

// check plans and applies the export of a file of EMail and FirstName.
func (p peopleCase) check(t *testing.T, name string) {
	t.Helper()
	w := newEnv(t)
	path := filepath.Join(w.dir, p.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	config := w.export("").with(exportBlock, "safeguards", "{ max_rejected_percent = 80 }").
		with(exportBlock, "segment", fileSegment(w.write(p.file, p.content), p.arguments...))
	for block, body := range p.blocks {
		config = config.with(exportBlock, block, body)
	}
	c := newCLI(t, config)
	plan, err := c.try("plan", "-no-color", "-input=false", "-out=plan.bin")
	if err != nil {
		t.Fatalf("%s: %s\n%s", name, err, plan)
	}
	for _, words := range append(p.plan, fmt.Sprintf("%d Profile", len(p.want))) {
		c.wantWords(plan, words)
	}
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	if got := w.MemberEmails(w.list.ID); len(got) != len(p.want) {
		t.Errorf("%s: on the list are %q", name, got)
	}
	for email, want := range p.want {
		person, _ := w.Profile(email)
		if got := fmt.Sprint(person.Attributes["first_name"], " ", person.Properties); got != want {
			t.Errorf("%s: %s is %s, want %s", name, email, got, want)
		}
	}
}

// Each argument of a file, from the configuration to the profile.
func TestAccSegmentExport_fileArguments(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]peopleCase{
		"comment": {
			"c.csv", "# of 2026\nEMail,FirstName\n" + rowAnn + "# bob@example.com,Bob\n" + rowEve + "#\n",
			[]string{`comment = "#"`},
			nil, nil,
			map[string]string{"ann@example.com": "Ann map[]", "eve@example.com": "Eve map[]"},
		},
		"null_values": {
			"n.csv", "EMail;FirstName\nann@example.com;#N/A\nbob@example.com;-\neve@example.com;Eve\n",
			[]string{`delimiter = ";"`, `null_values = ["#N/A", "-"]`},
			nil, nil,
			map[string]string{"ann@example.com": "<nil> map[]", "bob@example.com": "<nil> map[]", "eve@example.com": "Eve map[]"},
		},
		"no null_values": {
			"n.csv", "EMail,FirstName\nann@example.com,None\n", nil, nil,
			[]string{"attributes.first_name is a text that stands for no value", "null_values of the file: 1 row (1 of vip)"},
			map[string]string{"ann@example.com": "None map[]"},
		},
		"skip_lines": {
			"s.csv", "Our report,\"of\ntoday\"\n\nFirstName,EMail\nAnn,ann@example.com\n", []string{"skip_lines = 3"}, nil, nil, map[string]string{"ann@example.com": "Ann map[]"},
		},
		"encoding": {
			"e.tsv", "EMail\tFirstName\nann@example.com\tJos\xe9\n", []string{`encoding = "iso-8859-15"`}, nil, nil, map[string]string{"ann@example.com": "José map[]"},
		},
		"columns": {
			"part-00000", "Ann|7|ann@example.com\nEve|8|eve@example.com\n",
			[]string{`delimiter = "|"`, `columns = ["FirstName", "n", "EMail"]`},
			nil, nil,
			map[string]string{"ann@example.com": "Ann map[]", "eve@example.com": "Eve map[]"},
		},
		"decimal_comma": {
			"d.csv", "EMail\tn\nann@example.com\t-1.234,50\neve@example.com\t1,234.5\n",
			[]string{`delimiter = "\t"`, "decimal_comma = true"},
			map[string]string{"property": typedProperty("n", "n", "number"), "attributes": "{}"},
			[]string{`property "n" is not a number such as 12 or -3.50: 1 row (2 of vip)`},
			map[string]string{"ann@example.com": "<nil> map[n:-1234.5]", "eve@example.com": "<nil> map[]"},
		},
		"separator": {
			"l.ndjson", `{"EMail":"ann@example.com","l":"a | b"}` + "\n" + `{"EMail":"eve@example.com","l":["c|d"]}`, nil,
			map[string]string{"property": block(`name = "l"`, `field = "l"`, `type = "list"`, `separator = "|"`), "attributes": "{}"},
			nil,
			map[string]string{"ann@example.com": "<nil> map[l:[a b]]", "eve@example.com": "<nil> map[l:[c|d]]"},
		},
		"no separator": {
			"l.csv", "EMail,l\nann@example.com,\"a, b\"\n", nil,
			map[string]string{"property": typedProperty("l", "l", "list"), "attributes": "{}"},
			[]string{`property "l" is a list of one item with commas in it; to split it there, set separator = ",": 1 row (1 of vip)`},
			map[string]string{"ann@example.com": "<nil> map[l:[a, b]]"},
		},
		"day_first": {
			"d.csv", "EMail,d\nann@example.com,3/4/2026 9:30\neve@example.com,30.4.2026\n", nil,
			map[string]string{"property": block(`name = "d"`, `field = "d"`, `type = "datetime"`, "day_first = true"), "attributes": "{}"},
			nil,
			map[string]string{"ann@example.com": "<nil> map[d:2026-04-03T09:30:00Z]", "eve@example.com": "<nil> map[d:2026-04-30]"},
		},
		"no day_first": {
			"d.csv", "EMail,d\nann@example.com,3/4/2026 9:30\neve@example.com,30.4.2026\n", nil,
			map[string]string{"property": typedProperty("d", "d", "datetime"), "attributes": "{}"},
			[]string{`property "d" is not a date such as 2026-11-23, `, "(with day_first = true, 23/11/2026): 1 row (2 of vip)"},
			map[string]string{"ann@example.com": "<nil> map[d:2026-03-04T09:30:00Z]", "eve@example.com": "<nil> map[]"},
		},
		"a column in a folder": {
			"tier=gold%20card/at=__HIVE_DEFAULT_PARTITION__/x.csv", "EMail,FirstName\n" + rowAnn, nil,
			map[string]string{"properties": `{ tier = "tier", at = "at" }`},
			nil,
			map[string]string{"ann@example.com": "Ann map[tier:gold card]"},
		},
		"several mistakes of one kind": {
			"m.csv", "EMail,FirstName\n" + rowAnn + "bob@example.com,Bob,x\na\u00adb@example.com,A\na\u200bb@example.com,B\nTotal\n", nil, nil,
			[]string{
				"has more than the 2 fields that the header has: 1 row (2 of vip)", "looks like a footer or a note, not like a row: 1 row (5 of vip)",
				"U+00AD (soft hyphen): 1 row (3 of vip)", "U+200B (zero-width space): 1 row (4 of vip)",
			},
			map[string]string{"ann@example.com": "Ann map[]"},
		},
	} {
		p.check(t, name)
	}
}

// The list of rejected rows has the lines of the file, those of comments and titles
// counted.
func TestAccSegmentExport_linesOfRejectedRows(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := w.write("c.csv", "title\n\n# of 2026\nEMail,FirstName\n"+rowAnn+"# x\n\n,\nnobody,X\n")
	rejects := filepath.Join(w.dir, "rejects.csv")
	c := newCLI(t, w.export("").with(exportBlock, "segment", fileSegment(path, `comment = "#"`, "skip_lines = 2")).with(exportBlock, "safeguards", halfRejected).with(exportBlock, "rejects_path", fmt.Sprintf("%q", rejects)))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	got, err := os.ReadFile(rejects)
	if want := "vip,2,the email address is not valid,invalid_email," + path + ",9\n"; err != nil || !strings.HasSuffix(string(got), want) {
		t.Errorf("rejected are %q, %v, want %q", got, err, want)
	}
}

// What is no value or cannot be sent is named with its rows for queries, too.
func TestAccSegmentExport_valuesOfQueries(t *testing.T) {
	t.Parallel()
	requireAcc(t)
	for name, tc := range map[string]struct {
		start  func(testing.TB) *sqltest.Database
		tables string
		words  []string
		want   map[string]string
	}{
		"PostgreSQL": {
			sqltest.Postgres,
			`CREATE TABLE members (email text, born date, until timestamptz, doc json, note text);
			INSERT INTO members VALUES ('ann@example.com', 'infinity', '-infinity', '{"a":1}', 'infinity'), ('bob@example.com', '0044-03-15 BC', '2026-02-03 10:00+00', '{"a":"\u0000"}', ''),
			('eve@example.com', '1990-02-03', 'infinity', '{"a":"\\u0000"}', NULL), ('max@example.com', '0044-03-15 BC', NULL, NULL, NULL)`,
			[]string{
				`property "born" is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999: 2 rows (1, 4 of vip)`,
				`property "until" is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999: 2 rows (1, 3 of vip)`,
				"the row has a NUL byte in a mapped column: 1 row (2 of vip)",
			},
			map[string]string{
				"ann@example.com": "map[doc:map[a:1] note:infinity]", "eve@example.com": `map[born:1990-02-03 doc:map[a:\u0000]]`, "max@example.com": "map[]",
			},
		},
		"MySQL": {
			sqltest.MariaDB,
			`SET sql_mode = ''; CREATE TABLE members (email varchar(80), born date, until datetime, doc text, note varchar(9));
			INSERT INTO members VALUES ('ann@example.com', '0000-00-00', '2026-00-00 00:00:00', 'a', 'x'), ('bob@example.com', '1990-02-03', '2026-02-03 10:00:00', 'b', CONCAT('a', CHAR(0 USING utf8mb4))),
			('eve@example.com', '1990-02-00', '0000-00-00 00:00:00', CONCAT(CHAR(92 USING utf8mb4), 'u0000'), NULL)`,
			[]string{
				`property "born" is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999: 2 rows (1, 3 of vip)`,
				`property "until" is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999: 2 rows (1, 3 of vip)`,
				"the row has a NUL byte in a mapped column: 1 row (2 of vip)",
			},
			map[string]string{"ann@example.com": "map[doc:a note:x]", "eve@example.com": `map[doc:\u0000]`},
		},
	} {
		db := tc.start(t)
		grantee := sqltest.Reader
		if name == "MySQL" {
			grantee = "'" + grantee + "'"
		}
		db.Exec(tc.tables + "; GRANT SELECT ON members TO " + grantee)
		w := newEnv(t)
		c := newCLI(t, w.export("").without(exportBlock, "attributes").
			with(exportBlock, "segment", vipSegment("sql", fmt.Sprintf("url = %q", db.URLOf(sqltest.Reader, sqltest.Password)), `query = "SELECT * FROM members ORDER BY email"`)).
			with(exportBlock, "data_matching", `{ email = "email" }`).
			with(exportBlock, "property", typedProperty("until", "until", "datetime")).
			with(exportBlock, "properties", `{ born = "born", doc = "doc", note = "note" }`).
			with(exportBlock, "safeguards", halfRejected))
		plan, err := c.try("plan", "-no-color", "-input=false", "-out=plan.bin")
		if err != nil {
			t.Fatalf("%s: %s\n%s", name, err, plan)
		}
		for _, words := range tc.words {
			c.wantWords(plan, words)
		}
		c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
		for email, want := range tc.want {
			if person, ok := w.Profile(email); !ok || fmt.Sprint(person.Properties) != want {
				t.Errorf("%s: %s is %v, want %s", name, email, person.Properties, want)
			}
		}
		if _, sent := w.Profile("bob@example.com"); sent {
			t.Errorf("%s: a row with a NUL byte is sent", name)
		}
	}
}

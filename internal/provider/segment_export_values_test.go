package provider

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// A file as spreadsheets and shops write it: what can be read is exported, and the
// plan names the rows of what cannot.
func TestAccSegmentExport_valuesOfSpreadsheets(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const csv = "Mail;Phone;Member;Zip;Spent;Tags;Since\n" +
		"Ann <ann@example.com>;491701234567.0;7001.0;'01069;1.234,50;red,blue;2026-02-21 10:00:00 +0100\n" +
		"\u200bbob@example.com\u200e;'0170 1234568;\"=\"\"07002\"\"\";NULL;0,5;\"\"\"x, y\"\",z\";21.2.2026\n" +
		"mailto:cat@example.com;49221123456;1.23457E+11;20095;many;\"[\"\"a\"\"]\";0000-00-00\n" +
		"dan@example.com, eve@example.com;;;;;;\n" +
		"fa\u200by@example.com;;;;;;\n" +
		"gus@example.com;nan;\\N;1;nan;;13/13/2026\n"
	config := w.export("").
		with(exportBlock, "segment", fileSegment(w.write("messy.csv", csv), `delimiter = ";"`, "decimal_comma = true")).
		with(exportBlock, "data_matching", block(`email = "Mail"`, `phone_number = "Phone"`, `phone_region = "DE"`, `external_id = "Member"`)).
		with(exportBlock, "attributes", block(`location { zip = "Zip" }`)).
		with(exportBlock, "property 1", typedProperty("spent", "Spent", "number")).
		with(exportBlock, "property 2", block(`name = "tags"`, `field = "Tags"`, `type = "list"`, `separator = ","`)).
		with(exportBlock, "property 3", block(`name = "since"`, `field = "Since"`, `type = "datetime"`, `day_first = true`)).
		with(exportBlock, "safeguards", "{ max_rejected_percent = 50 }")
	c := newCLI(t, config, envAPIKey+"=")
	plan, err := c.try("plan", "-no-color", "-input=false", "-out=plan.bin")
	if err != nil {
		t.Fatalf("%s\n%s", err, plan)
	}
	for _, words := range []string{
		"Warning: 2 Rows Not Exported: VIP customers to Klaviyo",
		"there are several email addresses in the cell, and a profile has one: 1 row (4 of vip)",
		"the email address has an invisible character in it, U+200B (zero-width space): 1 row (5 of vip)",
		"Warning: 5 Values Left Out: VIP customers to Klaviyo",
		"on_invalid of a property says what happens to values that are not of its type.",
		"data_matching.phone_number may begin with the country calling code or with an area code, and both are phone numbers; write it with a leading +: 1 row (3 of vip)",
		"data_matching.external_id is a number with a fraction or with lost digits, such as 1.23457E+11, which identifies nobody; export the column as text: 1 row (3 of vip)",
		`property "spent" is not a number such as 12 or -3.50: 1 row (3 of vip)`,
		`property "since" is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999: 1 row (3 of vip)`,
		`property "since" is not a date`,
		"Warning: 3 Values To Check: VIP customers to Klaviyo",
		"data_matching.email was taken out of the text around it, such as a leading mailto: or a name before it: 2 rows (1, 3 of vip)",
		"attributes.location.zip is a text that stands for no value, such as NULL, None, nan or #N/A, and is sent as it is",
	} {
		c.wantWords(plan, words)
	}
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	c.run("No changes", "plan", "-no-color", "-input=false")
	for email, want := range map[string]struct {
		phone, id, zip string
		properties     map[string]any
	}{
		"ann@example.com": {"+491701234567", "7001", "01069", map[string]any{"spent": 1234.5, "tags": []any{"red", "blue"}, "since": "2026-02-21T10:00:00+01:00"}},
		"bob@example.com": {"+491701234568", "07002", "NULL", map[string]any{"spent": 0.5, "tags": []any{"x, y", "z"}, "since": "2026-02-21"}},
		"cat@example.com": {"", "", "20095", map[string]any{"tags": []any{"a"}}},
		"gus@example.com": {"", "", "1", nil},
	} {
		p, ok := w.Profile(email)
		location, _ := p.Attributes["location"].(map[string]any)
		if !ok || p.PhoneNumber != want.phone || p.ExternalID != want.id || location["zip"] != want.zip || len(p.Properties) != len(want.properties) {
			t.Errorf("%s is %+v, want %+v", email, p, want)
		}
		for name, value := range want.properties {
			if fmt.Sprint(p.Properties[name]) != fmt.Sprint(value) || reflect.TypeOf(p.Properties[name]) == reflect.TypeFor[string]() != (reflect.TypeOf(value) == reflect.TypeFor[string]()) {
				t.Errorf("%s of %s is %v, want %v", name, email, p.Properties[name], value)
			}
		}
	}
}

// A property may make its invalid values cost the row.
func TestAccSegmentExport_onInvalidRejectsTheRow(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export("EMail,FirstName,Income\nann@example.com,Ann,1\nbob@example.com,Bob,lots\ncat@example.com,Cat,3\n").
		with(exportBlock, "property", block(`name = "income"`, `field = "Income"`, `type = "number"`, `on_invalid = "reject_row"`)).with(exportBlock, "safeguards", halfRejected)
	c := newCLI(t, config, envAPIKey+"=")
	c.run(`property "income" is not a number such as 12 or -3.50: 1 row (2 of vip)`, "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantMembers("ann@example.com", "cat@example.com")
}

// An argument that has no meaning with the type of a property is refused.
func TestAccSegmentExport_argumentsOfAnotherType(t *testing.T) {
	t.Parallel()
	var plans refusals
	for name, tc := range map[string]struct {
		arguments []string
		words     []string
	}{
		"separator":     {[]string{`separator = ","`}, []string{"Argument Of Another Type", `has a meaning only in a property with type = "list"`}},
		"separator too": {[]string{`type = "string"`, `separator = ","`}, []string{"Argument Of Another Type", `type = "list"`}},
		"no separator":  {[]string{`type = "list"`, `separator = ""`}, []string{"separator string length must be between 1 and 10"}},
		"day_first":     {[]string{`type = "number"`, `day_first = true`}, []string{"Argument Of Another Type", `type = "datetime"`}},
		"on_invalid":    {[]string{`type = "number"`, `on_invalid = "ignore"`}, []string{`"leave_out"`, `"reject_row"`, `"stop"`}},
	} {
		w := newEnv(t)
		config := w.export("EMail,FirstName\nann@example.com,Ann\n").
			with(exportBlock, "property", block(append([]string{`name = "x"`, `field = "FirstName"`}, tc.arguments...)...))
		plans.add(name, w, config, tc.words, w.wantNoImport)
	}
	plans.run(t)
}

// Columns of MySQL keep what the server shows: zeros before a number, and the items of
// a SET.
func TestAccSegmentExport_valuesOfMySQL(t *testing.T) {
	t.Parallel()
	requireAcc(t)
	db := sqltest.MariaDB(t)
	db.Exec(`SET sql_mode = ''; CREATE TABLE members (email varchar(80), number int(6) zerofill, likes set('red', 'blue'), born date);
		INSERT INTO members VALUES ('ann@example.com', 15, 'red,blue', '1990-02-00'), ('bob@example.com', 1000015, 'blue', '1990-02-03');
		GRANT SELECT ON members TO '` + sqltest.Reader + `'`)
	w := newEnv(t)
	config := w.export("").
		with(exportBlock, "segment", vipSegment("sql", fmt.Sprintf("url = %q", db.URL()), `query = "SELECT * FROM members ORDER BY email"`)).
		with(exportBlock, "data_matching", block(`email = "email"`, `external_id = "number"`)).
		without(exportBlock, "attributes").
		with(exportBlock, "properties", `{ born = "born" }`).
		with(exportBlock, "property 1", typedProperty("likes", "likes", "list")).
		with(exportBlock, "property 2", typedProperty("number", "number", "number"))
	c := newCLI(t, config, envAPIKey+"=")
	c.run(`property "born" is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999: 1 row (1 of vip)`, "apply", "-no-color", "-input=false", "-auto-approve")
	for email, want := range map[string]string{
		"ann@example.com": "000015 map[likes:[red blue] number:15]", "bob@example.com": "1000015 map[born:1990-02-03 likes:[blue] number:1000015]",
	} {
		p, _ := w.Profile(email)
		if number, ok := p.Properties["number"].(float64); ok { // rather than 1.000015e+06
			p.Properties["number"] = int(number)
		}
		if got := fmt.Sprint(p.ExternalID, " ", p.Properties); got != want {
			t.Errorf("%s is %s, want %s", email, got, want)
		}
	}
}

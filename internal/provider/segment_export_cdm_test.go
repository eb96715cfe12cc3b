package provider

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

// peopleModel is a model.json of an export of Customer Insights: the entity Customer with
// parts of the same settings, and another one.
func peopleModel(locations ...string) string {
	var parts []string
	for _, location := range locations {
		parts = append(parts, fmt.Sprintf(`{"name": "Part", "refreshTime": "2026-11-27T06:00:00+00:00", "location": %q,
          "fileFormatSettings": {"$type": "CsvFormatSettings", "columnHeaders": false, "delimiter": ",", "quoteStyle": "QuoteStyle.Csv", "csvStyle": "CsvStyle.QuoteAlways"}}`, location))
	}
	return `{
  "name": "ToKlaviyo", "description": "", "version": "1.0", "modifiedTime": "2026-11-27T06:00:00+00:00",
  "entities": [
    {"$type": "LocalEntity", "name": "Customer", "description": "",
     "attributes": [{"name": "EMail", "dataType": "string"}, {"name": "FirstName", "dataType": "string"}, {"name": "Score", "dataType": "int64"}, {"name": "VIP", "dataType": "boolean"}, {"name": "Since", "dataType": "dateTime"}],
     "partitions": [` + strings.Join(parts, ",") + `]},
    {"$type": "LocalEntity", "name": "Segment", "description": "", "attributes": [{"name": "Id", "dataType": "string"}], "partitions": [{"name": "Part", "location": "Segment/1.csv"}]}
  ]
}`
}

func partOf(people []person) string {
	var b strings.Builder
	for _, p := range people {
		fmt.Fprintf(&b, "%q,%q,%q,%q,\"11/27/2026 10:20:30 AM\"\n", p.EMail, p.FirstName, fmt.Sprint(p.Score), map[bool]string{true: "True", false: "False"}[p.VIP])
	}
	return b.String()
}

// cdmSegment exports the entity Customer of a model.
func (w *env) cdmSegment(path string, arguments ...string) configuration {
	w.t.Helper()
	return w.export(threeCSV).
		with(exportBlock, "properties", `{ score = "Score", vip = "VIP", since = "Since" }`).
		with(exportBlock, "segment", fileSegment(path, append([]string{`format = "cdm"`, `entity = "Customer"`}, arguments...)...))
}

// An export of Customer Insights drifts when it is written again, in a new folder that
// its model then names.
func TestAccCDM_drifts(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	dir := filetest.Folder(t, map[string]string{
		"model.json": peopleModel("Customer/2026/11/27/0600/Customer_1.csv", "Customer/2026/11/27/0600/Customer_2.csv"),
		"Customer/2026/11/26/0600/Customer_1.csv": partOf([]person{{EMail: "gone@example.com"}}),
		"Customer/2026/11/27/0600/Customer_1.csv": partOf(people[:1]),
		"Customer/2026/11/27/0600/Customer_2.csv": partOf(people[1:3]),
	})
	ann := map[string]string{"score": `10`, "vip": `true`, "since": `"2026-11-27T10:20:30"`}
	joe := map[string]string{"score": `40`, "vip": `true`, "since": `"2026-11-27T10:20:30"`}
	w.drifts(w.cdmSegment(filepath.Join(dir, "model.json")), func() {
		filetest.WriteFiles(t, dir, map[string]string{
			"model.json": peopleModel("Customer/2026/11/28/0600/Customer_1.csv"),
			"Customer/2026/11/28/0600/Customer_1.csv": partOf(people),
		})
	}, ann, joe)
}

// What is wrong with a model, or with how it is described, is an error of the plan.
func TestAccCDM_refused(t *testing.T) {
	t.Parallel()
	const unreadable = "Segment Cannot Be Read"
	var plans refusals
	for name, tc := range map[string]struct {
		files     map[string]string
		arguments []string
		words     []string
	}{
		"no entity":              {nil, []string{`format = "cdm"`}, []string{"Argument Missing In Block", "needs the argument entity"}},
		"another format":         {nil, []string{`format = "csv"`, `entity = "Customer"`}, []string{"Argument Without Its Format", "Leave entity out"}},
		"no such entity":         {map[string]string{"model.json": peopleModel("1.csv")}, []string{`format = "cdm"`, `entity = "Account"`}, []string{unreadable, `has no entity "Account"`, `Its entities are "Customer", "Segment"`}},
		"a part that is missing": {map[string]string{"model.json": peopleModel("1.csv", "2.csv"), "1.csv": partOf(people)}, []string{`format = "cdm"`, `entity = "Customer"`}, []string{unreadable, `names the part "2.csv"`, "there is no such file"}},
		"a part elsewhere":       {map[string]string{"model.json": peopleModel("https://other.dfs.core.windows.net/c/1.csv")}, []string{`format = "cdm"`, `entity = "Customer"`}, []string{unreadable, "is elsewhere"}},
		"a column that lacks":    {map[string]string{"model.json": strings.Replace(peopleModel("1.csv"), "FirstName", "Name", 1), "1.csv": partOf(people)}, []string{`format = "cdm"`, `entity = "Customer"`}, []string{"Column Not In Segment", `"FirstName"`, `"Name"`}},
		"a header":               {map[string]string{"model.json": peopleModel("1.csv"), "1.csv": "EMail,FirstName,Score,VIP,Since\n" + partOf(people)}, []string{`format = "cdm"`, `entity = "Customer"`}, []string{unreadable, "is not as the model says", "holds the names"}},
		"an encoding":            {map[string]string{"model.json": peopleModel("1.csv"), "1.csv": partOf(people)}, []string{`format = "cdm"`, `entity = "Customer"`, `encoding = "utf-16"`}, []string{unreadable, "Leave encoding out"}},
	} {
		w := newEnv(t)
		path := filepath.Join(filetest.Folder(t, tc.files), "model.json")
		plans.add(name, w, w.cdmSegment(path).without(exportBlock, "properties").with(exportBlock, "segment", fileSegment(path, tc.arguments...)), tc.words, w.wantNoImport)
	}
	plans.run(t)
}

// The format and the entity may be known only after the plan.
func TestAccCDM_unknownEntity(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := filepath.Join(filetest.Folder(t, map[string]string{"model.json": peopleModel("1.csv"), "1.csv": partOf(people[:3])}), "model.json")
	w.run(applied(w.cdmSegment(path).
		with(dataBlock, "input", `["cdm", "Customer"]`).
		with(exportBlock, "segment", fileSegment(path, "format = terraform_data.late.output[0]", "entity = terraform_data.late.output[1]")),
		inState(exportAddress, values{"profile_count": 3})))
	w.wantMembers(three...)
}

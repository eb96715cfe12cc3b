package file_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// modelOf is a model.json with the entities People, whose parts are given as JSON, and
// Elsewhere.
func modelOf(partitions ...string) string {
	return fmt.Sprintf(`{
  "name": "CustomerInsights", "version": "1.0", "culture": "en-US", "modifiedTime": "2026-11-27T06:00:00+00:00",
  "entities": [
    {"$type": "ReferenceEntity", "name": "Elsewhere", "source": "Account", "modelId": "other"},
    {"$type": "LocalEntity", "name": "People", "description": "", "annotations": [],
     "attributes": [
       {"name": "email", "dataType": "string"}, {"name": "score", "dataType": "int64"}, {"name": "ratio", "dataType": "double"},
       {"name": "price", "dataType": "decimal"}, {"name": "vip", "dataType": "boolean"}, {"name": "since", "dataType": "dateTime"},
       {"name": "seen", "dataType": "dateTimeOffset"}, {"name": "born", "dataType": "date"}, {"name": "id", "dataType": "guid"}, {"name": "doc", "dataType": "json"}
     ],
     "partitions": [%s]},
    {"$type": "LocalEntity", "name": "Empty", "attributes": [{"name": "email", "dataType": "string"}], "partitions": []}
  ]}`, strings.Join(partitions, ","))
}

const cdmHeader = "email,score,ratio,price,vip,since,seen,born,id,doc\n"

// cdmPart is a part as JSON, with settings in JSON.
func cdmPart(location, settings string) string {
	return fmt.Sprintf(`{"name": "Part", "refreshTime": "2026-11-27T06:00:00+00:00", "location": %q, "fileFormatSettings": {"$type": "CsvFormatSettings"%s}}`, location, settings)
}

const withHeader = `, "columnHeaders": true, "delimiter": ",", "quoteStyle": "QuoteStyle.Csv", "csvStyle": "CsvStyle.QuoteAlways", "encoding": "UTF-8"`

func cdmSource(t *testing.T, files map[string]string) file.Source {
	t.Helper()
	return file.Source{Path: filepath.Join(filetest.Folder(t, files), "model.json"), Format: file.CDM, Entity: "People"}
}

// An entity is read as the model describes it: its parts, each with its own settings,
// and the types of its attributes.
func TestCDM(t *testing.T) {
	t.Parallel()
	source := cdmSource(t, map[string]string{
		"model.json": bom + modelOf(
			cdmPart("People/2026/11/27/0600/People_1.csv", withHeader),
			cdmPart("./People/2026/11/27/0600/People%202.csv", `, "columnHeaders": false, "delimiter": ";"`),
			cdmPart("People/3.csv", ""),
			cdmPart("People/4.csv", ""),
			cdmPart("People/5.csv", `, "delimiter": "\t", "quoteStyle": "QuoteStyle.None", "encoding": "utf-16le"`),
			cdmPart("People/none.csv", ""),
		),
		"People/2026/11/27/0600/People_1.csv": cdmHeader + `a@x.org,7,0.5,1.50,True,2026-11-27 10:20:30,2026-11-27T10:20:30.5+02:00,2026-11-27,6f9619ff-8b86-d011-b42d-00c04fc964ff,"{""a"":1}"` + "\n" + `"b@x.org",,,,,,,,,` + "\n",
		"People/2026/11/27/0600/People 2.csv": `c@x.org; 007 ;1E3;12;false;11/27/2026 1:20:30 PM;11/27/2026 1:20:30 PM +01:00;11/27/2026;"a;b";[]` + "\n",
		"People/3.csv":                        "d@x.org,1,NaN,-3,0,2026-11-27T10:20:30Z,2026-11-27,2026-11-27T00:00:00+02:00,,null\n",
		"People/4.csv":                        cdmHeader,
		"People/5.csv":                        "\xff\xfe" + wide("e@x.org\t\t\t\t1\t\t\t\t\"x\t\n"),
		"People/none.csv":                     "",
		"People/not in the model.csv":         "f@x.org\n",
	})
	columns := []string{"score", "email", "ratio", "price", "vip", "since", "seen", "born", "id", "doc"}
	rows, err := source.Open(t.Context(), columns)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, err := segmenttest.ReadAll(rows)
	want := [][]string{
		{"7", "a@x.org", "0.5", "1.50", "true", "2026-11-27T10:20:30", "2026-11-27T08:20:30.5Z", "2026-11-27", "6f9619ff-8b86-d011-b42d-00c04fc964ff", `{"a":1}`},
		{"", "b@x.org", "", "", "", "", "", "", "", ""},
		{"7", "c@x.org", "1E3", "12", "false", "2026-11-27T13:20:30", "2026-11-27T12:20:30Z", "2026-11-27", "a;b", "[]"},
		{"1", "d@x.org", "", "-3", "false", "2026-11-27T10:20:30Z", "2026-11-27", "2026-11-27", "", "null"},
		{"", "e@x.org", "", "", "true", "", "", "", `"x`, ""},
	}
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("rows\n%q, want\n%q (%v)", all, want, err)
	}
	if got, want := rows.JSON(), []bool{true, false, true, true, true, false, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("JSON %v, want %v", got, want)
	}
	var missing *segment.MissingColumnsError
	if _, err := readFile(t, source, "email", "none"); !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"none"}) || len(missing.Available) != 10 {
		t.Errorf("error %v", err)
	}
}

// wide is a text in UTF-16.
func wide(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteString(text[i:i+1] + "\x00")
	}
	return b.String()
}

// A cell of spaces is empty, whatever the type of its attribute.
func TestCDMTakesSpacesForNothing(t *testing.T) {
	t.Parallel()
	columns := strings.Split(strings.TrimSpace(cdmHeader), ",")
	source := cdmSource(t, map[string]string{
		"model.json": modelOf(cdmPart("p.csv", `, "delimiter": ";"`)),
		"p.csv":      "a@x.org" + strings.Repeat("; \u00a0", len(columns)-1) + "\n",
	})
	rows, err := readFile(t, source, columns...)
	if err != nil || len(rows) != 1 || rows[0][0] != "a@x.org" || strings.TrimSpace(strings.Join(rows[0][1:], "")) != "" {
		t.Errorf("rows %q, %v", rows, err)
	}
}

// A value that is not of the type of its attribute is that of one row.
func TestCDMRejectsValues(t *testing.T) {
	t.Parallel()
	good := []string{"a@x.org", "1", "1", "1", "true", "2026-11-27", "2026-11-27", "2026-11-27", "x", "1"}
	for i, bad := range []string{1: "1.5", 2: "much", 3: "1,5", 4: "yes", 5: "27/11/2026", 6: "27.11.2026", 7: "soon", 9: "{"} {
		if bad == "" {
			continue
		}
		row := slices.Clone(good)
		row[i] = bad
		source := cdmSource(t, map[string]string{
			"model.json": modelOf(cdmPart("p.csv", `, "delimiter": ";"`)),
			"p.csv":      strings.Join(row, ";") + "\n" + strings.Join(good, ";") + "\n",
		})
		column := strings.Split(strings.TrimSpace(cdmHeader), ",")[i]
		rows, err := source.Open(t.Context(), []string{"email", column})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = rows.Close() })
		_, err = rows.Next(nil)
		var e *segment.RowError
		if !errors.As(err, &e) || !strings.Contains(e.Problem, fmt.Sprintf("has a value in the column %q that is no ", column)) || strings.Contains(e.Problem, bad) {
			t.Errorf("%q in %q: error %v", bad, column, err)
		} else if !slices.Equal(e.Cells, []string{"a@x.org", ""}) {
			t.Errorf("%q in %q: cells %q", bad, column, e.Cells)
		}
		if next, err := rows.Next(nil); err != nil || next[0] != "a@x.org" {
			t.Errorf("%q in %q: then %q, %v", bad, column, next, err)
		}
	}
	source := cdmSource(t, map[string]string{
		"model.json": strings.Replace(modelOf(cdmPart("p.csv", "")), "en-US", "en-GB", 1),
		"p.csv":      "a@x.org,,,,,11/12/2026,,,,\n",
	})
	if got, err := readFile(t, source, "email", "since"); err != nil || got[0][0] != segmenttest.Unreadable {
		t.Errorf("rows %q, %v of a date that may have either order", got, err)
	}
}

func TestCDMRefuses(t *testing.T) {
	t.Parallel()
	row := "a@x.org,1,1,1,true,,,,,\n"
	for name, tc := range map[string]struct {
		files    map[string]string
		argument string
		words    []string
	}{
		"no such part":           {map[string]string{"model.json": modelOf(cdmPart("p.csv", ""), cdmPart("gone.csv", "")), "p.csv": row}, "path", []string{`names the part "gone.csv" of the entity "People", but there is no such file`, "If an export is being written"}},
		"a part that leaves":     {map[string]string{"model.json": modelOf(cdmPart("../p.csv", ""))}, "path", []string{`names the part "../p.csv"`, "is elsewhere. Only files below"}},
		"an absolute part":       {map[string]string{"model.json": modelOf(cdmPart("/etc/hosts", ""))}, "path", []string{"is elsewhere"}},
		"a part of another host": {map[string]string{"model.json": modelOf(cdmPart("https://account.dfs.core.windows.net/container/People/p.csv?sig=secret", ""))}, "path", []string{`"https://account.dfs.core.windows.net/container/People/p.csv"`, "is elsewhere"}},
		"no location":            {map[string]string{"model.json": modelOf(cdmPart("", ""))}, "path", []string{"without a location"}},
		"no entity":              {map[string]string{"model.json": strings.ReplaceAll(modelOf(cdmPart("p.csv", "")), `"People"`, `"people"`)}, "entity", []string{`has no entity "People". Its entities are "Elsewhere", "people", "Empty"; case matters.`}},
		"another model":          {map[string]string{"model.json": strings.ReplaceAll(modelOf(cdmPart("p.csv", "")), `"LocalEntity"`, `"ReferenceEntity"`)}, "entity", []string{"is in another model"}},
		"no parts":               {map[string]string{"model.json": modelOf()}, "path", []string{`has no parts of the entity "People"`}},
		"no attributes":          {map[string]string{"model.json": strings.ReplaceAll(modelOf(cdmPart("p.csv", "")), `"attributes"`, `"x"`)}, "path", []string{"has no attributes"}},
		"an attribute twice":     {map[string]string{"model.json": strings.ReplaceAll(modelOf(cdmPart("p.csv", "")), `"score"`, `"email"`)}, "path", []string{`has the attribute "email" of the entity "People" twice`}},
		"an unknown type":        {map[string]string{"model.json": strings.ReplaceAll(modelOf(cdmPart("p.csv", "")), `"int64"`, `"int256"`), "p.csv": row}, "path", []string{`has the attribute "score" of the type "int256"`}},
		"Parquet":                {map[string]string{"model.json": strings.ReplaceAll(modelOf(cdmPart("p.csv", "")), "CsvFormatSettings", "ParquetFormatSettings"), "p.csv": row}, "path", []string{`its format is "ParquetFormatSettings", and only CSV is read`}},
		"a delimiter of two":     {map[string]string{"model.json": modelOf(cdmPart("p.csv", `, "delimiter": "||"`)), "p.csv": row}, "path", []string{`its delimiter "||" is not one character`}},
		"a quoteStyle":           {map[string]string{"model.json": modelOf(cdmPart("p.csv", `, "quoteStyle": "QuoteStyle.Single"`)), "p.csv": row}, "path", []string{`its quoteStyle "QuoteStyle.Single" is not known`}},
		"a csvStyle":             {map[string]string{"model.json": modelOf(cdmPart("p.csv", `, "csvStyle": "x"`)), "p.csv": row}, "path", []string{`its csvStyle "x" is not known`}},
		"an encoding":            {map[string]string{"model.json": modelOf(cdmPart("p.csv", `, "encoding": "klingon"`)), "p.csv": row}, "path", []string{`its encoding "klingon" is not known`}},
		"a header that is none":  {map[string]string{"model.json": modelOf(cdmPart("p.csv", withHeader)), "p.csv": row + row}, "path", []string{`The part`, "p.csv", "is not as the model says", "is not a header but a row of data"}},
		"a header in vain":       {map[string]string{"model.json": modelOf(cdmPart("p.csv", `, "columnHeaders": false`)), "p.csv": cdmHeader + row}, "path", []string{"is not as the model says", "holds the names", "fileFormatSettings"}},
		"columns that lack":      {map[string]string{"model.json": modelOf(cdmPart("p.csv", withHeader)), "p.csv": "email,vip\na@x.org,true\n"}, "path", []string{`lacks the columns "score", "ratio"`, "which the model has"}},
		"columns too few":        {map[string]string{"model.json": modelOf(cdmPart("p.csv", "")), "p.csv": "a@x.org,1\n"}, "path", []string{"is not as the model says"}},
		"another encoding":       {map[string]string{"model.json": modelOf(cdmPart("p.csv", "")), "p.csv": "\xff\xfe" + wide(row)}, "path", []string{"is not as the model says", "is UTF-16"}},
		"no JSON":                {map[string]string{"model.json": "{"}, "path", []string{"is no model: it is not valid JSON"}},
		"a manifest":             {map[string]string{"model.json": `{"manifestName":"x","entities":[]}`}, "path", []string{"is no model: it has no entities"}},
		"nesting":                {map[string]string{"model.json": strings.Repeat("[", 1<<20)}, "path", []string{"is no model"}},
		"too many parts":         {map[string]string{"model.json": modelOf(slices.Repeat([]string{`{"location":"p.csv"}`}, 10_001)...)}, "path", []string{"has more than 10000 parts"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := cdmSource(t, tc.files)
			_, err := readFile(t, source, "email", "score")
			refusedFor(t, err, tc.argument, tc.words...)
			if err != nil && (strings.Contains(err.Error(), "a@x") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("error %q", err)
			}
		})
	}
}

func TestCDMArguments(t *testing.T) {
	t.Parallel()
	source := cdmSource(t, map[string]string{"model.json": modelOf(cdmPart("p.csv", "")), "p.csv": "a@x.org,-,1,1,true,,,,,\n"})
	for argument, set := range map[string]func(*file.Source){
		"delimiter":  func(s *file.Source) { s.Delimiter = ';' },
		"encoding":   func(s *file.Source) { s.Encoding = "utf-16" },
		"columns":    func(s *file.Source) { s.Columns = []string{"email"} },
		"skip_lines": func(s *file.Source) { s.SkipLines = 1 },
		"comment":    func(s *file.Source) { s.Comment = "#" },
	} {
		wrong := source
		set(&wrong)
		_, err := readFile(t, wrong, "email")
		refusedFor(t, err, argument, "Leave "+argument+" out")
	}
	wrong := source
	wrong.Format = file.CSV
	_, err := readFile(t, wrong, "email")
	refusedFor(t, err, "entity", "Leave entity out, or set format = \"cdm\"")
	source.NullValues = []string{"-"}
	if got, err := readFile(t, source, "email", "score"); err != nil || got[0][1] != "" {
		t.Errorf("rows %q, %v", got, err)
	}
}

// Of models in dated folders, the newest is read, with the parts in its own folder.
func TestCDMNewest(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{
		"2026-11-9/model.json": modelOf(cdmPart("p.csv", "")), "2026-11-9/p.csv": "old@x.org,1,1,1,true,,,,,\n",
		"2026-11-27/model.json": modelOf(cdmPart("p.csv", "")), "2026-11-27/p.csv": "new@x.org,1,1,1,true,,,,,\n",
	})
	yes := true
	source := file.Source{Path: filepath.Join(dir, "*", "model.json"), Format: file.CDM, Entity: "People", Newest: &yes}
	rows, err := source.Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got, err := segmenttest.ReadAll(rows); err != nil || !reflect.DeepEqual(got, [][]string{{"new@x.org"}}) {
		t.Errorf("rows %q, %v", got, err)
	}
	if notices := rows.(segment.Noticer).Notices(); len(notices) != 1 || !strings.Contains(notices[0], "2026-11-27") {
		t.Errorf("notices %q", notices)
	}
	source.Newest = nil
	_, err = readFile(t, source, "email")
	refusedFor(t, err, "path", "The path matches 2 models", "set newest = true")
}

// The version is that of the model and of its parts.
func TestCDMVersion(t *testing.T) {
	t.Parallel()
	files := map[string]string{"model.json": modelOf(cdmPart("p.csv", ""), cdmPart("q.csv", "")), "p.csv": "a@x.org,1,1,1,true,,,,,\n", "q.csv": ""}
	source := cdmSource(t, files)
	version := func() string {
		t.Helper()
		v, err := source.Version(t.Context())
		if err != nil || v == "" {
			t.Fatalf("version %q, %v", v, err)
		}
		return v
	}
	seen := []string{version()}
	for name := range maps.Keys(files) {
		files[name] += "\n"
		filetest.WriteFiles(t, filepath.Dir(source.Path), files)
		v := version()
		if slices.Contains(seen, v) {
			t.Errorf("the same version after a change of %s", name)
		}
		seen = append(seen, v)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(source.Path), "q.csv")); err != nil {
		t.Fatal(err)
	}
	_, err := source.Version(t.Context())
	refusedFor(t, err, "path", "but there is no such file")
}

// FuzzCDM reads arbitrary bytes as a model and as a part.
func FuzzCDM(f *testing.F) {
	model := strings.NewReplacer(`"score"`, `"doc"`, `"doc"`, `"other"`).Replace(modelOf(cdmPart("p.csv", withHeader)))
	f.Add([]byte(model), []byte(cdmHeader+"a@x.org,1,1,1,true,,,,,\n"))
	f.Add([]byte(modelOf(cdmPart("p.csv", `, "quoteStyle": "QuoteStyle.None", "delimiter": "§"`))), []byte("a@x.org§1\n"))
	f.Fuzz(func(t *testing.T, model, part []byte) {
		_, _ = fuzzedRows(t, file.Source{Path: filepath.Join(filetest.Folder(t, map[string]string{"model.json": string(model), "p.csv": string(part)}), "model.json"), Format: file.CDM, Entity: "People"})
	})
}

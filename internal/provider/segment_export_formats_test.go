package provider

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

type parquetRow struct {
	EMail     string
	FirstName string
	Age       int64
}

func parquetSegment(t *testing.T, rows ...parquetRow) string {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const (
	agesCSV     = "EMail,FirstName,Age\nann@example.com,Ann,41\nbob@example.com,Bob,42\n"
	agesMoreCSV = agesCSV + "eve@example.com,Eve,43\n"

	agesJSON     = "{\"EMail\":\"ann@example.com\",\"FirstName\":\"Ann\",\"Age\":41}\n{\"EMail\":\"bob@example.com\",\"FirstName\":\"Bob\",\"Age\":42}\n"
	agesMoreJSON = agesJSON + "{\"EMail\":\"eve@example.com\",\"FirstName\":\"Eve\",\"Age\":43}\n"
)

// Every format is exported, has an empty plan afterwards, and shows what was
// added to it since. Types of the file are those of the profile.
func TestAccSegmentExport_fileFormats(t *testing.T) {
	t.Parallel()
	ann, bob, eve := parquetRow{"ann@example.com", "Ann", 41}, parquetRow{"bob@example.com", "Bob", 42}, parquetRow{"eve@example.com", "Eve", 43}
	tabs := func(csv string) string { return strings.ReplaceAll(csv, ",", "\t") }
	type file struct{ name, content string }
	for name, test := range map[string]struct {
		path         string
		first, later file
		age          any
	}{
		"tsv":      {"vip.tsv", file{"vip.tsv", tabs(agesCSV)}, file{"vip.tsv", tabs(agesMoreCSV)}, "41"},
		"ndjson":   {"vip.ndjson", file{"vip.ndjson", agesJSON}, file{"vip.ndjson", agesMoreJSON}, 41.0},
		"parquet":  {"vip.parquet", file{"vip.parquet", parquetSegment(t, ann, bob)}, file{"vip.parquet", parquetSegment(t, ann, bob, eve)}, 41.0},
		"csv.gz":   {"vip.csv.gz", file{"vip.csv.gz", gzipped(t, agesCSV)}, file{"vip.csv.gz", gzipped(t, agesMoreCSV)}, "41"},
		"patterns": {"vip-*.csv", file{"vip-1.csv", agesCSV}, file{"vip-2.csv", "Age,EMail,FirstName\n43,eve@example.com,Eve\n"}, "41"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.write(test.first.name, test.first.content)
			config := w.export(threeCSV).with(exportBlock, "segments", fileSegment(filepath.ToSlash(filepath.Join(w.dir, test.path)))).
				with(exportBlock, "properties", `{ age = { field = "Age" } }`)
			changed := applied(config, inState(exportAddress, values{"profile_count": 3}))
			changed.PreConfig = func() { w.write(test.later.name, test.later.content) }
			changed.ConfigPlanChecks = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(exportAddress, plancheck.ResourceActionUpdate),
			}}
			w.run(applied(config, inState(exportAddress, values{"profile_count": 2, "last_run.status": "succeeded"})), changed)
			w.wantMembers(three...)
			w.wantProfile("ann@example.com", simulator.Profile{
				Attributes: map[string]any{"first_name": "Ann"}, Properties: map[string]any{"age": test.age},
			})
		})
	}
}

// A file that is damaged must not shrink the segment, so nothing is sent.
func TestAccSegmentExport_fileFormatsRefused(t *testing.T) {
	t.Parallel()
	packed := gzipped(t, agesMoreCSV)
	for name, test := range map[string]struct {
		files map[string]string
		file  string
		words []string
	}{
		"truncated gzip":  {map[string]string{"vip.csv.gz": packed[:len(packed)-9]}, `path = "DIR/vip.csv.gz"`, []string{"Segment Cannot Be Read", "ends in the middle of its gzip data"}},
		"JSON line 17":    {map[string]string{"vip.json": strings.Repeat(agesJSON, 8) + "{\"EMail\"}\n" + agesJSON}, `path = "DIR/vip.json"`, []string{"Segment Cannot Be Read", "JSON line 17 of", "is invalid"}},
		"header differs":  {map[string]string{"1.csv": agesCSV, "2.csv": "EMail,Name,Age\n"}, `path = "DIR/*.csv"`, []string{"Segment Cannot Be Read", `lacks "FirstName" and adds "Name"`}},
		"no match":        {nil, `path = "DIR/*.parquet"`, []string{"No file matches"}},
		"missing column":  {map[string]string{"vip.json": `{"EMail":"ann@example.com"}`}, `path = "DIR/vip.json"`, []string{"Column Not In Segment", `no column "FirstName"; the columns are "EMail"`}},
		"parquet as csv":  {map[string]string{"vip.csv": parquetSegment(t, parquetRow{})}, `path = "DIR/vip.csv"`, []string{"is not CSV but Parquet", `format = "parquet"`}},
		"delimiter":       {map[string]string{"vip.json": agesJSON}, "path = \"DIR/vip.json\"\ndelimiter = \";\"", []string{"Only CSV has a delimiter", "is NDJSON"}},
		"unknown formats": {nil, "path = \"DIR/vip.json\"\nformat = \"xml\"", []string{"format", `"ndjson"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			config := w.export(threeCSV)
			if err := os.Remove(filepath.Join(w.dir, "vip.csv")); err != nil {
				t.Fatal(err)
			}
			for name, content := range test.files {
				w.write(name, content)
			}
			file := strings.ReplaceAll(test.file, "DIR", filepath.ToSlash(w.dir))
			w.run(refused(config.with(exportBlock, "segments", "{ vip = { file = {\n"+file+"\n} } }"), test.words...))
			w.wantImports(0)
		})
	}
}

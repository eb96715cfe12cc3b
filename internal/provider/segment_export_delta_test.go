package provider

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/gcstest"
)

// peopleTable is a Delta table of people by tiers, some of whom are in each file.
func peopleTable(t *testing.T, files ...[]person) *filetest.Delta {
	t.Helper()
	d := filetest.NewDelta(filetest.DeltaSchema(
		"EMail", "string", "FirstName", "string", "Score", "long", "VIP", "boolean", "Tags", `{"type":"array","elementType":"string","containsNull":true}`,
		"address", `{"type":"struct","fields":[{"name":"city","type":"string","nullable":true,"metadata":{}}]}`, "tier", "integer",
	), "tier")
	for i, people := range files {
		d.Commit(addPeople(t, d, i, people))
	}
	return d
}

func addPeople(t *testing.T, d *filetest.Delta, number int, people []person) string {
	t.Helper()
	return d.Add(fmt.Sprintf("tier=%d/part-%05d.snappy.parquet", number, number), filetest.Parquet(t, people), "tier", fmt.Sprint(number))
}

// deltaSegment exports the table in a folder.
func (w *env) deltaSegment(path string) configuration {
	w.t.Helper()
	return w.export(threeCSV).
		with(exportBlock, "properties", `{ score = "Score", vip = "VIP", tags = "Tags", city = "address.city", tier = "tier" }`).
		with(exportBlock, "segment", fileSegment(path, `format = "delta"`))
}

// A table drifts by a commit, and its columns keep their types, those of its partitions
// included.
func TestAccDelta_drifts(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	d := peopleTable(t, people[:1], people[1:3])
	d.Files["tier=9/left-over.snappy.parquet"] = parquetOf([]person{{EMail: "gone@example.com"}})
	dir := filetest.Folder(t, d.Files)
	ann := map[string]string{"score": `10`, "vip": `true`, "tags": `["a","b"]`, "city": `"Oslo"`, "tier": `0`}
	joe := map[string]string{"score": `40`, "vip": `true`, "tags": `["007"]`, "city": `"Graz"`, "tier": `7`}
	w.drifts(w.deltaSegment(dir), func() {
		d.Commit(addPeople(t, d, 7, people[3:]))
		filetest.WriteFiles(t, dir, d.Files)
	}, ann, joe)
}

// The version of a table that did not change is known from the listing of its log, so
// nothing of it is read again.
func TestAccDelta_unchangedIsNotRead(t *testing.T) { // not parallel: the address comes from the environment
	server := gcstest.New(t, "lake")
	t.Setenv("STORAGE_EMULATOR_HOST", server.URL)
	d := peopleTable(t, people[:1], people[1:3])
	put := func() {
		for name, content := range d.Files {
			server.Put("lake", "tables/people/"+name, content)
		}
		clear(d.Files) // what is there is not written again
	}
	put()
	w := newEnv(t)
	c := newCLI(t, w.deltaSegment("gs://lake/tables/people/"))
	read := func() (listings, commits, parts int) {
		for _, r := range server.Requests() {
			switch key := path.Base(r.URL.Path); {
			case r.URL.Query().Get("alt") != "media":
				if r.URL.Query().Has("prefix") {
					listings++
				}
			case strings.HasSuffix(key, ".json"):
				commits++
			default:
				parts++
			}
		}
		return listings, commits, parts
	}
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantMembers(three...)
	before, commits, parts := read()
	if commits == 0 || parts == 0 {
		t.Fatalf("%d commits and %d parts were read", commits, parts)
	}
	c.run("No changes", "plan", "-no-color", "-input=false")
	if listings, c, p := read(); listings == before || c != commits || p != parts {
		t.Errorf("an unchanged table: %d listings, %d commits and %d parts were read", listings-before, c-commits, p-parts)
	}

	// Rewritten files make a version, which is read; but nobody has changed.
	d.Commit(d.Remove("tier=0/part-00000.snappy.parquet"), strings.ReplaceAll(d.Add("tier=0/part-00009.snappy.parquet", filetest.Parquet(t, people[:1]), "tier", "0"), `"dataChange":true`, `"dataChange":false`))
	put()
	c.run("No changes", "plan", "-no-color", "-input=false")
	if _, _, p := read(); p == parts {
		t.Error("the new version is not read")
	}

	d.Commit(addPeople(t, d, 3, people[3:]))
	put()
	c.run("segment changed: +1 ~0 -0", "plan", "-no-color", "-input=false")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	c.run("No changes", "plan", "-no-color", "-input=false")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	for _, r := range server.Requests() {
		if r.Method != http.MethodGet {
			t.Errorf("requested %s %s", r.Method, r.URL)
		}
	}
}

// Many files and several batches are exported once, from a checkpoint and the commits
// after it.
func TestAccDelta_large(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	d := peopleTable(t)
	const files, rows = 25, 1000
	var want []string
	for n := range files {
		var some []person
		for i := range rows {
			email := fmt.Sprintf("p%d@example.com", n*rows+i)
			want = append(want, email)
			some = append(some, person{EMail: email, FirstName: "P"})
		}
		d.Commit(addPeople(t, d, n, some))
		if n == files/2 {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows("tier"), d.AddRows(t)...))
			d.Forget(n)
		}
	}
	w.run(applied(w.deltaSegment(filetest.Folder(t, d.Files)), inState(exportAddress, values{"profile_count": files * rows, "rejected_count": 0})))
	w.wantMembers(want...)
	if n := w.sent("POST", importsPath); n < 2 {
		t.Errorf("%d imports were sent", n)
	}
}

// What would be read wrongly is refused by the plan.
func TestAccDelta_refused(t *testing.T) {
	t.Parallel()
	const unreadable = "Segment Cannot Be Read"
	var plans refusals
	for name, tc := range map[string]struct {
		change    func(d *filetest.Delta)
		arguments []string
		words     []string
	}{
		"a file that was deleted": {func(d *filetest.Delta) { delete(d.Files, "tier=1/part-00001.snappy.parquet") }, nil, []string{unreadable, "lists the file", "part-00001.snappy.parquet", "there is no such file", "If VACUUM deleted it"}},
		"deletion vectors": {func(d *filetest.Delta) {
			d.Commit(`{"add":{"path":"x.parquet","partitionValues":{"tier":"1"},"size":9,"dataChange":true,"deletionVector":{"storageType":"u","pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6}}}`)
		}, nil, []string{unreadable, "has deletion vectors, which cannot be read", "REORG TABLE"}},
		"column mapping": {func(d *filetest.Delta) {
			d.Commit(filetest.DeltaConfigured(filetest.DeltaSchema("EMail", "string"), map[string]string{"delta.columnMapping.mode": "id"}))
		}, nil, []string{unreadable, `has column mapping (mode "id")`}},
		"a feature": {func(d *filetest.Delta) { d.Commit(filetest.DeltaProtocol(3, "catalogManaged")) }, nil, []string{unreadable, `needs the reader feature "catalogManaged"`}},
		"no table":  {func(d *filetest.Delta) { clear(d.Files); d.Files["x.parquet"] = "" }, nil, []string{unreadable, "There is no Delta table in", `set format = "parquet"`}},
		"a column that lacks": {func(d *filetest.Delta) {
			d.Commit(filetest.DeltaMetadata(filetest.DeltaSchema("EMail", "string", "Name", "string")))
		}, nil, []string{"Columns Not In Segment", `"FirstName"`, `"Name"`}},
		"no rows": {func(d *filetest.Delta) {
			d.Commit(d.Remove("tier=0/part-00000.snappy.parquet"), d.Remove("tier=1/part-00001.snappy.parquet"))
		}, nil, []string{"Segment Is Empty", `Segment "vip" has no rows`}},
		"a delimiter": {func(*filetest.Delta) {}, []string{`delimiter = ";"`}, []string{unreadable, "Only CSV has a delimiter to choose", "is a Delta table", "Leave delimiter out"}},
		"an entity":   {func(*filetest.Delta) {}, []string{`entity = "People"`}, []string{"Argument Without Its Format", `set format = "cdm"`}},
	} {
		w := newEnv(t)
		d := peopleTable(t, people[:1], people[1:3])
		tc.change(d)
		arguments := append([]string{`format = "delta"`}, tc.arguments...)
		plans.add(name, w, w.deltaSegment("").with(exportBlock, "segment", fileSegment(filetest.Folder(t, d.Files), arguments...)), tc.words, w.wantNoImport)
	}
	plans.run(t)
}

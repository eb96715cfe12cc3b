package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// member is a row of a file of a table.
type member struct {
	Email string `parquet:"email"`
	Score int64  `parquet:"score"`
}

var memberSchema = filetest.DeltaSchema("email", "string", "score", "long")

// part is a file of a table with one row for each name.
func part(t testing.TB, names ...string) string {
	t.Helper()
	var rows []member
	for i, name := range names {
		rows = append(rows, member{name + "@example.com", int64(i)})
	}
	return filetest.Parquet(t, rows)
}

// newTable is a table that has two versions: ann and bob, then eve in place of bob.
func newTable(t testing.TB) *filetest.Delta {
	t.Helper()
	d := filetest.NewDelta(memberSchema)
	d.Commit(d.Add("part-0.parquet", part(t, "ann")), d.Add("part-1.parquet", part(t, "bob")))
	d.Commit(d.Remove("part-1.parquet"), d.Add("part-2.parquet", part(t, "eve")))
	return d
}

func deltaSource(t testing.TB, d *filetest.Delta) file.Source {
	t.Helper()
	return file.Source{Path: filetest.Folder(t, d.Files), Format: file.Delta}
}

// wantMembers reads the addresses of a table.
func wantMembers(t *testing.T, source file.Source, names ...string) {
	t.Helper()
	rows, err := readFile(t, source, "email")
	if err != nil {
		t.Error(err)
		return
	}
	got := []string{}
	for _, row := range rows {
		got = append(got, strings.TrimSuffix(row[0], "@example.com"))
	}
	if !slices.Equal(got, append([]string{}, names...)) {
		t.Errorf("members %q, want %q", got, names)
	}
}

// The rows are those of the files that the newest version has, whatever else is in the
// folder, and in whatever way the log says so.
func TestDeltaLogs(t *testing.T) {
	t.Parallel()
	const sidecar = "3a0d65cd-4056-49b8-937b-95f9e3ee90e5"
	for name, tc := range map[string]struct {
		log  func(d *filetest.Delta)
		want []string
	}{
		"commits": {func(*filetest.Delta) {}, []string{"ann", "eve"}},
		"other files": {func(d *filetest.Delta) {
			d.Files["part-9.parquet"] = "not in the table"
			d.Files["_delta_log/00000000000000000002.crc"] = "{"
			d.Files["_delta_log/00000000000000000001.00000000000000000002.compacted.json"] = "{"
			d.Files["_delta_log/_staged_commits/00000000000000000003.3a0d65cd-4056-49b8-937b-95f9e3ee90e5.json"] = "{"
			d.Files["_delta_log/.00000000000000000003.json.tmp"] = "{"
		}, []string{"ann", "eve"}},
		"_last_checkpoint that lies": {func(d *filetest.Delta) { d.Files["_delta_log/_last_checkpoint"] = `{"version":99,"size":1,"parts":3}` }, []string{"ann", "eve"}},
		"a checkpoint":               {func(d *filetest.Delta) { d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...)) }, []string{"ann", "eve"}},
		"a checkpoint and the last commit": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
			d.Forget(1)
		}, []string{"ann", "eve"}},
		"a checkpoint and no commit": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
			d.Forget(2)
		}, []string{"ann", "eve"}},
		"commits after a checkpoint": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
			d.Forget(2)
			d.Commit(d.Remove("part-0.parquet"), d.Add("part-3.parquet", part(t, "joe", "kim")))
		}, []string{"eve", "joe", "kim"}},
		"a checkpoint in parts": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.0000000001.0000000003.parquet", d.HeadRows())
			d.Checkpoint(t, "checkpoint.0000000002.0000000003.parquet", d.AddRows(t)[:1])
			d.Checkpoint(t, "checkpoint.0000000003.0000000003.parquet", d.AddRows(t)[1:])
			d.Forget(2)
		}, []string{"ann", "eve"}},
		"a part that is missing": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.0000000001.0000000002.parquet", d.HeadRows())
		}, []string{"ann", "eve"}},
		"a part that is missing, after a checkpoint": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
			d.Forget(2)
			d.Commit(d.Add("part-3.parquet", part(t, "joe")))
			d.Checkpoint(t, "checkpoint.0000000002.0000000002.parquet", d.HeadRows())
		}, []string{"ann", "eve", "joe"}},
		"a checkpoint of version 2": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet", append(d.HeadRows(), filetest.SidecarRow(sidecar+".parquet")))
			d.Files["_delta_log/_sidecars/"+sidecar+".parquet"] = filetest.Parquet(t, d.AddRows(t))
			d.Forget(2)
		}, []string{"ann", "eve"}},
		"a checkpoint of version 2 in JSON": {func(d *filetest.Delta) {
			d.Files[filetest.LogName(2, "checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json")] = strings.Join([]string{
				filetest.DeltaProtocol(3, "v2Checkpoint"), filetest.DeltaMetadata(memberSchema), `{"checkpointMetadata":{"version":2}}`,
				`{"sidecar":{"path":"` + sidecar + `.parquet","sizeInBytes":1,"modificationTime":1}}`,
			}, "\n")
			d.Files["_delta_log/_sidecars/"+sidecar+".parquet"] = filetest.Parquet(t, d.AddRows(t))
			d.Forget(2)
		}, []string{"ann", "eve"}},
		"a file that comes back": {func(d *filetest.Delta) { d.Commit(d.Add("part-1.parquet", part(t, "bob"))) }, []string{"ann", "bob", "eve"}},
		"no files": {func(d *filetest.Delta) {
			d.Commit(d.Remove("part-0.parquet"), d.Remove("part-2.parquet"))
		}, nil},
		"rows deleted and the file removed since": {func(d *filetest.Delta) {
			d.Commit(`{"remove":{"path":"part-0.parquet","dataChange":true}}`, `{"add":{"path":"part-0.parquet","partitionValues":{},"size":9,"dataChange":true,"deletionVector":{"storageType":"u","pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6}}}`)
			d.Commit(`{"remove":{"path":"part-0.parquet","dataChange":true,"deletionVector":{"storageType":"u","pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6}}}`)
		}, []string{"eve"}},
		"as Spark and delta-rs write": {func(d *filetest.Delta) {
			size := len(part(t, "joe"))
			d.Files["part-00000-751b.c000.snappy.parquet"] = part(t, "joe")
			d.Commit(`{"commitInfo":{"timestamp":1790773040477,"operation":"WRITE","operationParameters":{"mode":"Overwrite","partitionBy":"[]"},"isBlindAppend":false,"operationMetrics":{"numFiles":"1"},"engineInfo":"Apache-Spark/4.0.1 Delta-Lake/4.0.1","txnId":"29ba1370-4f30-4e5c-8955-88c4be112687"}}`,
				`{"metaData":{"id":"x","name":null,"description":null,"format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"email\",\"type\":\"string\",\"nullable\":true,\"metadata\":{\"delta.identity.step\":1,\"delta.identity.allowExplicitInsert\":false}}]}","partitionColumns":[],"configuration":{"delta.checkpointPolicy":"v2"},"createdTime":1790773036609}}`,
				`{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["v2Checkpoint"],"writerFeatures":["v2Checkpoint","identityColumns","appendOnly","invariants"]}}`,
				`{"remove":{"path":"part-0.parquet","deletionTimestamp":1790773040000,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{},"size":1,"tags":{},"stats":"{}"}}`,
				fmt.Sprintf(`{"add":{"path":"part-00000-751b.c000.snappy.parquet","partitionValues":{},"size":%d,"modificationTime":1753206988101,"dataChange":true,"stats":"{\"numRecords\":1,\"minValues\":{\"id\":0}}","tags":null,"deletionVector":null,"baseRowId":null,"defaultRowCommitVersion":null,"clusteringProvider":null}}`, size))
		}, []string{"joe", "eve"}},
		"what a reader need not know": {func(d *filetest.Delta) {
			d.Commit(filetest.DeltaProtocol(3, "deletionVectors", "columnMapping", "timestampNtz", "vacuumProtocolCheck"), filetest.DeltaConfigured(memberSchema, map[string]string{"delta.columnMapping.mode": "none"}),
				`{"txn":{"appId":"x","version":1}}`, `{"domainMetadata":{"domain":"delta.clustering","configuration":"{}","removed":false}}`, `{"cdc":{"path":"_change_data/x.parquet","size":1}}`, "")
		}, []string{"ann", "eve"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTable(t)
			tc.log(d)
			wantMembers(t, deltaSource(t, d), tc.want...)
		})
	}
}

// Whoever does not know all about a table must not read it.
func TestDeltaRefuses(t *testing.T) {
	t.Parallel()
	commit := func(actions ...string) func(*filetest.Delta) {
		return func(d *filetest.Delta) { d.Commit(actions...) }
	}
	const deletions = `"deletionVector":{"storageType":"u","pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6}`
	for name, tc := range map[string]struct {
		log  func(d *filetest.Delta)
		want string
	}{
		"a reader version":   {commit(filetest.DeltaProtocol(4)), "has the reader version 4 of the protocol, which is not known"},
		"no features":        {commit(`{"protocol":{"minReaderVersion":3,"minWriterVersion":7}}`), "has the reader version 3"},
		"type widening":      {commit(filetest.DeltaProtocol(3, "typeWidening")), `needs the reader feature "typeWidening"`},
		"managed by catalog": {commit(filetest.DeltaProtocol(3, "deletionVectors", "catalogManaged")), `needs the reader feature "catalogManaged"`},
		"column mapping":     {commit(filetest.DeltaProtocol(2), filetest.DeltaConfigured(memberSchema, map[string]string{"delta.columnMapping.mode": "name"})), `has column mapping (mode "name")`},
		"deletion vectors": {
			commit(`{"remove":{"path":"part-0.parquet","dataChange":true}}`, `{"add":{"path":"part-0.parquet","partitionValues":{},"size":9,"dataChange":true,`+deletions+`}}`),
			`has deletion vectors, which cannot be read: rows of "part-0.parquet" were deleted`,
		},
		"deletion vectors in a checkpoint": {func(d *filetest.Delta) {
			d.Commit(`{"remove":{"path":"part-0.parquet"}}`)
			rows := append(d.HeadRows(), d.AddRows(t)...)
			rows[4].Add.DeletionVector = &filetest.DeltaDeletions{StorageType: "i", PathOrData: "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L", Size: 40, Cardinality: 6}
			d.Checkpoint(t, "checkpoint.parquet", rows)
			d.Forget(3)
		}, "has deletion vectors"},
		"a checkpoint of a reader version": {func(d *filetest.Delta) {
			rows := append(d.HeadRows(), d.AddRows(t)...)
			rows[0].Protocol.MinReaderVersion, rows[0].Protocol.ReaderFeatures = 3, []string{"variantType"}
			d.Checkpoint(t, "checkpoint.parquet", rows)
		}, `needs the reader feature "variantType"`},
		"ORC":                                  {commit(strings.Replace(filetest.DeltaMetadata(memberSchema), `"parquet"`, `"orc"`, 1)), `has files of the format "orc"`},
		"a file that was deleted":              {func(d *filetest.Delta) { delete(d.Files, "part-2.parquet") }, `lists the file "part-2.parquet" in version 2, but there is no such file. If VACUUM deleted it`},
		"a file that was changed":              {func(d *filetest.Delta) { d.Files["part-2.parquet"] += "x" }, `lists the file "part-2.parquet" with`},
		"another host":                         {commit(`{"add":{"path":"s3://other/part.parquet","partitionValues":{},"size":1}}`), "lists a file that is not in its folder. A shallow clone"},
		"an absolute path":                     {commit(`{"add":{"path":"/etc/part.parquet","partitionValues":{},"size":1}}`), "lists a file that is not in its folder"},
		"a path that leaves":                   {commit(`{"add":{"path":"a/../../part.parquet","partitionValues":{},"size":1}}`), "lists a file that is not in its folder"},
		"a path that leaves, coded":            {commit(`{"add":{"path":"%2e%2e/part.parquet","partitionValues":{},"size":1}}`), "lists a file that is not in its folder"},
		"a path that is not valid":             {commit(`{"add":{"path":"%zz","partitionValues":{},"size":1}}`), "line 1 names a file with a path that is not valid"},
		"no path":                              {commit(`{"add":{"partitionValues":{},"size":1}}`), "line 1 names a file with a path that is not valid"},
		"no size":                              {commit("", `{"add":{"path":"x.parquet","partitionValues":{}}}`), "line 2 adds a file without a size"},
		"a sidecar that leaves":                {commit(`{"sidecar":{"path":"../00000000000000000000.json","sizeInBytes":1}}`), "names a sidecar that is not in the folder"},
		"no JSON":                              {commit(`{"commitInfo":{}}`, `{"add":`), "00000000000000000003.json\" line 2 is no action. Restore the file"},
		"another type":                         {commit(`{"add":{"path":["ann@example.com"]}}`), "line 1 is no action"},
		"nesting":                              {commit(`{"commitInfo":` + strings.Repeat("[", 20_000)), "line 1 is no action"},
		"an empty commit":                      {func(d *filetest.Delta) { d.Files[filetest.LogName(3, "json")] = "" }, "00000000000000000003.json\" there is nothing"},
		"no schema":                            {commit(filetest.DeltaMetadata("")), "its schema cannot be read"},
		"a schema of one type":                 {commit(filetest.DeltaMetadata(`"string"`)), "its schema cannot be read"},
		"a schema that is too deep":            {commit(filetest.DeltaMetadata(strings.Repeat(`{"type":"array","elementType":`, 500) + `"long"` + strings.Repeat("}", 500))), "its schema cannot be read"},
		"a partition column that is no column": {commit(filetest.DeltaMetadata(memberSchema, "tier")), `its schema lacks the partition column "tier"`},
		"a file without its partition":         {commit(filetest.DeltaMetadata(filetest.DeltaSchema("email", "string", "tier", "string"), "tier")), `has no value of the partition column "tier"`},
		"a commit that is missing":             {func(d *filetest.Delta) { delete(d.Files, filetest.LogName(1, "json")) }, "lacks commit 1 in its log, whose last one is 2"},
		"early commits that are missing":       {func(d *filetest.Delta) { d.Forget(1) }, "has a log that begins with commit 2, and no complete checkpoint"},
		"commits missing after a checkpoint": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
			d.Commit(`{"commitInfo":{}}`)
			d.Commit(`{"commitInfo":{}}`)
			delete(d.Files, filetest.LogName(3, "json"))
		}, "lacks commit 3 in its log, whose last one is 4"},
		"nothing but a part of a checkpoint": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.0000000001.0000000002.parquet", d.HeadRows())
			d.Forget(2)
		}, "only a part of a checkpoint"},
		"a sidecar that is missing": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet", append(d.HeadRows(), filetest.SidecarRow("gone.parquet")))
			d.Forget(2)
		}, "gone.parquet"},
		"a checkpoint without actions": {func(d *filetest.Delta) {
			d.Files[filetest.LogName(2, "checkpoint.parquet")] = part(t, "ann")
		}, "there are no actions"},
		"a damaged checkpoint": {func(d *filetest.Delta) {
			d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
			name := filetest.LogName(2, "checkpoint.parquet")
			d.Files[name] = "PAR1" + strings.Repeat("\xff", 400) + d.Files[name][404:]
		}, "is damaged"},
		"a log that does not say what the table is": {func(d *filetest.Delta) {
			d.Files[filetest.LogName(0, "json")] = "{}"
		}, "neither a commit nor a checkpoint says what the table is"},
		"no log":   {func(d *filetest.Delta) { d.Forget(2) }, "There is no Delta table in"},
		"version":  {func(d *filetest.Delta) { d.Files["_delta_log/99999999999999999999.json"] = "{}" }, "whose version is too large"},
		"far away": {func(d *filetest.Delta) { d.Files["_delta_log/00999999999999999999.json"] = "{}" }, "has more than 10000 commits since its last checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTable(t)
			tc.log(d)
			_, err := readFile(t, deltaSource(t, d), "email")
			if err == nil {
				t.Fatal("it is read")
			}
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) || strings.Contains(e.Error(), "ann@") {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

// Columns have the types that the table has, in each of its files.
func TestDeltaColumns(t *testing.T) {
	t.Parallel()
	type address struct {
		City string `parquet:"city"`
		Zip  int32  `parquet:"zip,optional"`
	}
	type row struct {
		Email   string   `parquet:"email"`
		Score   *int64   `parquet:"SCORE,optional"` // of another case than in the table
		VIP     bool     `parquet:"vip"`
		Day     int32    `parquet:"day,date"`
		Tags    []string `parquet:"tags,list"`
		Address *address `parquet:"address,optional"`
		Tier    string   `parquet:"tier"` // which the log knows better
	}
	type old struct {
		Email string `parquet:"email"`
	}
	schema := filetest.DeltaSchema("email", "string", "score", "long", "vip", "boolean", "day", "date", "tags", `{"type":"array","elementType":"string","containsNull":true}`,
		"address", `{"type":"struct","fields":[{"name":"city","type":"string","nullable":true,"metadata":{}},{"name":"zip","type":"integer","nullable":true,"metadata":{}}]}`,
		"tier", "string", "since", "date", "n", "integer", "price", "decimal(5,2)", "at", "timestamp", "on", "boolean", "ratio", "double", "nothing", "void", "photo", "binary")
	partitions := []string{"tier", "since", "n", "price", "at", "on", "ratio"}
	seven := int64(7)
	d := filetest.NewDelta(schema, partitions...)
	d.Commit(
		d.Add("tier=a%2Fb/x=1/a b+ü.parquet", filetest.Parquet(t, []row{{"ann@x.org", &seven, true, 20_000, []string{"x"}, &address{"Oslo", 1}, "file"}, {"bob@x.org", nil, false, 0, nil, nil, "file"}}),
			"tier", "a/b", "since", "2026-11-27", "n", "007", "price", "1.50", "at", "2026-11-27 10:20:30.5", "on", "true", "ratio", "0.50"),
		d.Add("z.parquet", filetest.Parquet(t, []old{{"old@x.org"}}),
			"tier", "NULL", "since", "", "n", "NULL", "price", "NULL", "at", "2026-11-27T10:20:30Z", "on", "NULL", "ratio", "NaN"),
	)
	source := deltaSource(t, d)
	columns := []string{"email", "score", "vip", "day", "tags", "address", "address.city", "address.zip", "tier", "since", "n", "price", "at", "on", "ratio", "nothing"}
	rows, err := source.Open(t.Context(), columns)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, err := segmenttest.ReadAll(rows)
	if err != nil {
		t.Fatal(err)
	}
	constants := []string{"a/b", "2026-11-27", "7", "1.50", "2026-11-27T10:20:30.5", "true", "0.5", ""}
	want := [][]string{
		append([]string{"ann@x.org", "7", "true", "2024-10-04", `["x"]`, `{"city":"Oslo","zip":1}`, "Oslo", "1"}, constants...),
		append([]string{"bob@x.org", "", "false", "1970-01-01", "[]", "", "", ""}, constants...),
		{"old@x.org", "", "", "", "", "", "", "", "", "", "", "", "2026-11-27T10:20:30Z", "", "", ""},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("rows\n%q, want\n%q", all, want)
	}
	if got, want := rows.JSON(), []bool{false, true, true, false, true, true, false, true, false, false, true, true, false, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("JSON %v, want %v", got, want)
	}

	_, err = readFile(t, source, "email", "none", "address.none")
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"none", "address.none"}) || !slices.Contains(missing.Available, "address.city") {
		t.Errorf("error %v", err)
	}
	_, err = readFile(t, source, "photo")
	refusedFor(t, err, "path", `has the column "photo" of the type binary, a type that cannot be mapped`)

	for name, tc := range map[string]struct {
		value []string
		want  string
	}{
		"no number": {[]string{"n", "seven"}, `The value of the partition column "n" of the file`},
		"too large": {[]string{"n", "99999999999999999999"}, `is no integer in the log`},
		"no date":   {[]string{"since", "27.11.2026"}, `is no date`},
		"no flag":   {[]string{"on", "yes"}, `is no boolean`},
		"no price":  {[]string{"price", "1,50"}, `is no decimal`},
		"no time":   {[]string{"at", "noon"}, `is no timestamp`},
	} {
		values := []string{"tier", "NULL", "since", "NULL", "n", "NULL", "price", "NULL", "at", "NULL", "on", "NULL", "ratio", "NULL"}
		values[slices.Index(values, tc.value[0])+1] = tc.value[1]
		d := filetest.NewDelta(schema, partitions...)
		d.Commit(d.Add("x.parquet", filetest.Parquet(t, []old{{"old@x.org"}}), values...))
		_, err := readFile(t, deltaSource(t, d), "email", tc.value[0])
		refusedFor(t, err, "path", tc.want)
		if got, err := readFile(t, deltaSource(t, d), "email"); err != nil || len(got) != 1 {
			t.Errorf("%s: rows %q, %v of a column beside it", name, got, err)
		}
	}
}

// A file with another type than the table is refused rather than read as text.
func TestDeltaFileOfAnotherType(t *testing.T) {
	t.Parallel()
	type text struct {
		Email string `parquet:"email"`
		Score string `parquet:"score"`
	}
	type twice struct {
		Email int64  `parquet:"EMAIL"`
		Other string `parquet:"Email"`
	}
	d := newTable(t)
	d.Commit(d.Add("part-3.parquet", filetest.Parquet(t, []text{{"joe@example.com", "1"}})))
	_, err := readFile(t, deltaSource(t, d), "email", "score")
	refusedFor(t, err, "path", `The column "score" of the file`, "part-3.parquet", "has another type than in the table, where it is long")
	wantMembers(t, deltaSource(t, d), "ann", "eve", "joe")

	d.Commit(d.Remove("part-3.parquet"), d.Add("part-4.parquet", filetest.Parquet(t, []twice{{1, "joe@example.com"}})))
	_, err = readFile(t, deltaSource(t, d), "email")
	refusedFor(t, err, "path", "part-4.parquet", "names differ only in case")
}

// Errors name the file, and rows are found in it.
func TestDeltaNamesFileAndRow(t *testing.T) {
	t.Parallel()
	d := newTable(t)
	many := filetest.Parquet(t, make([]member, 3000), parquet.MaxRowsPerRowGroup(1000), parquet.Compression(&parquet.Uncompressed))
	bad := []byte(many)
	for i := len(bad) / 2; i < len(bad)*3/4; i++ {
		bad[i] = 0xff
	}
	d.Commit(d.Add("part-3.parquet", string(bad)))
	source := deltaSource(t, d)
	rows, err := source.Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var at int
	for range 2 {
		if _, err := rows.Next(nil); err != nil {
			t.Fatal(err)
		}
		at, _ = rows.(segment.Locator).Position()
	}
	if name := rows.(segment.Locator).File(at); !strings.HasSuffix(name, "/part-2.parquet") {
		t.Errorf("row 2 is in %q", name)
	}
	if _, err = segmenttest.ReadAll(rows); err == nil {
		t.Fatal("damage is not noticed")
	}
	refusedFor(t, err, "path", "part-3.parquet", "is damaged: it cannot be read beyond row")
}

// counted is a store that counts what is read of each file.
type counted struct {
	storage.FolderStore
	opened map[string]int
	onOpen func(name string)
	hidden string // a file that the next listing lacks
}

func counting(path string) *counted {
	return &counted{FolderStore: storage.Of(path).(storage.FolderStore), opened: map[string]int{}}
}

func (c *counted) Folder(ctx context.Context, path string) (storage.Folder, error) {
	folder, err := c.FolderStore.Folder(ctx, path)
	return countedFolder{folder, c}, err
}

type countedFolder struct {
	storage.Folder
	counted *counted
}

func (f countedFolder) List(ctx context.Context, below string, wanted func(string) bool) ([]storage.Object, error) {
	hidden := f.counted.hidden
	f.counted.hidden = ""
	objects, err := f.Folder.List(ctx, below, func(name string) bool { return name != hidden && wanted(name) })
	for i := range objects {
		objects[i] = countedObject{objects[i], f.counted}
	}
	return objects, err
}

func (f countedFolder) File(ctx context.Context, below string) (storage.Object, error) {
	object, err := f.Folder.File(ctx, below)
	if err != nil {
		return nil, err
	}
	return countedObject{object, f.counted}, nil
}

type countedObject struct {
	storage.Object
	counted *counted
}

func (o countedObject) Open(ctx context.Context) (storage.Content, error) {
	name := filepath.Base(o.Path())
	o.counted.opened[name]++
	if o.counted.onOpen != nil {
		o.counted.onOpen(name)
	}
	return o.Object.Open(ctx)
}

// The version of the table is that of the segment, and takes a listing of the log alone.
func TestDeltaVersion(t *testing.T) {
	t.Parallel()
	d := newTable(t)
	source := deltaSource(t, d)
	store := counting(source.Path)
	source.Store = store
	version := func() string {
		t.Helper()
		v, err := source.Version(t.Context())
		if err != nil || v == "" {
			t.Fatalf("version %q, %v", v, err)
		}
		return v
	}
	write := func() { filetest.WriteFiles(t, source.Path, d.Files) }
	if !source.TellsChanges() {
		t.Error("versions of a table do not count")
	}
	first := version()
	if again := version(); again != first {
		t.Errorf("version %q, then %q", first, again)
	}
	d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
	d.Files["part-9.parquet"] = "not in the table"
	write()
	if v := version(); v != first {
		t.Errorf("a checkpoint makes version %q of %q", v, first)
	}
	d.Commit(strings.ReplaceAll(d.Remove("part-0.parquet"), `"dataChange":true`, `"dataChange":false`), strings.ReplaceAll(d.Add("part-3.parquet", part(t, "ann")), `"dataChange":true`, `"dataChange":false`))
	write()
	second := version()
	if second == first {
		t.Error("a commit makes no version")
	}
	if len(store.opened) > 0 {
		t.Errorf("opened %v", store.opened)
	}
	// Another table in the same folder may come to have as many commits.
	d.Files[filetest.LogName(3, "json")] += `{"txn":{"appId":"x","version":1}}` + "\n"
	write()
	if v := version(); v == second {
		t.Error("another commit 3 makes no version")
	}
	d.Files[filetest.LogName(4, "json")] = "{}\n"
	filetest.WriteFiles(t, source.Path, d.Files)
	if err := os.WriteFile(filepath.Join(source.Path, filetest.LogName(5, "json")), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := source.Version(t.Context()); v != "" || err != nil { // it may be written again within the tick of a clock
		t.Errorf("version %q, %v of a commit of this moment", v, err)
	}
}

// What is committed while a table is read is not in what is read, and what is cleaned up
// between the listing and the reading is found in the checkpoint that replaced it.
func TestDeltaChangesWhileRead(t *testing.T) {
	t.Parallel()
	d := newTable(t)
	source := deltaSource(t, d)
	store := counting(source.Path)
	source.Store = store
	store.onOpen = func(name string) {
		if name == "part-0.parquet" {
			d.Commit(d.Remove("part-2.parquet"), d.Add("part-3.parquet", part(t, "joe")))
			filetest.WriteFiles(t, source.Path, d.Files)
		}
	}
	wantMembers(t, source, "ann", "eve")
	store.onOpen = nil
	wantMembers(t, source, "ann", "joe")

	d = newTable(t)
	source.Path = filetest.Folder(t, d.Files)
	cleaned := false
	store.onOpen = func(name string) {
		if name != "00000000000000000001.json" || cleaned {
			return
		}
		cleaned = true
		d.Checkpoint(t, "checkpoint.parquet", append(d.HeadRows(), d.AddRows(t)...))
		filetest.WriteFiles(t, source.Path, d.Files)
		for version := range 3 {
			if err := os.Remove(filepath.Join(source.Path, filetest.LogName(version, "json"))); err != nil {
				t.Error(err)
			}
		}
	}
	wantMembers(t, source, "ann", "eve")
}

// No message holds an address that a folder is named by, nor a secret in a path.
func TestDeltaMasksPaths(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]string{"email=ann@example.com/part-1.parquet": "…/part-1.parquet", "ann@example.com.parquet": "…"} {
		d := newTable(t)
		d.Commit(d.Add(name, part(t, "joe")))
		delete(d.Files, name)
		_, err := readFile(t, deltaSource(t, d), "email")
		refusedFor(t, err, "path", fmt.Sprintf("lists the file %q", shown))
		if strings.Contains(err.Error(), "ann@") {
			t.Errorf("error %q", err)
		}
		d.Files[name] = strings.Repeat("x", len(part(t, "joe")))
		if _, err := readFile(t, deltaSource(t, d), "email"); err == nil || strings.Contains(err.Error(), "ann@") {
			t.Errorf("error %v", err)
		}
	}
	_, err := readFile(t, file.Source{Path: "s3//user:secret@host/table", Format: file.Delta}, "email")
	refusedFor(t, err, "path", "neither that of a file nor a URL")
}

// Arguments of other formats are refused.
func TestDeltaArguments(t *testing.T) {
	t.Parallel()
	source := deltaSource(t, newTable(t))
	yes := true
	for argument, set := range map[string]func(*file.Source){
		"delimiter":  func(s *file.Source) { s.Delimiter = ';' },
		"encoding":   func(s *file.Source) { s.Encoding = "utf-16" },
		"columns":    func(s *file.Source) { s.Columns = []string{"email"} },
		"skip_lines": func(s *file.Source) { s.SkipLines = 1 },
		"comment":    func(s *file.Source) { s.Comment = "#" },
		"newest":     func(s *file.Source) { s.Newest = &yes },
	} {
		wrong := source
		set(&wrong)
		_, err := readFile(t, wrong, "email")
		refusedFor(t, err, argument, "Leave "+argument+" out")
		_, err = wrong.Version(t.Context())
		refusedFor(t, err, argument)
	}
	source.NullValues = []string{"ann@example.com"}
	if got, err := readFile(t, source, "email"); err != nil || got[0][0] != "" {
		t.Errorf("rows %q, %v", got, err)
	}
	_, err := readFile(t, file.Source{Path: "https://example.com/table", Format: file.Delta}, "email")
	refusedFor(t, err, "path", "A Delta table cannot be read from a web server")
	_, err = readFile(t, file.Source{Path: filepath.Join(source.Path, "part-0.parquet"), Format: file.Delta}, "email")
	refusedFor(t, err, "path", "There is no Delta table in")
}

// A log is bounded: in the number of files, and in the length of lines.
func TestDeltaBounds(t *testing.T) {
	t.Parallel()
	d := newTable(t)
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `{"add":{"path":"%d.parquet","partitionValues":{},"size":1}}`+"\n", i)
	}
	d.Files[filetest.LogName(3, "json")] = b.String()
	_, err := readFile(t, deltaSource(t, d), "email")
	refusedFor(t, err, "path", "has more than 100000 files. Compact the table with OPTIMIZE")

	d = newTable(t)
	d.Commit(`{"commitInfo":"` + strings.Repeat("x", 17<<20) + `"}`)
	_, err = readFile(t, deltaSource(t, d), "email")
	refusedFor(t, err, "path", "line 1 is longer than 16 MiB")
}

// A log that is larger than what is read is refused before it is read.
func TestDeltaLargeLog(t *testing.T) {
	t.Parallel()
	d := newTable(t)
	source := deltaSource(t, d)
	path := filepath.Join(source.Path, filetest.LogName(3, "json"))
	if err := errors.Join(os.WriteFile(path, []byte("{}\n"), 0o600), os.Truncate(path, 1<<30)); err != nil { // it takes no space
		t.Fatal(err)
	}
	_, err := readFile(t, source, "email")
	refusedFor(t, err, "path", "has a log of more than 1024 MiB")
}

// A commit that is written while the pages of a listing are read may be missing in it
// while the next one is there.
func TestDeltaListingWithAGap(t *testing.T) {
	t.Parallel()
	source := deltaSource(t, newTable(t))
	store := counting(source.Path)
	source.Store = store
	store.hidden = filepath.Base(filetest.LogName(1, "json"))
	wantMembers(t, source, "ann", "eve")
	if store.hidden != "" {
		t.Error("the log was not listed")
	}
}

// Reading a log obeys its context.
func TestDeltaIsCanceled(t *testing.T) {
	t.Parallel()
	d := newTable(t)
	source := deltaSource(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	store := counting(source.Path)
	store.onOpen = func(string) { cancel() }
	source.Store = store
	if _, err := source.Open(ctx, []string{"email"}); err != ctx.Err() { //nolint:errorlint // that error itself
		t.Errorf("error %v", err)
	}
}

// FuzzDelta reads arbitrary bytes as a commit and as a checkpoint.
func FuzzDelta(f *testing.F) {
	d := newTable(f)
	d.Commit(filetest.DeltaProtocol(3, "deletionVectors"), filetest.DeltaConfigured(filetest.DeltaSchema("email", "string", "doc", "date"), nil, "doc"),
		d.Add("part-3.parquet", part(f, "joe"), "doc", "2026-11-27"), d.Remove("part-0.parquet"), d.Remove("part-2.parquet"))
	d.Checkpoint(f, "checkpoint.parquet", append(d.HeadRows("doc"), d.AddRows(f)...))
	f.Add([]byte(d.Files[filetest.LogName(3, "json")]), []byte(d.Files[filetest.LogName(3, "checkpoint.parquet")]))
	f.Add([]byte(`{"add":{"path":"part-0.parquet","partitionValues":{"doc":null},"size":1}}`), []byte(nil))
	f.Add([]byte(`{"sidecar":{"path":"x"}}{`), []byte("PAR1"))
	f.Fuzz(func(t *testing.T, commit, checkpoint []byte) {
		files := map[string]string{}
		for name, content := range d.Files {
			files[name] = content
		}
		delete(files, filetest.LogName(3, "checkpoint.parquet"))
		files[filetest.LogName(3, "json")] = string(commit)
		_, _ = fuzzedRows(t, file.Source{Path: filetest.Folder(t, files), Format: file.Delta})
		if !bytes.HasPrefix(checkpoint, []byte("PAR1")) {
			return
		}
		files[filetest.LogName(3, "checkpoint.parquet")] = string(checkpoint)
		_, _ = fuzzedRows(t, file.Source{Path: filetest.Folder(t, files), Format: file.Delta})
	})
}

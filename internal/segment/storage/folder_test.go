package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

type idRow struct {
	ID string `parquet:"id"`
}

func idFile(t *testing.T, id string) string {
	t.Helper()
	return filetest.Parquet(t, []idRow{{id}})
}

// readsTables reads Delta tables, whose files are named by the log and never by a
// pattern.
func (o objects) readsTables(t *testing.T) {
	d := filetest.NewDelta(filetest.DeltaSchema("id", "string"))
	d.Commit(d.Add("a b/ü+&=@,$!~ 50%25.parquet", idFile(t, "1")), d.Add("[12]*.parquet", idFile(t, "2")))
	for i := range 1100 { // more than the stores list at once
		d.Files[fmt.Sprintf("_delta_log/%020d.crc", i)] = "{}"
	}
	d.Commit(`{"commitInfo":{}}`)
	d.Files["1.parquet"] = idFile(t, "not in the table")
	const folder = "tables/[a]*"
	for name, content := range d.Files {
		o.put(t, folder+"/"+name, content)
	}
	o.put(t, folder+"2/_delta_log/00000000000000000003.json", "of another table")
	source := file.Source{Path: o.path("segments", folder), Format: file.Delta}
	rows := func() ([][]string, error) {
		rows, err := source.Open(t.Context(), []string{"id"})
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		return segmenttest.ReadAll(rows)
	}
	if got, err := rows(); err != nil || !reflect.DeepEqual(got, [][]string{{"2"}, {"1"}}) {
		t.Errorf("rows %q, %v", got, err)
	}
	version, err := source.Version(t.Context())
	if again, errAgain := source.Version(t.Context()); err != nil || errAgain != nil || version == "" || version != again {
		t.Errorf("version %q, %v, then %q, %v", version, err, again, errAgain)
	}
	o.put(t, folder+"/_delta_log/00000000000000000003.json", d.Add("[1]*.parquet", idFile(t, "3")))
	if next, err := source.Version(t.Context()); err != nil || next == version {
		t.Errorf("version %q, %v after a commit", next, err)
	}
	_, err = rows() // the new file is not there, and its name is no pattern
	expectWords(t, err, `lists the file "[1]*.parquet" in version 3, but there is no such file`)
	rejectWords(t, err, o.secrets...)

	source.Path = o.path("segments", "tables/none/")
	_, err = rows()
	expectWords(t, err, "There is no Delta table in", o.name("segments", "tables/none"))
	source.Path = o.path("no-such-segments", "tables/none")
	_, err = rows()
	expectWords(t, err, o.noBucket)
	rejectWords(t, err, o.secrets...)
}

// readsModels reads the parts that a model names.
func (o objects) readsModels(t *testing.T) {
	source := file.Source{Path: o.path("segments", "exports/model.json"), Format: file.CDM, Entity: "People"}
	rows := func(locations ...string) ([][]string, error) {
		o.put(t, "exports/model.json", idModel(locations...))
		return readRows(t, source)
	}
	o.put(t, "exports/People/2026 11/1.csv", "1\n")
	o.put(t, "exports/50%25.csv", "2\n")
	o.put(t, "elsewhere/x3.csv", "3\n")
	locations := []string{"People/2026 11/1.csv", "./People/2026%2011/1.csv", "50%25.csv", o.name("segments", "elsewhere/x3.csv")}
	want := [][]string{{"1"}, {"1"}, {"2"}, {"3"}}
	if o.url != nil {
		locations, want = append(locations, o.url("elsewhere/x3.csv")), append(want, []string{"3"})
	}
	if got, err := rows(locations...); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("rows %q, %v", got, err)
	}
	for _, location := range []string{o.name("other", "elsewhere/x3.csv"), o.name("segments", "../3.csv"), "../elsewhere/x3.csv", "/elsewhere/x3.csv", "https://example.com/segments/3.csv?sig=" + secret} {
		_, err := rows(location)
		expectWords(t, err, "which is elsewhere. Only files below the folder of the model")
		rejectWords(t, err, append(o.secrets, secret)...)
	}
	_, err := rows("*.csv") // is no pattern
	expectWords(t, err, `names the part "*.csv" of the entity "People", but there is no such file`)
	rejectWords(t, err, o.secrets...)
}

// idModel is a model of an entity with the column id.
func idModel(locations ...string) string {
	var parts []string
	for _, location := range locations {
		parts = append(parts, fmt.Sprintf(`{"location":%q}`, location))
	}
	return `{"entities":[{"$type":"LocalEntity","name":"People","attributes":[{"name":"id","dataType":"string"}],"partitions":[` + strings.Join(parts, ",") + `]}]}`
}

func readRows(t *testing.T, source file.Source) ([][]string, error) {
	t.Helper()
	rows, err := source.Open(t.Context(), []string{"id"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

// A model on a web server names files of that server; they get its signature, and
// no other server does.
func TestWebModel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	content := map[string]string{"/out/p 1.csv": "1\n", "/other/2.csv": "2\n"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		text, ok := content[r.URL.Path]
		mu.Unlock()
		if r.URL.Query().Get("sig") != secret {
			http.Error(w, "no signature", http.StatusForbidden)
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	}))
	t.Cleanup(server.Close)
	var asked []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.String()) }))
	t.Cleanup(other.Close)
	source := withShortWaits(server.URL + "/out/model.json?sig=" + secret)
	source.Format, source.Entity = file.CDM, "People"
	rows := func(locations ...string) ([][]string, error) {
		mu.Lock()
		content["/out/model.json"] = idModel(locations...)
		mu.Unlock()
		return readRows(t, source)
	}
	if got, err := rows("p 1.csv", "p%201.csv", server.URL+"/other/2.csv?sig=old"); err != nil || !reflect.DeepEqual(got, [][]string{{"1"}, {"1"}, {"2"}}) {
		t.Errorf("rows %q, %v", got, err)
	}
	for _, location := range []string{other.URL + "/p.csv", strings.Replace(server.URL, "http://", "http://u:"+secret+"@", 1) + "/p.csv", "../other/2.csv", "//" + strings.TrimPrefix(other.URL, "http://") + "/p.csv"} {
		_, err := rows(location)
		expectWords(t, err, "which is elsewhere")
		rejectWords(t, err, secret)
	}
	if len(asked) > 0 {
		t.Errorf("another server was asked for %q", asked)
	}
	_, err := rows("gone.csv")
	expectWords(t, err, `names the part "gone.csv" of the entity "People", but there is no such file`)
	rejectWords(t, err, secret)
}

func TestDiskFolder(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"log/2.json": "2", "log/10.json": "10", "log/x.tmp": "x", "log/below/3.json": "3", "[1]*.csv": "1", "1.csv": "2"})
	folder, err := storage.Of(dir).(storage.FolderStore).Folder(t.Context(), dir)
	if err != nil || folder.Name() != dir {
		t.Fatalf("folder %v, %v", folder, err)
	}
	wanted := func(name string) bool { return strings.HasSuffix(name, ".json") }
	objects, err := folder.List(t.Context(), "log", wanted)
	var names []string
	for _, o := range objects {
		names = append(names, filepath.Base(o.Name()))
	}
	if err != nil || !slices.Equal(names, []string{"10.json", "2.json"}) {
		t.Errorf("files %q, %v", names, err)
	}
	for _, below := range []string{"none", "1.csv"} {
		if objects, err := folder.List(t.Context(), below, wanted); err != nil || len(objects) > 0 {
			t.Errorf("%s: files %v, %v", below, objects, err)
		}
	}
	if o, err := folder.File(t.Context(), "[1]*.csv"); err != nil || filepath.Base(o.Name()) != "[1]*.csv" {
		t.Errorf("file %v, %v", o, err)
	}
	if _, err := folder.File(t.Context(), "*.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	_, err = folder.File(t.Context(), "log")
	expectWords(t, err, "is a directory, not a file")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := folder.List(ended, "log", wanted); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := folder.File(ended, "1.csv"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// The end of the context ends the wait for a file system that hangs.
func TestDiskFolderThatHangs(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"log/1.json": "1"})
	for name, look := range map[string]func(context.Context, storage.Folder) error{
		"a file": func(ctx context.Context, f storage.Folder) error { _, err := f.File(ctx, "log/1.json"); return err },
		"a listing": func(ctx context.Context, f storage.Folder) error {
			_, err := f.List(ctx, "log", func(string) bool { return true })
			return err
		},
	} {
		system := newStuck("stat", 0)
		folder, err := storage.Disk(system.calls()).(storage.FolderStore).Folder(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- look(ctx, folder) }()
		<-system.entered
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v", name, err)
			}
		case <-time.After(hangGuard):
			t.Errorf("%s: the end of the context does not end the wait", name)
		}
		close(system.release)
	}
}

func TestIsBelow(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"a": true, "a/b.csv": true, "tier=a%2Fb/c": true, "..a/b": true, "a b/ü": true,
		"": false, ".": false, "..": false, "../a": false, "a/../b": false, "a/../../b": false, "/a": false, "a//b": false, "./a": false, "a/": false,
		`a\b`: false, "a\x00": false, "s3://b/a": false, "file:///a": false, `\\host\share`: false,
		"C:/a": runtime.GOOS != "windows", // a file of that name can be elsewhere
	} {
		if got := storage.IsBelow(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

// Package gcsserver holds a test against fake-gcs-server, a stand-in for Google
// Cloud Storage that others have written. It is a module of its own so that this
// server reaches neither the provider's dependencies nor those of its other tests.
//
//nolint:paralleltest // the address comes from the environment, which the helper of all tests sets
package gcsserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

const bucket = "segments"

// startServer serves an empty bucket on the loopback interface.
func startServer(t *testing.T) (put func(key, content string)) {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1", PublicHost: "127.0.0.1", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL(), "http://"))
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	return func(key, content string) {
		server.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: key}, Content: []byte(content)})
	}
}

func open(t *testing.T, key string, columns ...string) segment.Rows {
	t.Helper()
	rows, err := file.Source{Path: "gs://" + bucket + "/" + key}.Open(t.Context(), columns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	return rows
}

func readAll(rows segment.Rows) (ids []string, err error) {
	for {
		row, err := rows.Next(nil)
		if errors.Is(err, io.EOF) {
			return ids, nil
		}
		if err != nil {
			return ids, err
		}
		ids = append(ids, row[0])
	}
}

func wantRows(t *testing.T, key string, want ...string) {
	t.Helper()
	if got, err := readAll(open(t, key, "id")); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: rows %q, want %q, %v", key, got, want, err)
	}
}

type member struct {
	ID   string `parquet:"id"`
	Fill string `parquet:"fill,plain"`
}

// members is a Parquet file that is read in several ranges.
func members(t *testing.T, first string) string {
	t.Helper()
	all := make([]member, 10_000)
	for i := range all {
		all[i] = member{fmt.Sprint(i), strings.Repeat(fmt.Sprintf("%08d", i*7919), 64)}
	}
	all[0].ID = first
	var b bytes.Buffer
	if err := parquet.Write(&b, all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReads(t *testing.T) {
	put := startServer(t)
	for _, key := range []string{"vip.csv", "a b/ü+&=@:;,$!~^{}.csv", "[not a pattern]*.csv", "deep//empty/part.csv", "50%25/#1.csv"} {
		put(key, "id\n1\n2\n")
		wantRows(t, key, "1", "2")
	}
	put("a.parquet", members(t, "0"))
	if got, err := readAll(open(t, "a.parquet", "id", "fill")); err != nil || len(got) != 10_000 || got[9_999] != "9999" {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

func TestReadsPatterns(t *testing.T) {
	put := startServer(t)
	for _, key := range []string{"day/10.csv", "day/2.csv", "day/1.csv", "day/1.csv.bak", "day/below/3.csv", "day2/4.csv"} {
		put(key, "id\n"+key+"\n")
	}
	wantRows(t, "day/*.csv", "day/1.csv", "day/10.csv", "day/2.csv")
	wantRows(t, "day*/*.csv", "day/1.csv", "day/10.csv", "day/2.csv", "day2/4.csv")
	wantRows(t, "day/*/*.csv", "day/below/3.csv")
	var want []string
	for i := range 1100 { // more than a page
		want = append(want, fmt.Sprintf("%04d", i))
		put("many/"+want[i]+".csv", "id\n"+want[i]+"\n")
	}
	wantRows(t, "many/*.csv", want...)
}

func TestVersionChanges(t *testing.T) {
	put := startServer(t)
	for _, key := range []string{"a.csv", "*.csv"} {
		version := func() string {
			t.Helper()
			version, err := file.Source{Path: "gs://" + bucket + "/" + key}.Version(t.Context())
			if err != nil || version == "" {
				t.Fatalf("version %q, %v", version, err)
			}
			return version
		}
		put("a.csv", "id\n1\n")
		before := version()
		if version() != before {
			t.Errorf("%s: two versions of one content", key)
		}
		if put("a.csv", "id\n2\n"); version() == before {
			t.Errorf("%s: version %q of two contents", key, before)
		}
	}
}

func TestObjectThatIsChanged(t *testing.T) {
	put := startServer(t)
	put("a.parquet", members(t, "0"))
	rows := open(t, "a.parquet", "id", "fill")
	put("a.parquet", members(t, "x"))
	if got, err := readAll(rows); err == nil || !strings.Contains(err.Error(), "it was changed while it was read") {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	startServer(t)
	for path, want := range map[string]string{
		"gs://segments/none.csv": "there is no such object in the bucket",
		"gs://segments/*.csv":    "no object matches",
		"gs://none/vip.csv":      `there is no bucket or container "none"`,
		"gs://none/*.csv":        `there is no bucket or container "none"`,
	} {
		_, err := file.Source{Path: path}.Open(t.Context(), []string{"id"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}

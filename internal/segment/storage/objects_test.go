package storage_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// objects are the tests that all stores share, on a bucket "segments".
type objects struct {
	path    func(bucket, key string) string // for the provider
	name    func(bucket, key string) string // for people
	put     func(t *testing.T, key, content string)
	secrets []string // that no message may hold

	url func(key string) string // of an object in the bucket; nil where it has none that models name

	// noBucket is the error of an object in a bucket that does not exist.
	noBucket string
}

func (o objects) test(t *testing.T) {
	t.Helper()
	for name, test := range map[string]func(*testing.T){
		"reads":          o.reads,
		"reads parts":    o.readsParts,
		"reads patterns": o.readsPatterns,
		"refuses":        o.refuses,
		"version":        o.version,
		"changes":        o.changes,
		"reads tables":   o.readsTables,
		"reads models":   o.readsModels,
	} {
		t.Run(name, test)
	}
}

// rows reads a file to the end, and returns the column id.
func (o objects) rows(t *testing.T, key string, more ...string) (values []string) {
	t.Helper()
	rows, err := file.Source{Path: o.path("segments", key)}.Open(t.Context(), append([]string{"id"}, more...))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, err := segmenttest.ReadAll(rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all {
		values = append(values, row[0])
	}
	return values
}

func (o objects) reads(t *testing.T) {
	for key, content := range map[string]string{
		"vip.csv":                "email,id\na@example.com,1\nb@example.com,2\n",
		"a b/ü+&=@:;,$!~^{}.csv": "id\n1\n2\n",
		"[not a pattern]*.csv":   "id\n1\n2\n",
		"lines.ndjson":           "{\"id\":1}\n{\"id\":2}\n",
		"deep/er/and/deep.csv":   "id\n1\n2",
		"deep//empty/part.csv":   "id\n1\n2\n",
		"upper/Lower.CSV":        "id\n1\n2\n",
		"50%.csv":                "id\n1\n2\n",
		"50%25/#1.csv":           "id\n1\n2\n",
		`quoted"/back\slash.csv`: "id\n1\n2\n",
	} {
		t.Run(key, func(t *testing.T) {
			o.put(t, key, content)
			if got := o.rows(t, key); !slices.Equal(got, []string{"1", "2"}) {
				t.Errorf("rows %q", got)
			}
		})
	}
	o.put(t, "header.csv", "id\n")
	if got := o.rows(t, "header.csv"); len(got) != 0 {
		t.Errorf("rows %q of a header", got)
	}
	o.put(t, "empty.csv", "")
	err := openFails(t, o.path("segments", "empty.csv"))
	expectWords(t, err, o.name("segments", "empty.csv"), "empty")
}

// member is a row of a Parquet file that is read in several ranges.
type member struct {
	ID   string `parquet:"id"`
	Fill string `parquet:"fill,plain"`
}

func members(n int) (all []member) {
	for i := range n {
		all = append(all, member{fmt.Sprint(i), strings.Repeat(fmt.Sprintf("%08d", i*7919), 64)})
	}
	return all
}

func (o objects) readsParts(t *testing.T) {
	const n = 10_000
	o.put(t, "large.parquet", filetest.Parquet(t, members(n)))
	if got := o.rows(t, "large.parquet", "fill"); len(got) != n || got[n-1] != fmt.Sprint(n-1) {
		t.Errorf("%d rows", len(got))
	}
	o.put(t, "large.csv", "id\n"+strings.Repeat("12345678\n", 1_000_000))
	if got := o.rows(t, "large.csv"); len(got) != 1_000_000 {
		t.Errorf("%d rows", len(got))
	}
}

func (o objects) readsPatterns(t *testing.T) {
	for _, key := range []string{"day/10.csv", "day/2.csv", "day/1.csv", "day/1.csv.bak", "day/below/3.csv", "day2/4.csv", "other/5.csv"} {
		o.put(t, key, "id\n"+strings.TrimSuffix(key, ".csv")+"\n")
	}
	for i := range 1100 { // more than the stores list at once
		o.put(t, fmt.Sprintf("many/%04d.csv", i), fmt.Sprintf("id\n%04d\n", i))
	}
	for pattern, want := range map[string][]string{
		"day/*.csv":     {"day/1", "day/10", "day/2"},
		"day/[12].csv":  {"day/1", "day/2"},
		"day*/*.csv":    {"day/1", "day/10", "day/2", "day2/4"},
		"day/*/*.csv":   {"day/below/3"},
		"*/[5].csv":     {"other/5"},
		"day/1*.c[s]v":  {"day/1", "day/10"},
		"**/[345].csv":  {"day/below/3", "day2/4", "other/5"},
		"day/**":        {"day/1", "day/1.csv.bak", "day/10", "day/2", "day/below/3"},
		"day*/**/*.csv": {"day/1", "day/10", "day/2", "day/below/3", "day2/4"},
		"many/109*.csv": {"1090", "1091", "1092", "1093", "1094", "1095", "1096", "1097", "1098", "1099"},
	} {
		t.Run(pattern, func(t *testing.T) {
			if got := o.rows(t, pattern); !slices.Equal(got, want) {
				t.Errorf("rows %q, want %q", got, want)
			}
		})
	}
	t.Run("many/*.csv", func(t *testing.T) {
		if got := o.rows(t, "many/*.csv"); len(got) != 1100 || !slices.IsSorted(got) {
			t.Errorf("%d rows", len(got))
		}
	})
}

func (o objects) refuses(t *testing.T) {
	o.put(t, "folder/a.csv", "id\n1\n")
	for name, tc := range map[string]struct {
		bucket, key string
		want        []string
	}{
		"object that is not there":      {"segments", "no/such.csv", []string{"there is no such object in the bucket. Check the key"}},
		"object in another case":        {"segments", "Folder/A.csv", []string{"there is no such object in the bucket"}},
		"folder":                        {"segments", "folder", []string{"there is no such object in the bucket"}},
		"pattern that nothing matches":  {"segments", "folder/*.parquet", []string{"no object matches. * stands for any characters but /, and ** for any folders"}},
		"pattern that matches a folder": {"segments", "fold*", []string{"no object matches"}},
		"two stars in a name":           {"segments", "folder/**.csv", []string{"** stands for folders, so it must be alone between two slashes"}},
		"invalid pattern":               {"segments", "folder/[a.csv", []string{"the pattern is not valid"}},
		"bucket that is not there":      {"no-such-segments", "a.csv", []string{o.noBucket}},
		"pattern in no bucket":          {"no-such-segments", "*.csv", []string{`there is no bucket or container "no-such-segments". Check the name`}},
	} {
		t.Run(name, func(t *testing.T) {
			err := openFails(t, o.path(tc.bucket, tc.key))
			expectWords(t, err, append(tc.want, o.name(tc.bucket, tc.key))...)
			rejectWords(t, err, o.secrets...)
			if _, version := (file.Source{Path: o.path(tc.bucket, tc.key)}).Version(t.Context()); !reflect.DeepEqual(version, err) {
				t.Errorf("asking for the version fails with %q, opening with %q", version, err)
			}
		})
	}
}

func (o objects) version(t *testing.T) {
	version := func(key string) string {
		t.Helper()
		version, err := file.Source{Path: o.path("segments", key)}.Version(t.Context())
		if err != nil || version == "" {
			t.Fatalf("version %q, %v", version, err)
		}
		return version
	}
	o.put(t, "version/a.csv", "id\n1\n")
	o.put(t, "version/b.csv", "id\n1\n")
	for _, key := range []string{"version/a.csv", "version/*.csv", "version/[a].csv"} {
		before := version(key)
		if again := version(key); again != before {
			t.Errorf("%s: version %q, then %q", key, before, again)
		}
		o.put(t, "version/a.csv", "id\n2\n") // as large
		changed := version(key)
		if changed == before {
			t.Errorf("%s: version %q of two contents", key, before)
		}
	}
	if one, listed := version("version/a.csv"), version("version/[a].csv"); one != listed {
		t.Errorf("version %q of an object, %q where it was listed", one, listed)
	}
	before := version("version/*.csv")
	o.put(t, "version/c.csv", "id\n1\n")
	if version("version/*.csv") == before {
		t.Error("another object is the same version")
	}
}

// An object that is overwritten while it is read must not yield rows of both.
func (o objects) changes(t *testing.T) {
	all := members(10_000)
	o.put(t, "changes.parquet", filetest.Parquet(t, all))
	rows, err := file.Source{Path: o.path("segments", "changes.parquet")}.Open(t.Context(), []string{"id", "fill"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all[0].ID = "x"
	o.put(t, "changes.parquet", filetest.Parquet(t, all))
	got, err := segmenttest.ReadAll(rows)
	if err == nil || len(got) == len(all) {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	expectWords(t, err, o.name("segments", "changes.parquet"), "it was changed while it was read. Run Terraform again once the file is complete")
	rejectWords(t, err, o.secrets...)
}

// openFails opens a file that cannot be read.
func openFails(t *testing.T, path string) error {
	t.Helper()
	rows, err := file.Source{Path: path}.Open(t.Context(), []string{"id"})
	if err == nil {
		rows.Close()
		t.Fatalf("%q can be read", path)
	}
	return filetest.PathError(t, err)
}

func expectWords(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q, want %q", err, word)
		}
	}
}

func rejectWords(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), word) {
			t.Errorf("error %q holds %q", err, word)
		}
	}
}

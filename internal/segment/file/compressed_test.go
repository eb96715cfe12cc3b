package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// The extension determines the format, and the first bytes the compression.
func TestFileFormats(t *testing.T) {
	t.Parallel()
	const csv, tsv, json = "a,b\n1,2\n", "a\tb\n1\t2\n", "{\"a\":1,\"b\":2}\n"
	for name, tc := range map[string]struct {
		file    string
		content string
		format  file.Format
	}{
		"csv": {"x.csv", csv, ""}, "upper case": {"X.CSV", csv, ""}, "no extension": {"x", csv, ""}, "unknown extension": {"x.txt", csv, ""},
		"tsv": {"x.tsv", tsv, ""}, "tab": {"x.tab", tsv, ""}, "set": {"x.csv", tsv, file.TSV}, "csv, set": {"x.json", csv, file.CSV},
		"ndjson": {"x.ndjson", json, ""}, "jsonl": {"x.jsonl", json, ""}, "json": {"x.json", json, ""}, "ndjson, set": {"x.txt", json, file.NDJSON},
		"gzip": {"x.csv.gz", filetest.Gzip(t, csv), ""}, "gzip of tsv": {"x.tsv.gz", filetest.Gzip(t, tsv), ""}, "gzip of ndjson": {"x.jsonl.gz", filetest.Gzip(t, json), ""},
		"gzip of two members": {"x.csv.gz", filetest.Gzip(t, csv[:5]) + filetest.Gzip(t, csv[5:]), ""}, "gzip with a mark inside": {"x.csv.gz", filetest.Gzip(t, bom+csv), ""},
		"gzip called csv": {"x.csv", filetest.Gzip(t, csv), ""}, "csv called gzip": {"x.csv.gz", csv, ""}, "zstd called gzip": {"x.csv.gz", filetest.Zstd(t, csv), ""},
		"zstd": {"x.csv.zst", filetest.Zstd(t, csv), ""}, "zstd of ndjson": {"x.ndjson.zstd", filetest.Zstd(t, json), ""}, "zstd of two frames": {"x.csv.zst", filetest.Zstd(t, csv[:5]) + filetest.Zstd(t, csv[5:]), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := file.Source{Path: writeAs(t, tc.file, tc.content), Format: tc.format}.Open(t.Context(), []string{"b", "a"})
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			if got, err := segmenttest.ReadAll(rows); err != nil || !reflect.DeepEqual(got, [][]string{{"2", "1"}}) {
				t.Errorf("rows %q, %v", got, err)
			}
		})
	}
}

func TestFileRefusesADelimiterOfOtherFormats(t *testing.T) {
	t.Parallel()
	_, err := file.Source{Path: writeAs(t, "x.tsv", "a\n"), Delimiter: ';'}.Open(t.Context(), nil)
	var e *segment.Error
	if !errors.As(err, &e) || e.Argument[1] != "delimiter" || !strings.Contains(err.Error(), "is TSV. Leave delimiter out") {
		t.Errorf("error %v", err)
	}
}

// A file that is cut off or damaged must fail, or the segment would shrink.
func TestCompressedFileThatIsDamaged(t *testing.T) {
	t.Parallel()
	csv := "a,b\n" + strings.Repeat("1,\"2\"\n", 50_000)
	random := make([]byte, 300_000)
	for i := range random {
		random[i] = "0123456789abcdef"[(i*i*7919>>3+i>>5)&15]
	}
	csv += string(random)
	zipped, packed := filetest.Gzip(t, csv), filetest.Zstd(t, csv)
	for name, tc := range map[string]struct{ content, want string }{
		"gzip, half":       {zipped[:len(zipped)/2], "ends in the middle of its gzip data"},
		"gzip, no trailer": {zipped[:len(zipped)-4], "ends in the middle of its gzip data"},
		"gzip, checksum":   {zipped[:len(zipped)-6] + "\x00\x00" + zipped[len(zipped)-4:], "The gzip data of the file"},
		"gzip, more":       {zipped + "something else", "The gzip data of the file"},
		"gzip twice":       {filetest.Gzip(t, zipped), "is not CSV but gzip. Compress it just once."},
		"zstd, half":       {packed[:len(packed)/2], "ends in the middle of its zstd data"},
		"zstd, checksum":   {packed[:len(packed)-2] + "\x00\x00", "The zstd data of the file"},
		"zip inside":       {filetest.Gzip(t, "PK\x03\x04abc"), "is not CSV but a zip archive"},
		"wide zstd":        {filetest.Zstd(t, csv, zstd.WithWindowSize(64<<20)), "takes more than 32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := openAs(t, "x.csv.gz", tc.content, "a")
			if err == nil {
				_, err = segmenttest.ReadAll(rows)
			}
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

// No compression makes a file of 0 bytes, so such a part was cut off, and its people
// are missing; one that decompresses to nothing has none.
func TestCompressedPartWithoutBytes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ first, part, content, want string }{
		"gzip":             {"1.csv", "2.csv.gz", "", "ends in the middle of its gzip data"},
		"zstd":             {"1.csv", "2.csv.ZST", "", "ends in the middle of its zstd data"},
		"ndjson":           {"1.ndjson", "2.ndjson.zstd", "", "ends in the middle of its zstd data"},
		"plain":            {"1.csv", "2.csv", "", ""},
		"gzip of nothing":  {"1.csv", "2.csv.gz", filetest.Gzip(t, ""), ""},
		"zstd of nothing":  {"1.ndjson", "2.ndjson.zst", filetest.Zstd(t, ""), ""},
		"text called gzip": {"1.csv", "2.csv.gz", "a\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := map[string]string{".csv": "a\n1\n", ".ndjson": `{"a":"1"}`}[filepath.Ext(tc.first)]
			dir := filetest.Folder(t, map[string]string{tc.first: content, tc.part: tc.content})
			rows, err := file.Source{Path: filepath.Join(dir, "*")}.Open(t.Context(), []string{"a"})
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			got, err := segmenttest.ReadAll(rows)
			if tc.want == "" {
				if err != nil || len(got) != 1 {
					t.Errorf("rows %q, %v", got, err)
				}
				return
			}
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{
		"vip-2.csv": "b,a\n4,3\n", "vip-1.csv": "a,b\n1,2\n", "vip-3.csv": "a,b\n", "vip-4.csv": "a,b\n5\n5,6", "vip-10.csv.gz": filetest.Gzip(t, "a,b\n7,8\n"),
		"other.csv": "x\n", "[odd].csv": "a,b\n9,9\n",
	})
	if err := os.Mkdir(filepath.Join(dir, "vip-0.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string][][]string{
		"vip-*.csv":    {{"1", "2"}, {"3", "4"}, {segmenttest.Unreadable}, {"5", "6"}},
		"vip-[12].csv": {{"1", "2"}, {"3", "4"}},
		"vip-?.csv":    {{"1", "2"}, {"3", "4"}, {segmenttest.Unreadable}, {"5", "6"}},
		"vip-1*":       {{"1", "2"}, {"7", "8"}},
		"[odd].csv":    {{"9", "9"}},
	} {
		rows, err := file.Source{Path: filepath.Join(dir, pattern)}.Open(t.Context(), []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := segmenttest.ReadAll(rows); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: rows %q, %v", pattern, got, err)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	rows, _ := file.Source{Path: filepath.Join(dir, "vip-[123]*")}.Open(t.Context(), []string{"a"})
	wantCount(t, rows, 3)
}

func TestPatternRefused(t *testing.T) {
	t.Parallel()
	type plain struct {
		A int64 `parquet:"a"`
	}
	type other struct {
		A string `parquet:"a"`
	}
	for name, tc := range map[string]struct {
		files         map[string]string
		pattern, want string
	}{
		"no match":         {nil, "vip-*.csv", "No file matches"},
		"only a directory": {map[string]string{}, "*", "No file matches"},
		"pattern":          {nil, "vip-[.csv", "the pattern is not valid"},
		"lacks":            {map[string]string{"1.csv": "a,b\n1,2\n", "2.csv": "a\n"}, "*.csv", `it lacks "b". All files`},
		"lacks a mapped":   {map[string]string{"1.csv": "a,b\n1,2\n", "2.csv": "b\n"}, "*.csv", `it lacks "a". All files`},
		"adds":             {map[string]string{"1.csv": "a\n1\n", "2.csv": "a,c\n"}, "*.csv", `it adds "c". All files`},
		"differs":          {map[string]string{"1.csv": "a,b\n1,2\n", "2.csv": "A,b\n"}, "*.csv", `it lacks "a" and adds "A". All files`},
		"formats":          {map[string]string{"1.csv": "a\n1\n", "2.tsv": "a\n"}, "*", "is TSV. Let the path match files of one format"},
		"empty files":      {map[string]string{"1.csv": "", "2.csv": "\n\n"}, "*", "1.csv\" is empty."},
		"types":            {map[string]string{"1.parquet": filetest.Parquet(t, []plain{{1}}), "2.parquet": filetest.Parquet(t, []other{{"x"}})}, "*", "has another type than in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := file.Source{Path: filepath.Join(filetest.Folder(t, tc.files), tc.pattern)}.Open(t.Context(), []string{"a"})
			if err == nil {
				defer rows.Close()
				_, err = segmenttest.ReadAll(rows)
			}
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

// A column of NDJSON may occur in any of the files.
func TestPatternOfNDJSON(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"1.json": `{"a":1}`, "2.json": `{"b":2}`})
	rows, err := file.Source{Path: filepath.Join(dir, "*.json")}.Open(t.Context(), []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got, err := segmenttest.ReadAll(rows); err != nil || !reflect.DeepEqual(got, [][]string{{"1", ""}, {"", "2"}}) {
		t.Errorf("rows %q, %v", got, err)
	}
}

// The version changes with the set of files and with the content of each.
func TestPatternVersion(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"1.csv": "a\n", "2.csv": "a\n"})
	source := file.Source{Path: filepath.Join(dir, "*.csv")}
	first := version(t, source)
	touch(t, file.Source{Path: filepath.Join(dir, "2.csv")}, time.Hour)
	second := version(t, source)
	if err := os.Rename(filepath.Join(dir, "2.csv"), filepath.Join(dir, "3.csv")); err != nil {
		t.Fatal(err)
	}
	third := version(t, source)
	if first == "" || first == second || second == third || third == "" || version(t, source) != third {
		t.Errorf("versions %q, %q, %q", first, second, third)
	}
	touch(t, file.Source{Path: filepath.Join(dir, "1.csv")}, 0)
	if v := version(t, source); v != "" {
		t.Errorf("version %q of a file that was just changed", v)
	}
}

// Rows remain valid when later ones are read.
func TestRowsOutliveTheReader(t *testing.T) {
	t.Parallel()
	written, want := plainRows(2000)
	for i := range written {
		written[i].Tags, want[i] = nil, want[i][:3]
	}
	rows, err := openAs(t, "x.parquet", filetest.Parquet(t, written), plainColumns[:3]...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := segmenttest.ReadAll(rows)
	rows.Close()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

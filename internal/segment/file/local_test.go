package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

func TestReadsItsOwnFile(t *testing.T) {
	t.Setenv("TEST_SEGMENT_PATH", filetest.Relative(t, filepath.Join(t.TempDir(), "env.csv")))
	path := write(t, "a\n")
	for _, tc := range []struct {
		source segment.LocalReader
		path   string
		want   bool
	}{
		{file.Source{Path: path}, filetest.Link(t, path), true},
		{file.Source{Path: path}, path + "x", false},
		{file.Source{Path: filepath.Dir(path) + "/*.csv"}, path, false},
		{file.Source{Path: "s3://bucket/key.csv"}, "s3://bucket/key.csv", false},
		{file.FromEnv{Variable: "TEST_SEGMENT_PATH"}, os.Getenv("TEST_SEGMENT_PATH"), true},
		{file.FromEnv{Variable: "TEST_SEGMENT_PATH"}, path, false},
		{file.FromEnv{Variable: "TEST_NOT_SET"}, path, false},
	} {
		if got := tc.source.Reads(segment.Locate(tc.path)); got != tc.want {
			t.Errorf("%+v reads %q: %v, want %v", tc.source, tc.path, got, tc.want)
		}
	}
}

// A pattern does not match a file that is left out, under any name of it. A path
// without a pattern names the file itself.
func TestFileLeavesOut(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"1.csv": "a\n1\n", "2.csv": "a\n2\n", "rejects.csv": "segment,row\n", ".hidden": "x"})
	rejects := filepath.Join(dir, "rejects.csv")
	if err := os.Symlink("rejects.csv", filepath.Join(dir, "link.csv")); err != nil {
		t.Fatal(err)
	}
	leaveOut := []string{filetest.Relative(t, rejects), filepath.Join(dir, ".hidden"), filepath.Join(dir, "missing.csv")}
	for path, want := range map[string]string{"*": "1 2", "*.csv": "1 2", "[r1]*.csv": "1", "2.csv": "2"} {
		source := file.Source{Path: filepath.Join(dir, path), Format: file.CSV, LeaveOut: leaveOut}
		rows, err := source.Open(t.Context(), []string{"a"})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		all, err := segmenttest.ReadAll(rows)
		var got []string
		for _, row := range all {
			got = append(got, row...)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: rows %q (%v), want %q", path, got, err, want)
		}
	}
	_, err := file.Source{Path: filepath.Join(dir, "r*.csv"), LeaveOut: leaveOut}.Open(t.Context(), nil)
	if e := filetest.PathError(t, err); !strings.Contains(e.Error(), "apart from the rejects file of this export") {
		t.Errorf("error %q", e)
	}
	rows, err := file.Source{Path: rejects, LeaveOut: leaveOut}.Open(t.Context(), []string{"row"})
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

// A rejects file that a run writes does not change the version of a pattern.
func TestFileThatIsLeftOutDoesNotCountAsAChange(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"1.csv": "a\n1\n"})
	source := file.Source{Path: filepath.Join(dir, "*.csv"), LeaveOut: []string{filepath.Join(dir, "rejects.csv")}}
	before := version(t, source)
	if err := os.WriteFile(source.LeaveOut[0], []byte("segment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := version(t, source); after != before || before == "" {
		t.Errorf("version %q, want %q", after, before)
	}
}

package file_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

func TestFileThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source := write(t, "a\n")
	for name, tc := range map[string]struct {
		path, want string
		cause      error
	}{
		"missing, absolute": {filepath.Join(folder, "x.csv"), "Check the path, or create the file before planning.", fs.ErrNotExist},
		"missing, relative": {"no/such.csv", `There is no file "no/such.csv". A relative path starts at the directory that Terraform runs in`, fs.ErrNotExist},
		"directory":         {folder, "is a directory, not a file. Name the file itself, or a pattern", nil},
		"empty path":        {"", "There is no file", fs.ErrNotExist},
		"below a file":      {filepath.Join(source, "x.csv"), "cannot be opened: not a directory", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := file.Source{Path: tc.path}.Open(t.Context(), nil)
			e := filetest.PathError(t, err)
			if !strings.Contains(e.Error(), tc.want) || tc.cause != nil && !errors.Is(err, tc.cause) {
				t.Errorf("error %q (%v), want %q", e, e.Err, tc.want)
			}
		})
	}
}

func TestFileOpensAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	source := file.Source{Path: write(t, "a\n1\n2\n")}
	for range 3 {
		rows, err := source.Open(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := segmenttest.ReadAll(rows); err != nil || len(got) != 2 || got[0][0] != "1" {
			t.Errorf("rows %q, %v", got, err)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	// Malformed rows count as well, or a file of nothing else would ignore its context.
	for name, line := range map[string]string{"rows": "1,2\n", "ragged rows": "1\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			rows, err := file.Source{Path: write(t, "a,b\n"+strings.Repeat(line, 5000))}.Open(ctx, []string{"a"})
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for range 100 {
				_, _ = rows.Next(nil)
			}
			cancel()
			got, err := segmenttest.ReadAll(rows)
			if !errors.Is(err, context.Canceled) || len(got) > 1024 {
				t.Errorf("%d more rows, %v", len(got), err)
			}
		})
	}
}

func TestFileReadErrorEndsTheStream(t *testing.T) {
	t.Parallel()
	rows, err := file.Source{Path: write(t, "a\n"+strings.Repeat("1\n", 1<<20))}.Open(t.Context(), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil { // what is buffered can still be read
		t.Fatal(err)
	}
	got, err := segmenttest.ReadAll(rows)
	e := filetest.PathError(t, err)
	if !strings.Contains(e.Error(), "cannot be read to its end:") || !errors.Is(err, os.ErrClosed) || len(got) >= 1<<20 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// aged returns a file that was last changed that long ago.
func aged(t *testing.T, content string, age time.Duration) file.Source {
	t.Helper()
	source := file.Source{Path: write(t, content)}
	touch(t, source, age)
	return source
}

func touch(t *testing.T, source file.Source, age time.Duration) {
	t.Helper()
	at := time.Now().Add(-age).Truncate(time.Second)
	if err := os.Chtimes(source.Path, at, at); err != nil {
		t.Fatal(err)
	}
}

func version(t *testing.T, source file.Source) string {
	t.Helper()
	v, err := source.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFileVersion(t *testing.T) {
	t.Parallel()
	source := aged(t, "a\n1\n", 4*time.Second)
	first := version(t, source)
	if first == "" || version(t, source) != first {
		t.Errorf("version %q, then %q", first, version(t, source))
	}
	touch(t, source, 2*time.Hour)
	second := version(t, source)
	if second == first || second == "" {
		t.Errorf("another time does not change %q", second)
	}
	if err := os.WriteFile(source.Path, []byte("a\n12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch(t, source, 2*time.Hour)
	if third := version(t, source); third == second || third == "" {
		t.Errorf("another size does not change %q", third)
	}
}

// A file that was just changed may be changed again within the same tick of the
// file system's clock.
func TestFileWithoutAVersion(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func() file.Source{ // made when it is used, since it ages
		"just changed":    func() file.Source { return file.Source{Path: write(t, "a\n1\n")} },
		"from the future": func() file.Source { return aged(t, "a\n1\n", -time.Hour) },
	} {
		if v := version(t, source()); v != "" {
			t.Errorf("%s: version %q", name, v)
		}
	}
	v, err := file.Source{Path: filepath.Join(t.TempDir(), "x.csv")}.Version(t.Context())
	if e := filetest.PathError(t, err); v != "" || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(e.Error(), "There is no file") {
		t.Errorf("version %q, %v", v, err)
	}
}

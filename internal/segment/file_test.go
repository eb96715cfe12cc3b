package segment_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

func TestFileThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := write(t, "a\n")
	for name, tc := range map[string]struct {
		path, want string
		cause      error
	}{
		"missing, absolute": {filepath.Join(folder, "x.csv"), "Check the path, or create the file before planning.", fs.ErrNotExist},
		"missing, relative": {"no/such.csv", `There is no file "no/such.csv". A relative path starts at the directory that Terraform runs in`, fs.ErrNotExist},
		"directory":         {folder, "is a directory, not a file. Name the file itself.", nil},
		"empty path":        {"", "There is no file", fs.ErrNotExist},
		"below a file":      {filepath.Join(file, "x.csv"), "cannot be opened: not a directory", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := segment.File{Path: tc.path}.Open(t.Context())
			e := asError(t, err)
			if !strings.Contains(e.Error(), tc.want) || tc.cause != nil && !errors.Is(err, tc.cause) {
				t.Errorf("error %q (%v), want %q", e, e.Err, tc.want)
			}
		})
	}
}

func TestFileOpensAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	file := segment.File{Path: write(t, "a\n1\n2\n")}
	for range 3 {
		rows, err := file.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(rows); err != nil || len(got) != 2 || got[0][0] != "1" {
			t.Errorf("rows %q, %v", got, err)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	// Ragged rows count as well: a file of nothing else must not be deaf.
	for name, line := range map[string]string{"rows": "1,2\n", "ragged rows": "1\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			rows, err := segment.File{Path: write(t, "a,b\n"+strings.Repeat(line, 5000))}.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for range 100 {
				_, _ = rows.Next()
			}
			cancel()
			got, err := readAll(rows)
			if !errors.Is(err, context.Canceled) || len(got) > 1024 {
				t.Errorf("%d more rows, %v", len(got), err)
			}
		})
	}
}

func TestFileReadErrorEndsTheStream(t *testing.T) {
	t.Parallel()
	rows, err := segment.File{Path: write(t, "a\n"+strings.Repeat("1\n", 1<<20))}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil { // what is buffered can still be read
		t.Fatal(err)
	}
	got, err := readAll(rows)
	e := asError(t, err)
	if !strings.Contains(e.Error(), "cannot be read on:") || !errors.Is(err, os.ErrClosed) || len(got) >= 1<<20 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

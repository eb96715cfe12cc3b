package segment_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// write makes a file with a content and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	return writeAs(t, "segment.csv", content)
}

// writeAs makes a file with a name and a content and returns its path.
func writeAs(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a file with a content.
func open(t *testing.T, content string, delimiter rune, columns ...string) (segment.Rows, error) {
	t.Helper()
	rows, err := segment.File{Path: write(t, content), Delimiter: delimiter}.Open(t.Context(), columns)
	if err == nil {
		t.Cleanup(func() {
			if err := rows.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
	return rows, err
}

// mustOpen opens a file that is to be readable.
func mustOpen(t *testing.T, content string, delimiter rune, columns ...string) segment.Rows {
	t.Helper()
	rows, err := open(t, content, delimiter, columns...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// unreadable stands for a row that cannot be read.
const unreadable = "(unreadable)"

// readAll reads rows to the end, or to an error that ends the stream.
func readAll(rows segment.Rows) (all [][]string, err error) {
	for {
		row, err := rows.Next(nil)
		var bad *segment.RowError
		switch {
		case err == nil:
			all = append(all, row)
		case errors.As(err, &bad):
			all = append(all, []string{unreadable})
		case errors.Is(err, io.EOF):
			return all, nil
		default:
			return all, err
		}
	}
}

// asError checks that a failure blames the file's path.
func asError(t *testing.T, err error) *segment.Error {
	t.Helper()
	var e *segment.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T)", err, err)
	}
	if !slices.Equal(e.Argument, []string{"file", "path"}) {
		t.Errorf("blames %q", e.Argument)
	}
	return e
}

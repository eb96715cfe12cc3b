package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// write makes a file with a content and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	return writeAs(t, "segment.csv", content)
}

// writeAs makes a file with a name and a content and returns its path.
func writeAs(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a file with a content.
func open(t *testing.T, content string, delimiter rune, columns ...string) (segment.Rows, error) {
	t.Helper()
	rows, err := file.Source{Path: write(t, content), Delimiter: delimiter}.Open(t.Context(), columns)
	if err == nil {
		t.Cleanup(func() {
			if err := rows.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
	return rows, err
}

// mustOpen opens a file that must be readable.
func mustOpen(t *testing.T, content string, delimiter rune, columns ...string) segment.Rows {
	t.Helper()
	rows, err := open(t, content, delimiter, columns...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

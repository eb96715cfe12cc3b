// Package filetest makes the files that tests read. Only tests use it.
package filetest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Gzip is a content, compressed.
func Gzip(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, content)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Zstd is a content, compressed.
func Zstd(t testing.TB, content string, options ...zstd.EOption) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, options...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, content)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Folder writes files into one directory, or into folders in it, and returns it.
func Folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	WriteFiles(t, dir, files)
	return dir
}

// WriteFiles writes files with names relative to a directory, unless they are there with
// the same content. Their times are those of a minute ago, so that they prove that there
// was no change since.
func WriteFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	settled := time.Now().Add(-time.Minute)
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if same, err := os.ReadFile(path); err == nil && string(same) == content {
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, settled, settled)); err != nil {
			t.Fatal(err)
		}
	}
}

// Parquet is rows as a Parquet file.
func Parquet[T any](t testing.TB, rows []T, options ...parquet.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// PathError checks that a failure blames the file's path.
func PathError(t testing.TB, err error) *segment.Error {
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

// Link makes a symbolic link and returns its path.
func Link(t testing.TB, to string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Relative returns a path as it is from the working directory.
func Relative(t testing.TB, path string) string {
	t.Helper()
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	path, err = filepath.Rel(working, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

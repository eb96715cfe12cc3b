package file_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// BenchmarkReadCSV reads a million rows from a disk.
func BenchmarkReadCSV(b *testing.B) {
	const rows = 1_000_000
	var text strings.Builder
	text.WriteString("email,first_name,last_name,city,points\n")
	for i := range rows {
		fmt.Fprintf(&text, "person-%07d@example.com,First%d,\"Last, %d\",Springfield,%d\n", i, i%1000, i%5000, i)
	}
	path := filepath.Join(b.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if n := readRows(b.Context(), b, path); n != rows {
			b.Fatalf("%d rows", n)
		}
	}
}

// readRows counts the rows of a file without keeping them.
func readRows(ctx context.Context, b *testing.B, path string) (n int) {
	b.Helper()
	opened, err := file.Source{Path: path}.Open(ctx, []string{"email", "first_name", "points"})
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	var cells []string
	for {
		if cells, err = opened.Next(cells[:0]); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			b.Fatal(err)
		}
		n++
	}
}

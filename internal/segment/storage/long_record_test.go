package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// counted is a file that counts the bytes that are read from it.
type counted struct {
	*os.File
	bytes *atomic.Int64
}

func (c counted) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.File.ReadAt(p, offset)
	c.bytes.Add(int64(n))
	return n, err
}

// A record that is too long is refused before all of it has been read.
func TestLongRecordIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	for name, beginning := range map[string]string{"x.csv": "a\n1\n", "y.csv": "a\n1\n\"", "z.json": "{\"a\":1}\n{\"a\":\""} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(beginning+strings.Repeat("x", 8<<10)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 256<<20); err != nil { // sparse, so takes no space on the disk
			t.Fatal(err)
		}
		var read atomic.Int64
		var calls storage.DiskCalls
		calls.Open = func(path string) (storage.DiskHandle, error) {
			file, err := os.Open(path)
			return counted{file, &read}, err
		}
		err := readToTheEnd(t.Context(), file.Source{Path: path, Store: storage.Disk(calls)})
		if err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
			t.Errorf("%s: error %v", name, err)
		}
		if n := read.Load(); n > 16<<20+4*storage.DiskReadSize {
			t.Errorf("%s: %d bytes were read", name, n)
		}
	}
}

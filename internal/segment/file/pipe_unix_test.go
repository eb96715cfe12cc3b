//go:build unix

package file_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

// A file that can be read only once is refused before it is opened: opening a pipe
// blocks until somebody writes to it.
func TestFileThatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, syscall.Mkfifo(in("pipe.csv"), 0o600))
	must(t, os.Symlink("pipe.csv", in("link.csv")))
	must(t, os.WriteFile(in("1.tsv"), []byte("a\n1\n"), 0o600))
	must(t, syscall.Mkfifo(in("2.tsv"), 0o600))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", in("socket"))
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	for path, want := range map[string]string{
		in("pipe.csv"): "is a named pipe, not a file. A segment is read more than once, to survey it and then to send it, and a named pipe yields its rows only once. " +
			"Write the rows to a file first, and name that file.",
		in("link.csv"): "is a named pipe",
		in("*.tsv"):    "2.tsv\" is a named pipe",
		in("socket"):   "is a socket, not a file",
		os.DevNull:     "is a device, not a file",
	} {
		source := file.Source{Path: path}
		_, err := source.Open(t.Context(), []string{"a"})
		if e := filetest.PathError(t, err); !strings.Contains(e.Error(), want) {
			t.Errorf("%s: error %q, want %q", path, e, want)
		}
		if _, err = source.Version(t.Context()); err == nil {
			t.Errorf("%s has a version", path)
		}
	}
}

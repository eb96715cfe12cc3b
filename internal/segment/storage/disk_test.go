package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// hangGuard ends a test that would wait forever.
const hangGuard = time.Minute

// stuck is a file system one call of which hangs until release is closed.
type stuck struct {
	call    string // "stat", "glob", "open", "fstat", "read" or "close"
	after   int    // calls of it that return
	entered chan struct{}
	release chan struct{}
	mu      sync.Mutex
	closed  chan struct{} // one for each file that was closed
}

func newStuck(call string, after int) *stuck {
	return &stuck{call: call, after: after, entered: make(chan struct{}, 8), release: make(chan struct{}), closed: make(chan struct{}, 8)}
}

// pass returns at once, unless the call is the one that gets stuck.
func (s *stuck) pass(call string) {
	s.mu.Lock()
	if call == s.call {
		s.after--
	}
	stop := call == s.call && s.after < 0
	s.mu.Unlock()
	if stop {
		s.entered <- struct{}{}
		<-s.release
	}
}

func (s *stuck) calls() storage.DiskCalls {
	return storage.DiskCalls{
		Stat: func(path string) (fs.FileInfo, error) { s.pass("stat"); return os.Stat(path) },
		Glob: func(ctx context.Context, pattern string) ([]string, error) {
			s.pass("glob")
			return storage.GlobFiles(ctx, pattern)
		},
		Open: func(path string) (storage.DiskHandle, error) {
			s.pass("open")
			file, err := os.Open(path)
			return stuckFile{file, s}, err
		},
	}
}

type stuckFile struct {
	*os.File
	system *stuck
}

func (f stuckFile) Stat() (fs.FileInfo, error) { f.system.pass("fstat"); return f.File.Stat() }

func (f stuckFile) ReadAt(p []byte, offset int64) (int, error) {
	f.system.pass("read")
	return f.File.ReadAt(p, offset)
}

func (f stuckFile) Close() error {
	f.system.pass("close")
	err := f.File.Close()
	f.system.closed <- struct{}{}
	return err
}

// The end of the context ends the wait for a system call that hangs. Once that
// returns, the file is closed.
func TestDiskThatHangs(t *testing.T) {
	t.Parallel()
	csv := "a\n" + strings.Repeat("0123456789\n", 3*storage.DiskReadSize/11)
	packed := severalReads(t)
	for name, tc := range map[string]struct {
		call    string
		after   int
		file    string
		content string
	}{
		"stat":                 {"stat", 0, "x.csv", csv},
		"stat of a match":      {"stat", 1, "*.csv", csv},
		"glob":                 {"glob", 0, "*.csv", csv},
		"open":                 {"open", 0, "x.csv", csv},
		"first look":           {"fstat", 0, "x.csv", csv},
		"first read":           {"read", 0, "x.csv", csv},
		"look after a read":    {"fstat", 1, "x.csv", csv},
		"later read":           {"read", 1, "x.csv", csv},
		"last read":            {"read", 2, "x.csv", csv},
		"close":                {"close", 0, "x.csv", csv},
		"first read, Parquet":  {"read", 0, "x.parquet", packed},
		"later read, Parquet":  {"read", 4, "x.parquet", packed},
		"later look, Parquet":  {"fstat", 4, "x.parquet", packed},
		"read of NDJSON":       {"read", 2, "x.json", strings.ReplaceAll(csv[2:], "0123456789", `{"a":"1"}`)},
		"read of the last one": {"read", 4, "[xy].csv", csv},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, x := range []string{"x", "y"} {
				path := filepath.Join(dir, x+filepath.Ext(tc.file))
				if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			system := newStuck(tc.call, tc.after)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				done <- readToTheEnd(ctx, file.Source{Path: filepath.Join(dir, tc.file), Store: storage.Disk(system.calls())})
			}()
			select {
			case <-system.entered:
			case err := <-done:
				t.Fatalf("%s was not called: %v", tc.call, err)
			}
			cancel()
			select {
			case err := <-done:
				if tc.call != "close" && !errors.Is(err, context.Canceled) || tc.call == "close" && err != nil {
					t.Errorf("error %v", err)
				}
			case <-time.After(hangGuard):
				t.Fatal("the end of the context does not end the wait")
			}
			close(system.release)
			if system.call == "stat" || system.call == "glob" {
				return
			}
			select {
			case <-system.closed:
			case <-time.After(hangGuard):
				t.Fatal("the file stays open")
			}
		})
	}
}

// readToTheEnd reads all rows and closes them.
func readToTheEnd(ctx context.Context, source file.Source) error {
	rows, err := source.Open(ctx, []string{"a"})
	if err != nil {
		return err
	}
	for err == nil {
		_, err = rows.Next(nil)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// A file may also change between being found and being opened, and a read may be
// shorter than the size that the file system reports.
func TestDiskFileThatIsNotTheOneThatWasFound(t *testing.T) {
	t.Parallel()
	const content = "a\n1\n2\n"
	for name, change := range map[string]func(path string, file *os.File) (storage.DiskHandle, error){
		"nothing": nil,
		"grown": func(path string, file *os.File) (storage.DiskHandle, error) {
			return file, os.WriteFile(path, []byte(content+"3\n"), 0o600)
		},
		"another time": func(path string, file *os.File) (storage.DiskHandle, error) {
			return file, os.Chtimes(path, time.Time{}, time.Unix(1, 0))
		},
		"another file of that size and time": func(path string, file *os.File) (storage.DiskHandle, error) {
			info, err := file.Stat()
			if err != nil {
				return nil, err
			}
			other := path + ".new"
			at := info.ModTime()
			err = errors.Join(file.Close(), os.WriteFile(other, []byte("a\n3\n4\n"), 0o600), os.Chtimes(other, at, at), os.Rename(other, path))
			if err != nil {
				return nil, err
			}
			return os.Open(path)
		},
		"shorter than it says": func(_ string, file *os.File) (storage.DiskHandle, error) { return shortFile{file}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.csv")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			var calls storage.DiskCalls
			if change != nil {
				calls.Open = func(path string) (storage.DiskHandle, error) {
					file, err := os.Open(path)
					if err != nil {
						return nil, err
					}
					return change(path, file)
				}
			}
			err := readToTheEnd(t.Context(), file.Source{Path: path, Store: storage.Disk(calls)})
			if change == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "it was changed while it was read") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// shortFile drops the last byte of each read.
type shortFile struct{ *os.File }

func (f shortFile) ReadAt(p []byte, offset int64) (int, error) {
	n, _ := f.File.ReadAt(p, offset)
	return max(n-1, 0), io.EOF
}

// severalReads is a Parquet file of several row groups.
func severalReads(t *testing.T) string {
	t.Helper()
	type row struct {
		A string `parquet:"a"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.MaxRowsPerRowGroup(500))
	for i := range 5000 {
		if _, err := w.Write([]row{{fmt.Sprintf("%050d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

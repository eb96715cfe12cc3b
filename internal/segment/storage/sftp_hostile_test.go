//nolint:paralleltest // credentials come from the environment
package storage_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

// remoteTree is what an SFTP server has.
type remoteTree interface {
	stat(path string) (fs.FileInfo, error)
	// list returns the nth name in a folder; false after the last one.
	list(path string, n int64) (fs.FileInfo, bool)
	content(path string) (io.ReaderAt, error)
}

// serveTree serves it by SFTP.
func serveTree(tree remoteTree) func(io.ReadWriteCloser) {
	return func(channel io.ReadWriteCloser) {
		h := treeHandler{tree}
		_ = sftp.NewRequestServer(channel, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}).Serve() // until the client hangs up
	}
}

type treeHandler struct{ remoteTree }

func (h treeHandler) Fileread(r *sftp.Request) (io.ReaderAt, error) { return h.content(r.Filepath) }

func (treeHandler) Filewrite(*sftp.Request) (io.WriterAt, error) { return nil, os.ErrPermission }

func (treeHandler) Filecmd(*sftp.Request) error { return os.ErrPermission }

func (h treeHandler) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method == "List" {
		return lister(func(n int64) (fs.FileInfo, bool) { return h.list(r.Filepath, n) }), nil
	}
	info, err := h.stat(r.Filepath)
	if err != nil {
		return nil, err
	}
	return lister(func(n int64) (fs.FileInfo, bool) { return info, n == 0 }), nil
}

type lister func(n int64) (fs.FileInfo, bool)

func (l lister) ListAt(infos []fs.FileInfo, offset int64) (int, error) {
	for n := range infos {
		info, ok := l(offset + int64(n))
		if !ok {
			return n, io.EOF
		}
		infos[n] = info
	}
	return len(infos), nil
}

// remoteInfo is a file or a folder.
type remoteInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i remoteInfo) Name() string { return i.name }

func (i remoteInfo) Size() int64 { return i.size }

func (i remoteInfo) Mode() fs.FileMode { return i.mode }

func (remoteInfo) ModTime() time.Time { return time.Unix(1_700_000_000, 0) }

func (i remoteInfo) IsDir() bool { return i.mode.IsDir() }

func (remoteInfo) Sys() any { return nil }

// oneFile is a server with one file, /exports/a.csv.
type oneFile struct{ text string }

func tree1(content string) remoteTree { return oneFile{content} }

func (f oneFile) info() remoteInfo { return remoteInfo{"a.csv", int64(len(f.text)), 0o600} }

func (f oneFile) stat(path string) (fs.FileInfo, error) {
	if path == "/exports/a.csv" {
		return f.info(), nil
	}
	return nil, os.ErrNotExist
}

func (f oneFile) list(_ string, n int64) (fs.FileInfo, bool) { return f.info(), n == 0 }

func (f oneFile) content(string) (io.ReaderAt, error) { return strings.NewReader(f.text), nil }

// endless is a server whose folders have no end: of names, or of folders below.
type endless struct {
	oneFile
	folders bool
	listed  *atomic.Int64
}

func (e endless) list(_ string, n int64) (fs.FileInfo, bool) {
	e.listed.Add(1)
	if e.folders {
		return remoteInfo{"again", 0, fs.ModeDir | 0o700}, n == 0
	}
	return remoteInfo{fmt.Sprintf("%0200d", n), 0, 0o600}, true
}

// Folders without an end are given up.
func TestSFTPListingsWithoutEnd(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	for name, tc := range map[string]struct {
		folders bool
		path    string
		want    string
		most    int64 // names listed
	}{
		"names":        {false, "*.csv", "the folders that the pattern leads through list more than 64 MiB of names. Name the folders more closely", 1_000_000},
		"names, below": {false, "**/*.csv", "list more than 64 MiB of names", 1_000_000},
		"folders":      {true, "**/*.csv", "there are more than 100 folders one inside the other. A link may lead back", 1000},
	} {
		t.Run(name, func(t *testing.T) {
			server := endless{folders: tc.folders, listed: &atomic.Int64{}}
			url := (&sshServer{ServerConfig: passwords()["password"], sftp: serveTree(server)}).listen(t)
			_, err := readIDs(t, withShortWaits(url+tc.path))
			wantError(t, err, tc.want)
			if got := server.listed.Load(); got > tc.most {
				t.Errorf("%d names were listed", got)
			}
		})
	}
}

// kinds is a server whose file is something else.
type kinds struct {
	oneFile
	mode fs.FileMode
}

func (k kinds) stat(path string) (fs.FileInfo, error) {
	info, err := k.oneFile.stat(path)
	if err == nil {
		info = remoteInfo{"a.csv", 0, k.mode}
	}
	return info, err
}

func (k kinds) list(_ string, n int64) (fs.FileInfo, bool) {
	return remoteInfo{"a.csv", 0, k.mode}, n == 0
}

func TestSFTPReadsOnlyFiles(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	for mode, want := range map[fs.FileMode]string{fs.ModeNamedPipe: "is a named pipe, not a file", fs.ModeSocket: "is a socket", fs.ModeDevice: "is a device"} {
		url := (&sshServer{ServerConfig: passwords()["password"], sftp: serveTree(kinds{mode: mode})}).listen(t)
		for _, path := range []string{"a.csv", "*.csv"} {
			_, err := readIDs(t, withShortWaits(url+path))
			wantError(t, err, want)
		}
	}
}

// shrinking is a server whose file is shorter than it says.
type shrinking struct{ oneFile }

func (s shrinking) content(string) (io.ReaderAt, error) {
	return strings.NewReader(s.text[:len(s.text)/2]), nil
}

func TestSFTPFileThatIsShorterThanItSays(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	url := (&sshServer{ServerConfig: passwords()["password"], sftp: serveTree(shrinking{oneFile{numbered(100)}})}).listen(t)
	_, err := readIDs(t, withShortWaits(url+"a.csv"))
	wantError(t, err, "the transfer breaks off again and again")
}

// silent is a server that begins to list a folder and falls silent.
type silent struct {
	oneFile
	ended chan struct{}
}

func (s silent) list(_ string, n int64) (fs.FileInfo, bool) {
	if n >= 1000 { // in the middle
		<-s.ended
	}
	return remoteInfo{fmt.Sprintf("%d.csv", n), 0, 0o600}, true
}

func TestSFTPListingThatFallsSilent(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	server := silent{ended: make(chan struct{})}
	defer close(server.ended)
	url := (&sshServer{ServerConfig: passwords()["password"], sftp: serveTree(server)}).listen(t)
	_, err := readIDs(t, withWaits(url+"*.csv", time.Second, nil))
	wantError(t, err, "the server did not answer in time")
}

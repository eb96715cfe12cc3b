//nolint:paralleltest // credentials come from the environment
package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/sftptest"
)

// startSFTP starts a server and lets the client log in to it.
func startSFTP(t *testing.T) *sftptest.Server {
	t.Helper()
	s := sftptest.Start(t)
	for name, value := range s.Environment() {
		t.Setenv(name, value)
	}
	return s
}

// setTime sets when a file was changed last.
func setTime(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, time.Time{}, at); err != nil {
		t.Fatal(err)
	}
}

func TestSFTP(t *testing.T) {
	s := startSFTP(t)
	written := time.Unix(1_700_000_000, 0)
	o := objects{
		path: func(_, key string) string { return s.URL(key) },
		name: func(_, key string) string { return s.Name(key) },
		put: func(t *testing.T, key, content string) {
			t.Helper()
			written = written.Add(time.Second)
			setTime(t, s.Put(key, content), written)
		},
		secrets: []string{s.KeyPath(), s.User + "@"},
	}
	for name, test := range map[string]func(*testing.T){
		"reads": o.reads, "reads parts": o.readsParts, "reads patterns": o.readsPatterns, "version": o.version, "changes": o.changes,
	} {
		t.Run(name, test)
	}
}

func TestSFTPReads(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv.gz", filetest.Gzip(t, numbered(5000)))
	s.Put("a.csv.zst", filetest.Zstd(t, numbered(5000)))
	s.Put("a.parquet", numberedParquet(t, 40000))
	s.Put("day/2026-11-9/a.csv", numbered(3))
	s.Put("day/2026-11-27/a.csv", numbered(4))
	home := strings.Replace(s.URL("day/2026-11-9/*.csv"), s.Address+"/", s.Address+"/~/../../../../", 1)
	for path, rows := range map[string]int{s.URL("a.csv.gz"): 5000, s.URL("a.csv.zst"): 5000, s.URL("a.parquet"): 40000, s.URL("*/2026-11-9/a.csv"): 3, home: 3} {
		wantNumbered(t, withShortWaits(path), rows)
	}
	for _, pattern := range []string{"day/*/*.csv", "day/**/*.csv", "**/*.csv"} {
		source, newest := withShortWaits(s.URL(pattern)), true
		source.Newest = &newest
		wantNumbered(t, source, 4)
	}
}

// A pattern finds what it finds on a disk, through links too, whatever way it leads.
func TestSFTPFindsWhatTheDiskFinds(t *testing.T) {
	s := startSFTP(t)
	for _, name := range []string{"top.csv", "a/1.csv", "a/b/2.csv", "a/b/c/3.csv", "a/b/c/3.txt", "b/4.csv", "dt=1/b/5.csv", "x.csv/6.csv"} {
		s.Put(name, "id\n"+name+"\n")
	}
	for link, to := range map[string]string{"a/up": s.Dir(), "a/again": filepath.Join(s.Dir(), "b"), "b/one.csv": filepath.Join(s.Dir(), "top.csv"), "gone.txt": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(s.Dir(), link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{
		"*.csv", "*/*.csv", "**/*.csv", "a/**/*.csv", "a/b/**", "*/**/b/*.csv", "**/b/**/*.csv", "[ab]/*.csv", "[ab]/b/*.csv", "*/again/*.csv",
		"a/[b]/c/3.*", "x.csv/*", "*/none/*.csv", "none/*.csv", "top.csv/*.csv", "**/none",
	} {
		onDisk, _ := found(t, s.Dir(), pattern)
		objects, err := storage.Of(s.URL(pattern)).Find(t.Context(), s.URL(pattern))
		var got []string
		for _, o := range objects {
			got = append(got, strings.TrimPrefix(o.Path(), s.Dir()+"/"))
		}
		if !slices.Equal(got, onDisk) {
			t.Errorf("%s finds %q (%v), the disk %q", pattern, got, err, onDisk)
		}
		if onDisk == nil {
			expectWords(t, err, `"`+s.Name(pattern)+`" cannot be read: no file matches`)
		}
	}
	err := openFails(t, s.URL("gone.*"))
	expectWords(t, err, `the link "`+s.Name("gone.txt")+`", which the pattern matches, leads nowhere`)
}

// All files of a segment are read through one connection.
func TestSFTPKeepsTheConnection(t *testing.T) {
	s := startSFTP(t)
	for i := range 20 {
		s.Put(fmt.Sprintf("many/%02d.csv", i), "id\n1\n")
	}
	s.Put("a.parquet", numberedParquet(t, 40000))
	for _, path := range []string{"many/*.csv", "a.parquet"} {
		before := s.Connections()
		if _, err := readIDs(t, withShortWaits(s.URL(path))); err != nil {
			t.Fatal(err)
		}
		if got := s.Connections() - before; got != 1 {
			t.Errorf("%s: %d connections", path, got)
		}
	}
}

// A connection that nothing uses is closed.
func TestSFTPEndsTheConnection(t *testing.T) {
	s := startSFTP(t)
	setTime(t, s.Put("a.csv", numbered(3)), time.Unix(1_700_000_000, 0))
	source := withWaits(s.URL("a.csv"), brief, nil)
	version(t, source)
	wantNumbered(t, source, 3)
	wantDisconnected(t, s)
}

// wantDisconnected waits until the server has no connection any more.
func wantDisconnected(t *testing.T, s *sftptest.Server) {
	t.Helper()
	for deadline := time.Now().Add(hangGuard); s.Open() > 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left", s.Open())
		}
	}
}

// A transfer that breaks off, or falls silent, goes on where it ended.
func TestSFTPResumes(t *testing.T) {
	s := startSFTP(t)
	const rows = 300_000 // 3 MB
	s.Put("a.csv", numbered(rows))
	s.Put("a.parquet", numberedParquet(t, 200_000))
	for name, tc := range map[string]struct {
		file   string
		rows   int
		wait   time.Duration
		faults []sftptest.Fault
	}{
		"once":           {"a.csv", rows, enough, []sftptest.Fault{{After: 1_500_000}}},
		"again":          {"a.csv", rows, enough, []sftptest.Fault{{After: 500_000}, {After: 1_100_000}, {After: 1_200_000}}},
		"at once":        {"a.csv", rows, enough, []sftptest.Fault{{After: 0}, {After: 1000}}},
		"when silent":    {"a.csv", rows, brief, []sftptest.Fault{{After: 1_500_000, Silent: true}}},
		"parts":          {"a.parquet", 200_000, enough, []sftptest.Fault{{After: 300_000}, {After: 200_000}}},
		"parts, silent":  {"a.parquet", 200_000, brief, []sftptest.Fault{{After: 300_000, Silent: true}}},
		"before a login": {"a.csv", rows, brief, []sftptest.Fault{{After: 0, Silent: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Connections()
			s.Fail(tc.faults...)
			wantNumbered(t, withWaits(s.URL(tc.file), tc.wait, nil), tc.rows)
			want := int64(len(tc.faults)) + 1
			if got := s.Connections() - before; got < want || tc.wait == enough && got > want { // a busy machine may exceed a brief timeout
				t.Errorf("%d connections", got)
			}
		})
	}
}

func TestSFTPTransferThatCannotGoOn(t *testing.T) {
	s := startSFTP(t)
	const rows = 300_000
	for name, tc := range map[string]struct {
		change func(path string) error
		faults int
		want   string
	}{
		"changed":     {func(path string) error { return os.WriteFile(path, []byte(numbered(rows/2)), 0o600) }, 1, "it was changed while it was read. Run Terraform again"},
		"newer":       {func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) }, 1, "it was changed while it was read"},
		"removed":     {os.Remove, 1, "it was changed while it was read"},
		"lost thrice": {func(string) error { return nil }, 10, "the connection to the server was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			path := s.Put("a.csv", numbered(rows))
			s.Fail(slices.Repeat([]sftptest.Fault{{After: 1_500_000, Then: func() {
				if err := tc.change(path); err != nil {
					t.Error(err)
				}
			}}}, 1)...)
			s.Fail(slices.Repeat([]sftptest.Fault{{After: 0}}, tc.faults-1)...)
			got, err := readIDs(t, withShortWaits(s.URL("a.csv")))
			wantError(t, err, tc.want)
			if len(got) >= rows {
				t.Error("all rows came")
			}
			s.ForgetFaults()
		})
	}
}

// A file that is written to while it is read does not yield rows of both.
func TestSFTPFileThatChangesWhileItIsRead(t *testing.T) {
	s := startSFTP(t)
	const rows = 600_000 // more than is requested in advance
	path := s.Put("a.csv", numbered(rows))
	setTime(t, path, time.Unix(1_700_000_000, 0))
	open, err := withShortWaits(s.URL("a.csv")).Open(t.Context(), []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if _, err := open.Next(nil); err != nil {
		t.Fatal(err)
	}
	setTime(t, path, time.Unix(1_700_000_001, 0))
	got, err := segmenttest.ReadAll(open)
	wantError(t, err, "it was changed while it was read")
	if len(got) >= rows-1 {
		t.Error("all rows came")
	}
}

// Times are kept to the second, so a file that was just written may be written
// again unseen. And whoever writes it can set its time.
func TestSFTPVersion(t *testing.T) {
	s := startSFTP(t)
	path := s.Put("a.csv", "id\n1\n")
	setTime(t, path, time.Now().Add(time.Hour)) // however long the login takes
	source := withShortWaits(s.URL("a.csv"))
	if got := version(t, source); got != "" {
		t.Errorf("version %q of a file that was just written", got)
	}
	setTime(t, path, time.Unix(1_700_000_000, 0))
	first := version(t, source)
	if first == "" || version(t, source) != first {
		t.Errorf("version %q", first)
	}
	s.Put("a.csv", "id\n1\n2\n")
	setTime(t, path, time.Unix(1_700_000_000, 0))
	if version(t, source) == first {
		t.Error("another size is the same version")
	}
	if source.TellsChanges() {
		t.Error("the time proves that nothing was changed")
	}
}

func TestSFTPRefuses(t *testing.T) {
	s := startSFTP(t)
	s.Put("closed/a.csv", numbered(3))
	s.Put("folder/a.csv", numbered(3))
	for _, name := range []string{"closed", "folder/a.csv"} {
		path := filepath.Join(s.Dir(), name)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
	}
	elsewhere := func(authority string) string { return strings.Replace(s.URL("a.csv"), s.Address, authority, 1) }
	closedPort := strings.TrimPrefix(unreachableURL, "http://")
	for name, tc := range map[string]struct{ path, want string }{
		"file that is not there":       {s.URL("no/such.csv"), `"` + s.Name("no/such.csv") + `" cannot be read: there is no such file. Check the path`},
		"file that may not be read":    {s.URL("folder/a.csv"), `"` + s.Name("folder/a.csv") + `" cannot be read: access is denied: permission denied. Let the user`},
		"folder":                       {s.URL("folder"), "it is a folder, not a file. Name the file itself"},
		"folder that may not be read":  {s.URL("closed/*.csv"), `the folder "` + s.Name("closed") + `", which the pattern leads through, may not be listed: permission denied`},
		"folder below":                 {s.URL("**/*.csv"), `the folder "` + s.Name("closed") + `", which`},
		"pattern that nothing matches": {s.URL("folder/*.parquet"), "no file matches. * stands for any characters but /"},
		"two stars in a name":          {s.URL("folder/**.csv"), "** stands for folders"},
		"invalid pattern":              {s.URL("folder/[a.csv"), "the pattern is not valid"},
		"nobody listens":               {elsewhere(closedPort), `"` + closedPort + `" refuses the connection: no server listens there. Check the host and the port`},
		"no such host":                 {elsewhere("sftp.invalid"), `there is no host "sftp.invalid"`},
		"other parameter":              {s.URL("a.csv?hostkey=x"), `the parameter "hostkey" is not known. Parameters of sftp:// are host_key, known_hosts, private_key_env`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readIDs(t, withShortWaits(tc.path))
			wantError(t, err, tc.want)
			rejectWords(t, err, s.User+"@", s.KeyPath())
		})
	}
}

// A path that may hold a password is not shown.
func TestSFTPPathThatIsRefused(t *testing.T) {
	for path, want := range map[string]string{
		"sftp://user:hush@host/a.csv":       "There is a password in the path of the SFTP server. Leave it out of the path, which is kept in the state.",
		"sftp://user:pa/hush@host/a.csv":    "The path names no user. Write it as in sftp://user@sftp.example.com",
		"sftp://user:22/hush@host/a.csv":    "The path names no user.",
		"sftp://me@corp:pa/hush@host/a.csv": "The path names no valid host and port.",
		"sftp://me@corp:22/hush@host/":      `"sftp://corp/…" names no file`,
		"sftp://host/hush.csv":              "The path names no user.",
		"sftp://%zz@host/hush.csv":          "The path names no valid user.",
		"sftp://@host/hush.csv":             "The path names no valid user.",
		"sftp://u@host:hush/a.csv":          "The path names no valid host and port.",
		"sftp://u@host:70000/hush.csv":      "The path names no valid host and port.",
		"sftp://u@/hush.csv":                "The path names no valid host and port.",
		"sftp://u@host":                     `"sftp://host/" names no file. Write the path of the file on the server`,
		"sftp://u@host:2222/~/":             `"sftp://host:2222/~/" names no file`,
		"sftp:/host/hush.csv":               "The path is neither that of a file nor a URL that can be read. It is not shown",
		"sftp:/u:hush@host/a.csv":           "The path is neither that of a file nor a URL that can be read. It is not shown",
	} {
		_, err := readIDs(t, withShortWaits(path))
		wantError(t, err, want)
	}
}

// The end of the context ends the wait for a server that falls silent, at whatever
// point of the conversation.
func TestSFTPServerThatHangs(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv", numbered(300_000))
	s.Put("a.parquet", numberedParquet(t, 200_000))
	for _, name := range []string{"a.csv", "*.csv", "**/*.csv", "a.parquet"} {
		for _, after := range []int64{0, 20, 500, 1500, 2200, 2600, 3000, 3200, 3400, 3600, 3800, 4000, 5000, 100_000, 1_200_000} {
			t.Run(fmt.Sprintf("%s after %d", name, after), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				silent := make(chan struct{})
				s.Fail(sftptest.Fault{After: after, Silent: true, Then: func() { close(silent) }})
				defer s.ForgetFaults()
				done := make(chan error, 1)
				go func() {
					source := withWaits(s.URL(name), time.Hour, nil)
					rows, err := source.Open(ctx, []string{"id"})
					if err == nil {
						_, err = segmenttest.ReadAll(rows)
						err = errors.Join(err, rows.Close())
					}
					done <- err
				}()
				select {
				case <-silent:
				case err := <-done:
					if after > 100_000 && err == nil {
						return // that much is not sent
					}
					t.Fatalf("it ends before: %v", err)
				}
				cancel()
				select {
				case err := <-done:
					if !errors.Is(err, context.Canceled) {
						t.Errorf("error %v", err)
					}
				case <-time.After(hangGuard):
					t.Fatal("the end of the context does not end the wait")
				}
				wantDisconnected(t, s)
			})
		}
	}
}

// The end of the context also ends the closing of a file that was read to its end.
func TestSFTPServerThatHangsAtTheEnd(t *testing.T) {
	for name, inOrder := range map[string]func(cancel, closeRows func()){
		"closed before":    func(cancel, closeRows func()) { closeRows(); cancel() },
		"cancelled before": func(cancel, closeRows func()) { cancel(); closeRows() },
	} {
		t.Run(name, func(t *testing.T) {
			s := startSFTP(t)
			s.Put("a.parquet", numberedParquet(t, 3))
			ctx, cancel := context.WithCancel(t.Context())
			rows, err := withWaits(s.URL("a.parquet"), time.Hour, nil).Open(ctx, []string{"id"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := segmenttest.ReadAll(rows); err != nil {
				t.Fatal(err)
			}
			s.Silence()
			inOrder(cancel, func() { _ = rows.Close() })
			wantDisconnected(t, s)
		})
	}
}

// A server that does not answer is not waited for without end.
func TestSFTPServerThatDoesNotAnswer(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv", numbered(3))
	for _, after := range []int64{0, 1500, 3000} {
		s.Fail(slices.Repeat([]sftptest.Fault{{After: after, Silent: true}}, 20)...)
		_, err := readIDs(t, withWaits(s.URL("*.csv"), 300*time.Millisecond, nil))
		wantError(t, err, "the server did not answer in time. Check the host and the port")
		s.ForgetFaults()
	}
}

// A file that has grown since it was found is not opened, even if there was nothing
// in it to read.
func TestSFTPFileThatIsNotTheOneThatWasFound(t *testing.T) {
	s := startSFTP(t)
	for _, content := range []string{"", "id\n1\n"} {
		s.Put("a.csv", content)
		objects, err := storage.Of(s.URL("a.csv")).Find(t.Context(), s.URL("a.csv"))
		if err != nil {
			t.Fatal(err)
		}
		s.Put("a.csv", content+"id\n2\n")
		_, err = objects[0].Open(t.Context())
		wantError(t, err, "it was changed while it was read")
	}
}

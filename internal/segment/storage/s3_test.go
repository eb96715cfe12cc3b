//nolint:paralleltest // credentials come from the environment, which newStore and s3Environment set
package storage_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// store is a server of S3 on this machine with one bucket, "b".
type store struct {
	*wire
	backend  *s3mem.Backend
	endpoint string
}

// newStore sets the environment, so its tests are not parallel.
func newStore(t *testing.T) store {
	t.Helper()
	s3Environment(t)
	s := store{backend: s3mem.New()}
	if err := s.backend.CreateBucket("b"); err != nil {
		t.Fatal(err)
	}
	s.wire = &wire{Handler: gofakes3.New(s.backend, gofakes3.WithoutVersioning()).Server()}
	s.endpoint = s.listen(t)
	return s
}

// s3Environment sets credentials, and hides the configuration of this machine.
func s3Environment(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIA" + secret, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
}

func (s store) put(t *testing.T, key, content string) {
	t.Helper()
	if _, err := s.backend.PutObject("b", key, map[string]string{}, strings.NewReader(content), int64(len(content)), nil); err != nil {
		t.Fatal(err)
	}
}

// file is a segment in one object or several.
func (s store) file(path string) file.Source { return at(s.endpoint, path) }

func at(endpoint, path string) file.Source {
	query := url.Values{"endpoint": {endpoint}, "use_path_style": {"true"}}
	return withShortWaits("s3://" + path + "?" + query.Encode())
}

func TestS3Reads(t *testing.T) {
	s := newStore(t)
	s.put(t, "x/a.csv", numbered(300))
	s.put(t, "x/[a].csv", numbered(2))
	s.put(t, "x/a.parquet", numberedParquet(t, 40000))
	for path, rows := range map[string]int{"b/x/a.csv": 300, "b/x/[a].csv": 2, "b/x/a.parquet": 40000} {
		t.Run(path, func(t *testing.T) { wantNumbered(t, s.file(path), rows) })
	}
}

func TestS3ReadsWhatAPatternMatches(t *testing.T) {
	s := newStore(t)
	for key, content := range map[string]string{"x/p2.csv": "2", "x/p10.csv": "10", "x/p1.csv": "1", "x/y/p3.csv": "3", "x/q.csv": "4", "p5.csv": "5"} {
		s.put(t, key, "id\n"+content+"\n")
	}
	for pattern, want := range map[string][]string{
		"b/x/p*.csv":     {"1", "10", "2"},
		"b/x/p[12].csv":  {"1", "2"},
		"b/*/p*.csv":     {"1", "10", "2"},
		"b/x/*/p*.csv":   {"3"},
		"b/*.csv":        {"5"},
		"b/x/[^p]*.csv":  {"4"},
		"b/x/p1*.csv":    {"1", "10"},
		"b/[x]/p[2].csv": {"2"},
	} {
		t.Run(pattern, func(t *testing.T) {
			rows, err := readIDs(t, s.file(pattern))
			var got []string
			for _, row := range rows {
				got = append(got, row[0])
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("rows %q, want %q, %v", got, want, err)
			}
		})
	}
}

// Each page of a listing has a timeout of its own, and is retried when it fails.
func TestS3ListsManyPages(t *testing.T) {
	s := newStore(t)
	const objects = 3500 // pages of 1,000
	for i := range objects {
		s.put(t, fmt.Sprintf("x/p%05d.csv", i), "id\n")
	}
	s.put(t, "x/p99999.csv", numbered(3))
	const wait = 10 * time.Second
	var pages, refused atomic.Int64
	serve := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("list-type") {
			serve.ServeHTTP(w, r)
			return
		}
		if refused.Load() < pages.Load() { // a page fails before the next one is there
			refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if pages.Add(1) <= 4 { // together they take longer than an answer may
			time.Sleep(wait * 4 / 15)
		}
		serve.ServeHTTP(w, r)
	})
	source := s.file("b/x/p*.csv")
	source.Store = storage.WithWaits(source.Path, wait, nil)
	first, err := source.Version(t.Context())
	if err != nil || pages.Load() != 4 || refused.Load() != 3 {
		t.Fatalf("%d pages, %d times refused, %v", pages.Load(), refused.Load(), err)
	}
	s.put(t, "x/p99999.csv", numbered(4)) // the last object of the last page
	if second, err := source.Version(t.Context()); err != nil || second == first {
		t.Errorf("version %q after %q, %v", second, first, err)
	}
}

func TestS3FileThatIsNotThere(t *testing.T) {
	s := newStore(t)
	s.put(t, "x/a.csv", numbered(1))
	for name, tc := range map[string]struct{ path, want string }{
		"no object":       {"b/x/b.csv", `"s3://b/x/b.csv" cannot be read: there is no such object in the bucket. Check the key`},
		"no bucket":       {"other/x/a.csv", `there is no bucket or container "other". Check the name and the region`},
		"no bucket, many": {"other/x/*.csv", `there is no bucket or container "other".`},
		"no match":        {"b/x/*.tsv", `"s3://b/x/*.tsv" cannot be read: no object matches. * stands for any characters but /`},
		"bad pattern":     {"b/x/[a.csv", `the pattern is not valid. A [ begins a set`},
		"no key":          {"b", `"s3://b/" names no object in a bucket. Write the bucket and the key`},
		"folder":          {"b/x/", `"s3://b/x/" names no object in a bucket.`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readIDs(t, s.file(tc.path))
			wantError(t, err, tc.want)
		})
	}
}

func TestS3EndpointThatIsWrong(t *testing.T) {
	s3Environment(t)
	denied := func(code int, body string) string {
		return (&wire{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body)) // a failure shows in the client
		})}).listen(t)
	}
	for name, tc := range map[string]struct{ endpoint, want string }{
		"unreachable":  {unreachableURL + "/" + secret, "the server cannot be reached: dial tcp 127.0.0.1"},
		"no S3":        {denied(404, "<html>not here</html>"), "there is no such object in the bucket"},
		"denied":       {denied(403, "<Error><Code>AccessDenied</Code></Error>"), "access is denied (403"},
		"unknown key":  {denied(403, "<Error><Code>InvalidAccessKeyId</Code><Message>"+secret+"</Message></Error>"), "the credentials were refused (403 InvalidAccessKeyId). Credentials come from AWS_ACCESS_KEY_ID"},
		"other region": {denied(301, "<Error><Code>PermanentRedirect</Code></Error>"), "the bucket is in another region"},
		"out of order": {denied(503, ""), "the store answers 503"},
		"not an URL":   {"ftp://x", `the parameter "endpoint" is not the URL of a server. Write it as in ?endpoint=https`},
		"with a query": {unreachableURL + "/?sig=" + secret, `the parameter "endpoint" is not the URL of a server`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readIDs(t, at(tc.endpoint, "b/a.csv"))
			wantError(t, err, tc.want)
		})
	}
}

func TestS3WithoutCredentials(t *testing.T) {
	s := newStore(t)
	s.put(t, "a.csv", numbered(1))
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := readIDs(t, s.file("b/a.csv"))
	wantError(t, err, "no usable credentials were found")
}

func TestS3Version(t *testing.T) {
	s := newStore(t)
	s.put(t, "a.csv", numbered(1))
	s.put(t, "b.csv", numbered(2))
	one, both := s.file("b/a.csv"), s.file("b/*.csv")
	first, firstBoth := version(t, one), version(t, both)
	if first == "" || version(t, one) != first || firstBoth == "" || version(t, both) != firstBoth {
		t.Errorf("versions %q, %q, then %q, %q", first, firstBoth, version(t, one), version(t, both))
	}
	s.put(t, "a.csv", "id\nrow-00009\n") // of the same size
	if version(t, one) == first || version(t, both) == firstBoth {
		t.Errorf("another content does not change %q or %q", first, firstBoth)
	}
}

func TestS3Resumes(t *testing.T) {
	for name, tc := range map[string]struct {
		key, content string
		rows         int
		want         []string
	}{
		"CSV":     {"a.csv", numbered(500), 500, []string{"", "bytes=1000-", "bytes=2000-"}},
		"Parquet": {"a.parquet", numberedParquet(t, 400), 400, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.put(t, tc.key, tc.content)
			s.cuts = 2
			wantNumbered(t, s.file("b/"+tc.key), tc.rows)
			if got := s.requestedRanges(); tc.want != nil && !slices.Equal(got, tc.want) {
				t.Errorf("requested %q, want %q", got, tc.want)
			}
		})
	}
}

func TestS3ObjectThatChanges(t *testing.T) {
	for name, content := range map[string]string{"same size": strings.ReplaceAll(numbered(500), "row", "ROW"), "shorter": "id\n"} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.put(t, "a.csv", numbered(500))
			s.cuts, s.between = 1, func() { s.put(t, "a.csv", content) }
			got, err := readIDs(t, s.file("b/a.csv"))
			wantError(t, err, "it was changed while it was read. Run Terraform again once the file is complete")
			if len(got) >= 500 {
				t.Error("all rows came")
			}
		})
	}
}

// A store that ignores ranges must not yield the beginning of an object twice.
func TestS3StoreWithoutRanges(t *testing.T) {
	s := newStore(t)
	s.put(t, "a.csv", numbered(500))
	serve := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		serve.ServeHTTP(w, r)
	})
	s.cuts = 1
	_, err := readIDs(t, s.file("b/a.csv"))
	wantError(t, err, "the server does not send the part of the file that was requested")
}

func TestS3TablesAndModels(t *testing.T) {
	s := newStore(t)
	if err := s.backend.CreateBucket("segments"); err != nil {
		t.Fatal(err)
	}
	o := objects{
		path: func(bucket, key string) string { return at(s.endpoint, bucket+"/"+key).Path },
		name: func(bucket, key string) string { return "s3://" + bucket + "/" + key },
		put: func(t *testing.T, key, content string) {
			t.Helper()
			if _, err := s.backend.PutObject("segments", key, map[string]string{}, strings.NewReader(content), int64(len(content)), nil); err != nil {
				t.Fatal(err)
			}
		},
		secrets:  []string{secret, s.endpoint},
		noBucket: `there is no bucket or container "no-such-segments"`,
	}
	o.readsTables(t)
	o.readsModels(t)
}

package storage_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// signed adds a password and a signature to an address.
func signed(address, path string) string {
	return strings.Replace(address, "://", "://user:"+secret+"@", 1) + path + "?sig=" + secret
}

// withShortWaits is a segment in a file that is retried without a noticeable backoff.
func withShortWaits(path string) file.Source { return withWaits(path, enough, nil) }

// withWaits is the same with a timeout and a transport, which may be nil.
func withWaits(path string, wait time.Duration, transport http.RoundTripper) file.Source {
	return file.Source{Path: path, Store: storage.WithWaits(path, wait, transport)}
}

// pages serves a content with an ETag, both of which may change.
type pages struct {
	content, tag string
	whole        bool // ranges are ignored
}

// ServeHTTP implements [http.Handler].
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.tag != "" {
		w.Header().Set("ETag", p.tag)
	}
	if p.whole {
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(p.content))
}

func TestWebReads(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pages
		path string
		rows int
	}{
		"CSV":                {pages{content: numbered(300), tag: `"1"`}, "/a.csv", 300},
		"CSV without ranges": {pages{content: numbered(300), whole: true}, "/a.csv", 300},
		"CSV without rows":   {pages{content: numbered(0), tag: `"1"`}, "/a.csv", 0},
		"Parquet":            {pages{content: numberedParquet(t, 40000), tag: `"1"`}, "/a.parquet", 40000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &wire{Handler: &tc.pages}
			wantNumbered(t, withShortWaits(signed(w.listen(t), tc.path)), tc.rows)
		})
	}
}

func TestWebResumes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pages
		cuts  int
		stall bool
		wait  time.Duration
		want  []string
	}{
		"once":           {pages{tag: `"1"`}, 1, false, enough, []string{"bytes=0-0", "", "bytes=1000-"}},
		"again":          {pages{tag: `"1"`}, 2, false, enough, []string{"bytes=0-0", "", "bytes=1000-", "bytes=2000-"}},
		"when silent":    {pages{tag: `"1"`}, 1, true, brief, []string{"bytes=0-0", "", "bytes=1000-"}},
		"without ranges": {pages{tag: `"1"`, whole: true}, 1, false, enough, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.content = numbered(500)
			w := &wire{Handler: &tc.pages, cuts: tc.cuts, stall: tc.stall}
			wantNumbered(t, withWaits(w.listen(t)+"/a.csv", tc.wait, nil), 500)
			if got := w.requestedRanges(); tc.want != nil && !slices.Equal(got, tc.want) {
				t.Errorf("requested %q, want %q", got, tc.want)
			}
		})
	}
}

func TestWebResumesParquet(t *testing.T) {
	t.Parallel()
	w := &wire{Handler: &pages{content: numberedParquet(t, 400), tag: `"1"`}, cuts: 2}
	wantNumbered(t, withShortWaits(w.listen(t)+"/a.parquet"), 400)
}

func TestWebTransferThatCannotGoOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tag, after string // ETags
		cuts       int
		want       string
	}{
		"changed":              {`"1"`, `"2"`, 1, "it was changed while it was read. Run Terraform again once the file is complete"},
		"no validator":         {"", "", 1, "says neither by a strong ETag nor by Last-Modified"},
		"weak validator":       {`W/"1"`, `W/"1"`, 1, "says neither by a strong ETag nor by Last-Modified"},
		"validator taken away": {`"1"`, "", 1, "it was changed while it was read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pages{content: numbered(500), tag: tc.tag}
			w := &wire{Handler: p, cuts: tc.cuts, between: func() { p.tag = tc.after }}
			got, err := readIDs(t, withShortWaits(signed(w.listen(t), "/a.csv")))
			wantError(t, err, tc.want)
			if len(got) >= 500 {
				t.Errorf("all rows came")
			}
		})
	}
}

func TestWebParquetWithoutRanges(t *testing.T) {
	t.Parallel()
	w := &wire{Handler: &pages{content: numberedParquet(t, 40), tag: `"1"`, whole: true}}
	_, err := readIDs(t, withShortWaits(signed(w.listen(t), "/a.parquet")))
	wantError(t, err, "the server sends only whole files, and this format is read in parts. Use a server that supports range requests")
}

func TestWebRefusals(t *testing.T) {
	t.Parallel()
	for code, tc := range map[int]struct {
		want  string
		tries int32
	}{
		403: {"the server answers 403 Forbidden. A signed URL may have expired", 1},
		404: {"the server answers 404 Not Found. A signed URL may have expired", 1},
		410: {"the server answers 410 Gone. A signed URL may have expired", 1},
		418: {"the server answers 418 I'm a teapot", 1},
		429: {"the server answers 429 Too Many Requests", 3},
		500: {"the server answers 500 Internal Server Error", 3},
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			w := &wire{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				http.Error(w, r.URL.String(), code)
			})}
			_, err := readIDs(t, withShortWaits(signed(w.listen(t), "/a.csv")))
			wantError(t, err, tc.want)
			if n := requests.Load(); n != tc.tries {
				t.Errorf("requested %d times, want %d", n, tc.tries)
			}
		})
	}
}

func TestWebTriesAgain(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	good := &pages{content: numbered(3), tag: `"1"`}
	w := &wire{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		good.ServeHTTP(w, r)
	})}
	wantNumbered(t, withShortWaits(w.listen(t)+"/a.csv"), 3)
	if n := requests.Load(); n != 4 {
		t.Errorf("requested %d times", n)
	}
}

func TestWebAddressThatIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ path, want string }{
		"plain http":          {signed("http://example.com", "/a.csv"), "plain http sends the segment and the signature in the clear. Use https."},
		"like this machine":   {signed("http://localhost.example.com", "/a.csv"), "plain http"},
		"no host":             {"https:///a.csv?sig=" + secret, "is not a valid URL."},
		"slash in a password": {"https://user:" + secret + "/x@example.com/a.csv", "is not a valid URL."},
		"bad escape":          {"https://user:" + secret + "%zz@example.com/a.csv?sig=" + secret, "is not a valid URL."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readIDs(t, withShortWaits(tc.path))
			wantError(t, err, tc.want)
		})
	}
}

func TestWebRedirects(t *testing.T) {
	t.Parallel()
	var referer atomic.Value
	target := (&wire{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		referer.Store(r.Header.Get("Referer"))
		(&pages{content: numbered(3), tag: `"1"`}).ServeHTTP(w, r)
	})}).listen(t)
	redirect := func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if to == "self" {
			to = r.URL.String()
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
	plain := httptest.NewServer(http.HandlerFunc(redirect))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.HandlerFunc(redirect))
	t.Cleanup(secure.Close)
	for name, tc := range map[string]struct {
		from *httptest.Server
		to   string
		want string // empty: the source is read
	}{
		"on this machine": {plain, target, ""},
		"https to http":   {secure, target, "the server redirects from https to http, which is not followed"},
		"to plain http":   {plain, "http://example.com", "the server redirects to an address that is not https, which is not followed"},
		"to a file":       {secure, "file://", "the server redirects to an address that is not https, which is not followed"},
		"endless":         {plain, "self", "the server redirects again and again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := tc.to
			if to != "self" {
				to += "/" + secret + ".csv"
			}
			path := signed(tc.from.URL, "/a.csv") + "&to=" + to
			source := withWaits(path, enough, tc.from.Client().Transport)
			if tc.want == "" {
				wantNumbered(t, source, 3)
				if sent := referer.Load(); sent != "" {
					t.Errorf("the target was told of %q", sent)
				}
				return
			}
			_, err := readIDs(t, source)
			wantError(t, err, tc.want)
		})
	}
}

// unreachableURL is an address at which nothing listens. (The port of a listener
// that was closed may be somebody else's a moment later.)
const unreachableURL = "http://127.0.0.1:1"

func TestWebServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		_, err := readIDs(t, withShortWaits(signed(unreachableURL, "/a.csv")))
		wantError(t, err, "the server cannot be reached: dial tcp 127.0.0.1")
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		w := &wire{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
		_, err := readIDs(t, withWaits(signed(w.listen(t), "/a.csv"), 50*time.Millisecond, nil))
		wantError(t, err, "the server did not answer in time. Check the address, and the network and the proxy")
	})
	t.Run("certificate of somebody else", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewUnstartedServer(&pages{content: numbered(1)})
		server.StartTLS()
		t.Cleanup(server.Close)
		_, err := readIDs(t, withShortWaits(signed(server.URL, "/a.csv")))
		wantError(t, err, "certificate")
	})
}

func TestWebVersion(t *testing.T) {
	t.Parallel()
	p := &pages{content: numbered(3), tag: `"1"`}
	source := withShortWaits((&wire{Handler: p}).listen(t) + "/a.csv")
	first := version(t, source)
	if first == "" || version(t, source) != first {
		t.Errorf("version %q, then %q", first, version(t, source))
	}
	if p.tag = `"2"`; version(t, source) == first {
		t.Errorf("another ETag does not change %q", first)
	}
	for _, tag := range []string{"", `W/"1"`} {
		if p.tag = tag; version(t, source) != "" {
			t.Errorf("with ETag %s the version is %q", tag, version(t, source))
		}
	}
}

func TestHoldsSecret(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"https://example.com/a.csv":                     false,
		"https://example.com/a.csv?page=1":              false,
		"https://example.com/a.csv?X-Amz-Signature=1":   true,
		"https://example.com/a.csv?a=1&SIG=1":           true,
		"https://user:pass@example.com/a.csv":           true,
		"s3://bucket/a.csv?region=eu-west-1":            false,
		"segments/a.csv":                                false,
		"HTTPS://example.com/a.csv?access_token=abc":    true,
		"https://example.com/a.csv?%zz=1&sig=not-a-url": true,
	} {
		if got := storage.HoldsSecret(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// A context that has ended ends finding and opening at once.
func TestNothingIsReadOnceTheContextHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{filetest.Folder(t, map[string]string{"a.csv": "a\n1\n"}) + "/a.csv", os.TempDir() + "/no-such-*.csv", unreachableURL + "/a.csv"} {
		source := withWaits(path, time.Hour, nil)
		if _, err := source.Open(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: opening gives %v", path, err)
		}
		if _, err := source.Version(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the version gives %v", path, err)
		}
	}
}

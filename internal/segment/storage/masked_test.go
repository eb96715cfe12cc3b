package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// unreached is a transport that reaches no server.
type unreached struct{}

func (unreached) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("dial tcp: no way to %s", req.URL.Host)
}

// wantNoSecret checks that no error of a path contains a half of the password.
func wantNoSecret(t *testing.T, path string, halves ...string) {
	t.Helper()
	source := withWaits(path, time.Nanosecond, unreached{})
	_, err := source.Open(t.Context(), []string{"a"})
	_, versionErr := source.Version(t.Context())
	_, envErr := dataverse.Source{EnvironmentURL: path, Segment: "s"}.Open(ended(t), nil)
	if err == nil || versionErr == nil || envErr == nil {
		t.Fatalf("%q is read: %v, %v, %v", path, err, versionErr, envErr)
	}
	for _, err := range []error{err, versionErr, envErr} {
		text := err.Error()
		for ; err != nil; err = errors.Unwrap(err) {
			text += fmt.Sprintf("\n%+v", err)
		}
		for _, half := range append(halves, "\x1b", "\x07") {
			if strings.Contains(text, half) {
				t.Errorf("of %q is said: %s", path, text)
			}
		}
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"http://user:Zq7x@host/a.csv", "https://user:Zq7x@host/a.csv?sig=Kw9v#Kw9v", "HTTPS://user:Zq7x/Kw9v@host/a.csv", "http://user:Zq7x?Kw9v@host/a.csv",
		"http://user:1/Zq7x@host/a.csv", "http://user:1?Zq7x@host/a.csv", "http://user:1#Zq7x@host/a.csv", "http://user:p@Zq7x/Kw9v@host/a.csv", "http://localhost:1/Zq7x@host/a.csv",
		"http://us/er:Zq7x@host/a.csv", "http://user:Zq7x%zz@host", "http://user:Zq7x Kw9v@host/", "http://user:Zq7x\\Kw9v@host/a", "http://user:Zq7x\x1b[31mKw9v@host/a",
		"http:/user:Zq7x@host/a.csv", "http:user:Zq7x@host", "HTTP:/user:Zq7x/Kw9v@host/*.csv", "user:Zq7x/Kw9v@host/a.csv", "user:Zq7x@host", "//user:Zq7x@host/a.csv",
		" https://user:Zq7x@host/a.csv", "\"https://user:Zq7x@host/a.csv\"", "ftp://user:Zq7x@host/a.csv", "ftp://host/a.csv?sig=Kw9v", "host/a.csv?X-Amz-Signature=Kw9v", "http:/host/a.csv?sig=Kw9v",
		"s3://user:Zq7x@bucket/a.csv", "s3://user:Zq7x/Kw9v@bucket/a.csv", "S3://user:Zq7x?Kw9v@bucket/a.csv", "s3:/user:Zq7x@bucket/a.csv", "gs:user:Zq7x@bucket/a.csv", "azblob://Zq7x@bucket/a.csv",
		"s3://bucket/a.csv?endpoint=http://user:Zq7x@host", "s3://bucket/a.csv?endpoint=http%3A%2F%2Fuser%3AZq7x%40host", "s3://bucket/a.csv?endpoint=user:Zq7x/Kw9v@host&region=x", "s3://bucket/a.csv?region=a&endpoint=http://user:Zq7x%zz@host",
	} {
		wantNoSecret(t, path, "Zq7x", "Kw9v")
	}
}

// Errors contain no half of a password, whatever is written around it.
func TestErrorsOfOddURLsHoldNoPassword(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	for range 20_000 {
		between := ""
		for range random.IntN(3) {
			between += one("/", "@", ":", "?", "#", "%", "%2F", "%zz", "\\", " ", "&", "=", "+", "*", "[", "]", "\"", "'", "\n", "\x1b[2J", "\u009b", "é", "1", "")
		}
		path := one("", "", "", " ", "\"", "\t") + one("http", "https", "HTTP", "hTTps", "s3", "S3", "gs", "azblob", "ftp", "postgres", "x", "") +
			one("://", "://", "://", ":/", ":", "//", ":///", ":\\\\", "%3A//") + one("user", "u/ser", "us@er", "us%er", "", "1", "localhost") + one(":", ":", ":", ":1/", ":1?", ":1#", "%3A:", "::") +
			"Zq7x" + between + "Kw9v" + one("@", "@", "@@") + one("host", "host:443", "[::1]", "h ost", "127.0.0.1:1", "") +
			one("/a.csv", "/a.parquet", "/*.csv", "/[.csv", "", "/", "/a@b.csv", "/a.csv?sig=1&x=@", "/a\x1b[31m.csv", "?endpoint=http://h")
		wantNoSecret(t, path, "Zq7x", "Kw9v")
	}
}

// A path may have an @ that does not end a password.
func TestWebReadsPathsWithAt(t *testing.T) {
	t.Parallel()
	w := &wire{Handler: &pages{content: numberedParquet(t, 40), tag: `"1"`}}
	host := strings.Replace(w.listen(t), "127.0.0.1", "user:pw@127.0.0.1", 1)
	wantNumbered(t, withShortWaits(host+"/pkg%401/a.parquet?by=a%40b"), 40)
	_, err := readIDs(t, withShortWaits(host+"/pkg@1/a.parquet"))
	wantError(t, err, "there is an @ beyond its host, so a / in its password cannot be told from the path. Percent-encode them")
}

// Control characters in names would be obeyed by terminals.
func TestErrorsHoldNoControlCharacters(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"1\x1b[31m.csv": "a\n1\n", "2\x1b[31m.csv": "b\x1b[31m\n1\n"})
	for _, path := range []string{dir + "/3\x1b[31m.csv", dir + "/*\x1b[31m.csv", dir + "/*\x1b.csv", dir + "/1\x1b[31m.csv"} {
		rows, err := file.Source{Path: path}.Open(t.Context(), []string{"a", "b\x1b"})
		if err == nil {
			_, err = segmenttest.ReadAll(rows)
		}
		if err == nil || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), `\x1b`) {
			t.Errorf("error %v", err)
		}
	}
}

// ended is a context that has ended.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Credentials in a path are refused: they have no effect, and clients would quote
// them in errors.
func TestBucketRefusesCredentials(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"s3://user:hush@bucket/a.csv":                                    "There are credentials where the name of the bucket has to be",
		"s3://bucket/a.csv?region=x&endpoint=http://user:hush@localhost": `"s3://bucket/a.csv" has a URL with credentials in its parameters. Name the host alone`,
		"s3://bucket/a.csv?endpoint=http%3A%2F%2Fuser%3Ahush%40host":     "has a URL with credentials in its parameters",
	} {
		_, err := readIDs(t, withWaits(path, time.Nanosecond, nil))
		wantError(t, err, want)
	}
}

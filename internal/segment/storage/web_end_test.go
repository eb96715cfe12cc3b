package storage_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

// raw answers each request with the next of these bytes, and closes the connection.
func raw(t *testing.T, answers ...string) http.HandlerFunc {
	t.Helper()
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		answer := answers[min(n, len(answers)-1)]
		n++
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}
}

// An answer without a marked end may be cut off anywhere, also at the end of a row.
func TestWebAnswerWithoutAnEnd(t *testing.T) {
	t.Parallel()
	const (
		http10    = "HTTP/1.0 200 OK\r\n\r\n"
		http11    = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
		tagged    = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\n"
		inChunks  = "Transfer-Encoding: chunked\r\n\r\n"
		noEnd     = "the server says neither how long the file is nor where it ends, so a file that is cut off would look complete. Let the server send a Content-Length"
		breaksOff = "the transfer broke off, and the server says neither"
	)
	csv := numbered(300)
	packed, frames := filetest.Gzip(t, csv), filetest.Zstd(t, csv)
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
	for name, tc := range map[string]struct {
		path    string
		answers []string
		want    string // empty: the source is read
	}{
		"HTTP/1.0":                     {"/a.csv", []string{http10 + csv}, noEnd},
		"HTTP/1.1":                     {"/a.csv", []string{http11 + csv}, noEnd},
		"cut off at the end of a row":  {"/a.csv", []string{http11 + numbered(150)}, noEnd},
		"NDJSON":                       {"/a.json", []string{http11 + `{"id":1}`}, noEnd},
		"gzip":                         {"/a.csv", []string{http11 + packed}, ""},
		"zstd":                         {"/a.csv", []string{http10 + frames}, ""},
		"gzip, cut off":                {"/a.csv", []string{http11 + packed[:len(packed)-5]}, "ends in the middle of its gzip data"},
		"zstd, cut off":                {"/a.csv", []string{http11 + frames[:len(frames)-5]}, "ends in the middle of its zstd data"},
		"length":                       {"/a.csv", []string{"HTTP/1.0 200 OK\r\n" + length(len(csv)) + csv}, ""},
		"chunks":                       {"/a.csv", []string{tagged + inChunks + chunk(csv) + chunk("")}, ""},
		"chunks, cut off":              {"/a.csv", []string{"HTTP/1.1 200 OK\r\n" + inChunks + chunk(csv[:100])}, breaksOff},
		"rest without an end":          {"/a.csv", []string{tagged + inChunks + chunk(""), tagged + inChunks + chunk(csv[:1000]), tagged + "\r\n" + csv}, noEnd},
		"length is known from before":  {"/a.csv", []string{"HTTP/1.1 200 OK\r\n" + length(len(csv)), http11 + csv}, ""},
		"shorter than it was before":   {"/a.csv", []string{tagged + length(len(csv)), tagged + "\r\n" + csv[:1000]}, "breaks off again and again"},
		"longer than it was before":    {"/a.csv", []string{"HTTP/1.1 200 OK\r\n" + length(1000), http11 + csv}, "it was changed while it was read"},
		"first part of a file, no end": {"/a.csv", []string{"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/*\r\n" + length(1) + "i", http11 + csv}, noEnd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(raw(t, tc.answers...))
			t.Cleanup(server.Close)
			source := withShortWaits(server.URL + tc.path)
			if tc.want == "" {
				wantNumbered(t, source, 300)
				return
			}
			_, err := readIDs(t, source)
			wantError(t, err, tc.want)
		})
	}
}

// HTTP/2 marks the end of an answer of unknown length.
func TestWebHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("requested by %s", r.Proto)
		}
		_ = http.NewResponseController(w).Flush() // so that nobody counts
		_, _ = io.Copy(w, strings.NewReader(numbered(300)))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	wantNumbered(t, withWaits(server.URL+"/a.csv", enough, server.Client().Transport), 300)
}

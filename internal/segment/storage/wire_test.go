package storage_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// enough is a timeout that no answer exceeds, however busy the machine is.
const enough = time.Minute

// brief is a timeout that a test waits for once, and that no other answer of it
// exceeds.
const brief = 3 * time.Second

// cutAfter is the number of bytes before a transfer breaks off.
const cutAfter = 1000

// wire is the connection to a server. It records which ranges are requested.
type wire struct {
	http.Handler
	between func() // called when an answer has been broken off; may be nil
	stall   bool   // be silent rather than break off

	mu   sync.Mutex
	cuts int // answers that are still to be broken off
	seen []string
}

// listen serves on this machine and returns the address.
func (w *wire) listen(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return server.URL
}

// ServeHTTP implements [http.Handler].
func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, ".") {
		w.Handler.ServeHTTP(out, r)
		return
	}
	w.mu.Lock()
	w.seen = append(w.seen, r.Header.Get("Range"))
	armed := w.cuts > 0
	w.mu.Unlock()
	if !armed {
		w.Handler.ServeHTTP(out, r)
		return
	}
	short := &cutting{ResponseWriter: out, left: cutAfter}
	w.Handler.ServeHTTP(short, r)
	if !short.cut {
		return
	}
	w.mu.Lock()
	w.cuts--
	w.mu.Unlock()
	if w.between != nil {
		w.between()
	}
	_ = http.NewResponseController(out).Flush()
	if w.stall {
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// requestedRanges are the Range headers of the requests for files so far.
func (w *wire) requestedRanges() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// cutting passes only the beginning of an answer on.
type cutting struct {
	http.ResponseWriter
	left int
	cut  bool
}

// Write implements [io.Writer].
func (c *cutting) Write(p []byte) (int, error) {
	if c.cut = c.cut || len(p) > c.left; !c.cut {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	c.left = 0
	return 0, http.ErrAbortHandler
}

// numbered is CSV with that many different rows.
func numbered(rows int) string {
	var b strings.Builder
	b.WriteString("id\n")
	for i := range rows {
		fmt.Fprintf(&b, "row-%05d\n", i)
	}
	return b.String()
}

type numberedRow struct {
	ID string `parquet:"id"`
}

// numberedParquet is the same as Parquet, in several row groups.
func numberedParquet(t *testing.T, rows int) string {
	t.Helper()
	all := make([]numberedRow, rows)
	for i := range all {
		all[i].ID = fmt.Sprintf("row-%05d", i)
	}
	return filetest.Parquet(t, all, parquet.MaxRowsPerRowGroup(int64(rows/4)))
}

// readIDs reads a file to its end or to an error.
func readIDs(t *testing.T, source file.Source) ([][]string, error) {
	t.Helper()
	rows, err := source.Open(t.Context(), []string{"id"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

// wantNumbered checks that every row comes once and in its order.
func wantNumbered(t *testing.T, source file.Source, rows int) {
	t.Helper()
	got, err := readIDs(t, source)
	if err != nil || len(got) != rows {
		t.Fatalf("%d rows of %d, %v", len(got), rows, err)
	}
	for i, row := range got {
		if want := fmt.Sprintf("row-%05d", i); row[0] != want {
			t.Fatalf("row %d is %q, want %q", i, row[0], want)
		}
	}
}

// secret is part of everything that must not be in a message.
const secret = "hush"

// wantError checks that an error contains a text and no secret.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	e := filetest.PathError(t, err)
	if !strings.Contains(e.Error(), want) {
		t.Errorf("error %q, want %q", e, want)
	}
	if all := fmt.Sprintf("%s %+v", e, e.Err); strings.Contains(all, secret) {
		t.Errorf("error %q reveals a secret", all)
	}
}

// version is the version of a file.
func version(t *testing.T, source file.Source) string {
	t.Helper()
	v, err := source.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

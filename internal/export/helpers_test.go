package export_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

const (
	testKey   = "pk_0123456789abcdef"
	accountID = "SiMu1a" // the simulator's default
	jobsPath  = "/api/profile-bulk-import-jobs"
)

// hung is when a test is taken to hang, however busy the machine is.
const hung = 5 * time.Minute

// env is a simulated Klaviyo with a list and a client.
type env struct {
	*simulator.Server
	client *klaviyo.Client
	clock  wait.Clock
	listID string
}

// newEnv starts a simulator. Its client gives up early, so that a test that
// goes wrong does not go on for minutes.
func newEnv(t testing.TB, options simulator.Options) *env {
	t.Helper()
	s, err := simulator.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddKey(testKey)
	return &env{Server: s, client: newClient(t, s.URL, patient), clock: newFastClock(), listID: s.AddList(simulator.List{Name: "VIP"}).ID}
}

// How long, by their fast clock, clients of tests retry a request: so that a few
// failures are got over, or so that a run soon fails.
const (
	patient   = time.Hour
	impatient = 3 * time.Minute
)

func newClient(t testing.TB, url string, retryTimeout time.Duration) *klaviyo.Client {
	t.Helper()
	return newClientWith(t, klaviyo.Options{BaseURL: url, RetryTimeout: retryTimeout, Clock: newFastClock()})
}

func newClientWith(t testing.TB, options klaviyo.Options) *klaviyo.Client {
	t.Helper()
	options.APIKey = testKey
	c, err := klaviyo.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// export declares an export of sources, named s1, s2 and so on, to the list.
func (w *env) export(sources ...segment.Source) *export.Export {
	e := &export.Export{
		Mapping: profile.Mapping{
			Email: "email", PhoneNumber: "phone",
			Properties: map[string]profile.Property{"n": {Column: "n", Type: profile.Number, OnInvalid: profile.Stop}, "text": {Column: "text"}},
		},
		ListID:      w.listID,
		Destination: export.Destination{AccountID: accountID, Consent: true},
		Safeguards:  export.Safeguards{MaxRejectedPercent: 100},
		Clock:       w.clock,
		NewSalt:     func() sketch.Salt { return sketch.Salt{1} }, // or chance would say which differences are listed
	}
	for i, source := range sources {
		e.Segments = append(e.Segments, pipeline.Segment{Name: fmt.Sprintf("s%d", i+1), Source: source})
	}
	return e
}

// run exports and checks what holds for every result.
func (w *env) run(t *testing.T, e *export.Export) *export.Result {
	t.Helper()
	result, err := e.Run(t.Context(), w.client, export.RunOptions{})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	checkAccounting(t, result)
	return result
}

// listing is the export with a file of rejects.
func listing(e *export.Export, path string) *export.Export {
	e.RejectsPath = path
	return e
}

// runListing is run with a file of rejects, which it checks too.
func (w *env) runListing(t *testing.T, e *export.Export) *export.Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rejects.csv")
	result, err := listing(e, path).Run(t.Context(), w.client, export.RunOptions{})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	checkAccounting(t, result)
	checkRejects(t, path, result)
	return result
}

// checkAccounting makes sure that every row is in exactly one place.
func checkAccounting(t *testing.T, r *export.Result) {
	t.Helper()
	lost := r.Failed() + r.Unconfirmed.Total()
	if r.Rows != r.Exported+lost+r.Duplicates+r.Withheld+r.Unchanged+r.Rejected.Total+r.Unconsented {
		t.Errorf("%d rows are not %d exported, %d refused, %d not confirmed, %d duplicates, %d withheld, %d rejected and %d unconsented",
			r.Rows, r.Exported, r.Failed(), r.Unconfirmed.Total(), r.Duplicates, r.Withheld, r.Rejected.Total, r.Unconsented)
	}
	checkSubscriptions(t, &r.Subscriptions)
	if r.Submitted() != r.Exported+lost || r.Exported < 0 {
		t.Errorf("%d submitted are not %d exported, %d refused and %d not confirmed", r.Submitted(), r.Exported, r.Failed(), r.Unconfirmed.Total())
	}
	for what, tally := range map[string]*tally.Tally{"rejected": &r.Rejected, "refused": &r.Refused, "not taken": &r.Untaken, "dropped": &r.Dropped, "unwanted": &r.Unwanted} {
		sum := int64(0)
		for _, reason := range tally.Reasons() {
			sum += reason.Count
		}
		if sum != tally.Total {
			t.Errorf("%d %s have %d reasons", tally.Total, what, sum)
		}
	}
	if r.ID == "" || r.CompletedAt.Before(r.StartedAt) || len(r.Fingerprint) != 32 {
		t.Errorf("result %+v", r)
	}
}

// checkMembers compares the list with what it should hold.
func (w *env) checkMembers(t *testing.T, want []string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if got := w.MemberEmails(w.listID); !slices.Equal(got, want) {
		t.Errorf("the list has %d members, want %d: %q ...", len(got), len(want), got[:min(len(got), 10)])
	}
}

// imports are the import requests there were, oldest first.
func (w *env) imports() []simulator.Request {
	return slices.DeleteFunc(w.Requests(), func(r simulator.Request) bool { return r.Method != http.MethodPost })
}

// asError checks what an error blames and says.
func asError(t *testing.T, err error, attribute []string, summary string, says ...string) {
	t.Helper()
	var e *diagnostic.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T)", err, err)
	}
	if !slices.Equal(e.Attribute, attribute) || e.Summary != summary {
		t.Errorf("blames %q for %q, want %q for %q", e.Attribute, e.Summary, attribute, summary)
	}
	for _, part := range says {
		if !strings.Contains(e.Error(), part) {
			t.Errorf("%q does not say %q", e, part)
		}
	}
}

// table is a segment in memory.
type table struct {
	version string
	columns []string
	rows    [][]string // a row of another length is one that cannot be read

	// before is called before each row. An error ends the stream, unless it is
	// about the row.
	before func(ctx context.Context, row int) error
}

var columns = []string{"email", "phone", "n", "text"}

// people is a segment of n persons, p0@example.com and so on.
func people(n int) *table {
	s := &table{columns: columns, rows: make([][]string, n)}
	for i := range s.rows {
		s.rows[i] = []string{address(i), "", fmt.Sprint(i), ""}
	}
	return s
}

func address(i int) string { return fmt.Sprintf("p%d@example.com", i) }

func addresses(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = address(i)
	}
	return all
}

type openTable struct {
	ctx context.Context
	*table
	wanted []int
	next   int
}

func (s *table) Open(ctx context.Context, names []string) (segment.Rows, error) {
	rows := &openTable{ctx: ctx, table: s}
	for _, name := range names {
		rows.wanted = append(rows.wanted, slices.Index(s.columns, name))
	}
	if missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(s.columns, name) }); len(missing) > 0 {
		return nil, &segment.MissingColumnsError{Missing: missing, Available: s.columns}
	}
	return rows, nil
}

func (s *table) Version(context.Context) (string, error) { return s.version, nil }

func (r *openTable) JSON() []bool { return nil }

func (r *openTable) Next(dst []string) ([]string, error) {
	if r.before != nil {
		if err := r.before(r.ctx, r.next); err != nil {
			if errors.As(err, new(*segment.RowError)) {
				r.next++
			}
			return dst, err
		}
	}
	if r.next == len(r.rows) {
		return dst, io.EOF
	}
	row := r.rows[r.next]
	r.next++
	if len(row) != len(r.columns) {
		return dst, &segment.RowError{Code: "malformed_row", Problem: fmt.Sprintf("has %d fields, the header has %d", len(row), len(r.columns))}
	}
	for _, at := range r.wanted {
		dst = append(dst, row[at])
	}
	return dst, nil
}

func (r *openTable) Close() error { return nil }

// waitFor holds a segment back at a row, the second time it is read, until a
// condition holds.
func (s *table) waitFor(row int, condition func() bool) *table {
	opened := 0
	s.before = func(ctx context.Context, at int) error {
		if at == 0 {
			opened++
		}
		if opened < 2 || at != row {
			return nil
		}
		return until(ctx, condition)
	}
	return s
}

// until looks again and again whether a condition holds.
func until(ctx context.Context, condition func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// polled reports whether the run has asked for the state of its jobs, which it
// does once it knows of one.
func (w *env) polled() bool {
	return slices.ContainsFunc(w.Requests(), func(r simulator.Request) bool {
		return r.Method == http.MethodGet && r.Path == jobsPath && strings.Contains(r.Query, "=100") && !asksForUnfinished(r.Query)
	})
}

// soon is the header of an answer after which a client need not wait long.
var soon = http.Header{"Retry-After": {"0"}}

// sorted is the values of a map in the order of their keys.
func sorted[K cmp.Ordered, T any](m map[K]T) (all []T) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[key])
	}
	return all
}

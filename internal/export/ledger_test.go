package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// troubled is a Klaviyo that takes imports until trouble begins.
type troubled struct {
	*env
	url     string
	ahead   atomic.Int64 // seconds that its clock is ahead
	trouble func(rw http.ResponseWriter, r *http.Request, body []byte, next http.Handler)
	after   int // imports

	mu      sync.Mutex
	over    bool
	imports int
	told    []int // persons in imports that were answered 202
}

var (
	personPattern = regexp.MustCompile(`"email":"p(\d+)@`)
	listPattern   = regexp.MustCompile(`"type":"list","id":"(\w+)"`)
)

func persons(body []byte) (all []int) {
	for _, match := range personPattern.FindAllSubmatch(body, -1) {
		n, _ := strconv.Atoi(string(match[1]))
		all = append(all, n)
	}
	return all
}

// newTroubled starts one whose jobs stay queued for an hour.
func newTroubled(t *testing.T, after int, trouble func(http.ResponseWriter, *http.Request, []byte, http.Handler)) *troubled {
	t.Helper()
	k := &troubled{trouble: trouble, after: after}
	k.env = newEnv(t, simulator.Options{
		QueueDelay: time.Hour,
		Now:        func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load()) * time.Second) },
	})
	k.url = newProxy(t, k.env, k.handle)
	k.client = newClient(t, k.url, impatient)
	return k
}

func (k *troubled) handle(rw http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Method != http.MethodPost {
		replay(rw, record(next, r))
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	k.mu.Lock()
	k.imports++
	broken := k.imports > k.after && !k.over
	k.mu.Unlock()
	if broken {
		k.trouble(rw, r, body, next)
		return
	}
	answer := record(next, r)
	k.mu.Lock()
	k.told = append(k.told, persons(body)...)
	k.mu.Unlock()
	replay(rw, answer)
}

// named are rows as an error names them, by what it says of them.
type named map[string][]int

var (
	rowsPattern  = regexp.MustCompile(`rows? ([\d,]+)(?: to ([\d,]+))? of segment "(s\d)"(?: to row ([\d,]+) of segment "(s\d)")?`)
	afterPattern = regexp.MustCompile(`What comes after row ([\d,]+) of segment "(s\d)" was not sent\.`)
)

// readPlaces reads the places out of an error about segments of so many rows.
func readPlaces(t *testing.T, text string, sizes []int) named {
	t.Helper()
	total := 0
	for _, size := range sizes {
		total += size
	}
	index := func(number, segment string) int {
		n, err := strconv.Atoi(strings.ReplaceAll(number, ",", ""))
		s := int(segment[1] - '1')
		if err != nil || n < 1 || n > sizes[s] {
			t.Fatalf("there is no row %s of %s", number, segment)
		}
		for _, size := range sizes[:s] {
			n += size
		}
		return n - 1
	}
	found := named{}
	add := func(what string, first, last int) {
		for i := first; i <= last; i++ {
			found[what] = append(found[what], i)
		}
	}
	if m := afterPattern.FindStringSubmatch(text); m != nil {
		add("after", index(m[1], m[2])+1, total-1)
		text = strings.Replace(text, m[0], "", 1)
	}
	for sentence := range strings.SplitSeq(text, ". ") {
		for _, what := range []string{"not finished", "under way", "not accepted", "Cancelled"} {
			if !strings.Contains(sentence, what) {
				continue
			}
			if strings.Contains(sentence, "more") {
				t.Errorf("too many stretches to name them: %s", sentence)
			}
			for _, m := range rowsPattern.FindAllStringSubmatch(sentence, -1) {
				first, last := index(m[1], m[3]), index(m[1], m[3])
				switch {
				case m[4] != "":
					last = index(m[4], m[5])
				case m[2] != "":
					last = index(m[2], m[3])
				}
				add(what, first, last)
			}
			break
		}
	}
	return found
}

func checkRows(t *testing.T, what string, got, want []int) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d rows %v, want %d: %v", what, len(got), got, len(want), want)
	}
}

// However a run fails, its error names exactly the rows that are not known to
// have arrived, and those that Klaviyo has but had not finished. The run after
// it brings the list to where it should be.
func TestFailedRunNamesWhatIsNotKnownToHaveArrived(t *testing.T) {
	t.Parallel()
	const batchRows, total = 40, 170 // five batches: no more stretches than are named
	sizes := []int{90, 30, 50}       // batches go over the borders
	status := func(code int, body string) func(http.ResponseWriter, *http.Request, []byte, http.Handler) {
		return func(rw http.ResponseWriter, _ *http.Request, _ []byte, _ http.Handler) {
			rw.Header()["Retry-After"] = soon["Retry-After"]
			if code == http.StatusTooManyRequests {
				rw.Header().Set("Retry-After", "3600") // nobody waits for that
			}
			rw.WriteHeader(code)
			_, _ = rw.Write([]byte(body))
		}
	}
	lost := func(_ http.ResponseWriter, r *http.Request, _ []byte, next http.Handler) {
		record(next, r)
		panic(http.ErrAbortHandler)
	}
	var lostOnce sync.Map
	lostThenRefused := func(rw http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		if _, again := lostOnce.LoadOrStore(fmt.Sprint(r.Host, persons(body)), true); again {
			status(http.StatusUnauthorized, "{}")(rw, r, body, next)
			return
		}
		lost(rw, r, body, next)
	}
	tooLarge := func(rw http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		code := http.StatusUnauthorized
		if len(persons(body)) > 9 {
			code = http.StatusRequestEntityTooLarge
		}
		status(code, "")(rw, r, body, next)
	}
	listDeleted := func(rw http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		id := listPattern.FindSubmatch(body)[1]
		status(400, fmt.Sprintf(`{"errors":[{"detail":"List ID %s does not exist.","source":{"pointer":"/data"}}]}`, id))(rw, r, body, next)
	}
	for name, tc := range map[string]struct {
		trouble   func(http.ResponseWriter, *http.Request, []byte, http.Handler)
		cancel    bool
		attribute []string
		summary   string
		unknown   string // what is said of the rows that were under way
	}{
		"retries exhausted":    {status(503, "<html>"), false, nil, "Klaviyo Fails", "under way"},
		"answers lost":         {lost, false, nil, "Klaviyo Cannot Be Reached", "under way"},
		"lost, then refused":   {lostThenRefused, false, nil, "API Key Refused", "under way"},
		"rate limit exhausted": {status(429, "{}"), false, nil, "Klaviyo's Rate Limit Is Used Up", "not accepted"},
		"key revoked":          {status(401, "{}"), false, nil, "API Key Refused", "not accepted"},
		"scope lost":           {status(403, `{"errors":[{"code":"permission_denied"}]}`), false, nil, "API Key Lacks A Scope", "not accepted"},
		"address blocked":      {status(403, "<html>"), false, nil, "Klaviyo Blocks This Address", "not accepted"},
		"list deleted":         {listDeleted, false, []string{"list_id"}, "List Not Found", "not accepted"},
		"refused as a whole":   {status(400, `{"errors":[{"source":{"pointer":"/data"}}]}`), false, nil, "Klaviyo Refused The Request", "not accepted"},
		"refused in halves":    {tooLarge, false, nil, "API Key Refused", "not accepted"},
		"cancelled":            {nil, true, nil, "Export Interrupted", "under way"},
	} {
		for _, after := range []int{1, 2, 4} {
			t.Run(fmt.Sprint(name, " after ", after), func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				trouble := tc.trouble
				if tc.cancel {
					trouble = func(_ http.ResponseWriter, r *http.Request, _ []byte, _ http.Handler) {
						cancel()
						<-r.Context().Done()
					}
				}
				k := newTroubled(t, after, trouble)
				everybody := people(total)
				e, first := k.export(), 0
				for i, size := range sizes {
					part := &table{columns: columns, rows: everybody.rows[first : first+size]}
					e.Segments = append(e.Segments, pipeline.Segment{Name: fmt.Sprintf("s%d", i+1), Source: part})
					first += size
				}
				e.SetBatchLimits(batchRows, 1<<16)
				_, err := e.Run(ctx, k.client, export.RunOptions{})
				asError(t, err, tc.attribute, tc.summary, "pply again: ")
				k.checkPlaces(t, readPlaces(t, err.Error(), sizes), total, tc.unknown)

				k.mu.Lock()
				k.over = true
				k.mu.Unlock()
				k.OnRequest(func(r *http.Request) {
					if isPoll(r) || asksForUnfinished(r.URL.RawQuery) {
						k.ahead.Add(3600)
					}
				})
				k.run(t, e)
				k.checkMembers(t, addresses(total))
			})
		}
	}
}

// checkPlaces compares what an error says with what Klaviyo told the client.
// An answer that came too late to be heard may be missing.
func (k *troubled) checkPlaces(t *testing.T, said named, total int, unknown string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	open := said["not finished"]
	for _, i := range open {
		if !slices.Contains(k.told, i) {
			t.Errorf("row %d is said to be accepted", i)
		}
	}
	var want []int
	for i := range total {
		if !slices.Contains(open, i) {
			want = append(want, i)
		}
	}
	checkRows(t, "not known to have arrived", slices.Concat(said["under way"], said["not accepted"], said["after"]), want)
	if len(said[unknown]) == 0 && len(open) > 0 {
		t.Errorf("nothing was %s: %v", unknown, said)
	}
}

// A job that stays queued is named with its rows when the time is over.
func TestRunNamesJobsThatAreStuck(t *testing.T) { //nolint:paralleltest // both jobs must be queued before its time is over
	w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	first, second := people(30), people(50)
	second.rows = second.rows[30:]
	for i := range 20 { // all of the first batch, of which nothing is left to be sent
		w.RefuseEmail(address(i), "c", "d")
	}
	e := w.export(first, second)
	e.SetBatchLimits(20, 1<<16)
	_, err := e.Run(ctx, w.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted", "The export was ended: context deadline exceeded.",
		"accepted but not finished 2 jobs with 30 profiles (", `: row 21 of segment "s1" to row 20 of segment "s2". Klaviyo most likely finishes this by itself. Apply again`)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	for job, jobErr := range w.client.ImportJobs(t.Context(), 1) {
		if jobErr != nil {
			t.Fatal(jobErr)
		}
		if !strings.Contains(err.Error(), job.ID) {
			t.Errorf("%v does not name %s", err, job.ID)
		}
	}
}

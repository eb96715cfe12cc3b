package export_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const notSupported = "Phone number is valid but is not in a supported region for this account."

// withPhones is people with phone numbers.
func withPhones(rows int, number func(i int) string) *table {
	source := people(rows)
	for i := range source.rows {
		source.rows[i][1] = number(i)
	}
	return source
}

// checkPhones compares the phone numbers of people with what they should be.
func (w *env) checkPhones(t *testing.T, rows int, want func(i int) string) {
	t.Helper()
	for i := range rows {
		if p, _ := w.Profile(address(i)); p.PhoneNumber != want(i) {
			t.Errorf("row %d has the number %q, want %q", i+1, p.PhoneNumber, want(i))
		}
	}
}

// Nearly everybody in a segment has a phone number of a region that the account
// does not support, and Klaviyo names ten rows an answer.
func TestRunLeavesOutThePhoneNumbersOfARegion(t *testing.T) {
	t.Parallel()
	const rows, foreign = 16_000, 15_639
	w := newEnv(t, simulator.Options{MaxErrorsPerResponse: 10})
	w.RefusePhones("+33", "invalid", notSupported)
	r := w.runListing(t, w.export(withPhones(rows, func(i int) string {
		if i < foreign {
			return frenchNumber(i)
		}
		return spanishNumber(i)
	})))
	if got := w.traffic(); got.requests > 4 || got.refused > 2 || got.bytes > 4_000_000 {
		t.Errorf("%+v", got)
	}
	if r.Exported != rows {
		t.Errorf("%d exported", r.Exported)
	}
	checkUnwanted(t, r, notSupported, foreign, 1, 2, 3, 4, 5)
	w.checkMembers(t, addresses(rows))
	w.checkPhones(t, rows, func(i int) string {
		if i < foreign {
			return ""
		}
		return spanishNumber(i)
	})
}

// What was learned from one batch is known before the next ones are sent,
// however many rows each answer names.
func TestRunKnowsARefusedRegionBeforeItSendsMore(t *testing.T) {
	t.Parallel()
	const batchRows, rows, toLearn = 100, 300, 10
	for _, named := range []int{1, toLearn} {
		t.Run(fmt.Sprint(named), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{MaxErrorsPerResponse: named})
			w.RefusePhones("+336", "invalid", notSupported)
			everybody := withPhones(rows, frenchNumber).rows
			first := &table{columns: columns, rows: everybody[:batchRows+1]} // fills a batch
			second := &table{columns: columns, rows: everybody[batchRows+1:]}
			e := w.export(first, second.waitFor(0, func() bool {
				_, ok := w.Profile(address(batchRows - 1))
				return ok
			}))
			e.SetBatchLimits(batchRows, 1<<16)
			r := w.run(t, e)
			if got := w.traffic(); got.refused != toLearn/named {
				t.Errorf("%+v", got)
			}
			checkUnwanted(t, r, notSupported, rows, 1, 2, 3, 4, 5)
			w.checkPhones(t, rows, func(int) string { return "" })
		})
	}
}

// A batch that is refused for something else, while another one tells of the
// region, is not sent again with phone numbers of that region.
func TestRunKnowsARefusedRegionInBatchesUnderWay(t *testing.T) {
	t.Parallel()
	const rows, batchRows, named = 40, 20, 10
	w := newEnv(t, simulator.Options{MaxErrorsPerResponse: named})
	w.RefusePhones("+336", "invalid", notSupported)
	for i := batchRows; i < batchRows+named; i++ {
		w.RefuseEmail(address(i), "invalid", "Invalid email address")
	}
	var firstBatch, held atomic.Int64
	w.client = newClient(t, newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := record(next, r)
		switch all := persons(body); {
		case slices.Contains(all, 0):
			firstBatch.Add(1)
		case len(all) > 0 && held.Add(1) == 1: // until the first batch is sent again
			if err := until(r.Context(), func() bool { return firstBatch.Load() == 2 }); err != nil {
				t.Error(err)
			}
		}
		replay(rw, answer)
	}), impatient)
	e := w.export(withPhones(rows, func(i int) string {
		if i >= batchRows && i < batchRows+named {
			return spanishNumber(i) // of those whose address is refused
		}
		return frenchNumber(i)
	}))
	e.SetBatchLimits(batchRows, 1<<16)
	r := w.run(t, e)
	if got := w.traffic(); got.refused != 2 || got.requests != 4 {
		t.Errorf("%+v", got)
	}
	checkUnwanted(t, r, notSupported, rows-named, 1, 2, 3, 4, 5)
	if r.Refused.Total != named {
		t.Errorf("%d refused", r.Refused.Total)
	}
}

// Where several countries share a calling code, the others keep their numbers.
func TestRunTellsRegionsWithTheSameCallingCodeApart(t *testing.T) {
	t.Parallel()
	const rows = 60
	american := func(i int) string { return fmt.Sprintf("+1212555%04d", i) }
	w := newEnv(t, simulator.Options{MaxErrorsPerResponse: 10})
	w.RefusePhones("+1613", "invalid", notSupported) // Ottawa
	r := w.run(t, w.export(withPhones(rows, func(i int) string {
		if i%2 == 0 {
			return american(i)
		}
		return fmt.Sprintf("+1613555%04d", i)
	})))
	if got := w.traffic(); got.refused != 1 || got.requests != 2 {
		t.Errorf("%+v", got)
	}
	checkUnwanted(t, r, notSupported, rows/2, 2, 4, 6, 8, 10)
	w.checkPhones(t, rows, func(i int) string {
		if i%2 == 0 {
			return american(i)
		}
		return ""
	})
}

// Only a region that is refused as a whole loses its numbers: not one of which
// some numbers are taken for another's, and not for reasons that are a number's
// own.
func TestRunKeepsThePhoneNumbersOfSupportedRegions(t *testing.T) {
	t.Parallel()
	const rows = 200
	for name, tc := range map[string]struct {
		words   string
		refused func(i int) bool
	}{
		"a few at a distance": {notSupported, func(i int) bool { return i%20 == 10 }},
		"the first few":       {notSupported, func(i int) bool { return i < 9 }},
		"not for the region":  {"Invalid phone number.", func(i int) bool { return i < 30 }},
	} {
		for _, named := range []int{1, 3, 10, 100} {
			t.Run(fmt.Sprint(name, ", ", named, " named"), func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{MaxErrorsPerResponse: named})
				total := int64(0)
				for i := range rows {
					if tc.refused(i) {
						w.RefusePhone(spanishNumber(i), "invalid", tc.words)
						total++
					}
				}
				e := w.export(withPhones(rows, spanishNumber))
				r, err := e.Run(t.Context(), w.client, export.RunOptions{})
				if err != nil {
					t.Fatal(err)
				}
				checkAccounting(t, r)
				if r.Unwanted.Total != total {
					t.Errorf("%d values unwanted, want %d", r.Unwanted.Total, total)
				}
				w.checkPhones(t, rows, func(i int) string {
					if tc.refused(i) {
						return ""
					}
					return spanishNumber(i)
				})
			})
		}
	}
}

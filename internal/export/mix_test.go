package export_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// mixture is a segment with something of everything, and what is to become of
// it.
type mixture struct {
	source  *table
	members []string

	exported, duplicates, rejected, refused, dropped, unwanted int64
}

// mix makes a segment whose rows meet random fates.
func mix(random *rand.Rand, w *world, rows, padding int) *mixture {
	m := &mixture{source: &table{columns: columns}}
	padded := strings.Repeat("x", padding)
	var known []string
	for i := range rows {
		row := []string{address(i), "", fmt.Sprint(i), padded}
		fate := random.IntN(200)
		switch {
		case fate < 6 && known != nil:
			row[0] = strings.ToUpper(known[random.IntN(len(known))])
			m.duplicates++
		case fate < 9:
			row[0] = "not an address"
			m.rejected++
		case fate < 11:
			row = row[:random.IntN(len(row))]
			m.rejected++
		case fate < 12 && m.refused < 20:
			w.RefuseEmail(row[0], "refused", "No.")
			m.refused++
		case fate < 14:
			w.FailEmail(row[0], "failed", "No.")
			m.refused++
		case fate < 16:
			row[1] = "nonsense"
			m.dropped++
			m.members = append(m.members, row[0])
		case fate < 17 && m.unwanted < 20:
			row[1] = fmt.Sprintf("+346001%05d", i)
			w.RefusePhone(row[1], "region", "Not here.")
			m.unwanted++
			m.members = append(m.members, row[0])
		default:
			m.members = append(m.members, row[0])
		}
		if len(row) == len(columns) && fate >= 11 {
			known = append(known, row[0])
		}
		m.source.rows = append(m.source.rows, row)
	}
	m.exported = int64(len(m.members))
	return m
}

// harm injects a few random faults, none of which lasts.
func harm(random *rand.Rand, w *world) {
	kinds := []simulator.Fault{
		{Status: 429, Header: soon},
		{Status: 500, Header: soon},
		{Status: 503, Header: soon, Body: "<html>"},
		{Status: 502, Header: soon},
		{DropBefore: true},
		{DropAfter: true},
		{Truncate: true},
		{Status: 200, Header: soon, Body: "<html>"},
		{Delay: 10 * time.Millisecond},
		{Delay: 5 * time.Millisecond, DropAfter: true},
	}
	paths := []string{jobsPath, jobsPath, jobsPath, jobsPath + "/*/import-errors", "/api/lists/*", "/api/accounts", ""}
	for range random.IntN(5) {
		f := kinds[random.IntN(len(kinds))]
		f.Path = paths[random.IntN(len(paths))]
		f.Nth = 1 + random.IntN(4)
		f.Times = 1 + random.IntN(2)
		w.Inject(f)
	}
	if random.IntN(3) == 0 {
		w.Inject(simulator.Fault{Method: "POST", Path: jobsPath, Nth: 1 + random.IntN(2), Status: 413})
	}
}

// Whatever goes wrong on the way, the list is what it should be in the end and
// every row is accounted for.
func TestRunConvergesUnderRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, simulator.Options{
				MaxErrorsPerResponse: 1 + random.IntN(5),
				NullCounts:           random.IntN(3) == 0,
				QueueDelay:           time.Duration(random.IntN(3)) * 30 * time.Millisecond,
				ProcessDelay:         time.Duration(random.IntN(3)) * 30 * time.Millisecond,
			})
			padding := 0
			if seed%10 == 9 {
				padding = 4000 // several batches
			}
			m := mix(random, w, 300+random.IntN(2701), padding)
			harm(random, w)
			r := w.run(t, w.export(m.source))
			w.checkMembers(t, m.members)
			got := mixture{
				exported: r.Exported, duplicates: r.Duplicates, rejected: r.Rejected.Total,
				refused: r.Refused.Total, dropped: r.Dropped.Total, unwanted: r.Unwanted.Total,
			}
			want := *m
			want.source, want.members = nil, nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

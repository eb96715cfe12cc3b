package export_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// outcomes is what is to become of the rows of a segment.
type outcomes struct {
	exported, duplicates, withheld, rejected, refused, dropped, unwanted int64
}

// mixture is people with something of everything.
type mixture struct {
	rows    [][]string
	members []string
	outcomes
}

// mix makes rows that meet random outcomes. As many of a hundred fail late.
func mix(random *rand.Rand, w *env, rows, failing int) *mixture {
	m := &mixture{}
	var known []string
	for i := range rows {
		row := []string{address(i), "", fmt.Sprint(i), ""}
		valid := true
		switch outcome := random.IntN(100); {
		case outcome < 4 && known != nil:
			row[0], valid = strings.ToUpper(known[random.IntN(len(known))]), false
			m.duplicates++
		case outcome < 6:
			row[0], valid = "not an address", false
			m.rejected++
		case outcome < 8:
			row, valid = row[:random.IntN(len(row))], false
			m.rejected++
		case outcome < 12:
			w.Unsubscribe(w.listID, row[0])
			m.withheld++
		case outcome < 14 && m.refused < 20:
			w.RefuseEmail(row[0], "refused", "No "+row[0]+".")
			m.refused++
		case outcome < 16:
			row[1] = "nonsense"
			m.dropped++
			m.members = append(m.members, row[0])
		case outcome < 18 && m.unwanted < 20:
			row[1] = fmt.Sprintf("+346001%05d", i)
			w.RefusePhone(row[1], "region", "Not here.")
			m.unwanted++
			m.members = append(m.members, row[0])
		case outcome < 18+failing:
			w.FailEmail(row[0], "failed", "No "+row[0]+".")
			m.refused++
		default:
			m.members = append(m.members, row[0])
		}
		if valid {
			known = append(known, row[0])
		}
		m.rows = append(m.rows, row)
	}
	m.exported = int64(len(m.members))
	return m
}

// sources cuts the rows into one to three segments.
func (m *mixture) sources(random *rand.Rand) (all []segment.Source) {
	rows := m.rows
	for range random.IntN(3) {
		if len(rows) > 1 {
			cut := 1 + random.IntN(len(rows)-1)
			all = append(all, &table{columns: columns, rows: rows[:cut]})
			rows = rows[cut:]
		}
	}
	return append(all, &table{columns: columns, rows: rows})
}

// outcomesOf is what became of the rows.
func outcomesOf(r *export.Result) outcomes {
	return outcomes{
		exported: r.Exported, duplicates: r.Duplicates, withheld: r.Withheld, rejected: r.Rejected.Total,
		refused: r.Refused.Total, dropped: r.Dropped.Total, unwanted: r.Unwanted.Total,
	}
}

// harm injects a few random faults, none of which lasts.
func harm(random *rand.Rand, w *env) {
	faults, where := sorted(passing), sorted(places)
	for range random.IntN(6) {
		f := at(faults[random.IntN(len(faults))], where[random.IntN(len(where))])
		f.Nth += random.IntN(4)
		f.Times = 1 + random.IntN(2)
		if f.Delay > time.Second {
			f.Times = 1 // it takes long enough
		}
		w.Inject(f)
	}
	if random.IntN(4) == 0 {
		f := notListed
		f.Times = 1 + random.IntN(3)
		w.Inject(f)
	}
}

// Whatever goes wrong on the way, the list is what it should be in the end and
// every row is accounted for.
func TestRunConvergesUnderRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range race.Seeds(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			w := newPatientEnv(t, simulator.Options{
				MaxErrorsPerResponse: []int{0, 1, 4}[random.IntN(3)], // all at once, one by one, a few
				NullCounts:           random.IntN(3) == 0,
				QueueDelay:           time.Duration(random.IntN(3)) * 5 * time.Millisecond,
				ProcessDelay:         time.Duration(random.IntN(3)) * 5 * time.Millisecond,
			})
			rows, failing, batchRows := 1+random.IntN(150), 4, 10+random.IntN(60)
			if seed%10 == 9 {
				rows, failing, batchRows = 400, 60, 400 // pages of import errors
			}
			if rows > 50 && random.IntN(3) == 0 {
				batchRows = rows // so that no batch is too small to be halved
				w.Inject(at(simulator.Fault{Status: 413, Times: 1 + random.IntN(3)}, places["an import"]))
			}
			m := mix(random, w, rows, failing)
			m.rows = append(m.rows, []string{"last@example.com", "", "", ""}) // or there might be none
			m.members = append(m.members, "last@example.com")
			m.exported++
			e := w.export(m.sources(random)...)
			e.SetBatchLimits(batchRows+1, 1<<16)
			harm(random, w)
			r := w.runListing(t, e)
			w.checkMembers(t, m.members)
			if got := outcomesOf(r); got != m.outcomes {
				t.Errorf("%+v, want %+v", got, m.outcomes)
			}
		})
	}
}

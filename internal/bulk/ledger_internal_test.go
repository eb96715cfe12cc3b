package bulk

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

func TestLedgerInWords(t *testing.T) {
	t.Parallel()
	const again = " Apply again: profiles that have arrived are not added twice, and those that have not are sent."
	rows := func(first int64) (all []tally.Row) {
		for i := range int64(3) {
			all = append(all, tally.Row{Segment: "s", Number: first + i})
		}
		return all
	}
	b := []*batch{sentRows(0, rows(1)...), sentRows(1, rows(4)...), sentRows(2, rows(7)...), sentRows(3, tally.Row{Segment: "s", Number: 10})}
	for name, tc := range map[string]struct {
		happens func(l *ledger)
		want    string
	}{
		"nothing": {func(*ledger) {}, "Klaviyo had not accepted any profile yet."},
		"refused": {func(l *ledger) { l.send(b[0]); l.refuse(b[0]) }, "Klaviyo had not accepted any profile yet."},
		"sent":    {func(l *ledger) { l.send(b[0]); l.send(b[1]) }, `6 profiles were under way and may have arrived: rows 1 to 6 of segment "s".` + again},
		"one":     {func(l *ledger) { l.send(b[3]) }, `1 profile was under way and may have arrived: row 10 of segment "s".` + again},
		"accepted": {
			func(l *ledger) { l.send(b[0]); l.accept(b[0], "j1"); l.send(b[2]); l.accept(b[2], "j3") },
			`Klaviyo had accepted but not finished 2 jobs with 6 profiles (j1, j3): rows 1 to 3 of segment "s", rows 7 to 9 of segment "s". Klaviyo most likely finishes this by itself.` + again,
		},
		"finished": {
			func(l *ledger) { l.accept(b[0], "j1"); l.accept(b[1], "j2"); l.finish("j1", 0) },
			`Klaviyo had finished 1 import job with 3 profiles. Klaviyo had accepted but not finished 1 job with 3 profiles (j2): rows 4 to 6 of segment "s". Klaviyo most likely finishes this by itself.` + again,
		},
		"cancelled": {func(l *ledger) { l.accept(b[0], "j1"); l.cancel("j1") }, `Cancelled in Klaviyo: j1 with 3 profiles, rows 1 to 3 of segment "s"; which of these profiles are on the list is not known.` + again},
		"accepted and refused": {
			func(l *ledger) {
				l.accept(b[0], "j1")
				l.finish("j1", 0)
				l.send(b[1])
				l.refuse(b[1])
				l.send(b[2])
				l.refuse(b[2])
				l.send(b[2])
			},
			`Klaviyo had finished 1 import job with 3 profiles. 3 profiles were under way and may have arrived: rows 7 to 9 of segment "s". 3 profiles were not accepted: rows 4 to 6 of segment "s".` + again,
		},
		"in pieces": {
			func(l *ledger) {
				first, second := b[0].halves()
				l.send(b[0])
				l.refuse(b[0])
				l.replace(b[0], first, second)
				l.send(first)
				l.accept(first, "j1")
			},
			`Klaviyo had accepted but not finished 1 job with 1 profile (j1): row 1 of segment "s". Klaviyo most likely finishes this by itself. 2 profiles were not accepted: rows 2 to 3 of segment "s".` + again,
		},
		"with nothing left": {
			func(l *ledger) {
				l.accept(b[0], "j1")
				l.finish("j1", 0)
				l.send(b[1])
				l.refuse(b[1])
				l.replace(b[1])
			},
			`Klaviyo had finished 1 import job with 3 profiles.` + again,
		},
	} {
		l := newLedger()
		l.packedAll()
		tc.happens(&l)
		if got := l.String(); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	l := newLedger()
	l.pack(tally.Row{Segment: "s", Number: 12_345}, 1)
	l.accept(b[3], "j")
	if want := `row 10 of segment "s". Klaviyo most likely finishes this by itself. What comes after row 12,345 of segment "s" was not sent.` + again; !strings.HasSuffix(l.String(), want) {
		t.Errorf("%s does not end with %s", l.String(), want)
	}
}

// lockCheck is a log that notices when it is written to under a ledger's lock.
type lockCheck struct {
	t      *testing.T
	ledger *ledger
	lines  int
}

func (c *lockCheck) Write(line []byte) (int, error) {
	c.lines++
	if !c.ledger.mu.TryLock() {
		c.t.Errorf("logged under the lock: %s", line)
		return len(line), nil
	}
	c.ledger.mu.Unlock()
	return len(line), nil
}

// A log that is slow to write must not hold up whoever asks the ledger.
func TestLedgerLogsWithoutItsLock(t *testing.T) {
	t.Parallel()
	l := newLedger()
	b := []*batch{sentRows(0, tally.Row{Segment: "s", Number: 1}), sentRows(1, tally.Row{Segment: "s", Number: 2}), sentRows(2, tally.Row{Segment: "s", Number: 3}), sentRows(3, tally.Row{Segment: "s", Number: 4})}
	l.accept(b[0], "open")
	l.accept(b[1], "cancelled")
	l.cancel("cancelled")
	l.send(b[2])
	l.send(b[3])
	l.refuse(b[3])
	log := &lockCheck{t: t, ledger: &l}
	l.warn(tflogtest.RootLogger(t.Context(), log))
	if log.lines != 4 {
		t.Errorf("%d lines, want 4", log.lines)
	}
}

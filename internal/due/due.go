// Package due says whether a run of an export is due, and why, from plain values.
package due

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Facts are what is known when it is decided whether a run is due.
type Facts struct {
	// LastRun is nil if the export never ran; then nothing else matters.
	LastRun *LastRun

	Disabled bool   // the export was disabled until now
	Before   Inputs // what the last run was made with
	Now      Inputs // what a run would be made with
	Moved    bool   // the state has another account or list than the last run

	// TriggersUnknown says that Now has not all triggers: they are known only when
	// the plan is applied.
	TriggersUnknown bool

	Segments Segments
	List     List

	// Tick is when the schedule made a run due since the last one; zero if it did
	// not. TickPasses says that it was found just now rather than by a refresh,
	// whose findings hold when the plan is made again.
	Tick       time.Time
	TickPasses bool
}

// LastRun is the last run of the export.
type LastRun struct {
	Fingerprint string // of what the segments held
	Profiles    int64  // that they held
	Unconfirmed int64  // profiles that Klaviyo did not confirm
}

// Inputs are what makes a run due when it changes, other than the profiles.
type Inputs struct {
	AccountID string            `json:"account_id"`
	ListID    string            `json:"list_id"`
	SyncMode  string            `json:"sync_mode"`
	OptOuts   string            `json:"opt_outs"`
	Triggers  map[string]string `json:"triggers"`
}

// sameList reports whether two runs go to one list.
func (i Inputs) sameList(other Inputs) bool {
	return i.AccountID == other.AccountID && i.ListID == other.ListID
}

// changedTriggers names the triggers that differ, sorted.
func (i Inputs) changedTriggers(now map[string]string) []string {
	changed := map[string]struct{}{}
	for name, value := range now {
		if before, ok := i.Triggers[name]; !ok || before != value {
			changed[name] = struct{}{}
		}
	}
	for name := range i.Triggers {
		if _, ok := now[name]; !ok {
			changed[name] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// Segments are what is known of the segments and how they are mapped.
type Segments struct {
	MappingChanged bool // since the last run
	SourceChanged  bool // they are declared to be elsewhere

	// Fingerprint and Profiles are what they hold; empty if they were not read.
	Fingerprint string
	Profiles    int64

	// Refreshed says that a refresh has read them as they are declared now, so
	// that what they hold is in the plan whenever it is made again.
	Refreshed bool

	// Edited says that some other argument of the export was edited. What the
	// segments hold is then left to the next plan, unless they were refreshed.
	Edited bool
}

// List is what a refresh has found on the list. The zero value is nothing.
type List struct {
	Lost int64 // members since the last run, opt-outs aside

	// Missing profiles of the segments and strangers on the list, where it was
	// compared with the segments. MoreMissing says that somebody is missing who
	// was not after the last run.
	Missing, Strangers int64
	MoreMissing        bool
}

// Reasons say why a run is due, in words for who reviews the plan.
type Reasons struct {
	Lasting []string // that hold whenever the plan is made again
	Passing []string // found out just now: they may be others then
}

// Any reports whether a run is due.
func (r Reasons) Any() bool { return len(r.Lasting)+len(r.Passing) > 0 }

func (r Reasons) String() string { return strings.Join(slices.Concat(r.Lasting, r.Passing), "; ") }

// Of says why a run is due. Without a reason none is.
func Of(f Facts) (r Reasons) {
	last := f.LastRun
	if last == nil {
		r.Lasting = []string{"first run"}
		return r
	}
	add := func(when bool, reason string) {
		if when {
			r.Lasting = append(r.Lasting, reason)
		}
	}
	add(f.Disabled, "enabled again")
	add(f.Before.AccountID != f.Now.AccountID, "account changed")
	add(f.Before.ListID != f.Now.ListID, "list changed")
	if reason := f.List.drift(); reason != "" {
		add(f.Before.sameList(f.Now) && !f.Moved, reason)
	}
	r.addSegments(f.Segments, last)
	add(last.Unconfirmed > 0, tally.CountWith(last.Unconfirmed, "profile", "was", "were")+" not confirmed by Klaviyo")
	add(f.Before.SyncMode != f.Now.SyncMode, "sync mode changed")
	add(f.Before.OptOuts != f.Now.OptOuts, "opt_outs changed")
	add(f.TriggersUnknown, "triggers changed")
	if !f.TriggersUnknown {
		for _, name := range f.Before.changedTriggers(f.Now.Triggers) {
			add(true, "trigger "+name+" changed")
		}
	}
	r.addTick(f.Tick, f.TickPasses)
	return r
}

// addSegments adds what changed in the segments or how they are mapped. Where the
// segments are declared to be makes no run due by itself.
func (r *Reasons) addSegments(s Segments, last *LastRun) {
	changed := s.Fingerprint != "" && s.Fingerprint != last.Fingerprint
	switch {
	case s.MappingChanged:
		r.Lasting = append(r.Lasting, "mapping changed")
	case changed && s.SourceChanged:
		r.Lasting = append(r.Lasting, "segments changed")
	case changed && s.Refreshed:
		r.Lasting = append(r.Lasting, changeOf(last.Profiles, s.Profiles))
	case changed && !s.Edited:
		r.Passing = append(r.Passing, "segment changed")
	}
}

// changeOf says how many profiles there were and are.
func changeOf(before, after int64) string {
	if before == after {
		return fmt.Sprintf("segment changed: %s, not all the same as before", tally.Count(after, "profile"))
	}
	return fmt.Sprintf("segment changed: %s -> %s", tally.Thousands(before), tally.Count(after, "profile"))
}

func (r *Reasons) addTick(tick time.Time, passes bool) {
	if tick.IsZero() {
		return
	}
	reason := "scheduled for " + tick.UTC().Format(time.RFC3339)
	if passes {
		r.Passing = append(r.Passing, reason)
	} else {
		r.Lasting = append(r.Lasting, reason)
	}
}

// drift says whom the list has lost; empty if nobody.
func (l List) drift() string {
	switch {
	case l.MoreMissing && l.Strangers > 0:
		return "list lacks " + tally.Count(l.Missing, "profile") + " and has " + tally.Count(l.Strangers, "stranger")
	case l.MoreMissing:
		return "list lacks " + tally.Count(l.Missing, "profile")
	case l.Lost > 0:
		return "list lost " + tally.Count(l.Lost, "member")
	default:
		return ""
	}
}

package due

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Reasons say why a run is due, in words for whoever reviews the plan. A run
// without reasons is not due.
type Reasons struct {
	Lasting []string // hold whenever the same plan is made again, so it can promise them
	Passing []string // were found just now, and may be others when the plan is made again

	Everything bool // all profiles are sent, and not only what has changed
	Settled    bool // Everything is the same whenever the same plan is made again
}

// Any reports whether a run is due.
func (r Reasons) Any() bool { return len(r.Lasting)+len(r.Passing) > 0 }

// Promised is the part of the reasons that a plan can promise. It is empty if
// there are only passing ones.
func (r Reasons) Promised() string { return strings.Join(r.Lasting, "; ") }

// String lists all reasons.
func (r Reasons) String() string { return strings.Join(slices.Concat(r.Lasting, r.Passing), "; ") }

func (r *Reasons) lasting(reason string) { r.Lasting = append(r.Lasting, reason) }
func (r *Reasons) passing(reason string) { r.Passing = append(r.Passing, reason) }

// everything adds a reason because of which all profiles are sent.
func (r *Reasons) everything(reason string) {
	if !r.Everything {
		reason = everythingSent + reason
	}
	r.Everything, r.Settled = true, true
	r.lasting(reason)
}

// Decide says why a run is due, if it is.
func Decide(f *Facts) Reasons {
	var r Reasons
	if f.Last == nil {
		r.lasting("first run")
		r.Everything, r.Settled = true, true
		return r
	}
	if f.EnabledAgain { // nobody looked at the list meanwhile
		r.everything("enabled again")
	}
	f.addDestination(&r)
	f.addPartlySent(&r)
	if f.Last.DestroyUnfinished {
		r.everything("a destroy had begun to remove members from the list")
	}
	f.addDrift(&r)
	f.addSegments(&r)
	if n := f.Last.Unconfirmed; n > 0 {
		r.lasting(tally.CountWith(n, "profile", "was", "were") + " not confirmed by Klaviyo")
	}
	if n := f.Last.Untaken; n > 0 {
		r.lasting(tally.CountWith(n, "profile", "was", "were") + " not taken by Klaviyo")
	}
	f.addRemoval(&r)
	f.addConsents(&r)
	f.addSettings(&r)
	f.addSchedule(&r)
	f.addEverything(&r)
	return r
}

// addRemoval adds that members were not removed from the list who left.
func (f *Facts) addRemoval(r *Reasons) {
	switch n := f.Last.Unremoved; {
	case !f.Last.RemovalUnfinished || f.Last.Inputs.List != f.Now.List:
	case n > 0 && f.nobodyReturned():
		r.lasting(tally.CountWith(n, "member", "is", "are") + " still to be removed from the list")
	default:
		r.lasting("the removal of members was not finished")
	}
}

// nobodyReturned reports whether it is known that the segments have nobody who was still to
// be removed from the list when a run failed, and that a plan that is made again knows it, too.
func (f *Facts) nobodyReturned() bool {
	if f.Refresh == nil || !f.Refresh.SegmentsRead || f.SegmentsChanged || f.MappingChanged || f.Survey == nil {
		return false
	}
	c := f.Survey.Changes
	return c != nil && c.Added == 0 && (c.Updated == 0 || !f.Last.UnremovedListed)
}

// addConsents adds that people are still to be subscribed. Those whose consent is a
// change of the segments are no reason of their own.
func (f *Facts) addConsents(r *Reasons) {
	left, listed := f.Last.Unsubscribed, false
	if left == 0 && f.Survey != nil && f.Survey.Fingerprint == f.Last.Fingerprint {
		left, listed = f.Survey.Consents, true
	}
	reason := "the consent of " + tally.Count(left, "profile") + " is still to be passed on"
	if left < 0 {
		reason = "consent is still to be passed on"
	}
	switch {
	case left == 0 || f.Now.Channels == "" || f.Last.Inputs.List != f.Now.List:
	case !listed || f.Refresh != nil && f.Refresh.SegmentsRead:
		r.lasting(reason)
	case !f.Edited: // as of changes of the segments
		r.passing(reason)
	}
}

// addPartlySent adds that a run was killed, or failed after it had sent profiles.
func (f *Facts) addPartlySent(r *Reasons) {
	reason := "a run failed after it had sent profiles"
	if f.Last.Succeeded {
		reason = "the segments changed while the last run sent their changes"
	}
	switch {
	case f.Last.Killed:
		r.everything("a run was killed, which may have sent profiles")
	case !f.Last.PartlySent:
	case f.Last.PartlySentListed:
		r.lasting(reason)
	default:
		r.everything(reason)
	}
}

// addDestination adds whether profiles go elsewhere.
func (f *Facts) addDestination(r *Reasons) {
	before, now := f.Last.Inputs, f.Now
	if before.AccountID != now.AccountID {
		r.everything("account changed")
	}
	switch {
	case before.ListID == now.ListID:
	case f.Refresh != nil && f.Refresh.ListGone:
		r.everything("the list was deleted in Klaviyo, and another one is used")
	default:
		r.everything("list changed")
	}
}

// addDrift adds the members that the list has lost. They count only if the last run, the
// refresh and the next run are about the same list.
func (f *Facts) addDrift(r *Reasons) {
	if f.Refresh == nil || f.Last.Inputs.List != f.Now.List || f.Refresh.List != f.Now.List {
		return
	}
	if m := f.Refresh.Membership; m != nil && f.MembershipCheck == CheckFull {
		addMissing(r, m, f.Last.Missing)
		return
	}
	if s := f.Refresh.Sample; s != nil && s.Missing > 0 && f.MembershipCheck != CheckNone {
		r.everything(s.String())
		return
	}
	if f.Refresh.Lost > 0 && f.MembershipCheck != CheckNone {
		r.everything("list lost " + tally.Count(f.Refresh.Lost, "member"))
	}
}

// String says how many are missing: "5 of 100 people of a sample are missing on the list".
func (s *Sample) String() string {
	are := "are"
	if s.Missing == 1 {
		are = "is"
	}
	return fmt.Sprintf("%s of %s of a sample %s missing on the list", tally.Thousands(s.Missing), peopleOf(s.People), are)
}

func peopleOf(n int64) string {
	if n == 1 {
		return "1 person"
	}
	return tally.Thousands(n) + " people"
}

// addMissing adds who is missing on the list, unless the same profiles were
// missing before.
func addMissing(r *Reasons, m *Membership, before Missing) {
	if !m.Missing.Beyond(before) {
		return
	}
	reason := "list lacks " + tally.Count(m.Missing.Count, "profile")
	if m.Strangers > 0 {
		reason += " and has " + tally.CountWith(m.Strangers, "member", "who is in no segment", "who are in no segment")
	}
	if m.Listed {
		r.lasting(reason)
		return
	}
	r.everything(reason)
}

// addSegments adds what changed in the segments or in how they are mapped.
// Segments that are declared otherwise and hold the same make no run due.
func (f *Facts) addSegments(r *Reasons) {
	if f.MappingChanged {
		r.everything("mapping changed")
		return
	}
	if f.Survey == nil || f.Survey.Fingerprint == f.Last.Fingerprint {
		return
	}
	switch {
	case f.SegmentsChanged:
		r.lasting("segments changed")
	case f.Refresh != nil && f.Refresh.SegmentsRead:
		r.lasting(f.change())
	case !f.Edited: // an edited plan that is made again must not depend on what the segments hold by then
		r.passing("segment changed")
	}
}

// change says how the segments have changed. Nobody may have been added, updated or
// removed: a person whose row is rejected is still in the segments, without a profile.
func (f *Facts) change() string {
	if c := f.Survey.Changes; c != nil && *c != (Difference{}) {
		return fmt.Sprintf("segment changed: +%s ~%s -%s", tally.Thousands(c.Added), tally.Thousands(c.Updated), tally.Thousands(c.Removed))
	}
	return changeOfProfiles(f.Last.Profiles, f.Survey.Profiles)
}

// changeOfProfiles says how many profiles there were and are.
func changeOfProfiles(before, after int64) string {
	if before == after {
		return fmt.Sprintf("segment changed: %s, not all the same as before", tally.Count(after, "profile"))
	}
	return fmt.Sprintf("segment changed: %s -> %s", tally.Thousands(before), tally.Count(after, "profile"))
}

// addSettings adds which other inputs of a run have changed.
func (f *Facts) addSettings(r *Reasons) {
	before, now := f.Last.Inputs, f.Now
	if before.SyncMode != now.SyncMode {
		r.lasting("sync mode changed")
	} else if before.Removes != now.Removes {
		r.lasting("removal scope changed")
	}
	if before.Channels != now.Channels && before.Channels != "" && now.Channels != "" { // else the mapping has changed
		r.lasting("channels changed")
	}
	if before.OptOuts != now.OptOuts {
		r.everything("opt_outs changed") // who was withheld is to be sent now
	}
	for _, name := range changedKeys(before.Triggers, now.Triggers) {
		r.everything("trigger " + name + " changed")
	}
}

// changedKeys lists the keys whose values differ or that only one map has.
func changedKeys(before, now map[string]string) []string {
	changed := map[string]struct{}{}
	for key, value := range now {
		if old, ok := before[key]; !ok || old != value {
			changed[key] = struct{}{}
		}
	}
	for key := range before {
		if _, ok := now[key]; !ok {
			changed[key] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// addSchedule adds when the schedule has made a run due. A schedule that was just
// edited counts from the next plan on.
func (f *Facts) addSchedule(r *Reasons) {
	switch {
	case f.Refresh != nil:
		if !f.ScheduleChanged && !f.Refresh.Tick.IsZero() {
			r.lasting(scheduledFor(f.Refresh.Tick))
		}
	case !f.Edited && !f.JustRefreshed && !f.Tick.IsZero():
		r.passing(scheduledFor(f.Tick))
	}
}

func scheduledFor(tick time.Time) string { return "scheduled for " + tick.UTC().Format(time.RFC3339) }

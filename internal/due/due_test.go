package due_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
)

var (
	list = due.List{AccountID: "MainAc", ListID: "VIPs01"}
	six  = time.Date(2026, time.January, 16, 6, 0, 0, 0, time.FixedZone("CET", 3600))
)

const scheduledForSix = "scheduled for 2026-01-16T05:00:00Z"

// settled is an export of three profiles that ran and has changed in nothing
// since. The plan follows a refresh that found nothing.
func settled() due.Facts {
	inputs := func() due.Inputs {
		return due.Inputs{List: list, SyncMode: "upsert", OptOuts: "withhold", Triggers: map[string]string{"release": "1", "kept": "as is"}}
	}
	return due.Facts{
		Last:            &due.Run{Inputs: inputs(), Fingerprint: "abc", Profiles: 3, Known: true},
		Now:             inputs(),
		Survey:          &due.Survey{Fingerprint: "abc", Profiles: 3, Changes: &due.Difference{}},
		JustRefreshed:   true,
		MembershipCheck: due.CheckCount,
		Send:            due.SendChanges,
	}
}

// subscribing is an export that subscribes people.
func subscribing(f *due.Facts) { f.Last.Inputs.Channels, f.Now.Channels = "email", "email" }

// refreshed is what a refresh found that read the segments.
func refreshed(f *due.Facts) *due.Refresh {
	f.Refresh = &due.Refresh{List: f.Last.Inputs.List, SegmentsRead: true}
	return f.Refresh
}

// compared is a full check of the members, which found some missing.
func compared(f *due.Facts, missing due.Missing, strangers int64) {
	f.MembershipCheck = due.CheckFull
	refreshed(f).Membership = &due.Membership{Missing: missing, Strangers: strangers}
}

// sampled is a sample that was looked up on the list.
func sampled(f *due.Facts, missing, people int64) {
	f.MembershipCheck = due.CheckSample
	refreshed(f).Sample = &due.Sample{People: people, Missing: missing}
}

// unremoved is a run that failed while members were still to be removed from the list.
func unremoved(f *due.Facts, members int64) {
	refreshed(f)
	f.Last.RemovalUnfinished, f.Last.Unremoved = true, members
}

// changed is a survey that found other profiles.
func changed(f *due.Facts, profiles int64) {
	f.Survey = &due.Survey{Fingerprint: "xyz", Profiles: profiles, Changes: &due.Difference{Added: 1234, Updated: 5}}
}

// changedMuch is a survey that found too many changes to list.
func changedMuch(f *due.Facts, profiles int64) {
	changed(f, profiles)
	f.Survey.Changes = nil
}

// withoutRefresh is a plan of a process that has refreshed nothing.
func withoutRefresh(f *due.Facts) { f.Refresh, f.JustRefreshed = nil, false }

func TestDecide(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change           func(f *due.Facts)
		lasting, passing []string
	}{
		"nothing changed": {change: func(*due.Facts) {}},
		"first run": {
			change:  func(f *due.Facts) { f.Last = nil },
			lasting: []string{"first run"},
		},
		"first run, whatever else changed": {
			change: func(f *due.Facts) {
				f.Last, f.EnabledAgain, f.MappingChanged, f.Tick = nil, true, true, six
				f.Refresh, f.JustRefreshed = &due.Refresh{List: list, Lost: 2, Tick: six}, false
			},
			lasting: []string{"first run"},
		},
		"first run of no facts": {
			change:  func(f *due.Facts) { *f = due.Facts{} },
			lasting: []string{"first run"},
		},
		"enabled again": {
			change:  func(f *due.Facts) { f.EnabledAgain = true },
			lasting: []string{"everything is sent: enabled again"},
		},

		"another account": {
			change:  func(f *due.Facts) { f.Now.AccountID = "OtherA" },
			lasting: []string{"everything is sent: account changed"},
		},
		"another list": {
			change:  func(f *due.Facts) { f.Now.ListID = "Other1" },
			lasting: []string{"everything is sent: list changed"},
		},
		"another account and list": {
			change:  func(f *due.Facts) { f.Now.List = due.List{AccountID: "OtherA", ListID: "Other1"} },
			lasting: []string{"everything is sent: account changed", "list changed"},
		},
		"a list that is not known yet": {
			change:  func(f *due.Facts) { f.Now.ListID = "" },
			lasting: []string{"everything is sent: list changed"},
		},

		"sync mode": {
			change:  func(f *due.Facts) { f.Now.SyncMode = "mirror" },
			lasting: []string{"sync mode changed"},
		},
		"removal scope": {
			change:  func(f *due.Facts) { f.Now.Removes = "all" },
			lasting: []string{"removal scope changed"},
		},
		"sync mode and removal scope": {
			change:  func(f *due.Facts) { f.Now.SyncMode, f.Now.Removes = "mirror", "all" },
			lasting: []string{"sync mode changed"},
		},
		"opt_outs": {
			change:  func(f *due.Facts) { f.Now.OptOuts = "ignore" },
			lasting: []string{"everything is sent: opt_outs changed"},
		},
		"triggers added, changed and taken away": {
			change: func(f *due.Facts) {
				f.Last.Inputs.Triggers["gone"] = "soon"
				f.Now.Triggers = map[string]string{"kept": "as is", "release": "2", "month": "May"}
			},
			lasting: []string{"everything is sent: trigger gone changed", "trigger month changed", "trigger release changed"},
		},
		"triggers taken away": {
			change:  func(f *due.Facts) { f.Now.Triggers = nil },
			lasting: []string{"everything is sent: trigger kept changed", "trigger release changed"},
		},
		"trigger that is added empty": {
			change:  func(f *due.Facts) { f.Now.Triggers["new"] = "" },
			lasting: []string{"everything is sent: trigger new changed"},
		},
		"first triggers": {
			change:  func(f *due.Facts) { f.Last.Inputs.Triggers = nil; delete(f.Now.Triggers, "kept") },
			lasting: []string{"everything is sent: trigger release changed"},
		},

		"a profile unconfirmed": {
			change:  func(f *due.Facts) { f.Last.Unconfirmed = 1 },
			lasting: []string{"1 profile was not confirmed by Klaviyo"},
		},
		"profiles unconfirmed": {
			change:  func(f *due.Facts) { f.Last.Unconfirmed = 12000 },
			lasting: []string{"12,000 profiles were not confirmed by Klaviyo"},
		},

		"a profile not taken": {
			change:  func(f *due.Facts) { f.Last.Untaken = 1 },
			lasting: []string{"1 profile was not taken by Klaviyo"},
		},
		"profiles not taken": {
			change:  func(f *due.Facts) { f.Last.Untaken = 445 },
			lasting: []string{"445 profiles were not taken by Klaviyo"},
		},

		"a person not subscribed": {
			change:  func(f *due.Facts) { subscribing(f); f.Last.Unsubscribed = 1 },
			lasting: []string{"the consent of 1 profile is still to be passed on"},
		},
		"people not subscribed": {
			change:  func(f *due.Facts) { subscribing(f); f.Last.Unsubscribed = 1200; withoutRefresh(f) },
			lasting: []string{"the consent of 1,200 profiles is still to be passed on"},
		},
		"it is not known how many were not subscribed": {
			change:  func(f *due.Facts) { subscribing(f); f.Last.Unsubscribed = -1 },
			lasting: []string{"consent is still to be passed on"},
		},
		"people not subscribed, and nobody is to be": {
			change:  func(f *due.Facts) { subscribing(f); f.Last.Unsubscribed, f.Now.Channels = 1200, "" },
			lasting: nil,
		},
		"people not subscribed to another list": {
			change:  func(f *due.Facts) { subscribing(f); f.Last.Unsubscribed, f.Last.Inputs.ListID = 1200, "Others" },
			lasting: []string{"everything is sent: list changed"},
		},
		"consents that are news although nothing changed": {
			change:  func(f *due.Facts) { subscribing(f); refreshed(f); f.Survey.Consents = 7 },
			lasting: []string{"the consent of 7 profiles is still to be passed on"},
		},
		"consents that are news to a plan without a refresh": {
			change:  func(f *due.Facts) { subscribing(f); withoutRefresh(f); f.Survey.Consents = 7 },
			passing: []string{"the consent of 7 profiles is still to be passed on"},
		},
		"consents that are news to an edited plan without a refresh": {
			change: func(f *due.Facts) {
				subscribing(f)
				withoutRefresh(f)
				f.Survey.Consents, f.Edited = 7, true
			},
		},
		"consents of a segment that changed": {
			change:  func(f *due.Facts) { subscribing(f); refreshed(f); changed(f, 4); f.Survey.Consents = 7 },
			lasting: []string{"segment changed: +1,234 ~5 -0"},
		},
		"rows that are rejected now": {
			change:  func(f *due.Facts) { refreshed(f); changed(f, 2); f.Survey.Changes = &due.Difference{} },
			lasting: []string{"segment changed: 3 -> 2 profiles"},
		},
		"other channels": {
			change:  func(f *due.Facts) { subscribing(f); f.Now.Channels = "email,sms" },
			lasting: []string{"channels changed"},
		},
		"first channels": { // the mapping changes, too
			change: func(f *due.Facts) { f.Now.Channels = "email" },
		},

		"a member not removed": {
			change:  func(f *due.Facts) { unremoved(f, 1) },
			lasting: []string{"1 member is still to be removed from the list"},
		},
		"members not removed": {
			change:  func(f *due.Facts) { unremoved(f, 1200) },
			lasting: []string{"1,200 members are still to be removed from the list"},
		},
		"members not removed, and people who are new and may be some of them": {
			change: func(f *due.Facts) {
				unremoved(f, 1200)
				changed(f, 4)
				f.Survey.Changes.Updated = 0
			},
			lasting: []string{"segment changed: +1,234 ~0 -0", "the removal of members was not finished"},
		},
		"members not removed, and people who changed and are none of them": {
			change: func(f *due.Facts) {
				unremoved(f, 1200)
				changed(f, 4)
				f.Survey.Changes.Added = 0
			},
			lasting: []string{"segment changed: +0 ~5 -0", "1,200 members are still to be removed from the list"},
		},
		"members not removed, and people who changed and may be some of them": {
			change: func(f *due.Facts) {
				unremoved(f, 1200)
				changed(f, 4)
				f.Last.UnremovedListed, f.Survey.Changes.Added = true, 0
			},
			lasting: []string{"segment changed: +0 ~5 -0", "the removal of members was not finished"},
		},
		"members not removed, and too much changed to be listed": {
			change: func(f *due.Facts) {
				unremoved(f, 1200)
				changed(f, 4)
				f.Survey.Changes = nil
			},
			lasting: []string{"segment changed: 3 -> 4 profiles", "the removal of members was not finished", "everything is sent: too much changed to be listed"},
		},
		"members not removed, and other segments": {
			change: func(f *due.Facts) {
				unremoved(f, 1200)
				f.SegmentsChanged = true
			},
			lasting: []string{"the removal of members was not finished"},
		},
		"members not removed, without a refresh": {
			change: func(f *due.Facts) {
				unremoved(f, 1200)
				withoutRefresh(f)
			},
			lasting: []string{"the removal of members was not finished"},
		},
		"it is not known who was not removed": {
			change:  func(f *due.Facts) { f.Last.RemovalUnfinished, f.Last.Unremoved = true, -1 },
			lasting: []string{"the removal of members was not finished"},
		},
		"members not removed from another list": {
			change: func(f *due.Facts) {
				f.Last.RemovalUnfinished, f.Last.Unremoved, f.Last.Inputs.ListID = true, 1200, "Others"
			},
			lasting: []string{"everything is sent: list changed"},
		},

		"a member lost": {
			change:  func(f *due.Facts) { refreshed(f).Lost = 1 },
			lasting: []string{"everything is sent: list lost 1 member"},
		},
		"members lost": {
			change:  func(f *due.Facts) { refreshed(f).Lost = 1234 },
			lasting: []string{"everything is sent: list lost 1,234 members"},
		},
		"members lost, nobody looks": {
			change: func(f *due.Facts) { f.MembershipCheck, refreshed(f).Lost = due.CheckNone, 2 },
		},
		"members lost, the full check could not be made": {
			change:  func(f *due.Facts) { f.MembershipCheck, refreshed(f).Lost = due.CheckFull, 2 },
			lasting: []string{"everything is sent: list lost 2 members"},
		},
		"people of a sample missing": {
			change:  func(f *due.Facts) { sampled(f, 5, 100) },
			lasting: []string{"everything is sent: 5 of 100 people of a sample are missing on the list"},
		},
		"one of a sample missing": {
			change:  func(f *due.Facts) { sampled(f, 1, 1) },
			lasting: []string{"everything is sent: 1 of 1 person of a sample is missing on the list"},
		},
		"nobody of a sample missing":               {change: func(f *due.Facts) { sampled(f, 0, 100) }},
		"people of a sample missing, nobody looks": {change: func(f *due.Facts) { sampled(f, 5, 100); f.MembershipCheck = due.CheckNone }},
		"people of a sample missing on the list that is left": {
			change:  func(f *due.Facts) { sampled(f, 5, 100); f.Now.ListID = "Other1" },
			lasting: []string{"everything is sent: list changed"},
		},
		"members lost before samples are looked up": {
			change:  func(f *due.Facts) { f.MembershipCheck, refreshed(f).Lost = due.CheckSample, 2 },
			lasting: []string{"everything is sent: list lost 2 members"},
		},
		"members lost from the list that is left": {
			change:  func(f *due.Facts) { refreshed(f).Lost = 2; f.Now.ListID = "Other1" },
			lasting: []string{"everything is sent: list changed"},
		},
		"members lost from the account that is left": {
			change:  func(f *due.Facts) { refreshed(f).Lost = 2; f.Now.AccountID = "OtherA" },
			lasting: []string{"everything is sent: account changed"},
		},
		"members lost from another list than the last run's": { // saved while runs were switched off, and taken back now
			change: func(f *due.Facts) { refreshed(f).Lost = 2; f.Refresh.List.ListID = "Other1" },
		},
		"members lost from the next list, to which no run was made yet": {
			change: func(f *due.Facts) {
				refreshed(f).Lost = 2
				f.Refresh.List.ListID, f.Now.ListID = "Other1", "Other1"
			},
			lasting: []string{"everything is sent: list changed"},
		},

		"a profile missing": {
			change:  func(f *due.Facts) { compared(f, due.Missing{Count: 1, Fingerprint: "m1"}, 0) },
			lasting: []string{"everything is sent: list lacks 1 profile"},
		},
		"a run that failed half-way": {
			change:  func(f *due.Facts) { f.Last.PartlySent = true },
			lasting: []string{"everything is sent: a run failed after it had sent profiles"},
		},
		"a run that was killed": {
			change:  func(f *due.Facts) { f.Last.Killed = true },
			lasting: []string{"everything is sent: a run was killed, which may have sent profiles"},
		},
		"a run of changes that failed half-way": {
			change:  func(f *due.Facts) { f.Last.PartlySent, f.Last.PartlySentListed = true, true },
			lasting: []string{"a run failed after it had sent profiles"},
		},
		"segments that changed while they were sent": {
			change:  func(f *due.Facts) { f.Last.PartlySent, f.Last.PartlySentListed, f.Last.Succeeded = true, true, true },
			lasting: []string{"the segments changed while the last run sent their changes"},
		},
		"a profile missing that is known": {
			change: func(f *due.Facts) {
				compared(f, due.Missing{Count: 1, Fingerprint: "m1"}, 0)
				f.Refresh.Membership.Listed = true
			},
			lasting: []string{"list lacks 1 profile"},
		},
		"profiles missing, and a stranger": {
			change:  func(f *due.Facts) { compared(f, due.Missing{Count: 1200, Fingerprint: "m1"}, 1) },
			lasting: []string{"everything is sent: list lacks 1,200 profiles and has 1 member who is in no segment"},
		},
		"strangers alone": {
			change: func(f *due.Facts) { compared(f, due.Missing{}, 2) },
		},
		"the same missing as before": {
			change: func(f *due.Facts) {
				f.Last.Missing = due.Missing{Count: 1, Fingerprint: "m1"}
				compared(f, due.Missing{Count: 1, Fingerprint: "m1"}, 2)
			},
		},
		"as many missing as before, not the same": {
			change: func(f *due.Facts) {
				f.Last.Missing = due.Missing{Count: 1, Fingerprint: "m1"}
				compared(f, due.Missing{Count: 1, Fingerprint: "m2"}, 2)
			},
			lasting: []string{"everything is sent: list lacks 1 profile and has 2 members who are in no segment"},
		},
		"more missing than before": {
			change: func(f *due.Facts) {
				f.Last.Missing = due.Missing{Count: 1, Fingerprint: "m1"}
				compared(f, due.Missing{Count: 2, Fingerprint: "m2"}, 0)
			},
			lasting: []string{"everything is sent: list lacks 2 profiles"},
		},
		"fewer missing than before": {
			change: func(f *due.Facts) {
				f.Last.Missing = due.Missing{Count: 2, Fingerprint: "m1"}
				compared(f, due.Missing{Count: 1, Fingerprint: "m2"}, 0)
			},
		},
		"the comparison outweighs the number": {
			change: func(f *due.Facts) { compared(f, due.Missing{}, 0); f.Refresh.Lost = 2 },
		},
		"compared, and no longer asked for": {
			change: func(f *due.Facts) {
				compared(f, due.Missing{Count: 1, Fingerprint: "m1"}, 0)
				f.MembershipCheck, f.Refresh.Lost = due.CheckCount, 2
			},
			lasting: []string{"everything is sent: list lost 2 members"},
		},
		"compared, and nobody looks any more": {
			change: func(f *due.Facts) {
				compared(f, due.Missing{Count: 1, Fingerprint: "m1"}, 0)
				f.MembershipCheck, f.Refresh.Lost = due.CheckNone, 2
			},
		},
		"missing on the list that is left": {
			change: func(f *due.Facts) {
				compared(f, due.Missing{Count: 1, Fingerprint: "m1"}, 0)
				f.Now.ListID = "Other1"
			},
			lasting: []string{"everything is sent: list changed"},
		},

		"more profiles": {
			change:  func(f *due.Facts) { refreshed(f); changedMuch(f, 1250) },
			lasting: []string{"segment changed: 3 -> 1,250 profiles", "everything is sent: too much changed to be listed"},
		},
		"one profile left": {
			change:  func(f *due.Facts) { refreshed(f); f.Last.Profiles = 4321; changedMuch(f, 1) },
			lasting: []string{"segment changed: 4,321 -> 1 profile", "everything is sent: too much changed to be listed"},
		},
		"as many profiles, not the same": {
			change:  func(f *due.Facts) { refreshed(f); changedMuch(f, 3) },
			lasting: []string{"segment changed: 3 profiles, not all the same as before", "everything is sent: too much changed to be listed"},
		},
		"profiles changed, and something edited": {
			change:  func(f *due.Facts) { refreshed(f); changed(f, 4); f.Edited = true },
			lasting: []string{"segment changed: +1,234 ~5 -0"},
		},
		"profiles changed, seen without a refresh": {
			change:  func(f *due.Facts) { withoutRefresh(f); changed(f, 4) },
			passing: []string{"segment changed"},
		},
		"profiles changed, not read by the refresh": {
			change:  func(f *due.Facts) { refreshed(f).SegmentsRead = false; changed(f, 4) },
			passing: []string{"segment changed"},
		},
		"profiles changed, seen without a refresh after an edit": {
			change: func(f *due.Facts) { withoutRefresh(f); changed(f, 4); f.Edited = true },
		},
		"profiles changed, not known to what": { // at apply, if the plan was made from another survey
			change:  func(f *due.Facts) { withoutRefresh(f); f.Survey = &due.Survey{Changes: &due.Difference{}} },
			passing: []string{"segment changed"},
		},
		"segments not read": {
			change: func(f *due.Facts) { withoutRefresh(f); f.Survey = nil },
		},
		"segments declared otherwise, holding the same": {
			change: func(f *due.Facts) { refreshed(f); f.SegmentsChanged, f.Edited = true, true },
		},
		"segments declared otherwise, holding others": {
			change:  func(f *due.Facts) { f.SegmentsChanged, f.Edited = true, true; changed(f, 4) },
			lasting: []string{"segments changed"},
		},
		"segments declared otherwise after a refresh, holding others": {
			change:  func(f *due.Facts) { refreshed(f); f.SegmentsChanged, f.Edited = true, true; changed(f, 4) },
			lasting: []string{"segments changed"},
		},
		"segments declared otherwise, not read": {
			change: func(f *due.Facts) { f.SegmentsChanged, f.Edited, f.Survey = true, true, nil },
		},
		"mapping": {
			change:  func(f *due.Facts) { f.MappingChanged, f.Edited = true, true },
			lasting: []string{"everything is sent: mapping changed"},
		},
		"mapping, not read": {
			change:  func(f *due.Facts) { f.MappingChanged, f.Edited, f.Survey = true, true, nil },
			lasting: []string{"everything is sent: mapping changed"},
		},
		"mapping and segments": {
			change: func(f *due.Facts) {
				refreshed(f)
				f.MappingChanged, f.SegmentsChanged, f.Edited = true, true, true
				changed(f, 4)
			},
			lasting: []string{"everything is sent: mapping changed"},
		},

		"scheduled, found by a refresh": {
			change:  func(f *due.Facts) { refreshed(f).Tick, f.Tick = six, six },
			lasting: []string{scheduledForSix},
		},
		"scheduled, found by a refresh, something else edited": {
			change:  func(f *due.Facts) { refreshed(f).Tick, f.Edited = six, true },
			lasting: []string{scheduledForSix},
		},
		"scheduled, seen without a refresh": {
			change:  func(f *due.Facts) { withoutRefresh(f); f.Tick = six },
			passing: []string{scheduledForSix},
		},
		"scheduled since the refresh": { // which the next plan finds
			change: func(f *due.Facts) { f.Tick = six },
		},
		"scheduled since the refresh, which found something else": {
			change:  func(f *due.Facts) { refreshed(f).Lost, f.Tick = 1, six },
			lasting: []string{"everything is sent: list lost 1 member"},
		},
		"scheduled, seen without a refresh after an edit": {
			change: func(f *due.Facts) { withoutRefresh(f); f.Tick, f.Edited = six, true },
		},
		"schedule changed after a refresh": {
			change: func(f *due.Facts) {
				refreshed(f).Tick, f.Tick = six, six
				f.ScheduleChanged, f.Edited = true, true
			},
		},

		"all at once, in one order": {
			change: func(f *due.Facts) {
				refreshed(f).Lost, f.Refresh.Tick = 2, six
				changed(f, 4)
				f.EnabledAgain, f.Last.Unconfirmed = true, 5
				f.Now.SyncMode, f.Now.OptOuts, f.Now.Triggers["release"] = "mirror", "ignore", "2"
			},
			lasting: []string{"everything is sent: enabled again", "list lost 2 members", "segment changed: +1,234 ~5 -0", "5 profiles were not confirmed by Klaviyo", "sync mode changed", "opt_outs changed", "trigger release changed", scheduledForSix},
		},
		"lasting and passing": {
			change: func(f *due.Facts) {
				withoutRefresh(f)
				changed(f, 4)
				f.EnabledAgain, f.Tick = true, six
			},
			lasting: []string{"everything is sent: enabled again"},
			passing: []string{"segment changed", scheduledForSix},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := settled()
			test.change(&f)
			got := due.Decide(&f)
			if !slices.Equal(got.Lasting, test.lasting) || !slices.Equal(got.Passing, test.passing) {
				t.Errorf("lasting %q and passing %q, want %q and %q", got.Lasting, got.Passing, test.lasting, test.passing)
			}
			if want := len(test.lasting)+len(test.passing) > 0; got.Any() != want {
				t.Errorf("a run is due: %t, want %t", got.Any(), want)
			}
		})
	}
}

// The decision leaves its facts alone, so that it can be asked for again.
func TestDecide_again(t *testing.T) {
	t.Parallel()
	f := settled()
	f.Now.Triggers["release"] = "2"
	triggers := maps.Clone(f.Now.Triggers)
	first, second := due.Decide(&f), due.Decide(&f)
	if first.String() != second.String() || !maps.Equal(f.Now.Triggers, triggers) {
		t.Errorf("it is %q, then %q, with triggers %v", first, second, f.Now.Triggers)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reasons       due.Reasons
		all, promised string
	}{
		"none":         {due.Reasons{}, "", ""},
		"lasting only": {due.Reasons{Lasting: []string{"a", "b"}}, "a; b", "a; b"},
		"passing only": {due.Reasons{Passing: []string{"c"}}, "c", ""},
		"both":         {due.Reasons{Lasting: []string{"a", "b"}, Passing: []string{"c", "d"}}, "a; b; c; d", "a; b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if all, promised := test.reasons.String(), test.reasons.Promised(); all != test.all || promised != test.promised {
				t.Errorf("all are %q and promised %q, want %q and %q", all, promised, test.all, test.promised)
			}
		})
	}
}

// What is kept between plans is read by later versions of the provider.
func TestInputs_stored(t *testing.T) {
	t.Parallel()
	f := settled()
	const inputs = `{"account_id":"MainAc","list_id":"VIPs01","sync_mode":"upsert","opt_outs":"withhold","triggers":{"kept":"as is","release":"1"}}`
	wantJSON(t, f.Last.Inputs, inputs)
	wantJSON(t, due.Missing{Count: 2, Fingerprint: "m1"}, `{"count":2,"fingerprint":"m1"}`)
}

func wantJSON(t *testing.T, value any, want string) {
	t.Helper()
	got, err := json.Marshal(value)
	if err != nil || string(got) != want {
		t.Errorf("it is stored as %s, error %v, want %s", got, err, want)
	}
}

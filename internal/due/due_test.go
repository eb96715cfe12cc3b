package due_test

import (
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
)

// quiet are the facts of an export of which nothing has changed.
func quiet() due.Facts {
	inputs := due.Inputs{AccountID: "A", ListID: "L", SyncMode: "upsert", OptOuts: "withhold", Triggers: map[string]string{"release": "1"}}
	return due.Facts{
		LastRun: &due.LastRun{Fingerprint: "f", Profiles: 1000}, Before: inputs, Now: inputs,
		Segments: due.Segments{Fingerprint: "f", Profiles: 1000, Refreshed: true},
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.FixedZone("", 3600))
	for name, tc := range map[string]struct {
		change           func(f *due.Facts)
		lasting, passing []string
	}{
		"nothing":                                {func(*due.Facts) {}, nil, nil},
		"never ran":                              {func(f *due.Facts) { *f = due.Facts{Disabled: true, Tick: noon} }, []string{"first run"}, nil},
		"was disabled":                           {func(f *due.Facts) { f.Disabled = true }, []string{"enabled again"}, nil},
		"other account":                          {func(f *due.Facts) { f.Now.AccountID = "B" }, []string{"account changed"}, nil},
		"other list":                             {func(f *due.Facts) { f.Now.ListID = "M" }, []string{"list changed"}, nil},
		"other mode":                             {func(f *due.Facts) { f.Now.SyncMode = "mirror" }, []string{"sync mode changed"}, nil},
		"other opt-outs":                         {func(f *due.Facts) { f.Now.OptOuts = "ignore" }, []string{"opt_outs changed"}, nil},
		"not confirmed":                          {func(f *due.Facts) { f.LastRun.Unconfirmed = 445 }, []string{"445 profiles were not confirmed by Klaviyo"}, nil},
		"one not confirmed":                      {func(f *due.Facts) { f.LastRun.Unconfirmed = 1 }, []string{"1 profile was not confirmed by Klaviyo"}, nil},
		"members lost":                           {func(f *due.Facts) { f.List.Lost = 3 }, []string{"list lost 3 members"}, nil},
		"lost of the other list":                 {func(f *due.Facts) { f.List.Lost = 3; f.Now.ListID = "M" }, []string{"list changed"}, nil},
		"lost, and the state is of another list": {func(f *due.Facts) { f.List.Lost = 3; f.Moved = true }, nil, nil},
		"missing":                                {func(f *due.Facts) { f.List = due.List{Missing: 2, MoreMissing: true} }, []string{"list lacks 2 profiles"}, nil},
		"missing, strangers":                     {func(f *due.Facts) { f.List = due.List{Missing: 2, Strangers: 1, MoreMissing: true} }, []string{"list lacks 2 profiles and has 1 stranger"}, nil},
		"missing as before":                      {func(f *due.Facts) { f.List = due.List{Missing: 2, Strangers: 1} }, nil, nil},
		"missing before lost":                    {func(f *due.Facts) { f.List = due.List{Missing: 2, MoreMissing: true, Lost: 5} }, []string{"list lacks 2 profiles"}, nil},

		"mapping":                   {func(f *due.Facts) { f.Segments.MappingChanged = true; f.Segments.Fingerprint = "g" }, []string{"mapping changed"}, nil},
		"elsewhere, the same":       {func(f *due.Facts) { f.Segments.SourceChanged = true; f.Segments.Refreshed = false }, nil, nil},
		"elsewhere, others":         {func(f *due.Facts) { f.Segments = due.Segments{SourceChanged: true, Fingerprint: "g"} }, []string{"segments changed"}, nil},
		"more, refreshed":           {func(f *due.Facts) { f.Segments.Fingerprint, f.Segments.Profiles = "g", 1250 }, []string{"segment changed: 1,000 -> 1,250 profiles"}, nil},
		"others, refreshed":         {func(f *due.Facts) { f.Segments.Fingerprint = "g" }, []string{"segment changed: 1,000 profiles, not all the same as before"}, nil},
		"more, not refreshed":       {func(f *due.Facts) { f.Segments = due.Segments{Fingerprint: "g", Profiles: 1250} }, nil, []string{"segment changed"}},
		"more, edited":              {func(f *due.Facts) { f.Segments = due.Segments{Fingerprint: "g", Edited: true} }, nil, nil},
		"more, edited, refreshed":   {func(f *due.Facts) { f.Segments.Fingerprint, f.Segments.Edited = "g", true }, []string{"segment changed: 1,000 profiles, not all the same as before"}, nil},
		"not read":                  {func(f *due.Facts) { f.Segments.Fingerprint = "" }, nil, nil},
		"a trigger":                 {func(f *due.Facts) { f.Now.Triggers = map[string]string{"release": "2"} }, []string{"trigger release changed"}, nil},
		"triggers come and go":      {func(f *due.Facts) { f.Now.Triggers = map[string]string{"b": "", "a": ""} }, []string{"trigger a changed", "trigger b changed", "trigger release changed"}, nil},
		"triggers not known":        {func(f *due.Facts) { f.Now.Triggers, f.TriggersUnknown = nil, true }, []string{"triggers changed"}, nil},
		"scheduled":                 {func(f *due.Facts) { f.Tick = noon }, []string{"scheduled for 2026-01-15T11:00:00Z"}, nil},
		"scheduled, not refreshed":  {func(f *due.Facts) { f.Tick, f.TickPasses = noon, true }, nil, []string{"scheduled for 2026-01-15T11:00:00Z"}},
		"nothing, though it passes": {func(f *due.Facts) { f.TickPasses = true }, nil, nil},
		"all at once": {func(f *due.Facts) {
			f.Disabled, f.List.Lost, f.LastRun.Unconfirmed, f.Segments.Fingerprint, f.Tick = true, 1, 2, "g", noon
			f.Now.SyncMode, f.Now.OptOuts = "mirror", "ignore"
		}, []string{
			"enabled again", "list lost 1 member", "segment changed: 1,000 profiles, not all the same as before", "2 profiles were not confirmed by Klaviyo",
			"sync mode changed", "opt_outs changed", "scheduled for 2026-01-15T11:00:00Z",
		}, nil},
	} {
		f := quiet()
		tc.change(&f)
		got := due.Of(f)
		if !slices.Equal(got.Lasting, tc.lasting) || !slices.Equal(got.Passing, tc.passing) {
			t.Errorf("%s: %q and %q, want %q and %q", name, got.Lasting, got.Passing, tc.lasting, tc.passing)
		}
		if got.Any() != (len(tc.lasting)+len(tc.passing) > 0) {
			t.Errorf("%s: due %v", name, got.Any())
		}
	}
}

// The words of lasting reasons come first.
func TestReasonsInWords(t *testing.T) {
	t.Parallel()
	r := due.Reasons{Lasting: []string{"a", "b"}, Passing: []string{"c"}}
	if got := r.String(); got != "a; b; c" {
		t.Errorf("%q", got)
	}
}

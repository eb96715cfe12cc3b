package export

import (
	"context"
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// leaving is how many members a run is to remove from the list. Some of them may not be
// on it any more.
type leaving struct {
	members int64
	atLeast bool // there may be more
}

// CheckLeaving refuses a run that would remove more members from the list than the
// safeguard allows, as far as a survey tells. members is how many the list has now.
func (e *Export) CheckLeaving(s *Survey, members int64) error {
	return e.checkLeaving(e.leaving(s, members), members)
}

// checkLeaving refuses to remove more members from the list than the safeguard allows: a
// segment that lost many people has more often lost its source.
func (e *Export) checkLeaving(l leaving, members int64) error {
	removals := min(l.members, members)
	if removals*100 <= e.Safeguards.MaxRemovedPercent*members {
		return nil
	}
	who := tally.Count(removals, "member")
	if l.atLeast {
		who = "At least " + who
	}
	return &diagnostic.Error{
		Attribute: []string{"safeguards", "max_removed_percent"},
		Summary:   "Too Many Members Would Be Removed",
		Detail: fmt.Sprintf("%s of the list %q would be removed from it, since no segment has them: %s of its %s, where %d %% are allowed. Nobody was removed. "+
			"If the segments are as they should be, raise safeguards.max_removed_percent for this run; else correct their source.",
			who, e.ListID, tally.Percent(removals, max(members, 1)), tally.Count(members, "member"), e.Safeguards.MaxRemovedPercent),
	}
}

// leaving is how many members a run would remove according to a survey: those whom it lists as
// removed, or, if numbers alone show that there are more, at least so many.
func (e *Export) leaving(s *Survey, members int64) (l leaving) {
	if e.Mirror == MirrorNone {
		return l
	}
	l = leaving{members: e.listedLeavers(s), atLeast: e.RemovalUnfinished}
	if least := e.leavingAtLeast(s, members); least > l.members {
		l = leaving{members: least, atLeast: true}
	}
	return l
}

// leavingAtLeast is how many members a run would remove at least. Whoever stays on the list
// is one of the segments, or a stranger whom a mirror of what was exported leaves there.
func (e *Export) leavingAtLeast(s *Survey, members int64) int64 {
	tooMany := members - inSegments(s)
	if e.Mirror == MirrorAll {
		return tooMany
	}
	keys := e.AcknowledgedKeys
	if keys == nil || members-keys.Count() > int64(keys.Cells()) { // among so many strangers nobody is found who left
		return 0
	}
	return min(e.unlistedLeavers(s), tooMany) // a person who opted out may have left both the list and the segments
}

// listedLeavers is how many people are listed as having left the segments.
func (e *Export) listedLeavers(s *Survey) int64 {
	if !e.listsChanges(s) {
		return 0
	}
	return int64(len(s.Changes.Removed))
}

// unlistedLeavers is how many of those whom this export has put on the list are in no
// segment, at least. They are no more than those listed, unless too much has changed or an
// earlier removal is unfinished.
func (e *Export) unlistedLeavers(s *Survey) int64 {
	if e.AcknowledgedKeys == nil {
		return 0
	}
	return max(0, e.AcknowledgedKeys.Count()-inSegments(s))
}

// inSegments is how many people the segments have who may be on the list.
func inSegments(s *Survey) int64 { return s.Profiles + s.RejectedPeople }

// checkKnownLeaving refuses, before anything is sent, to remove too many members from the
// list, as far as that is known.
func (e *Export) checkKnownLeaving(ctx context.Context, client *klaviyo.Client, s *Survey) error {
	if e.Mirror == MirrorNone || e.Mirror == MirrorExported && e.listedLeavers(s)+e.unlistedLeavers(s) == 0 {
		return nil
	}
	list, err := client.ListWithCount(ctx, e.ListID)
	if err != nil {
		return ListError(e.ListID, err)
	}
	return nothingSent(e.CheckLeaving(s, list.ProfileCount))
}

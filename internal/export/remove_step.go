package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// removers is how many removals are under way at once, enough for the 150 a minute
// that Klaviyo allows.
const removers = 4

// Mirror is what of the list is taken off that is not in the segments.
type Mirror int

// The kinds of mirrors.
const (
	MirrorNone     Mirror = iota // nobody is taken off
	MirrorExported               // whom this export put on the list
	MirrorAll                    // everybody
)

// removeStep takes those off the list who left the segments. It changes neither
// consent nor suppressions.
type removeStep struct {
	export  *Export
	client  *klaviyo.Client
	reader  *pipeline.Reader // has just read the segments
	sending *sending

	started time.Time
	removed atomic.Int64
	unknown bool // who left is not known
}

func (e *Export) removeStep(client *klaviyo.Client, imported *importStep) *removeStep {
	return &removeStep{export: e, client: client, reader: imported.reader, sending: imported.sending, started: e.clock().Now()}
}

func (s *removeStep) run(ctx context.Context) error {
	find := s.leavers()
	if find == nil {
		return nil
	}
	members, leavers, err := find(ctx)
	if err != nil {
		return ListError(s.export.ListID, err)
	}
	if err := s.export.CheckRemovals(int64(len(leavers)), members); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(removers)
	for ids := range slices.Chunk(leavers, klaviyo.MaxRemovedMembers) {
		g.Go(func() error {
			if err := s.client.RemoveMembers(ctx, s.export.ListID, ids); err != nil {
				return err
			}
			s.removed.Add(int64(len(ids)))
			return nil
		})
	}
	return g.Wait()
}

// finder returns how many members a list has and the ids of those who left the
// segments.
type finder func(context.Context) (members int64, leavers []string, err error)

// leavers returns what finds those who left; nil if nobody did.
func (s *removeStep) leavers() finder {
	before, changes := s.export.Acknowledged, s.sending.changes
	switch {
	case s.export.Mirror == MirrorAll:
		return func(ctx context.Context) (int64, []string, error) {
			return s.find(ctx, func(member) bool { return true })
		}
	case before != nil && changes != nil:
		if len(changes.Removed) == 0 {
			return nil
		}
		return func(ctx context.Context) (int64, []string, error) {
			return s.find(ctx, func(m member) bool {
				_, gone := slices.BinarySearch(changes.Removed, pipeline.KeyOf(before, m.hash.Lo))
				return gone
			})
		}
	case s.export.AcknowledgedKeys != nil:
		return s.findExported
	default:
		s.unknown = before != nil
		return nil
	}
}

// find reads the list and returns the ids of the members that are in none of the
// segments, as far as they are wanted.
func (s *removeStep) find(ctx context.Context, wanted func(member) bool) (members int64, leavers []string, err error) {
	seen := map[string]struct{}{} // members may come more than once
	err = s.export.eachMember(ctx, s.client, func(m member) {
		members++
		if s.reader.Has(m.hash) || !wanted(m) {
			return
		}
		if _, again := seen[m.id]; !again {
			seen[m.id] = struct{}{}
			leavers = append(leavers, m.id)
		}
	})
	return members, leavers, err
}

// findExported finds those who left when too much has changed to list it. The
// difference between the list and whom this export has put there is small unless
// many strangers are on the list: then the strangers are known, and everybody else
// who is not in the segments has left them.
func (s *removeStep) findExported(ctx context.Context) (members int64, leavers []string, err error) {
	put := s.export.AcknowledgedKeys
	list, left := sketch.NewLike(put), map[string]uint64{}
	err = s.export.eachMember(ctx, s.client, func(m member) {
		key := pipeline.KeyOf(put, m.hash.Lo)
		if _, again := left[m.id]; again {
			return
		}
		members++
		list.Add(key, 0)
		if !s.reader.Has(m.hash) {
			left[m.id] = key
		}
	})
	if err != nil {
		return 0, nil, err
	}
	strangers, _, ok := peel(list, put)
	if !ok {
		s.unknown = true
		return members, nil, nil
	}
	stranger := make(map[uint64]bool, len(strangers))
	for _, e := range strangers {
		stranger[e.Key] = true
	}
	for id, key := range left {
		if !stranger[key] {
			leavers = append(leavers, id)
		}
	}
	slices.Sort(leavers)
	return members, leavers, nil
}

// peel lists what one sketch has and another has not, and the other way round.
func peel(s, other *sketch.Sketch) (only, otherOnly []sketch.Entry, ok bool) {
	difference, err := s.Subtract(other)
	if err != nil {
		return nil, nil, false
	}
	return difference.Peel()
}

// CheckRemovals refuses to take more members off the list than the safeguard
// allows: a segment that lost many people has more often lost its source.
func (e *Export) CheckRemovals(removals, members int64) error {
	if removals*100 <= e.Safeguards.MaxRemovedPercent*members {
		return nil
	}
	return &diagnostic.Error{
		Attribute: []string{"safeguards", "max_removed_percent"},
		Summary:   "Too Many Members Would Be Removed",
		Detail: fmt.Sprintf("%s of the list %q left the segments and would be taken off it: %s of its %s, where %d %% are allowed. Nobody was removed. "+
			"If the segments are as they should be, raise safeguards.max_removed_percent for this run; else correct their source.",
			tally.Count(removals, "member"), e.ListID, percent(removals, max(members, 1)), tally.Count(members, "member"), e.Safeguards.MaxRemovedPercent),
	}
}

// checkKnownRemovals refuses, before anything is sent, to take too many off the
// list, as far as it is known who will be.
func (e *Export) checkKnownRemovals(ctx context.Context, client *klaviyo.Client, s *Survey) error {
	if e.Mirror == MirrorNone || s.Changes == nil || len(s.Changes.Removed) == 0 {
		return nil
	}
	list, err := client.ListWithCount(ctx, e.ListID)
	if err != nil {
		return ListError(e.ListID, err)
	}
	return nothingSent(e.CheckRemovals(int64(len(s.Changes.Removed)), list.ProfileCount))
}

// explain says what was removed by the time the step failed.
func (s *removeStep) explain(ctx context.Context, err error) error {
	done := fmt.Sprintf("All profiles were sent and Klaviyo had finished with them. %s by then. Apply again: who is still to be removed is.",
		tally.CountWith(s.removed.Load(), "member", "was taken off the list", "were taken off the list"))
	if ctx.Err() != nil {
		return interrupted(ctx, klaviyo.WaitedFor(err), done)
	}
	if one := (*diagnostic.Error)(nil); !errors.As(err, &one) {
		summary, detail := klaviyo.Explain(err)
		err = &diagnostic.Error{Summary: summary, Detail: detail, Err: err}
	}
	return diagnostic.AddToDetail(err, "\n\n"+done)
}

func (s *removeStep) progress(now time.Time) Progress {
	return Progress{Removing: true, Removed: s.removed.Load(), Elapsed: now.Sub(s.started)}
}

func (s *removeStep) fill(result *Result) {
	result.Removed, result.LeaversUnknown = s.removed.Load(), s.unknown
}

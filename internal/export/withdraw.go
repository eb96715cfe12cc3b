package export

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Withdrawal is what came of a [Export.Withdraw].
type Withdrawal struct {
	Removed int64 // members removed from the list

	// Left and Leaving are the keys of those who are still to be removed after an
	// error, in place of AcknowledgedKeys and Leaving of the export. Left is nil if
	// those remain valid.
	Left    *sketch.Sketch
	Leaving pipeline.Keys

	// Begun says that members have been removed, or may have been, before an error.
	Begun bool
}

// Withdraw removes everybody from the list whom the export has put there, according to
// Acknowledged and AcknowledgedKeys. Nobody is unsubscribed, and whoever was added by others
// stays. When it fails half-way, doing it again removes the rest. A list that is gone is
// no error. It waits for earlier import jobs, which would put people back on the list.
func (e *Export) Withdraw(ctx context.Context, client *klaviyo.Client) (Withdrawal, error) {
	w := withdrawal{export: e, removal: removal{client: client, listID: e.ListID}}
	err := e.CheckAccount(ctx, client)
	if err == nil {
		err = w.run(ctx)
	}
	done := Withdrawal{Removed: w.removal.removed.Load()}
	if err == nil {
		return done, nil
	}
	left, doubtful := w.removal.left()
	done.Begun = done.Removed > 0 || len(doubtful) > 0
	if w.found && e.AcknowledgedKeys != nil {
		done.Left = sketch.NewLike(e.AcknowledgedKeys)
		for _, l := range left {
			done.Left.Add(pipeline.KeyOf(done.Left, l.email), 0)
		}
		for _, l := range doubtful {
			done.Leaving = append(done.Leaving, pipeline.KeyOf(done.Left, l.email))
		}
		slices.Sort(done.Leaving)
	}
	words := fmt.Sprintf("%s by then. Destroy again: the rest are removed then.",
		tally.CountWith(done.Removed, "member", "was removed from the list", "were removed from the list"))
	if done.Removed == 0 {
		words = "Nobody was removed from the list."
	}
	if waiting := w.waiting.advice; waiting != "" {
		words += " " + waiting
	}
	if ctx.Err() != nil {
		return done, interrupted(ctx, klaviyo.WaitedFor(err), words)
	}
	return done, diagnostic.AddToDetail(explained(err), "\n\n"+words)
}

// withdrawal is a Withdraw under way.
type withdrawal struct {
	export  *Export
	removal removal
	waiting preparation
	found   bool // removal knows who is to be removed
}

// run removes whom the export has put on the list, if there still is one. Only the answer
// to the question for the list tells that: what else is not found may be a profile.
func (w *withdrawal) run(ctx context.Context) error {
	gone, err := w.listGone(ctx)
	if gone || err != nil {
		return err
	}
	err = w.remove(ctx)
	if klaviyo.IsNotFound(err) {
		if gone, _ := w.listGone(ctx); gone {
			return nil
		}
	}
	return err
}

// listGone reports whether the list does not exist any more.
func (w *withdrawal) listGone(ctx context.Context) (bool, error) {
	_, err := w.removal.client.List(ctx, w.export.ListID)
	if klaviyo.IsNotFound(err) {
		return true, nil
	}
	return false, err
}

// waitForJobs waits for import jobs that a run which failed or was interrupted has left,
// or that others have made.
func (w *withdrawal) waitForJobs(ctx context.Context) error {
	earlier, err := w.export.findEarlierJobs(ctx, w.removal.client)
	if err != nil {
		return err
	}
	earlier.words = earlierThanWithdrawal
	if err := earlier.wait(ctx, &w.waiting); err != nil {
		return err
	}
	w.waiting.begin("removing members")
	return nil
}

// remove removes whom the export has put on the list.
func (w *withdrawal) remove(ctx context.Context) error {
	client := w.removal.client
	if err := w.waitForJobs(ctx); err != nil {
		return err
	}
	exported, unread := w.exported(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var members []leaver
	var seen hashset.Set
	err := w.export.eachMember(ctx, client, func(m member) {
		if seen.Add(m.hash) && (exported == nil || exported(m)) {
			members = append(members, leaver{m.id, m.hash.Lo})
		}
	})
	if err != nil {
		return err
	}
	if exported == nil && len(members) > 0 {
		if members, err = w.withoutStrangers(members, unread); err != nil {
			return err
		}
	}
	w.removal.plan(members)
	w.found = true
	return w.removal.run(ctx)
}

// exported reads the segments and returns what reports whether the export has put a
// member on the list: who is in the segments now, except for those who are new and whom
// no failed run may have sent, and who has left them since the last run or has a rejected
// row now, or was left by an earlier removal. It returns nil, and why, if that is not known.
func (w *withdrawal) exported(ctx context.Context) (func(member) bool, error) {
	before := w.export.Acknowledged
	if before == nil {
		return nil, errors.New("the state does not tell what the last run has sent")
	}
	if w.export.RemovalUnfinished && w.export.AcknowledgedKeys != nil {
		return nil, errors.New("an earlier run has not removed everybody who left the segments")
	}
	reader := w.export.pipeline().NewReader()
	survey, err := w.export.survey(ctx, reader, nil)
	if err != nil {
		logging.Warn(ctx, "The segments cannot be read, so strangers are told by the list alone", logging.Fields{"reason": err.Error()})
		return nil, err
	}
	changes := survey.Changes
	if changes == nil {
		return nil, errors.New("the segments have changed too much since the last run")
	}
	return func(m member) bool {
		key := pipeline.KeyOf(before, m.hash.Lo)
		if reader.Has(m.hash) {
			return !changes.Added.Has(key) || w.export.MayHaveJoined.Has(key)
		}
		return changes.Removed.Has(key) || changes.Rejected.Has(key) || w.export.isLeaving(m)
	}, nil
}

// isLeaving reports whether a member is among Leaving.
func (e *Export) isLeaving(m member) bool {
	return e.AcknowledgedKeys != nil && e.Leaving.Has(pipeline.KeyOf(e.AcknowledgedKeys, m.hash.Lo))
}

// withoutStrangers leaves out the members whom the export has not put on the list,
// which can be told as long as they are few. unread is why the segments do not tell.
func (w *withdrawal) withoutStrangers(members []leaver, unread error) ([]leaver, error) {
	put := w.export.AcknowledgedKeys
	if put != nil {
		list := sketch.NewLike(put)
		for _, l := range members {
			key := pipeline.KeyOf(put, l.email)
			if !w.export.Leaving.Has(key) {
				list.Add(key, 0)
			}
		}
		if strangers, ok := onlyIn(list, put); ok {
			return slices.DeleteFunc(members, func(l leaver) bool { return among(strangers, pipeline.KeyOf(put, l.email)) }), nil
		}
	}
	return nil, &diagnostic.Error{
		Attribute: []string{"on_destroy"},
		Summary:   "Not Known Whom The Export Put On The List",
		Detail: fmt.Sprintf("With on_destroy = \"remove_profiles\", destroying the export removes its people from the list %q. They cannot be told from members whom others have added: %s. "+
			"Apply the export once more and destroy it then. Or, if its people are to stay on the list, set on_destroy = \"keep\", apply, and destroy it.",
			w.export.ListID, describe(unread)),
		Err: unread,
	}
}

// describe is what an error says, as part of a sentence.
func describe(err error) string {
	var one *diagnostic.Error
	if errors.As(err, &one) {
		return "the segments cannot be read (" + one.Summary + ": " + one.Detail + ")"
	}
	return err.Error()
}

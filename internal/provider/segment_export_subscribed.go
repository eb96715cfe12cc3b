package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// subscribed is which consents runs have dealt with. It counts only for the list and the
// channels that those runs subscribed people to.
type subscribed struct {
	due.List
	Channels string `json:"channels"`
	Sketch   []byte `json:"sketch,omitempty"` // see [export.Export.Subscribed]; empty if that is not known
	Left     int64  `json:"left,omitempty"`   // people who are still to be subscribed
	Lost     bool   `json:"lost,omitempty"`   // there was a sketch, which send = "everything" has taken out
}

// loadSubscribed loads which consents earlier runs have dealt with.
func (p *exportPlan) loadSubscribed(ctx context.Context) {
	var kept subscribed
	if !p.plan.subscribes() {
		return
	}
	if !load(ctx, p.private, keySubscribed, &kept, p.diags) {
		p.subscribedLost = p.ranBefore && p.killedWhileSubscribing(ctx)
		return
	}
	now := p.plan.inputs(p.export)
	if kept.List != now.List || kept.Channels != now.Channels {
		return
	}
	p.unsubscribed = kept.Left
	if p.plan.send() == due.SendChanges {
		p.export.Subscribed = decodeSketch(ctx, keySubscribed, kept.Sketch)
		p.subscribedLost = kept.Lost || p.export.Subscribed == nil && len(kept.Sketch) > 0
	}
}

// forgetSubscribed takes the sketch of the consents out of the state, which keeps that there
// was one: on a list with double opt-in a later run must not take everybody for new.
func (p *exportPlan) forgetSubscribed(ctx context.Context) {
	var kept subscribed
	if load(ctx, p.private, keySubscribed, &kept, p.diags) && len(kept.Sketch) > 0 {
		kept.Sketch, kept.Lost = nil, true
		store(ctx, p.private, keySubscribed, kept, p.diags)
	}
}

// killedWhileSubscribing reports whether a run was killed after an earlier one had
// subscribed people: what was kept of the consents went with it.
func (p *exportPlan) killedWhileSubscribing(ctx context.Context) bool {
	last := p.state.lastRun()
	return p.lastRun(ctx, last).Killed && !last.count(runSubscribed).IsNull()
}

// storeSubscribed keeps which consents are dealt with by now, and how many are not. The
// sketch is nil if that is not known.
func (p *exportPlan) storeSubscribed(ctx context.Context, s *sketch.Sketch, left int64) {
	if p.export.Subscription == nil || s == nil && left == 0 {
		store(ctx, p.private, keySubscribed, nil, p.diags)
		return
	}
	now := p.plan.inputs(p.export)
	kept := subscribed{List: now.List, Channels: now.Channels, Left: left}
	if s != nil {
		kept.Sketch = s.Encode()
	}
	store(ctx, p.private, keySubscribed, kept, p.diags)
}

// keepSubscribed keeps what a run tells of the consents that failed while it passed them
// on, or later, so that the next run passes on the rest.
func (p *exportPlan) keepSubscribed(ctx context.Context, err error) {
	var failed *export.PartlySubscribed
	if !errors.As(err, &failed) {
		return
	}
	p.storeSubscribed(ctx, failed.Subscribed, failed.Subscriptions.Left)
	if failed.Acknowledged != nil && p.ranBefore {
		p.storeSketches(ctx, failed.Acknowledged, failed.AcknowledgedKeys)
		store(ctx, p.private, keyPartlySent, nil, p.diags) // all was sent
	}
}

// listsConsents reports whether a survey tells which consents no run has dealt with.
func (p *exportPlan) listsConsents(s *export.Survey) bool {
	c := s.Consents
	return p.export.Subscribed != nil && c != nil && c.Since == p.export.Subscribed.Identity() && (c.News || c.Begun > 0)
}

// newConsents is how many consents no run has dealt with, as far as they are listed.
func (p *exportPlan) newConsents(s *export.Survey) int64 {
	if !p.listsConsents(s) {
		return 0
	}
	return p.export.Subscribes(s)
}

// checkConfirmations makes sure that nobody is asked for a confirmation by accident, and
// warns of how many people will be.
func (p *exportPlan) checkConfirmations(ctx context.Context, survey *export.Survey) {
	people := p.export.Subscribes(survey)
	if p.export.Subscription == nil || p.plan.hasConsentDates() || p.plan.ListID.IsUnknown() || people == 0 {
		return
	}
	list, err := p.export.CheckList(ctx, p.used.client)
	if err == nil && p.export.Confirms(list) {
		if err = p.checkAskedOnce(list, survey); err == nil {
			err = p.export.CheckConfirmations(list, people)
		}
		if err == nil {
			warnConfirmations(p.diags, p.plan.name(), list, people)
		}
	}
	if err != nil {
		p.fail(ctx, "the list", p.used.blame(err))
	}
}

// checkAskedOnce refuses to have people asked for a confirmation who may have been asked
// before: each run would do so without a sketch, and so does one that cannot tell whose
// consent is new.
func (p *exportPlan) checkAskedOnce(list klaviyo.List, survey *export.Survey) error {
	switch {
	case p.subscribedLost:
		return &diagnostic.Error{
			Attribute: []string{consentArgument},
			Summary:   "Not Known Who Was Asked",
			Detail: fmt.Sprintf("The list %q has double opt-in, and it is not known whom Klaviyo has asked for a confirmation before: what the state keeps of the consents is lost, as after a run that was killed, or cannot be read. Nothing was sent. "+
				"Restore an earlier state, or use the version of the provider that wrote it. Or, to have everybody asked once more who says yes and is not subscribed, take the block %s out, apply, and put it back.",
				list.Name, consentArgument),
		}
	case p.plan.send() != due.SendEverything:
		return p.export.CheckAskedOnce(list, survey)
	}
	return &diagnostic.Error{
		Attribute: []string{"send"},
		Summary:   "Confirmation Mails With Every Run",
		Detail: fmt.Sprintf("The list %q has double opt-in, and with send = %q the state does not keep who was asked. So with each run Klaviyo would ask everybody again who has not answered. Nothing was sent. "+
			"Set send = %q; or name the column with the dates of consent in %s.%s, for then nobody is asked; or set the list to single opt-in.",
			list.Name, due.SendEverything, due.SendChanges, consentArgument, consentedAt),
	}
}

// leaveConfirmations has a run on demand subscribe nobody if Klaviyo would ask for
// confirmations: such a run does not know who has been asked before.
func (r *requestedExport) leaveConfirmations(ctx context.Context, e *export.Export, client *klaviyo.Client, diags *diag.Diagnostics) error {
	if e.Subscription == nil || r.model.hasConsentDates() {
		return nil
	}
	list, err := e.CheckList(ctx, client)
	if err != nil || !e.Confirms(list) {
		return err
	}
	e.Subscription = nil
	diags.AddAttributeWarning(consentPath, "Nobody Was Subscribed: "+r.model.name(),
		fmt.Sprintf("The list %q has double opt-in, and a run on demand does not know whom Klaviyo has asked for a confirmation before. So that nobody is asked twice, this run subscribes nobody; the next run of the export itself does.", list.Name))
	return nil
}

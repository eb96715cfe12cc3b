package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// exportRefresh reads the segments and the list of an export.
type exportRefresh struct {
	data    *providerData
	state   *segmentExportModel
	private privateState
	diags   *diag.Diagnostics

	export *export.Export
	plan   *exportPlan // of the export as it is in the state
}

// refresh brings the attributes of the list up to date and returns what makes a
// run due, nil if nothing does. The state keeps what cannot be read; the plan reads
// it again and reports the error. limit bounds how long it may read.
func (r *exportRefresh) refresh(ctx context.Context, limit time.Duration) *refreshed {
	ctx, cancel := withTimeout(ctx, "read", limit)
	defer cancel()
	ctx, waiting := klaviyo.WithWaiting(ctx)
	defer func() { warnRateLimit(r.diags, r.state.name(), waiting.Total()) }()
	found, outcome := refreshed{}, refreshOutcome{}
	r.export = r.state.export(ctx, r.diags)
	r.export.RejectsPath = "" // refreshing writes nothing; planning lists what is rejected
	r.plan = &exportPlan{data: r.data, plan: r.state, state: r.state, private: r.private, diags: r.diags, export: r.export}
	r.plan.track(ctx)
	d, _ := r.state.destination(ctx, r.diags)
	used, err := r.data.access(d.keyRef())
	if err == nil {
		err = explainTimeout(ctx, "the list", used.blame(r.list(ctx, used.client, &found)))
	}
	if err != nil {
		outcome.listFailed, found.ListGone = true, klaviyo.IsNotFound(err) && inAccount(ctx, used.client, d.AccountID)
		r.warnList(err)
	}
	switch {
	case !r.state.declared(): // imported
		return nil
	case ctx.Err() != nil: // the list has taken all the time
	case err == nil && r.state.MembershipCheck.ValueString() == membershipFull:
		found.Survey, found.Membership, err = r.export.Compare(ctx, used.client)
		r.leaveMissing(ctx, &found)
		err = explainTimeout(ctx, "who is on the list", err)
	case err == nil && r.state.MembershipCheck.ValueString() == membershipSample && r.state.lastRun() != nil:
		found.Survey, err = r.sample(ctx, used, &found)
		err = explainTimeout(ctx, "what the segments hold", err)
	default:
		found.Survey, err = r.survey(ctx)
		err = explainTimeout(ctx, "what the segments hold", err)
	}
	if err != nil {
		logging.Warn(ctx, "Not all was refreshed", logging.Fields{"reason": err.Error()})
		outcome.timeout = r.noteTimeout(ctx, err)
	}
	outcome.survey = found.Survey
	r.data.refreshes.keep(r.state.key(), outcome)
	return r.due(ctx, found)
}

// inAccount reports whether the key of a client belongs to an account.
func inAccount(ctx context.Context, client *klaviyo.Client, id types.String) bool {
	account, err := client.Account(ctx)
	return err == nil && account.ID == id.ValueString()
}

// leaveMissing takes those out of the changes who are missing on the list, unless
// there are others than right after the last run: Klaviyo merged or skipped them.
func (r *exportRefresh) leaveMissing(ctx context.Context, found *refreshed) {
	last := r.state.lastRun()
	if found.Membership == nil || !found.Membership.Listed || last == nil {
		return
	}
	if !missingIn(found.Membership).Beyond(r.plan.lastRun(ctx, last).Missing) {
		found.Survey.Changes.Missing = nil
	}
}

// warnList warns that the list was not read. Why there is no list is an error of the
// plan.
func (r *exportRefresh) warnList(err error) {
	if klaviyo.IsNotFound(err) {
		r.diags.AddAttributeWarning(path.Root("list_id"), "List Not Refreshed",
			fmt.Sprintf("There is no list %q in the account of the API key. Its name and its number of members are those of the last refresh.", r.export.ListID))
		return
	}
	var problem diag.Diagnostics
	r.state.addError(&problem, err)
	var words []string
	for _, d := range problem {
		words = append(words, d.Summary()+": "+d.Detail())
	}
	r.diags.AddAttributeWarning(path.Root("list_id"), "List Not Refreshed",
		fmt.Sprintf("The list %q could not be looked at. Its name and its number of members are those of the last refresh, and whether it has lost members is not known. %s",
			r.export.ListID, strings.Join(words, " ")))
}

// due returns what was found if it makes a run due, for the export as it is in the
// state, or if it changes the counts of the export. With run_on_apply = false, too: the
// configuration may say otherwise by now. If the segments are those of the last run, it
// corrects the counts of the state: the run may have exported something else than was
// planned.
func (r *exportRefresh) due(ctx context.Context, found refreshed) *refreshed {
	r.plan.refresh = &found
	last := r.state.lastRun()
	if found.Survey != nil && last != nil && found.Survey.Fingerprint == last.text(runFingerprint).ValueString() {
		r.state.setSurvey(found.Survey)
	}
	if last != nil {
		found.Tick = r.state.tick(ctx, last, r.data.now(), r.diags)
		found.FullSend = fullSendDue(r.state.FullSendAfter, r.state.LastFullSendAt, r.data.now())
	}
	changed := found.Survey != nil && found.Survey.Fingerprint != r.state.Fingerprint.ValueString()
	if changed || found.ListGone || len(r.plan.reasons(ctx, found.Survey).Lasting) > 0 {
		return &found
	}
	return nil
}

// noteTimeout warns of an error that a timeout caused, since without a planned change
// nothing else would explain the slow refresh. If a segment could not be read in
// time, the plan does not wait for it again.
func (r *exportRefresh) noteTimeout(ctx context.Context, err error) (failure readFailure) {
	var over timeoutOver
	var explained *diagnostic.Error
	if !errors.As(context.Cause(ctx), &over) || !errors.As(err, &explained) {
		return failure
	}
	r.diags.AddWarning("Not All Was Refreshed", explained.Detail)
	if errors.As(err, new(*pipeline.UnreadError)) {
		failure = readFailure{over.limit, err}
	}
	return failure
}

// survey reads the segments, unless their versions are those of the last survey.
func (r *exportRefresh) survey(ctx context.Context) (*export.Survey, error) {
	s, err := r.export.SurveyUnless(ctx, loadSurveyed(ctx, r.private, r.state, r.diags))
	if err == nil {
		r.keepSurvey(ctx, s)
	}
	return s, err
}

func (r *exportRefresh) keepSurvey(ctx context.Context, s *export.Survey) {
	storeSurveyed(ctx, r.private, r.state, r.export, s, r.diags)
	r.data.surveys.keep(r.state.source(), s)
}

// list reads the list, and how many members it has lost since the last run.
func (r *exportRefresh) list(ctx context.Context, client *klaviyo.Client, found *refreshed) error {
	if !countsMembers(r.state) {
		list, err := r.export.CheckList(ctx, client)
		if err == nil {
			r.state.ListName = types.StringValue(list.Name)
		}
		return err
	}
	counting, waiting := klaviyo.WithWaiting(ctx)
	list, err := client.ListWithCount(counting, r.export.ListID)
	warnWaiting(r.diags, r.state.name(), waiting.Total())
	if err != nil {
		return export.ListError(r.export.ListID, err)
	}
	r.state.ListName, r.state.ListProfileCount = types.StringValue(list.Name), types.Int64Value(list.ProfileCount)
	found.Lost, err = lost(ctx, client, r.export, r.plan.membersBefore(), list.ProfileCount)
	return err
}

// counted is how many members a list had at a time.
type counted struct {
	members types.Int64 // null if that is not known
	at      time.Time
}

// membersBefore is how many members the list had after the last run, or after the
// removal that it did not finish.
func (p *exportPlan) membersBefore() counted {
	last := p.state.lastRun()
	switch {
	case last == nil:
		return counted{members: types.Int64Null()}
	case p.unfinished != nil && p.unfinished.Members >= 0:
		return counted{types.Int64Value(p.unfinished.Members), p.unfinished.At}
	default:
		return counted{last.count(runListProfileCount), last.startedAt()}
	}
}

// lost is how many members a list has lost since they were counted. members is their
// number now.
func lost(ctx context.Context, client *klaviyo.Client, e *export.Export, before counted, members int64) (int64, error) {
	if before.members.IsNull() {
		return 0, nil
	}
	return e.Lost(ctx, client, before.members.ValueInt64(), members, before.at)
}

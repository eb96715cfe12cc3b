package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// defaultFullSendAfter is a week.
const defaultFullSendAfter = "168h"

func sendAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "What a run sends. `" + due.SendChanges + "`: only profiles that are new or have changed since the last run. To know which, the private state keeps a [sketch](../guides/runs.md#what-a-sketch-is). " +
			"`" + due.SendEverything + "`: all profiles, in every run. No sketch is kept. Defaults to `" + due.SendChanges + "`.",
		Optional:   true,
		Validators: []validator.String{stringvalidator.OneOf(due.SendChanges, due.SendEverything), knowsLeavers{}},
	}
}

func fullSendAfterAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "Time after which all profiles are sent again, to correct what was edited in Klaviyo. It makes no run due by itself: the first run that is due after that time sends all profiles. " +
			"A duration such as `24h`; `0` for never. Defaults to `" + defaultFullSendAfter + "`, a week.",
		Optional:   true,
		Validators: []validator.String{interval},
	}
}

// changesNames are the attributes of changes with their descriptions.
var changesNames = map[string]string{
	"added":      "Number of profiles that are new in the segments.",
	"updated":    "Number of profiles with other values or in other segments. With `membership_check = \"full\"`, also of those that are missing on the list.",
	"removed":    "Number of profiles that have left the segments. A mirror removes them from the list.",
	"unchanged":  "Number of profiles that are not sent again.",
	"subscribed": "Maximum number of people to subscribe: their consent is new, or has another date. 0 without `" + consentArgument + "`.",
}

func changesAttribute() schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for name, description := range changesNames {
		attributes[name] = computedInt64(description)
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "How the segments differ from the profiles that Klaviyo had imported before the last run. If a refresh has found the difference, the plan shows it, and a policy can judge it. Null if all profiles are sent.",
		Computed:            true,
		Attributes:          attributes,
	}
}

func changesType() map[string]attr.Type {
	kinds := map[string]attr.Type{}
	for name := range changesNames {
		kinds[name] = types.Int64Type
	}
	return kinds
}

func changesObject(added, updated, removed, unchanged, subscribed int64) types.Object {
	return types.ObjectValueMust(changesType(), map[string]attr.Value{
		"added": types.Int64Value(added), "updated": types.Int64Value(updated),
		"removed": types.Int64Value(removed), "unchanged": types.Int64Value(unchanged),
		"subscribed": types.Int64Value(subscribed),
	})
}

// plannedChanges are the changes that a run will send, unknown if that may be others
// when it is made.
func (p *exportPlan) plannedChanges(why due.Reasons, survey *export.Survey) types.Object {
	d := difference(survey.Changes)
	switch {
	case !why.Settled:
		return types.ObjectUnknown(changesType())
	case why.Everything || d == nil:
		return types.ObjectNull(changesType())
	default:
		return changesObject(d.Added, d.Updated, d.Removed, survey.Profiles-d.Added-d.Updated, p.export.Subscribes(survey))
	}
}

// difference counts changes, nil if they are not known.
func difference(c *pipeline.Changes) *due.Difference {
	if c == nil {
		return nil
	}
	return &due.Difference{Added: int64(len(c.Added)), Updated: c.Resent(), Removed: int64(len(c.Removed))}
}

// send returns what runs send, empty while it is not known.
func (m *segmentExportModel) send() string {
	if m.Send.IsNull() {
		return due.SendChanges
	}
	return m.Send.ValueString()
}

// fullSendDue reports whether everything was last sent so long ago that it is to be
// sent once more.
func fullSendDue(after, last types.String, now time.Time) bool {
	text := after.ValueString()
	if after.IsNull() {
		text = defaultFullSendAfter
	}
	limit, err := time.ParseDuration(text)
	at, failed := time.Parse(time.RFC3339, last.ValueString())
	return err == nil && failed == nil && limit > 0 && !now.Before(at.Add(limit))
}

// track has the export compare its segments with what Klaviyo acknowledged in the
// last run, if that was to the same list, and has a run record it anew.
func (p *exportPlan) track(ctx context.Context) {
	p.ranBefore = p.sameList(ctx)
	p.loadUnfinished(ctx)
	p.loadPartlySent(ctx)
	p.loadSubscribed(ctx)
	if p.plan.send() != due.SendChanges {
		return
	}
	p.export.TrackChanges, p.export.KeepKeys = true, p.plan.removesOnDestroy()
	if !p.ranBefore {
		return
	}
	p.export.Acknowledged = loadSketch(ctx, p.private, keyAcknowledged, p.diags)
	p.known = p.export.Acknowledged != nil
	if p.export.Mirror == export.MirrorExported || p.export.KeepKeys {
		p.export.AcknowledgedKeys = loadSketch(ctx, p.private, keyAcknowledgedKeys, p.diags)
		p.setAcknowledgedAt()
	}
}

// sameList reports whether there was a last run, to the list of the plan.
func (p *exportPlan) sameList(ctx context.Context) bool {
	if p.state == nil {
		return false
	}
	last := p.state.lastRun()
	return last != nil && p.lastRun(ctx, last).Inputs.List == p.plan.inputs(p.export).List
}

// chooseSent decides whether a run that was planned sends everything, and returns
// why the run is made.
func (p *exportPlan) chooseSent(ctx context.Context, planned lastRun, surveyed *export.Survey) string {
	if surveyed == nil { // the run finds out itself what has changed
		surveyed = &export.Survey{Changes: &pipeline.Changes{}}
	}
	why := p.reasons(ctx, surveyed)
	reason := why.String() // it was planned without a refresh
	if promised := planned.text(runReason); !promised.IsUnknown() {
		reason = promised.ValueString()
	}
	switch {
	case p.export.Acknowledged == nil:
	case why.Everything || p.plan.Changes.IsNull():
		p.export.SendEverything = true
	case countsMembers(p.plan):
		if lost := p.lost(ctx); lost > knownMissing(surveyed) {
			p.export.SendEverything = true
			warnLost(p.diags, p.plan.name(), lost)
		}
	}
	return reason
}

// knownMissing is how many profiles a run sends because the list lacks them.
func knownMissing(surveyed *export.Survey) int64 {
	if surveyed.Changes == nil {
		return 0
	}
	return int64(len(surveyed.Changes.Missing))
}

// lost is how many members the list has lost since the last run, perhaps since the
// plan was made. The number of members after this run is what later plans compare
// with, so that they would not find out.
func (p *exportPlan) lost(ctx context.Context) int64 {
	list, err := p.used.client.ListWithCount(ctx, p.export.ListID)
	if err == nil {
		var members int64
		if members, err = lost(ctx, p.used.client, p.export, p.membersBefore(), list.ProfileCount); err == nil {
			return members
		}
	}
	// The run itself reports what is wrong with the list.
	logging.Warn(ctx, "Whether the list lost members is not known", logging.Fields{"list": p.export.ListID, "reason": err.Error()})
	return 0
}

// setSent sets what the run sent, where that was not planned.
func (p *exportPlan) setSent(r *export.Result) {
	if p.plan.Changes.IsUnknown() {
		p.plan.Changes = types.ObjectNull(changesType())
		if !r.Everything {
			p.plan.Changes = changesObject(r.Added, r.Updated, r.Left, r.Profiles-r.Added-r.Updated, r.Subscriptions.News)
		}
	}
	switch {
	case r.Everything:
		p.plan.LastFullSendAt = types.StringValue(r.StartedAt.Format(time.RFC3339))
	case p.state != nil:
		p.plan.LastFullSendAt = p.state.LastFullSendAt
	default:
		p.plan.LastFullSendAt = types.StringNull()
	}
}

// storeSketches keeps what Klaviyo has acknowledged; nil for what is not known.
func (p *exportPlan) storeSketches(ctx context.Context, acknowledged, keys *sketch.Sketch) {
	storeSketch(ctx, p.private, keyAcknowledged, acknowledged, p.diags)
	storeSketch(ctx, p.private, keyAcknowledgedKeys, keys, p.diags)
}

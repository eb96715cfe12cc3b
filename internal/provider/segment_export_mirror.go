package provider

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// What happens to members of the list who are not in the segments.
const (
	syncUpsert = "upsert" // they stay
	syncMirror = "mirror" // they are removed, within the removal scope

	removeExported = "exported" // whom this export put on the list
	removeAll      = "all"      // everybody
)

func syncModeAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "What a run does with the list. `" + syncUpsert + "`: adds profiles to the list and updates them; removes nobody. `" + syncMirror + "`: also removes people from the list who have left the segments, after everything else has succeeded. " +
			"Nobody is unsubscribed, suppressed or deleted. Two exports cannot mirror one list. Defaults to `" + syncUpsert + "`.",
		Optional:   true,
		Computed:   true,
		Default:    stringdefault.StaticString(syncUpsert),
		Validators: []validator.String{stringvalidator.OneOf(syncUpsert, syncMirror)},
	}
}

func removalScopeAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "Which members a mirror may remove from the list. `" + removeExported + "`: only those that this export has put there. `" + removeAll + "`: every member that is in none of the segments, whoever added it. " +
			"Needs `sync_mode = \"" + syncMirror + "\"`. Defaults to `" + removeExported + "`.",
		Optional:   true,
		Validators: []validator.String{stringvalidator.OneOf(removeExported, removeAll), onlyMirrors{}},
	}
}

// onlyMirrors refuses an argument that means something only to a mirror.
type onlyMirrors struct{}

var _ validator.String = onlyMirrors{}

// Description implements validator.String.
func (onlyMirrors) Description(context.Context) string {
	return "needs sync_mode = \"" + syncMirror + "\""
}

// MarkdownDescription implements validator.String.
func (v onlyMirrors) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (onlyMirrors) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	var mode types.String
	if req.ConfigValue.IsNull() {
		return
	}
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("sync_mode"), &mode)...)
	if mode.IsUnknown() || mode.ValueString() == syncMirror {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Removal Scope Without Mirror",
		"removal_scope says who may be removed from the list, and nobody is unless sync_mode is \""+syncMirror+"\". Set sync_mode = \""+syncMirror+"\", or leave removal_scope out.")
}

// knowsLeavers refuses to send everything each time where that leaves it unknown who
// left the segments.
type knowsLeavers struct{}

var _ validator.String = knowsLeavers{}

// Description implements validator.String.
func (knowsLeavers) Description(context.Context) string {
	return "must not be \"" + due.SendEverything + "\" in a mirror of what was exported"
}

// MarkdownDescription implements validator.String.
func (v knowsLeavers) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (knowsLeavers) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.ValueString() != due.SendEverything {
		return
	}
	var mode, scope types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("sync_mode"), &mode)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("removal_scope"), &scope)...)
	if mode.ValueString() != syncMirror || scope.IsUnknown() || scope.ValueString() == removeAll {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Mirror Without Sketch",
		"With send = \""+due.SendEverything+"\" the state keeps no sketch of the profiles that were sent, so it is not known whom this export has put on the list. "+
			"Set send = \""+due.SendChanges+"\", or removal_scope = \""+removeAll+"\" if every member who is in none of the segments may be removed.")
}

// mirror returns who is removed from the list.
func (m *segmentExportModel) mirror() export.Mirror {
	switch {
	case m.SyncMode.ValueString() != syncMirror:
		return export.MirrorNone
	case m.RemovalScope.ValueString() == removeAll:
		return export.MirrorAll
	default:
		return export.MirrorExported
	}
}

// checkRemovals makes sure that a mirror removes no more members from the list than its
// safeguard allows, as far as that is known. Before it refuses, it counts the members of
// the list: their number in the state may be that after the last run.
func (p *exportPlan) checkRemovals(ctx context.Context, survey *export.Survey) {
	members := p.plan.ListProfileCount
	if p.export.Mirror == export.MirrorNone || members.IsNull() || members.IsUnknown() {
		return
	}
	err := p.export.CheckLeaving(survey, members.ValueInt64())
	switch {
	case err != nil && p.used != nil:
		p.checkRemovalsNow(ctx, survey)
	case err != nil:
		p.plan.addError(p.diags, err)
	}
}

// checkRemovalsNow is checkRemovals with the number of members that the list has now.
func (p *exportPlan) checkRemovalsNow(ctx context.Context, survey *export.Survey) {
	list, err := p.used.client.ListWithCount(ctx, p.export.ListID)
	if err != nil {
		p.fail(ctx, "the number of members of the list", p.used.blame(export.ListError(p.export.ListID, err)))
		return
	}
	if err := p.export.CheckLeaving(survey, list.ProfileCount); err != nil {
		p.plan.addError(p.diags, err)
	}
}

// leaversUnknown reports whether a mirror that sends everything has nothing that tells
// whom earlier runs have put on the list.
func (p *exportPlan) leaversUnknown() bool {
	return p.export.Mirror == export.MirrorExported && p.ranBefore && p.export.Acknowledged == nil && p.export.AcknowledgedKeys == nil
}

// warnLeaversUnknown warns that the next run of a mirror removes nobody from the list, since
// one before was killed.
func warnLeaversUnknown(diags *diag.Diagnostics, name string) {
	diags.AddAttributeWarning(path.Root("sync_mode"), "Not Known Whom The Export Put On The List: "+name,
		"The provider was killed during an apply, for lack of memory for example, and Terraform then dropped what the provider keeps in the state about earlier runs. "+
			"The next run sends everything and removes nobody from the list. Members who left the segments before that run then stay: no later run finds them. "+
			"If the state from before that apply still exists, as terraform.tfstate.backup or as a version in the backend, put it back before you apply: terraform state push -force FILE. "+
			"The next run then finds out who left. Otherwise, to remove every member who is in none of the segments, whoever put them there, set removal_scope = \"all\".")
}

// checkClaims refuses a second export to the list if one of the two would remove whom
// the other adds: if both are mirrors, or if one removes everybody who is not in its
// own segments.
func (p *exportPlan) checkClaims() {
	if p.plan.ID.IsUnknown() {
		return
	}
	mine := claim{p.plan.name(), fmt.Sprint(p.plan.DisplayName, p.plan.source()), p.export.Mirror}
	other := p.data.claims.add(p.plan.ID.ValueString(), mine)
	if other == nil {
		return
	}
	const remedy = "Give each export a list of its own, make both of them one export with several segments, or set "
	if mine.mirror != export.MirrorNone && other.mirror != export.MirrorNone {
		p.diags.AddAttributeError(path.Root("sync_mode"), "Two Exports Mirror One List",
			fmt.Sprintf("The exports %q and %q both have sync_mode = \"%s\" and the list %q: each would remove the people of the other from the list. "+
				remedy+"sync_mode = \"%s\" in both.",
				other.name, mine.name, syncMirror, p.plan.ListID.ValueString(), syncUpsert))
		return
	}
	all, adds := mine.name, other.name
	if mine.mirror == export.MirrorNone {
		all, adds = adds, all
	}
	p.diags.AddAttributeError(path.Root("list_id"), "Export To A List That Another Mirrors",
		fmt.Sprintf("The exports %q and %q have the same list %q, and %q has removal_scope = \"%s\": it would remove the people of %q from the list. "+
			remedy+"removal_scope = \"%s\" in the mirror.",
			all, adds, p.plan.ListID.ValueString(), all, removeAll, adds, removeExported))
}

// claims are the exports of this process by account and list.
type claims struct {
	mu     sync.Mutex
	byList map[string][]claim
}

// claim is what an export does with a list.
type claim struct {
	name, identity string
	mirror         export.Mirror
}

// add records what an export does with a list. It returns another export that it must
// not be combined with; nil if there is none.
func (c *claims) add(list string, mine claim) *claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := false
	for _, other := range c.byList[list] {
		if other.identity == mine.identity {
			known = true
			continue
		}
		if mine.excludes(other) || other.excludes(mine) {
			return &other
		}
	}
	if c.byList == nil {
		c.byList = map[string][]claim{}
	}
	if !known {
		c.byList[list] = append(c.byList[list], mine)
	}
	return nil
}

// excludes reports whether an export would remove from the list whom another adds.
func (c claim) excludes(other claim) bool {
	return c.mirror == export.MirrorAll || c.mirror == export.MirrorExported && other.mirror != export.MirrorNone
}

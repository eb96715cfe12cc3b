package provider

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// What destroying an export does with the list.
const (
	destroyKeeps   = "keep"            // nothing
	destroyRemoves = "remove_profiles" // whom the export put there is removed
)

func onDestroyAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "What destroying the export does with the list. `" + destroyKeeps + "`: nothing. `" + destroyRemoves + "`: removes the profiles that this export has put on the list from it; other members stay, and with `sync_mode = \"" + syncUpsert + "\"` also whoever had left the segments by the last run. " +
			"Nobody is unsubscribed, suppressed or deleted. The value that was applied last counts. A change of `list_id` removes nobody. Defaults to `" + destroyKeeps + "`.",
		Optional:   true,
		Validators: []validator.String{stringvalidator.OneOf(destroyKeeps, destroyRemoves), knowsExported{}},
	}
}

// knowsExported refuses to remove on destroy where it will not be known whom.
type knowsExported struct{}

var _ validator.String = knowsExported{}

// Description implements validator.String.
func (knowsExported) Description(context.Context) string {
	return "must not be \"" + destroyRemoves + "\" with send = \"" + due.SendEverything + "\""
}

// MarkdownDescription implements validator.String.
func (v knowsExported) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (knowsExported) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	var send types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("send"), &send)...)
	if req.ConfigValue.ValueString() != destroyRemoves || send.ValueString() != due.SendEverything {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Removal On Destroy Without Sketch",
		"With send = \""+due.SendEverything+"\" the state keeps no sketch of the profiles that were sent, so it is not known whom this export has put on the list. "+
			"Set send = \""+due.SendChanges+"\", or on_destroy = \""+destroyKeeps+"\".")
}

// removesOnDestroy reports whether destroying the export removes people from the list.
func (m *segmentExportModel) removesOnDestroy() bool {
	return m.OnDestroy.ValueString() == destroyRemoves
}

// warnDestroy warns of a plan to destroy an export that removes people from the list.
func warnDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state segmentExportModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || !state.removesOnDestroy() {
		return
	}
	p := exportPlan{plan: &state, state: &state, private: req.Private, diags: &resp.Diagnostics}
	p.export = state.export(ctx, p.diags)
	if p.diags.HasError() || !p.sameList(ctx) {
		return
	}
	who := "Everybody whom this export has put on the list"
	var counts runCounts
	if load(ctx, req.Private, keyCounts, &counts, &resp.Diagnostics) {
		who += ", up to " + tally.Count(counts.Profiles, "member") + ","
	}
	stay := "members whom others added stay"
	if state.mirror() == export.MirrorNone {
		stay += ", and who had left the segments by the last run"
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("on_destroy"), "Members Will Be Removed From The List: "+state.name(),
		fmt.Sprintf("%s will be removed from the list %q when the export is destroyed, since on_destroy is \"%s\". Nobody is unsubscribed; %s. "+
			"If everybody is to stay, set on_destroy = \"%s\" and apply that first.", who, state.ListID.ValueString(), destroyRemoves, stay, destroyKeeps))
}

// Delete implements resource.Resource. The list keeps its members unless on_destroy
// says otherwise. When it fails, the state stays, and destroying again goes on.
func (r *segmentExportResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state segmentExportModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() || !state.removesOnDestroy() || state.lastRun() == nil {
		return
	}
	end, ok := r.data.turns.destroy(state.ID.ValueString())
	defer end()
	if !ok {
		resp.Diagnostics.AddAttributeWarning(path.Root("on_destroy"), "Nobody Was Removed From The List: "+state.name(),
			fmt.Sprintf("Another export to the list %q is created at the same time as this one is destroyed, and its people would be removed too. So all members stay, whatever on_destroy says.", state.ListID.ValueString()))
		return
	}
	p := exportPlan{data: r.data, plan: &state, state: &state, private: resp.Private, diags: &resp.Diagnostics}
	p.withdraw(ctx, timeout)
}

// turns keeps exports to one list that are created and destroyed in the same process, as
// when one is renamed or replaced, out of each other's way: the destroyed one must not
// remove from the list whom the created one puts there.
type turns struct {
	created, destroyed sync.Map // by id of the export; destroyed has channels that are closed in the end
}

// create begins to create an export, once none is being destroyed to its list.
func (t *turns) create(ctx context.Context, id string) error {
	t.created.Store(id, true)
	end, destroying := t.destroyed.Load(id)
	if !destroying {
		return nil
	}
	select {
	case <-end.(chan struct{}):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// destroy begins to destroy an export, and returns what ends that. It reports false if
// an export to its list has been created, whose members are to stay.
func (t *turns) destroy(id string) (end func(), ok bool) {
	ended := make(chan struct{})
	t.destroyed.Store(id, ended) // before the look at created, or neither might see the other
	_, created := t.created.Load(id)
	return func() { close(ended) }, !created
}

// unfinishedDestroy is who is still to be removed from the list.
type unfinishedDestroy struct {
	Left    []byte        `json:"left"`    // a sketch like keyAcknowledgedKeys, in place of it; nil if that remains valid
	Leaving pipeline.Keys `json:"leaving"` // see [export.Export]
}

// withdraw removes from the list whom the export has put there.
func (p *exportPlan) withdraw(ctx context.Context, timeout time.Duration) {
	ctx, cancel := withTimeout(ctx, "delete", timeout)
	defer cancel()
	p.export = p.plan.export(ctx, p.diags)
	p.export.Clock, p.export.NewSalt, p.export.RejectsPath = p.data.clock, p.data.salt, ""
	if p.ranBefore = p.sameList(ctx); !p.ranBefore {
		logging.Info(ctx, "Nobody is removed, since the export has never run to this list", logging.Fields{"list": p.export.ListID})
		return
	}
	p.loadExported(ctx)
	d, _ := p.plan.destination(ctx, p.diags)
	if p.diags.HasError() {
		return
	}
	used, err := p.data.access(d.keyRef())
	var done export.Withdrawal
	if err == nil {
		done, err = p.export.Withdraw(ctx, used.client)
		err = used.blame(err)
	} else {
		err = diagnostic.AddToDetail(err, "\n\nThe key is needed to remove people from the list "+p.export.ListID+", since on_destroy is \""+destroyRemoves+"\". Nobody was removed. Set the key and destroy again.")
	}
	if err == nil {
		logging.Info(ctx, "Members were removed from the list", logging.Fields{"list": p.export.ListID, "members": done.Removed})
		return
	}
	if unfinished := (unfinishedDestroy{Leaving: done.Leaving}); done.Begun {
		if done.Left != nil {
			unfinished.Left = done.Left.Encode()
		}
		store(ctx, p.private, keyWithdrawn, unfinished, p.diags)
	}
	p.plan.addError(p.diags, err)
}

// loadExported loads whom the export has put on the list, or may have put there, and what
// runs and an earlier destroy have left undone.
func (p *exportPlan) loadExported(ctx context.Context) {
	p.export.Acknowledged = loadSketch(ctx, p.private, keyAcknowledged, p.diags)
	p.export.AcknowledgedKeys = loadSketch(ctx, p.private, keyAcknowledgedKeys, p.diags)
	p.loadUnfinished(ctx)
	p.loadPartlySent(ctx)
	var before unfinishedDestroy
	if load(ctx, p.private, keyWithdrawn, &before, p.diags) {
		if left, err := sketch.Decode(before.Left); err == nil {
			p.export.AcknowledgedKeys, p.export.Leaving = left, before.Leaving
		}
	}
}

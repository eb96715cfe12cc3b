package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

var (
	_ resource.Resource                = (*listResource)(nil)
	_ resource.ResourceWithConfigure   = (*listResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*listResource)(nil)
	_ resource.ResourceWithImportState = (*listResource)(nil)
)

type listResource struct {
	data *providerData
}

func newListResource() resource.Resource { return &listResource{} }

type listModel struct {
	Name         types.String `tfsdk:"name"`
	OptInProcess types.String `tfsdk:"opt_in_process"`
	ForceDestroy types.Bool   `tfsdk:"force_destroy"`
	Destination  types.Object `tfsdk:"destination"`
	ID           types.String `tfsdk:"id"`
	Created      types.String `tfsdk:"created"`
	Updated      types.String `tfsdk:"updated"`
}

// list is what the model declares.
func (m *listModel) list() klaviyo.List {
	return klaviyo.List{ID: m.ID.ValueString(), Name: m.Name.ValueString(), OptInProcess: m.OptInProcess.ValueString()}
}

// set sets the attributes that come from Klaviyo.
func (m *listModel) set(l klaviyo.List) {
	m.ID = types.StringValue(l.ID)
	m.Name = types.StringValue(l.Name)
	m.OptInProcess = stringOrNull(l.OptInProcess)
	m.Created = stringOrNull(l.Created)
	m.Updated = stringOrNull(l.Updated)
}

// stringOrNull is null for an empty string, which is how the client returns a
// missing value.
func stringOrNull(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// Metadata implements resource.Resource.
func (r *listResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_list"
}

// Schema implements resource.Resource.
func (r *listResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A list in Klaviyo. It belongs to the account of its `destination`, or to the account of the provider's API key.",
		Attributes: map[string]schema.Attribute{
			// Required
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the list. Klaviyo allows several lists with the same name.",
				Required:            true,
				Validators:          []validator.String{notBlank},
			},

			// Optional
			"opt_in_process": schema.StringAttribute{
				MarkdownDescription: "How people who subscribe join the list: " + oneOf(klaviyo.OptInProcesses()) + ". An export without `marketing_consent` adds people to the list without a confirmation in both cases. Defaults to the setting of the account.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{stringvalidator.OneOf(klaviyo.OptInProcesses()...)},
				PlanModifiers:       keep,
			},
			"force_destroy": schema.BoolAttribute{
				MarkdownDescription: "Whether the list is deleted even if it has members or triggers a flow. Must be applied before the list is destroyed. Defaults to `false`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
			},
			destinationArgument: listDestinationAttribute(" Another account replaces the list."),

			// Computed
			"id": schema.StringAttribute{
				MarkdownDescription: "Id of the list, such as `Y6nRLr`.",
				Computed:            true,
				PlanModifiers:       keep,
			},
			"created": schema.StringAttribute{
				MarkdownDescription: "When the list was created, ISO 8601.",
				Computed:            true,
				PlanModifiers:       keep,
			},
			"updated": computedString("When the list was last changed, ISO 8601."),
		},
	}
}

// Configure implements resource.ResourceWithConfigure.
func (r *listResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = toProviderData(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan checks that the key of a new destination belongs to its account, and
// plans a replacement when the account has changed. It records a new name
// for the exports to the list, which are planned after it and created once it has
// that name.
func (r *listResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.data == nil {
		return
	}
	var plan, state listModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	created := req.State.Raw.IsNull()
	if !created {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !created && !plan.Name.IsUnknown() && !plan.Name.Equal(state.Name) {
		r.data.renames.Store(state.ID.ValueString(), plan.Name.ValueString())
	}
	if resp.Diagnostics.HasError() || plan.Destination.IsUnknown() ||
		plan.Destination.IsNull() && created || !created && plan.Destination.Equal(state.Destination) {
		return
	}
	in := decodeAccount(ctx, plan.Destination, &resp.Diagnostics)
	if in.AccountID.IsUnknown() {
		return
	}
	if !created {
		before, after := r.accountBefore(ctx, &state, req.Identity, req.Private, &resp.Diagnostics), r.accountID(ctx, in)
		if !before.IsNull() && !after.IsNull() && !before.Equal(after) {
			resp.RequiresReplace.Append(path.Root(destinationArgument))
		}
	}
	none := func(*klaviyo.Client) (struct{}, error) { return struct{}{}, nil }
	if _, err := callIn(ctx, r.data, in, none); err != nil && !errors.Is(err, errAccessUnknown) {
		addError(&resp.Diagnostics, err)
	}
}

// keyAccount is the id of the account of a list in its private state, since versions of
// Terraform before 1.12 keep no identities.
const keyAccount = "account"

// storeAccount keeps the account of a list, if the key may read it.
func storeAccount(ctx context.Context, private privateState, account types.String, diags *diag.Diagnostics) {
	if !account.IsNull() {
		store(ctx, private, keyAccount, account.ValueString(), diags)
	}
}

// accountBefore is the account that a list is in, null if that is not known.
func (r *listResource) accountBefore(ctx context.Context, state *listModel, identity *tfsdk.ResourceIdentity, private privateState, diags *diag.Diagnostics) types.String {
	in := decodeAccount(ctx, state.Destination, diags)
	if !in.AccountID.IsNull() {
		return in.AccountID
	}
	var id string
	if load(ctx, private, keyAccount, &id, diags) {
		return types.StringValue(id)
	}
	if identity.Raw.IsFullyNull() {
		return r.accountID(ctx, in)
	}
	var known listIdentity
	diags.Append(identity.Get(ctx, &known)...)
	return known.AccountID
}

// elsewhere reports whether a list that is not found is in another account than that of
// the key, as far as both are known.
func (r *listResource) elsewhere(ctx context.Context, state *listModel, before types.String, diags *diag.Diagnostics) (now types.String, elsewhere bool) {
	now = r.accountID(ctx, decodeAccount(ctx, state.Destination, diags))
	return now, !before.IsNull() && !now.IsNull() && !before.Equal(now)
}

// checkGone refuses to take a list that is not found for gone if it is in another account
// than that of the key.
func (r *listResource) checkGone(ctx context.Context, state *listModel, before types.String, diags *diag.Diagnostics) bool {
	now, elsewhere := r.elsewhere(ctx, state, before, diags)
	if elsewhere {
		diags.AddAttributeError(path.Root("id"), "API Key Of Another Account", fmt.Sprintf(
			"The list %q (%s) is in the account %s, but the API key in use belongs to %s, which has no such list. Nothing was changed. "+
				"Use a key of the account %s. If the list is to stay there and Terraform is to forget it, use terraform state rm.",
			redact.Line(state.Name.ValueString()), state.ID.ValueString(), before.ValueString(), now.ValueString(), before.ValueString()))
	}
	return !elsewhere
}

// warnMissing warns of a list that is not found: somebody has deleted it, or the key is
// that of another account, which the list is to move to.
func (r *listResource) warnMissing(ctx context.Context, state *listModel, before types.String, diags *diag.Diagnostics) {
	now, elsewhere := r.elsewhere(ctx, state, before, diags)
	if !elsewhere {
		warnDeleted(diags, state)
		return
	}
	diags.AddWarning("List Left In Another Account: "+redact.Line(state.Name.ValueString()), fmt.Sprintf(
		"The list %q (%s) is in the account %s, but the API key in use belongs to %s, which has no such list. If you apply, Terraform creates a new, empty list in %s and forgets the other one, which stays as it is. "+
			"If that is not meant, use a key of the account %s.",
		redact.Line(state.Name.ValueString()), state.ID.ValueString(), before.ValueString(), now.ValueString(), now.ValueString(), before.ValueString()))
}

// Create implements resource.Resource.
func (r *listResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan listModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.ID = types.StringNull()
	in := decodeAccount(ctx, plan.Destination, &resp.Diagnostics)
	account := r.accountID(ctx, in) // first: nothing may come between a new list and the state
	list, err := callIn(ctx, r.data, in, func(c *klaviyo.Client) (klaviyo.List, error) {
		return c.CreateList(ctx, plan.list())
	})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.set(list)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, listIdentity{account, plan.ID})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	storeAccount(ctx, resp.Private, account, &resp.Diagnostics)
}

// Read implements resource.Resource.
func (r *listResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state listModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	in := decodeAccount(ctx, state.Destination, &resp.Diagnostics)
	list, err := callIn(ctx, r.data, in, func(c *klaviyo.Client) (klaviyo.List, error) {
		return c.List(ctx, state.ID.ValueString())
	})
	unknown := errors.Is(err, errAccessUnknown)
	if err != nil && !unknown && !klaviyo.IsNotFound(err) {
		addError(&resp.Diagnostics, adviseToForget(err))
		return
	}
	r.identify(ctx, resp.Identity, in, state.ID, &resp.Diagnostics)
	if unknown {
		logging.Warn(ctx, "The list was not refreshed", logging.Fields{"list": state.ID.ValueString(), "reason": err.Error()})
		return
	}
	if err != nil {
		r.warnMissing(ctx, &state, r.accountBefore(ctx, &state, req.Identity, req.Private, &resp.Diagnostics), &resp.Diagnostics)
		resp.State.RemoveResource(ctx)
		return
	}
	var known string
	if state.Destination.IsNull() && !load(ctx, req.Private, keyAccount, &known, &resp.Diagnostics) {
		storeAccount(ctx, resp.Private, r.accountID(ctx, in), &resp.Diagnostics)
	}
	state.set(list)
	if state.ForceDestroy.IsNull() { // imported
		state.ForceDestroy = types.BoolValue(false)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// warnDeleted warns that somebody has deleted a list: a new one would not be what flows
// and forms use.
func warnDeleted(diags *diag.Diagnostics, state *listModel) {
	if state.Name.IsNull() { // it is being imported
		return
	}
	diags.AddWarning("List Deleted In Klaviyo: "+redact.Line(state.Name.ValueString()), fmt.Sprintf(
		"The list %q (%s) does not exist any more: somebody has deleted it in Klaviyo. As long as the configuration has it, Terraform creates a new, empty list of that name, "+
			"and exports to it send everybody again. Flows, forms and segments in Klaviyo that use the old list do not use the new one: change them there after the apply.",
		redact.Line(state.Name.ValueString()), state.ID.ValueString()))
}

// Update implements resource.Resource.
func (r *listResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan listModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	in := decodeAccount(ctx, plan.Destination, &resp.Diagnostics)
	list, err := callIn(ctx, r.data, in, func(c *klaviyo.Client) (klaviyo.List, error) {
		return c.UpdateList(ctx, plan.list())
	})
	if klaviyo.IsNotFound(err) {
		if r.checkGone(ctx, &plan, r.accountBefore(ctx, &plan, req.Identity, req.Private, &resp.Diagnostics), &resp.Diagnostics) {
			resp.Diagnostics.AddAttributeError(path.Root("id"), "List Not Found", fmt.Sprintf(
				"The list %s was deleted in Klaviyo after the plan was made. Plan again, and the list is created again.", plan.ID.ValueString()))
		}
		return
	}
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.set(list)
	r.identify(ctx, resp.Identity, in, plan.ID, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// Delete implements resource.Resource.
func (r *listResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state listModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	in := decodeAccount(ctx, state.Destination, &resp.Diagnostics)
	_, err := callIn(ctx, r.data, in, func(c *klaviyo.Client) (struct{}, error) {
		if !state.ForceDestroy.ValueBool() {
			if err := deletable(ctx, c, &state); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, c.DeleteList(ctx, state.ID.ValueString())
	})
	switch {
	case klaviyo.IsNotFound(err):
		r.checkGone(ctx, &state, r.accountBefore(ctx, &state, req.Identity, req.Private, &resp.Diagnostics), &resp.Diagnostics)
	case err != nil:
		addError(&resp.Diagnostics, adviseToForget(err))
	}
}

// adviseToForget adds to the error of a key of another account what helps for a list: its
// state names the account, so applying the connection does not.
func adviseToForget(err error) error {
	if !errors.Is(err, export.ErrOtherAccount) {
		return err
	}
	return diagnostic.AddToDetail(err, " A list does not move to another account with its connection: if it is to stay where it is and Terraform is to forget it, use terraform state rm.")
}

// deletable refuses to delete a list with members or flows.
func deletable(ctx context.Context, c *klaviyo.Client, state *listModel) error {
	const remedy = " If it is to be deleted all the same, set force_destroy = true, apply, and destroy again."
	id := state.ID.ValueString()
	list, err := c.ListWithCount(ctx, id)
	if err != nil {
		return err
	}
	if list.ProfileCount > 0 {
		return listInUse("List Has Members", fmt.Sprintf("The list %q (%s) has %s and is not deleted.%s",
			list.Name, id, tally.Count(list.ProfileCount, "member"), remedy))
	}
	for flow, err := range c.FlowTriggers(ctx, id) {
		if klaviyo.LacksScope(err) {
			return listInUse("Flows Cannot Be Checked", fmt.Sprintf("The list %q (%s) is not deleted: the API key lacks the scope flows:read, so it is not known whether the list triggers a flow. Use a key with that scope.%s",
				list.Name, id, remedy))
		}
		if err != nil {
			return err
		}
		if !flow.Archived {
			return listInUse("List Triggers A Flow", fmt.Sprintf("The list %q (%s) is not deleted: it triggers the flow %q (%s, status %s), which would stop working.%s",
				list.Name, id, flow.Name, flow.ID, flow.Status, remedy))
		}
	}
	return nil
}

func listInUse(summary, detail string) error {
	return &diagnostic.Error{Attribute: []string{"force_destroy"}, Summary: summary, Detail: detail}
}

// ImportState implements resource.ResourceWithImportState.
func (r *listResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	identity := listIdentity{ID: types.StringValue(req.ID)}
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	if id := identity.ID.ValueString(); !idPattern.MatchString(id) {
		resp.Diagnostics.AddError("Not A List Id", fmt.Sprintf(
			"A list is imported by its id, letters and digits such as Y6nRLr; %q is not one. In Klaviyo it is at the end of the list's address: https://www.klaviyo.com/list/<id>.", id))
		return
	}
	if _, err := r.data.access(keyRef{}); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	if identity.AccountID.IsNull() {
		identity.AccountID = r.data.account.find(ctx, r.data)
	} else if err := r.checkAccount(ctx, identity.AccountID.ValueString()); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), identity.ID)...)
}

// checkAccount makes sure that the key belongs to the account of a list that is
// to be imported.
func (r *listResource) checkAccount(ctx context.Context, id string) error {
	account, err := call(r.data, func(c *klaviyo.Client) (klaviyo.Account, error) { return c.Account(ctx) })
	if err != nil || account.ID == id {
		return err
	}
	return &diagnostic.Error{Summary: "API Key Of Another Account", Detail: fmt.Sprintf(
		"The list to import belongs to the account %q, but the API key in use belongs to %s (%q). Use a key of the account to import from.",
		id, account.ID, account.OrganizationName)}
}

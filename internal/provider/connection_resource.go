package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

var (
	_ resource.Resource                = (*connectionResource)(nil)
	_ resource.ResourceWithConfigure   = (*connectionResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*connectionResource)(nil)
	_ resource.ResourceWithImportState = (*connectionResource)(nil)
)

type connectionResource struct {
	data *providerData
}

func newConnectionResource() resource.Resource { return &connectionResource{} }

type connectionModel struct {
	destinationModel // what exports take of it

	DisplayName       types.String `tfsdk:"display_name"`
	ID                types.String `tfsdk:"id"`
	OrganizationName  types.String `tfsdk:"organization_name"`
	TestAccount       types.Bool   `tfsdk:"test_account"`
	Timezone          types.String `tfsdk:"timezone"`
	Locale            types.String `tfsdk:"locale"`
	PreferredCurrency types.String `tfsdk:"preferred_currency"`
	ConsentedAt       types.String `tfsdk:"consented_at"`
}

// keyRef is where the connection says its key is.
func (m *connectionModel) keyRef() keyRef { return m.keyAt(nil) }

// setAccount sets the attributes that come from the account.
func (m *connectionModel) setAccount(a klaviyo.Account) {
	m.ID = types.StringValue(a.ID)
	m.AccountID = types.StringValue(a.ID)
	m.OrganizationName = types.StringValue(a.OrganizationName)
	m.TestAccount = types.BoolValue(a.TestAccount)
	m.Timezone = types.StringValue(a.Timezone)
	m.Locale = types.StringValue(a.Locale)
	m.PreferredCurrency = types.StringValue(a.PreferredCurrency)
}

// Metadata implements resource.Resource.
func (r *connectionResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_connection"
}

// Configure implements resource.ResourceWithConfigure.
func (r *connectionResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = toProviderData(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan asks Klaviyo which account the key belongs to, so that the plan
// shows it, and plans a replacement when the account has changed.
func (r *connectionResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.data == nil {
		return
	}
	var plan connectionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	account, err := r.account(ctx, &plan)
	switch {
	case errors.Is(err, errAccessUnknown):
	case err != nil:
		addError(&resp.Diagnostics, err)
		return
	default:
		r.planAccount(ctx, account, &plan, req, resp)
	}
	plan.GuardRailsDigest = plan.guardRails().digest()
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// planAccount plans what follows from the account of the key.
func (r *connectionResource) planAccount(ctx context.Context, account klaviyo.Account, plan *connectionModel, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state connectionModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	switch {
	case req.State.Raw.IsNull():
		plan.setAccount(account)
	case state.ID.ValueString() != account.ID:
		plan.setAccount(account)
		plan.ConsentedAt = types.StringUnknown()
		resp.RequiresReplace.Append(path.Root("id"))
	case plan.ID.IsUnknown():
		plan.setAccount(account)
		plan.ConsentedAt = state.ConsentedAt
	}
	if !req.State.Raw.IsNull() && plan.ConsentedAt.IsNull() {
		plan.recordConsent(&resp.Diagnostics)
	}
}

// recordConsent plans to record the consent of a connection that was imported.
func (m *connectionModel) recordConsent(diags *diag.Diagnostics) {
	m.ConsentedAt = types.StringUnknown()
	diags.AddAttributeWarning(path.Root("data_privacy_consent"), "Consent Recorded On Apply",
		"The connection was imported, and an import records no consent. By applying data_privacy_consent = true you agree that personal data of the people "+
			"in exported segments leaves the compliance boundary of its source and is handed to Klaviyo.")
}

// Create implements resource.Resource.
func (r *connectionResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan connectionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.apply(ctx, &plan); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// Read implements resource.Resource. A key that Klaviyo refuses is no reason
// to fail here: planning says what is wrong with it.
func (r *connectionResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state connectionModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	state.GuardRailsDigest = state.guardRails().digest() // states of earlier versions have none
	account, err := r.account(ctx, &state)
	if err != nil {
		logging.Warn(ctx, "The connection was not refreshed", logging.Fields{"reason": err.Error()})
	} else if account.ID == state.ID.ValueString() { // the plan handles another account
		state.setAccount(account)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// Update implements resource.Resource.
func (r *connectionResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan connectionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.apply(ctx, &plan); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// Delete implements resource.Resource. There is nothing in Klaviyo to delete.
func (r *connectionResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
}

// ImportState implements resource.ResourceWithImportState. What Klaviyo cannot
// tell is set so that a configuration can be generated from the state: the name
// of the organization stands in for that of the connection, and the consent is
// given by whoever applies that configuration, which records it.
func (r *connectionResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	identity := connectionIdentity{AccountID: types.StringValue(req.ID)}
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	account, err := r.account(ctx, &connectionModel{})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	if wanted := identity.AccountID.ValueString(); account.ID != wanted {
		add(&resp.Diagnostics, path.Empty(), "API Key Of Another Account",
			fmt.Sprintf("The connection to import is to the account %q, but the API key in use belongs to %s (%q). Use a key of the account to import.",
				wanted, account.ID, account.OrganizationName))
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), account.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("account_id"), account.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("display_name"), cmp.Or(account.OrganizationName, account.ID))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("data_privacy_consent"), true)...)
}

// account returns the account of the connection's key.
func (r *connectionResource) account(ctx context.Context, m *connectionModel) (klaviyo.Account, error) {
	used, err := r.data.access(m.keyRef())
	if err != nil {
		return klaviyo.Account{}, err
	}
	account, err := used.client.Account(ctx)
	return account, used.blame(err)
}

// apply checks the key and sets what was unknown in the plan.
func (r *connectionResource) apply(ctx context.Context, plan *connectionModel) error {
	account, err := r.account(ctx, plan)
	if err != nil {
		return err
	}
	if plan.ID.IsUnknown() {
		plan.setAccount(account)
	}
	if planned := plan.ID.ValueString(); planned != account.ID {
		return &diagnostic.Error{Attribute: []string{"id"}, Summary: "API Key Of Another Account", Detail: fmt.Sprintf(
			"The plan was made for the account %s, but the API key in use belongs to %s (%q). Plan again with the key that is to be used.",
			planned, account.ID, account.OrganizationName)}
	}
	plan.GuardRailsDigest = plan.guardRails().digest()
	if plan.ConsentedAt.IsUnknown() {
		plan.ConsentedAt = types.StringValue(r.data.now().UTC().Format(time.RFC3339))
	}
	return nil
}

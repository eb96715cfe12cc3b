package provider

import (
	"context"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

// Identities name remote objects; import blocks of Terraform 1.12 and later use
// them. Older versions, and states that they wrote,
// have none, but the framework insists on one all the same: whatever creates,
// updates or reads without an error must have set it, even if the object is
// gone.
var (
	_ resource.ResourceWithIdentity = (*connectionResource)(nil)
	_ resource.ResourceWithIdentity = (*listResource)(nil)
	_ resource.ResourceWithIdentity = (*segmentExportResource)(nil)
)

// connectionIdentity never changes: another account is another connection.
type connectionIdentity struct {
	AccountID types.String `tfsdk:"account_id"`
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *connectionResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"account_id": identityschema.StringAttribute{
			Description:       "Id of the Klaviyo account, such as `AbC123`. Klaviyo shows it under Settings > API keys, as public API key.",
			RequiredForImport: true,
		},
	}}
}

func (m *connectionModel) identity() connectionIdentity {
	return connectionIdentity{AccountID: m.ID}
}

// listIdentity is the id of a list, and the account that it is unique in. The
// account is null where the API key may not read it, and never changes.
type listIdentity struct {
	AccountID types.String `tfsdk:"account_id"`
	ID        types.String `tfsdk:"id"`
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *listResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"account_id": identityschema.StringAttribute{
			Description:       "Id of the Klaviyo account. Defaults to the account of the provider's API key; another one is an error.",
			OptionalForImport: true,
		},
		"id": identityschema.StringAttribute{
			Description:       "Id of the list.",
			RequiredForImport: true,
		},
	}}
}

// identify sets the identity of a list that has none yet.
func (r *listResource) identify(ctx context.Context, identity *tfsdk.ResourceIdentity, in accountModel, id types.String, diags *diag.Diagnostics) {
	if identity.Raw.IsFullyNull() {
		diags.Append(identity.Set(ctx, listIdentity{r.accountID(ctx, in), id})...)
	}
}

// accountID is the id of the account of a destination, or of the provider's own
// key without one. It is null if the key may not read it.
func (r *listResource) accountID(ctx context.Context, in accountModel) types.String {
	if in.AccountID.IsNull() {
		return r.data.account.find(ctx, r.data)
	}
	return in.AccountID
}

// exportIdentity is the account and the list that an export goes to. It
// changes with them, in place.
type exportIdentity struct {
	AccountID types.String `tfsdk:"account_id"`
	ListID    types.String `tfsdk:"list_id"`
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *segmentExportResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"account_id": identityschema.StringAttribute{
			Description:       "Id of the Klaviyo account that the list belongs to.",
			RequiredForImport: true,
		},
		"list_id": identityschema.StringAttribute{
			Description:       "Id of the list that the export adds people to.",
			RequiredForImport: true,
		},
	}}
}

func (m *segmentExportModel) identity() exportIdentity {
	account, list, _ := strings.Cut(m.ID.ValueString(), "/")
	return exportIdentity{AccountID: types.StringValue(account), ListID: types.StringValue(list)}
}

// id is the id of the export in import commands.
func (i exportIdentity) id() string { return i.AccountID.ValueString() + "/" + i.ListID.ValueString() }

// ownAccount is the account of the provider's own key. The zero value is ready
// for use.
type ownAccount struct {
	once  sync.Once
	known chan *types.String // holds the id once Klaviyo was asked, nil before; a receiver sends it back
}

// find returns the id of the account, or null if the key may not read it. Klaviyo is
// asked at most once, or a key without the scope would ask for every list, and
// Klaviyo allows 15 such requests a minute.
func (a *ownAccount) find(ctx context.Context, d *providerData) types.String {
	a.once.Do(func() {
		a.known = make(chan *types.String, 1)
		a.known <- nil
	})
	var known *types.String
	select {
	case known = <-a.known:
		defer func() { a.known <- known }()
	case <-ctx.Done():
		return types.StringNull()
	}
	if known != nil {
		return *known
	}
	account, err := call(d, func(c *klaviyo.Client) (klaviyo.Account, error) { return c.Account(ctx) })
	id := types.StringNull()
	switch {
	case ctx.Err() != nil: // the next caller asks
		return id
	case err != nil:
		logging.Warn(ctx, "The account of the lists is not known", logging.Fields{"reason": err.Error()})
	default:
		id = types.StringValue(account.ID)
	}
	known = &id
	return id
}

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// destinationArgument is the name of the argument that takes a connection.
const destinationArgument = "destination"

// accountModel is the part of a connection that names the account and where its
// key is. The zero value leaves both to the provider.
type accountModel struct {
	AccountID types.String `tfsdk:"account_id"`
	APIKey    types.String `tfsdk:"api_key"`
	APIKeyEnv types.String `tfsdk:"api_key_env"`
}

// destinationModel is the part of a connection that an export needs.
type destinationModel struct {
	accountModel
	DataPrivacyConsent   types.Bool   `tfsdk:"data_privacy_consent"`
	AllowedListIDs       types.Set    `tfsdk:"allowed_list_ids"`
	MaxProfilesPerExport types.Int64  `tfsdk:"max_profiles_per_export"`
	GuardRailsDigest     types.String `tfsdk:"guard_rails_digest"`
}

// accountDescriptions say what the attributes of accountModel mean where a
// connection is the destination.
var accountDescriptions = map[string]string{
	"account_id":  "Id of the Klaviyo account. A key of another account is refused.",
	"api_key":     "The API key of the connection, if it has one of its own.",
	"api_key_env": "Name of the environment variable that holds the API key of the connection, if it names one.",
}

// guardRailDescriptions are those of the other attributes of destinationModel.
var guardRailDescriptions = map[string]string{
	"data_privacy_consent":    "The consent to send personal data to Klaviyo. Nothing is sent unless it is `true`.",
	"allowed_list_ids":        "Ids of the lists that exports may use the connection for. Null for any list; an empty set for none.",
	"max_profiles_per_export": "Maximum number of profiles in the segments of one export. Null for no limit.",
	"guard_rails_digest":      "Digest of the guard rails of the connection. Only a `klaviyo_connection` has one. If it is missing or does not match, the export is refused.",
}

// destinationAttributes are the described attributes of a connection, as inputs.
// guard_rails_digest is optional because checkGuardRails explains a missing one
// better than Terraform does.
func destinationAttributes(descriptions map[string]string) map[string]schema.Attribute {
	connection := connectionAttributes()
	attributes := make(map[string]schema.Attribute, len(descriptions))
	for name, description := range descriptions {
		switch a := asInput(connection[name]).(type) {
		case schema.StringAttribute:
			a.MarkdownDescription = description
			if name == "account_id" {
				a.Required, a.Optional = true, false
			}
			attributes[name] = a
		case schema.BoolAttribute:
			a.MarkdownDescription = description
			attributes[name] = a
		case schema.Int64Attribute:
			a.MarkdownDescription = description
			attributes[name] = a
		case schema.SetAttribute:
			a.MarkdownDescription = description
			attributes[name] = a
		}
	}
	return attributes
}

// destinationAttribute is the connection of an export.
func destinationAttribute() schema.Attribute {
	attributes := destinationAttributes(guardRailDescriptions)
	maps.Copy(attributes, destinationAttributes(accountDescriptions))
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The connection to export through, as a whole: `destination = klaviyo_connection.example`. An object that is written by hand is refused. " +
			"So is a connection that has lost attributes, for example in a variable of a module whose type does not name all of them. Declare such a variable with `type = any`.",
		Required:   true,
		Attributes: attributes,
	}
}

// listDestinationAttribute is the connection of a list. A list holds no personal
// data, so consent and guard rails do not apply to it, and changing them does not
// change the list.
func listDestinationAttribute(consequence string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The connection to the account that the list belongs to: `destination = klaviyo_connection.example`. Only its account and its key are used. Defaults to the account of the provider's API key." + consequence,
		Optional:            true,
		Attributes:          destinationAttributes(accountDescriptions),
	}
}

// destination decodes the destination, whose attributes may be unknown. ok is
// false when all of it is unknown, or null after an import.
func (m *segmentExportModel) destination(ctx context.Context, diags *diag.Diagnostics) (d destinationModel, ok bool) {
	if m.Destination.IsUnknown() || m.Destination.IsNull() {
		return d, false
	}
	diags.Append(m.Destination.As(ctx, &d, basetypes.ObjectAsOptions{})...)
	return d, !diags.HasError()
}

// decodeAccount decodes the destination of a list, whose attributes may be
// unknown. It is the zero value when all of it is null or unknown.
func decodeAccount(ctx context.Context, destination types.Object, diags *diag.Diagnostics) (a accountModel) {
	if !destination.IsNull() && !destination.IsUnknown() {
		diags.Append(destination.As(ctx, &a, basetypes.ObjectAsOptions{})...)
	}
	return a
}

// keyRef is where the destination says the key is.
func (a *accountModel) keyRef() keyRef { return a.keyAt([]string{destinationArgument}) }

// keyAt is where the key is, in an object at a path.
func (a *accountModel) keyAt(at []string) keyRef {
	return keyRef{apiKey: a.APIKey, apiKeyEnv: a.APIKeyEnv, at: at}
}

// callIn makes a request in the account of a destination, with its key. Without
// a destination it uses the provider's key and account.
func callIn[T any](ctx context.Context, d *providerData, in accountModel, request func(*klaviyo.Client) (T, error)) (T, error) {
	var none T
	used, err := d.access(in.keyRef())
	if err != nil {
		return none, err
	}
	if !in.AccountID.IsNull() {
		e := export.Export{Destination: export.Destination{AccountID: in.AccountID.ValueString()}}
		if err := e.CheckAccount(ctx, used.client); err != nil {
			return none, used.blame(err)
		}
	}
	result, err := request(used.client)
	return result, used.blame(err)
}

// destination converts the destination for the engine.
func (d *destinationModel) destination(ctx context.Context, diags *diag.Diagnostics) export.Destination {
	out := export.Destination{
		AccountID:   d.AccountID.ValueString(),
		Consent:     d.DataPrivacyConsent.ValueBool(),
		MaxProfiles: d.MaxProfilesPerExport.ValueInt64(),
	}
	if tf, err := d.AllowedListIDs.ToTerraformValue(ctx); err == nil && tf.IsFullyKnown() && !tf.IsNull() {
		out.AllowedListIDs = []string{}
		diags.Append(d.AllowedListIDs.ElementsAs(ctx, &out.AllowedListIDs, false)...)
	}
	return out
}

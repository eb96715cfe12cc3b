package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Schema implements resource.Resource.
func (r *connectionResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A connection to a Klaviyo account: where its API key comes from, your consent to send personal data there, and limits on what exports may do. " +
			"Exports take the whole connection as their `destination`. A connection is not an object in Klaviyo: apply only checks the key and records the consent.",
		Attributes: connectionAttributes(),
	}
}

// connectionAttributes are those of klaviyo_connection. What takes a connection as
// its destination takes its attributes from here.
func connectionAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		// Required
		"display_name": schema.StringAttribute{
			MarkdownDescription: "Display name of the connection.",
			Required:            true,
			Validators:          []validator.String{notBlank},
		},
		"data_privacy_consent": schema.BoolAttribute{
			MarkdownDescription: "Must be `true`. With it you agree that personal data of the people in exported segments leaves the compliance boundary of its source and is sent to Klaviyo.",
			Required:            true,
			Validators:          []validator.Bool{consentGiven{}},
		},

		// Optional
		"api_key": schema.StringAttribute{
			MarkdownDescription: "Private API key (`pk_...`) of the account. **The state contains it**, so prefer `api_key_env`, the provider's `api_key`, or the environment variable `" + envAPIKey + "`.",
			Optional:            true,
			Sensitive:           true,
			Validators: []validator.String{
				privateKey,
				stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName("api_key_env")),
			},
		},
		"api_key_env": schema.StringAttribute{
			MarkdownDescription: "Name of an environment variable, set where Terraform runs, that contains the private API key. For configurations with more than one account. Conflicts with `api_key`. If the variable is empty, that is an error: the provider's key is not used instead.",
			Optional:            true,
			Validators:          []validator.String{environmentVariable},
		},
		"allowed_list_ids": schema.SetAttribute{
			MarkdownDescription: "Ids of the lists to which exports may send through this connection. Defaults to all lists; an empty set allows none.",
			ElementType:         types.StringType,
			Optional:            true,
			Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.ValueStringsAre(validID)},
		},
		"max_profiles_per_export": schema.Int64Attribute{
			MarkdownDescription: "Maximum number of profiles in the segments of one export through this connection. A larger export is refused before anything is sent. Defaults to no limit.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.AtLeast(1)},
		},

		// Computed
		"id":                 computedString("Id of the Klaviyo account. The same as `account_id`."),
		"account_id":         computedString("Id of the Klaviyo account, such as `AbC123`. Klaviyo shows it under Settings > API keys, as public API key. If it changes, because the key belongs to another account, the connection is replaced."),
		"organization_name":  computedString("Name of the organization, as set in Klaviyo."),
		"timezone":           computedString("Time zone of the account, an IANA name."),
		"locale":             computedString("Locale of the account."),
		"preferred_currency": computedString("Currency of the account, an ISO 4217 code."),
		"consented_at":       computedString("When the consent was recorded, RFC 3339 in UTC."),
		"guard_rails_digest": computedString("Which of the guard rails `allowed_list_ids` and `max_profiles_per_export` are set, and a digest of them, the account and the consent. " +
			"An export checks its `destination` against it, so that no guard rail is lost, for example in a module."),
		"test_account": schema.BoolAttribute{
			MarkdownDescription: "Whether the account is a test account of Klaviyo's.",
			Computed:            true,
		},
	}
}

// computedString is an attribute that only the provider sets.
func computedString(description string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Computed: true}
}

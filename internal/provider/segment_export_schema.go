package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// What happens to people who opted out of email.
const (
	optOutsWithhold     = "withhold"
	optOutsWithholdList = "withhold_list"
	optOutsIgnore       = "ignore"
)

// optOuts are what an export does in these cases.
var optOuts = map[string]export.OptOuts{
	optOutsWithhold: export.WithholdOptOuts, optOutsWithholdList: export.WithholdListOptOuts, optOutsIgnore: export.IgnoreOptOuts,
}

// How a plan looks for people who were taken off the list.
const (
	membershipCount  = due.CheckCount
	membershipFull   = due.CheckFull
	membershipSample = due.CheckSample
	membershipNone   = due.CheckNone
)

// Schema implements resource.Resource.
func (r *segmentExportResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		// Required
		"display_name": schema.StringAttribute{
			MarkdownDescription: "Display name of the export.",
			Required:            true,
			Validators:          []validator.String{notBlank},
		},
		"destination": destinationAttribute(),
		"list_id": schema.StringAttribute{
			MarkdownDescription: "Id of the Klaviyo list that the people are added to. In Klaviyo it is at the end of the list's address.",
			Required:            true,
			Validators:          []validator.String{validID},
		},

		// Optional
		propertiesArgument: propertiesAttribute(),
		"segment_property": schema.StringAttribute{
			MarkdownDescription: "Name of a custom property that receives the names of the segments that a profile is in, as a list in their order. " +
				"With several segments a run reads them twice, because it sends a profile only when it knows all of its segments.",
			Optional:   true,
			Validators: []validator.String{propertyName, notMapped{}},
		},
		"send":            sendAttribute(),
		"full_send_after": fullSendAfterAttribute(),
		"sync_mode":       syncModeAttribute(),
		"removal_scope":   removalScopeAttribute(),
		"opt_outs": schema.StringAttribute{
			MarkdownDescription: "Which people are withheld, that is neither put on the list nor updated, according to Klaviyo's suppressions: `" + optOutsWithhold + "` withholds who unsubscribed from this list or from everything, complained of spam, or was suppressed by hand; " +
				"`" + optOutsWithholdList + "` only who unsubscribed from this list; `" + optOutsIgnore + "` nobody. Addresses that bounced or are invalid are exported in any case. Defaults to `" + optOutsWithhold + "`.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(optOutsWithhold),
			Validators: []validator.String{stringvalidator.OneOf(optOutsWithhold, optOutsWithholdList, optOutsIgnore)},
		},
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "`false` keeps the export but neither reads its segments nor sends anything. Defaults to `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"run_on_apply": schema.BoolAttribute{
			MarkdownDescription: "`false` saves the export on apply, with its counts, without running it. Defaults to `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"triggers": schema.MapAttribute{
			MarkdownDescription: "Values that make a run due when one of them changes, such as the number of a release.",
			ElementType:         types.StringType,
			Optional:            true,
		},
		"membership_check": schema.StringAttribute{
			MarkdownDescription: "How a plan looks for people who were taken off the list: `" + membershipCount + "` compares the number of members with that after the last run, in one request, of which Klaviyo allows 15 a minute; " +
				"`" + membershipSample + "` reads the segments and looks up a hundred of their people on the list, in one request of 750 a minute, which shows with 95 % certainty if 3 % are missing; " +
				"`" + membershipFull + "` reads who is on the list, 750 pages of a hundred a minute, and finds everybody who is missing; `" + membershipNone + "` does not look. " +
				"Who is withheld according to `opt_outs` is never missing. Defaults to `" + membershipCount + "`.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(membershipCount),
			Validators: []validator.String{stringvalidator.OneOf(membershipCount, membershipSample, membershipFull, membershipNone)},
		},
		"pin_to_plan": schema.BoolAttribute{
			MarkdownDescription: "`true` exports only what the plan was made for: when the segments have changed since, apply fails before anything is sent, or before the last 10,000 profiles if they change while it sends. " +
				"`false` exports what they hold when the plan is applied. Defaults to `false`.",
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
		},
		"rejects_path": rejectsPathAttribute(),
		"on_destroy":   onDestroyAttribute(),
	}
	for name, attribute := range computedAttributes() {
		attributes[name] = attribute
	}
	resp.Schema = schema.Schema{
		Version: exportSchemaVersion,
		MarkdownDescription: "Exports customer segments to a Klaviyo list. Planning reads the segments and shows whether a run is due, why, and how many people it is about; " +
			"applying checks the key, the list and the consent, and then adds the people to the list and updates their profiles.",
		Attributes: attributes,
		Blocks: map[string]schema.Block{
			segmentArgument:  segmentBlock(),
			"data_matching":  dataMatchingBlock(),
			"attributes":     attributesBlock(),
			propertyArgument: propertyBlock(),
			consentArgument:  consentBlock(),
			"schedule":       scheduleBlock(),
			"safeguards":     safeguardsBlock(),
			"timeouts":       timeoutsBlock(ctx),
		},
	}
}

// timeoutsBlock is the library's, with descriptions in Markdown.
func timeoutsBlock(ctx context.Context) schema.Block {
	block := timeouts.Block(ctx, timeouts.Opts{
		Create: true, CreateDescription: "Longest time for a run on create, as a duration above zero such as `2h`. Defaults to `60m`.",
		Read: true, ReadDescription: "Longest time for a refresh, and for a plan, to read the segments and the list, as a duration above zero such as `30m`. Defaults to `60m`. " +
			"`membership_check = \"" + membershipFull + "\"` needs an hour for about four million members of the list.",
		Update: true, UpdateDescription: "Longest time for a run on update, as a duration above zero such as `2h`. Defaults to `60m`.",
		Delete: true, DeleteDescription: "Longest time for taking people off the list with `on_destroy = \"" + destroyRemoves + "\"`, as a duration above zero such as `2h`. Defaults to `60m`.",
	})
	nested, ok := block.(schema.SingleNestedBlock)
	if !ok {
		return block
	}
	nested.MarkdownDescription = "How long a run may take, including its wait for earlier import jobs to the list, and how long a plan may read. A run that takes longer is stopped, and the next apply sends what is missing. " +
		"A plan that takes longer fails; what a refresh has not read by then is left to the plan, with a warning."
	for name, child := range nested.Attributes {
		if text, ok := child.(schema.StringAttribute); ok {
			text.MarkdownDescription, text.Description = text.Description, ""
			text.Validators = []validator.String{duration} // the library's takes zero and less
			nested.Attributes[name] = text
		}
	}
	return nested
}

func dataMatchingBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Which columns identify a person. Klaviyo finds a profile by these, or creates one. Required.",
		Validators: []validator.Object{
			blockRequired{"data_matching", "  data_matching {\n    email = \"Email\"\n  }"},
			blockNeeds{"data_matching", "email", `"Email"`},
		},
		Attributes: map[string]schema.Attribute{
			"email": schema.StringAttribute{
				MarkdownDescription: "Column with the email address. Addresses are trimmed and lower-cased; a row without a valid one is rejected. Required.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"phone_number": schema.StringAttribute{
				MarkdownDescription: "Column with the phone number, in any usual notation; it is sent as E.164. A profile whose number does not exist, or is refused by Klaviyo when it is sent, is exported without it. A profile whose number Klaviyo refuses only during the import is not exported, and counted in `last_run.profiles_failed`.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"phone_region": schema.StringAttribute{
				MarkdownDescription: "Country of phone numbers without `+` and country code, an ISO 3166-1 code such as `US`. Without it, such numbers are left out.",
				Optional:            true,
				Validators:          []validator.String{region},
			},
			"external_id": schema.StringAttribute{
				MarkdownDescription: "Column with the id of the person in the source, up to 255 characters.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
		},
	}
}

// attributeDescriptions describe what Klaviyo itself knows of a profile.
var attributeDescriptions = map[string]string{
	"first_name":   "Column with the first name.",
	"last_name":    "Column with the last name.",
	"organization": "Column with the company or organization that the person works for.",
	"title":        "Column with the job title.",
	"image":        "Column with the URL of a picture.",
	"locale":       "Column with the locale, a BCP 47 tag such as `en-US`. An invalid one is left out.",
	"address1":     "Column with the first line of the street address.",
	"address2":     "Column with the second line of the street address.",
	"city":         "Column with the city.",
	"country":      "Column with the country.",
	"region":       "Column with the region, such as the state.",
	"zip":          "Column with the postal code.",
	"timezone":     "Column with the time zone, an IANA name.",
	"ip":           "Column with the IP address.",
	"latitude":     "Column with the latitude in degrees, -90 to 90. An invalid value is left out.",
	"longitude":    "Column with the longitude in degrees, -180 to 180. An invalid value is left out.",
}

func attributesBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Which columns fill Klaviyo's own attributes of a profile. An empty value leaves what the profile has.",
		Attributes:          columnAttributes(profile.AttributeNames()),
		Blocks: map[string]schema.Block{
			"location": schema.SingleNestedBlock{
				MarkdownDescription: "Which columns say where the person lives.",
				Attributes:          columnAttributes(profile.LocationNames()),
			},
		},
	}
}

func columnAttributes(names []string) map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(names))
	for _, name := range names {
		attributes[name] = schema.StringAttribute{
			MarkdownDescription: attributeDescriptions[name],
			Optional:            true,
			Validators:          []validator.String{notBlank},
		}
	}
	return attributes
}

func safeguardsBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "What stops a run that is probably a mistake. Checked while planning as far as known, and always before anything is sent.",
		Attributes: map[string]schema.Attribute{
			"max_rejected_percent": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Maximum share of rejected rows, in percent of all rows, 0 to 100. A run that would reject more is refused before anything is sent. Defaults to `%d`; for a job that nobody watches, 1 or 2 is better.", export.DefaultMaxRejectedPercent),
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 100)},
			},
			"max_removed_percent": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("With `sync_mode = \"mirror\"`: maximum share of the members of the list that one run may take off it, in percent, 0 to 100. Defaults to `%d`.", export.DefaultMaxRemovedPercent),
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 100)},
			},
			"max_profiles": schema.Int64Attribute{
				MarkdownDescription: "Maximum number of profiles in the segments. No limit by default, other than `max_profiles_per_export` of the connection.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.AtLeast(1)},
			},
			"allow_empty_segment": schema.BoolAttribute{
				MarkdownDescription: "`true` accepts a segment without rows. `false` treats it as a failure of whatever produces it. Defaults to `false`.",
				Optional:            true,
			},
			"allow_live_flows": schema.BoolAttribute{
				MarkdownDescription: "`true` lets people join a list that starts a live flow for them, and so may send them messages at once. Defaults to `false`.",
				Optional:            true,
			},
			"allow_confirmation_mails": schema.BoolAttribute{
				MarkdownDescription: "`true` lets `" + consentArgument + "` without `" + consentedAt + "` subscribe people to a list with double opt-in, which sends each of them a message that asks for a confirmation. Defaults to `false`.",
				Optional:            true,
			},
		},
	}
}

func computedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":                 computedString("Account id and list id: `SiteId/Y6nRLr`."),
		"fingerprint":        computedString("Fingerprint of the profiles in the segments, whatever their order: 32 hexadecimal digits. It changes when what would be sent changes."),
		"profile_count":      computedInt64("Number of profiles in the segments: rows with a valid email address, each address once."),
		"rejected_count":     computedInt64("Number of rows that cannot be exported."),
		"duplicate_count":    computedInt64("Number of rows whose email address an earlier row has."),
		"filtered_count":     computedInt64("Number of rows of the sources that are in no segment because of `where`. They are counted in no other attribute."),
		"unconsented_count":  computedInt64("Number of rows that are not exported because they do not say yes. Null without `" + onlyConsented + "` of `" + consentArgument + "`."),
		"withheld_count":     computedInt64("Number of profiles that the last run would have sent, but withheld because the people opted out: see `opt_outs`."),
		"list_name":          computedString("Name of the list."),
		"list_profile_count": computedInt64("Number of members of the list, after the last run with `membership_check = \"" + membershipSample + "\"` or `\"" + membershipNone + "\"`."),
		"next_run_at":        computedString("When the schedule makes the next run due, RFC 3339 in UTC. In the past: with the next plan."),
		"last_run": schema.SingleNestedAttribute{
			MarkdownDescription: "The last run. Planned with its reason when a run is due.",
			Computed:            true,
			Attributes:          lastRunSchema(),
		},
		"changes":           changesAttribute(),
		"last_full_send_at": computedString("When everything was last sent, RFC 3339 in UTC."),
	}
}

func computedInt64(description string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
}

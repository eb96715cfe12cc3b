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

// How a plan looks for people who were removed from the list.
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
			MarkdownDescription: "Display name of the export. Warnings show it.",
			Required:            true,
			Validators:          []validator.String{notBlank},
		},
		"destination": destinationAttribute(),
		"list_id": schema.StringAttribute{
			MarkdownDescription: "Id of the Klaviyo list that the profiles are added to, such as `Y6nRLr`. It is at the end of the URL of the list in Klaviyo.",
			Required:            true,
			Validators:          []validator.String{validID},
		},

		// Optional
		propertiesArgument: propertiesAttribute(),
		"segment_property": schema.StringAttribute{
			MarkdownDescription: "Name of a custom property that receives the names of all segments that contain the profile, as a list in the order of the `segment` blocks. " +
				"The rules for names are those of `properties`. With several segments, a run reads the segments twice, because it must know all segments of a profile before it sends it.",
			Optional:   true,
			Validators: []validator.String{propertyName, notMapped{}},
		},
		"send":            sendAttribute(),
		"full_send_after": fullSendAfterAttribute(),
		"sync_mode":       syncModeAttribute(),
		"removal_scope":   removalScopeAttribute(),
		"opt_outs": schema.StringAttribute{
			MarkdownDescription: "Which people are withheld, because Klaviyo's suppressions say that they opted out. A run neither adds them to the list nor updates their profiles. " +
				"`" + optOutsWithhold + "`: people who unsubscribed from this list or from everything, complained of spam, or were suppressed by hand. " +
				"`" + optOutsWithholdList + "`: only people who unsubscribed from this list. `" + optOutsIgnore + "`: nobody. " +
				"Addresses that bounced or are invalid are exported in any case. Defaults to `" + optOutsWithhold + "`.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(optOutsWithhold),
			Validators: []validator.String{stringvalidator.OneOf(optOutsWithhold, optOutsWithholdList, optOutsIgnore)},
		},
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether the export may run. With `false`, the export stays in the state, its segments are not read, and nothing is sent. Defaults to `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"run_on_apply": schema.BoolAttribute{
			MarkdownDescription: "Whether apply runs the export. With `false`, apply saves the export and its counts, and sends nothing. Defaults to `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"triggers": schema.MapAttribute{
			MarkdownDescription: "Values that make a run due when one of them changes, such as the number of a release. Such a run sends all profiles.",
			ElementType:         types.StringType,
			Optional:            true,
		},
		"membership_check": schema.StringAttribute{
			MarkdownDescription: "How a plan checks whether people were removed from the list. " +
				"`" + membershipCount + "`: compares the number of members with the number after the last run. One request; Klaviyo allows 15 a minute. " +
				"`" + membershipSample + "`: reads the segments and looks up 100 of their people on the list. One request; Klaviyo allows 750 a minute. If 3 % of the people are missing, it finds that out with 95 % certainty. " +
				"`" + membershipFull + "`: reads all members and finds everybody who is missing. 100 members a request, 750 requests a minute. " +
				"`" + membershipNone + "`: does not check. " +
				"Withheld people never count as missing. See [Members whom somebody removed](../guides/list-members.md#members-whom-somebody-removed). Defaults to `" + membershipCount + "`.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(membershipCount),
			Validators: []validator.String{stringvalidator.OneOf(membershipCount, membershipSample, membershipFull, membershipNone)},
		},
		"pin_to_plan": schema.BoolAttribute{
			MarkdownDescription: "Whether apply may export only what was planned. " +
				"`true`: if the segments have changed since the plan, apply fails before it sends anything; if they change during the run, it fails before it sends the last batch of up to 10,000 profiles. " +
				"`false`: apply exports what the segments hold at that time. Defaults to `false`.",
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
		MarkdownDescription: "Exports customer segments to a Klaviyo list. A plan reads the segments and shows whether a run is due, why, and how many profiles it sends. " +
			"Apply checks the key, the list and the consent. Then it creates or updates the profiles and adds them to the list.",
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
		Create: true, CreateDescription: "Time limit for a run on create: a duration above zero, such as `2h`. Defaults to `60m`.",
		Read: true, ReadDescription: "Time limit for reading the segments and the list, for a refresh and for a plan: a duration above zero, such as `30m`. " +
			"With `membership_check = \"" + membershipFull + "\"`, a list of about four million members takes an hour. Defaults to `60m`.",
		Update: true, UpdateDescription: "Time limit for a run on update: a duration above zero, such as `2h`. Defaults to `60m`.",
		Delete: true, DeleteDescription: "Time limit for removing people from the list, with `on_destroy = \"" + destroyRemoves + "\"`: a duration above zero, such as `2h`. Defaults to `60m`.",
	})
	nested, ok := block.(schema.SingleNestedBlock)
	if !ok {
		return block
	}
	nested.MarkdownDescription = "Time limits. For a run, the wait for earlier import jobs to the list counts too. A run that reaches its limit is stopped, and the next apply sends what is missing. " +
		"A refresh that reaches its limit warns, and the plan reads the rest. A plan that reaches its limit fails."
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
		MarkdownDescription: "Required. Columns that identify a person. Klaviyo looks for a profile with these values. If there is none, Klaviyo creates one.",
		Validators: []validator.Object{
			blockRequired{"data_matching", "  data_matching {\n    email = \"Email\"\n  }"},
			blockNeeds{"data_matching", "email", `"Email"`},
		},
		Attributes: map[string]schema.Attribute{
			"email": schema.StringAttribute{
				MarkdownDescription: "Required. Column with the email address. White space around it is removed, and capitals become small letters. A row without a valid address is rejected.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"phone_number": schema.StringAttribute{
				MarkdownDescription: "Column with the phone number, in any usual notation. It is sent in the format E.164. If the number does not exist, or Klaviyo refuses it when it is sent, the profile is exported without it. If Klaviyo refuses it only during the import, the profile is not exported; `last_run.profiles_failed` counts it.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"phone_region": schema.StringAttribute{
				MarkdownDescription: "Country of the phone numbers that are written without `+` and country code: an ISO 3166-1 code of two capitals, such as `US`. By default, such numbers are left out.",
				Optional:            true,
				Validators:          []validator.String{region},
			},
			"external_id": schema.StringAttribute{
				MarkdownDescription: "Column with the id of the person in the source, of at most 255 characters. A row with a longer id is rejected.",
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
	"locale":       "Column with the locale, a BCP 47 tag such as `en-US`. An invalid tag is left out.",
	"address1":     "Column with the first line of the street address.",
	"address2":     "Column with the second line of the street address.",
	"city":         "Column with the city.",
	"country":      "Column with the country.",
	"region":       "Column with the region, such as the state.",
	"zip":          "Column with the postal code.",
	"timezone":     "Column with the time zone, an IANA name such as `Europe/Madrid`.",
	"ip":           "Column with the IP address.",
	"latitude":     "Column with the latitude in degrees, -90 to 90. An invalid value is left out.",
	"longitude":    "Column with the longitude in degrees, -180 to 180. An invalid value is left out.",
}

func attributesBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Columns for Klaviyo's own attributes of a profile. An empty value does not change the profile.",
		Attributes:          columnAttributes(profile.AttributeNames()),
		Blocks: map[string]schema.Block{
			"location": schema.SingleNestedBlock{
				MarkdownDescription: "Columns that say where the person lives.",
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
		MarkdownDescription: "Limits that stop a run that is probably a mistake. A plan checks them as far as the values are known. Apply checks them before it sends anything; `max_removed_percent` may be checked later.",
		Attributes: map[string]schema.Attribute{
			"max_rejected_percent": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Maximum share of rejected rows, in percent of all rows, 0 to 100. If more rows are rejected, the run is refused before anything is sent. For a job that nobody watches, set 1 or 2. Defaults to `%d`.", export.DefaultMaxRejectedPercent),
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 100)},
			},
			"max_removed_percent": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Maximum share of the members that one run of a mirror may remove from the list, in percent of all members, 0 to 100. If more would go, the run removes nobody and fails: before anything is sent if the segments or the numbers of people show it, else after the profiles have been sent. Defaults to `%d`.", export.DefaultMaxRemovedPercent),
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 100)},
			},
			"max_profiles": schema.Int64Attribute{
				MarkdownDescription: "Maximum number of profiles in the segments, 1 or more. `max_profiles_per_export` of the connection holds as well. Defaults to no limit.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.AtLeast(1)},
			},
			"allow_empty_segment": schema.BoolAttribute{
				MarkdownDescription: "Whether a segment may be empty. With `false`, a segment without rows is an error, because its source has probably failed. Defaults to `false`.",
				Optional:            true,
			},
			"allow_live_flows": schema.BoolAttribute{
				MarkdownDescription: "Whether people may join a list that starts a live flow, which may send them messages at once. Defaults to `false`.",
				Optional:            true,
			},
			"allow_confirmation_mails": schema.BoolAttribute{
				MarkdownDescription: "Whether `" + consentArgument + "` without `" + consentedAt + "` may subscribe people to a list with double opt-in. Klaviyo then sends each of them a message that asks for a confirmation. Defaults to `false`.",
				Optional:            true,
			},
		},
	}
}

func computedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":                 computedString("Id of the account and id of the list: `AbC123/Y6nRLr`."),
		"fingerprint":        computedString("Hash of the profiles in the segments: 32 hexadecimal digits. It changes when the profiles change, but not when only their order changes."),
		"profile_count":      computedInt64("Number of profiles in the segments, each email address once."),
		"rejected_count":     computedInt64("Number of rejected rows."),
		"duplicate_count":    computedInt64("Number of rows that are not sent because an earlier row has the same email address."),
		"filtered_count":     computedInt64("Number of rows of the sources that `where` excludes from the segments. They are not in the other counts; `last_run.rows_filtered` has their number in the last run."),
		"unconsented_count":  computedInt64("Number of rows that are not exported because their `" + consentField + "` does not say yes. Null without `" + onlyConsented + "` of `" + consentArgument + "`."),
		"withheld_count":     computedInt64("Number of profiles that the last run withheld. Profiles that it had no reason to send are not counted. See `opt_outs`."),
		"list_name":          computedString("Name of the list."),
		"list_profile_count": computedInt64("Number of members of the list at the last refresh or run. With `membership_check = \"" + membershipSample + "\"` or `\"" + membershipNone + "\"`, refreshes do not count them."),
		"next_run_at":        computedString("When the schedule makes the next run due, RFC 3339 in UTC. If it is in the past, the run is due with the next plan. Null without a `schedule`, and before the first run."),
		"last_run": schema.SingleNestedAttribute{
			MarkdownDescription: "The last run. If a run is due, the plan shows its reason here.",
			Computed:            true,
			Attributes:          lastRunSchema(),
		},
		"changes":           changesAttribute(),
		"last_full_send_at": computedString("When a run last sent all profiles, RFC 3339 in UTC."),
	}
}

func computedInt64(description string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
}

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// The block that says who is subscribed to marketing, and its arguments.
const (
	consentArgument = "marketing_consent"

	consentChannels = "channels"
	consentField    = "consent_field"
	consentedAt     = "consented_at_field"
	customSource    = "custom_source"
	onlyConsented   = "only_consented"
)

// defaultChannels are those of a block that names none.
var defaultChannels = []klaviyo.Channel{klaviyo.ChannelEmail}

// channelNames are the channels that people may be subscribed to.
func channelNames() []string {
	var names []string
	for _, channel := range klaviyo.Channels() {
		names = append(names, string(channel))
	}
	return names
}

func consentBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Subscribes people to marketing if their row says yes. Without this block nobody is subscribed: being on a list is no consent. " +
			"People who opted out are subscribed again only if their row has a later date of consent. If a row no longer says yes, nobody is unsubscribed: see `" + onlyConsented + "`. " +
			"The API key needs the scope `subscriptions:write`. See the guide [Consent and privacy](../guides/consent.md).",
		Validators: []validator.Object{blockNeeds{consentArgument, consentField, `"Accepts Marketing"`}, consentColumns{}},
		Attributes: map[string]schema.Attribute{
			consentChannels: schema.SetAttribute{
				MarkdownDescription: "Channels to subscribe to: " + oneOf(channelNames()) + ". The channels other than `" + string(klaviyo.ChannelEmail) + "` need `phone_number` in `data_matching`. Defaults to `[\"" + string(klaviyo.ChannelEmail) + "\"]`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Set{knownChannels{}},
			},
			consentField: schema.StringAttribute{
				MarkdownDescription: "Required. Column that says whether the person consents to all `" + consentChannels + "`. Yes is one of " + oneOf(profile.ConsentWords()) + ", in capitals or not, and a boolean true or a number 1 of the source. Anything else is no, also an empty value.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			consentedAt: schema.StringAttribute{
				MarkdownDescription: "Column with the date of the consent: `2026-11-23`, or a point in time with its offset from UTC, such as `2026-11-23T06:00:00Z`. People are subscribed as of this date, without a confirmation mail and without starting the flows of the list. " +
					"If a row says yes and its date is missing, ambiguous or in the future, the person is exported and not subscribed; the plan names the row.",
				Optional:   true,
				Validators: []validator.String{notBlank},
			},
			customSource: schema.StringAttribute{
				MarkdownDescription: "Source of the consent, which Klaviyo shows at the profile. Defaults to `display_name`.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			onlyConsented: schema.BoolAttribute{
				MarkdownDescription: "Whether to export only rows that say yes. If a row no longer says yes, a mirror then removes the person from the list, without unsubscribing them. Defaults to `false`.",
				Optional:            true,
			},
		},
	}
}

// knownChannels accepts sets of channels that are not empty.
type knownChannels struct{}

var _ validator.Set = knownChannels{}

// Description implements validator.Set.
func (knownChannels) Description(context.Context) string {
	return "must have at least one of " + strings.Join(channelNames(), ", ")
}

// MarkdownDescription implements validator.Set.
func (knownChannels) MarkdownDescription(context.Context) string {
	return "must have at least one of " + oneOf(channelNames())
}

// ValidateSet implements validator.Set.
func (knownChannels) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if len(req.ConfigValue.Elements()) == 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "No Channel",
			fmt.Sprintf("The set %s is empty, so nobody could be subscribed. Name at least one of the channels %s, leave the argument out for %s, or leave out the block %s to subscribe nobody.",
				consentChannels, strings.Join(channelNames(), ", "), klaviyo.ChannelEmail, consentArgument))
	}
	for _, element := range req.ConfigValue.Elements() {
		name, _ := element.(types.String)
		if !name.IsUnknown() && !slices.Contains(channelNames(), name.ValueString()) {
			resp.Diagnostics.AddAttributeError(req.Path, "Unknown Channel",
				fmt.Sprintf("%q is not a channel of marketing. The channels are %s.", name.ValueString(), strings.Join(channelNames(), ", ")))
		}
	}
}

// consentColumns refuses a block whose columns cannot mean what they should.
type consentColumns struct{}

var _ validator.Object = consentColumns{}

// Description implements validator.Object.
func (consentColumns) Description(context.Context) string {
	return "needs phone numbers for channels other than email, and a column of its own for the date of the consent"
}

// MarkdownDescription implements validator.Object.
func (v consentColumns) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateObject implements validator.Object.
func (consentColumns) ValidateObject(ctx context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	says, dated := attributeOf[types.String](req.ConfigValue, consentField), attributeOf[types.String](req.ConfigValue, consentedAt)
	if says.ValueString() != "" && says.Equal(dated) {
		resp.Diagnostics.AddAttributeError(req.Path.AtName(consentedAt), "Column Used Twice",
			fmt.Sprintf("The column %q is both %s and %s. The first one says yes or no, the second one since when: name two columns, or leave %s out.",
				says.ValueString(), consentField, consentedAt, consentedAt))
	}
	var matching types.Object
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("data_matching"), &matching)...)
	if phone := attributeOf[types.String](matching, "phone_number"); matching.IsUnknown() || !phone.IsNull() {
		return
	}
	for _, channel := range channelsOf(req.ConfigValue) {
		if channel.NeedsPhone() && slices.Contains(klaviyo.Channels(), channel) {
			resp.Diagnostics.AddAttributeError(req.Path.AtName(consentChannels), "Channel Without Phone Numbers",
				fmt.Sprintf("The channel %s needs phone numbers, and the export has none. Name their column in data_matching, as phone_number, or leave the channel out.", channel))
			return
		}
	}
}

// channelsOf returns the channels of a marketing_consent block in alphabetical order, as far as they are known.
func channelsOf(block types.Object) (channels []klaviyo.Channel) {
	set := attributeOf[types.Set](block, consentChannels)
	if set.IsNull() {
		return defaultChannels
	}
	for _, element := range set.Elements() {
		if name, ok := element.(types.String); ok && !name.IsUnknown() {
			channels = append(channels, klaviyo.Channel(name.ValueString()))
		}
	}
	slices.Sort(channels)
	return channels
}

// subscribes reports whether the export has a marketing_consent block; an unknown
// one counts.
func (m *segmentExportModel) subscribes() bool { return !m.MarketingConsent.IsNull() }

// onlyConsented reports whether rows that do not say yes are left out, as far as that
// is known.
func (m *segmentExportModel) onlyConsented() types.Bool {
	if m.MarketingConsent.IsUnknown() {
		return types.BoolUnknown()
	}
	return attributeOf[types.Bool](m.MarketingConsent, onlyConsented)
}

// hasConsentDates reports whether the rows say when people consented.
func (m *segmentExportModel) hasConsentDates() bool {
	return !attributeOf[types.String](m.MarketingConsent, consentedAt).IsNull()
}

// channels are the channels that people are subscribed to, as one text; empty without
// marketing_consent.
func (m *segmentExportModel) channels() string {
	if m.MarketingConsent.IsNull() || m.MarketingConsent.IsUnknown() {
		return ""
	}
	var names []string
	for _, channel := range channelsOf(m.MarketingConsent) {
		names = append(names, string(channel))
	}
	return strings.Join(names, ",")
}

// consentMapping says which columns tell who consents, nil without marketing_consent.
func (m *segmentExportModel) consentMapping() *profile.ConsentMapping {
	if !m.subscribes() {
		return nil
	}
	return &profile.ConsentMapping{
		Column:     attributeOf[types.String](m.MarketingConsent, consentField).ValueString(),
		DateColumn: attributeOf[types.String](m.MarketingConsent, consentedAt).ValueString(),
		Only:       m.onlyConsented().ValueBool(),
	}
}

// subscription says how people are subscribed, nil without marketing_consent.
func (m *segmentExportModel) subscription() *export.Subscription {
	if !m.subscribes() {
		return nil
	}
	return &export.Subscription{Channels: channelsOf(m.MarketingConsent), CustomSource: m.customSource()}
}

// customSource is where the consent comes from, in the words of the configuration.
func (m *segmentExportModel) customSource() string {
	if source := attributeOf[types.String](m.MarketingConsent, customSource); !source.IsNull() {
		return source.ValueString()
	}
	return m.DisplayName.ValueString()
}

package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

type segmentExportModel struct {
	DisplayName     types.String `tfsdk:"display_name"`
	Destination     types.Object `tfsdk:"destination"`
	ListID          types.String `tfsdk:"list_id"`
	Segments        types.List   `tfsdk:"segment"`
	SegmentProperty types.String `tfsdk:"segment_property"`
	DataMatching    types.Object `tfsdk:"data_matching"`
	Attributes      types.Object `tfsdk:"attributes"`
	Properties      types.Map    `tfsdk:"properties"`
	Property        types.List   `tfsdk:"property"`

	MarketingConsent types.Object `tfsdk:"marketing_consent"`

	Send          types.String `tfsdk:"send"`
	FullSendAfter types.String `tfsdk:"full_send_after"`
	SyncMode      types.String `tfsdk:"sync_mode"`
	RemovalScope  types.String `tfsdk:"removal_scope"`
	OptOuts       types.String `tfsdk:"opt_outs"`
	Enabled       types.Bool   `tfsdk:"enabled"`
	OnDestroy     types.String `tfsdk:"on_destroy"`
	RunOnApply    types.Bool   `tfsdk:"run_on_apply"`
	Triggers      types.Map    `tfsdk:"triggers"`
	RejectsPath   types.String `tfsdk:"rejects_path"`

	Schedule        types.Object   `tfsdk:"schedule"`
	Safeguards      types.Object   `tfsdk:"safeguards"`
	MembershipCheck types.String   `tfsdk:"membership_check"`
	PinToPlan       types.Bool     `tfsdk:"pin_to_plan"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`

	ID               types.String `tfsdk:"id"`
	Fingerprint      types.String `tfsdk:"fingerprint"`
	ProfileCount     types.Int64  `tfsdk:"profile_count"`
	RejectedCount    types.Int64  `tfsdk:"rejected_count"`
	DuplicateCount   types.Int64  `tfsdk:"duplicate_count"`
	FilteredCount    types.Int64  `tfsdk:"filtered_count"`
	UnconsentedCount types.Int64  `tfsdk:"unconsented_count"`
	WithheldCount    types.Int64  `tfsdk:"withheld_count"`
	ListName         types.String `tfsdk:"list_name"`
	ListProfileCount types.Int64  `tfsdk:"list_profile_count"`
	NextRunAt        types.String `tfsdk:"next_run_at"`
	LastRun          types.Object `tfsdk:"last_run"`
	Changes          types.Object `tfsdk:"changes"`
	LastFullSendAt   types.String `tfsdk:"last_full_send_at"`
}

type dataMatchingModel struct {
	Email       types.String `tfsdk:"email"`
	PhoneNumber types.String `tfsdk:"phone_number"`
	PhoneRegion types.String `tfsdk:"phone_region"`
	ExternalID  types.String `tfsdk:"external_id"`
}

type safeguardsModel struct {
	MaxRejectedPercent types.Int64 `tfsdk:"max_rejected_percent"`
	MaxRemovedPercent  types.Int64 `tfsdk:"max_removed_percent"`
	MaxProfiles        types.Int64 `tfsdk:"max_profiles"`
	AllowEmptySegment  types.Bool  `tfsdk:"allow_empty_segment"`
	AllowLiveFlows     types.Bool  `tfsdk:"allow_live_flows"`
	AllowConfirmation  types.Bool  `tfsdk:"allow_confirmation_mails"`
}

// sourceKnown reports whether everything is known that decides which profiles
// are sent.
func (m *segmentExportModel) sourceKnown(ctx context.Context) bool {
	return allKnown(ctx, m.Segments) && m.mappingKnown(ctx)
}

// mappingKnown reports whether it is known which columns fill what.
func (m *segmentExportModel) mappingKnown(ctx context.Context) bool {
	return allKnown(ctx, m.DataMatching, m.Attributes, m.Properties, m.Property, m.SegmentProperty, m.MarketingConsent)
}

// allKnown reports whether values and all that is in them are known.
func allKnown(ctx context.Context, values ...attr.Value) bool {
	for _, v := range values {
		if tf, err := v.ToTerraformValue(ctx); err != nil || !tf.IsFullyKnown() {
			return false
		}
	}
	return true
}

// source identifies which profiles are sent: segments and mapping as they are
// declared.
func (m *segmentExportModel) source() string {
	return fmt.Sprint(m.Segments, m.DataMatching, m.Attributes, m.Properties, m.Property, m.SegmentProperty, m.MarketingConsent)
}

// key identifies an export within a configuration: one of the same key sends the
// same people to the same list.
func (m *segmentExportModel) key() string { return m.ID.ValueString() + " " + m.source() }

// sourceDigest is source without what may be secret in it.
func (m *segmentExportModel) sourceDigest() string {
	sum := sha256.Sum256([]byte(m.source()))
	return hex.EncodeToString(sum[:])
}

// declared reports whether it is known which people are exported. After an import
// it is not.
func (m *segmentExportModel) declared() bool {
	return m.Segments.IsUnknown() || len(m.Segments.Elements()) > 0
}

// export is what the model declares. What is unknown is left out: ask
// sourceKnown and the attributes themselves.
func (m *segmentExportModel) export(ctx context.Context, diags *diag.Diagnostics) *export.Export {
	e := &export.Export{
		ListID: m.ListID.ValueString(), OptOuts: optOuts[m.OptOuts.ValueString()],
		Safeguards: m.safeguards(ctx, diags), RejectsPath: m.RejectsPath.ValueString(), Mirror: m.mirror(),
	}
	if d, ok := m.destination(ctx, diags); ok {
		e.Destination = d.destination(ctx, diags)
	}
	if m.declared() && m.sourceKnown(ctx) {
		e.Segments = m.segments(ctx, diags)
		e.Mapping = m.mapping(ctx, diags)
		e.SegmentProperty = m.SegmentProperty.ValueString()
		e.Subscription = m.subscription()
	}
	return e
}

// safeguards are those of the configuration, with what is unknown left open.
func (m *segmentExportModel) safeguards(ctx context.Context, diags *diag.Diagnostics) export.Safeguards {
	var s safeguardsModel
	switch {
	case m.Safeguards.IsUnknown():
		return export.Safeguards{MaxRejectedPercent: 100, MaxRemovedPercent: 100, AllowEmptySegment: true, AllowLiveFlows: true, AllowConfirmationMails: true}
	case !m.Safeguards.IsNull():
		diags.Append(m.Safeguards.As(ctx, &s, basetypes.ObjectAsOptions{})...)
	}
	return export.Safeguards{
		MaxRejectedPercent: percentOr(s.MaxRejectedPercent, export.DefaultMaxRejectedPercent),
		MaxRemovedPercent:  percentOr(s.MaxRemovedPercent, export.DefaultMaxRemovedPercent),
		MaxProfiles:        s.MaxProfiles.ValueInt64(),
		AllowEmptySegment:  s.AllowEmptySegment.ValueBool() || s.AllowEmptySegment.IsUnknown(),
		AllowLiveFlows:     s.AllowLiveFlows.ValueBool() || s.AllowLiveFlows.IsUnknown(),

		AllowConfirmationMails: s.AllowConfirmation.ValueBool() || s.AllowConfirmation.IsUnknown(),
	}
}

// percentOr is a limit in percent, or a default without one. What is not known yet
// limits nothing.
func percentOr(limit types.Int64, otherwise int64) int64 {
	switch {
	case limit.IsUnknown():
		return 100
	case limit.IsNull():
		return otherwise
	default:
		return limit.ValueInt64()
	}
}

func (m *segmentExportModel) mapping(ctx context.Context, diags *diag.Diagnostics) profile.Mapping {
	var matching dataMatchingModel
	diags.Append(m.DataMatching.As(ctx, &matching, basetypes.ObjectAsOptions{})...)
	out := profile.Mapping{
		Email:       matching.Email.ValueString(),
		PhoneNumber: matching.PhoneNumber.ValueString(),
		PhoneRegion: matching.PhoneRegion.ValueString(),
		ExternalID:  matching.ExternalID.ValueString(),
		Attributes:  map[string]string{},
		Location:    map[string]string{},
		Properties:  m.properties(ctx, diags),
		Consent:     m.consentMapping(),
	}
	addColumns(out.Attributes, m.Attributes)
	addColumns(out.Location, attributeOf[types.Object](m.Attributes, "location"))
	return out
}

// addColumns adds the columns that a block names.
func addColumns(columns map[string]string, block types.Object) {
	for name, value := range block.Attributes() {
		if column, ok := value.(types.String); ok && !column.IsNull() {
			columns[name] = column.ValueString()
		}
	}
}

// setSurvey takes over what the survey found, where that was not planned.
func (m *segmentExportModel) setSurvey(s *export.Survey) {
	m.Fingerprint = types.StringValue(s.Fingerprint)
	m.ProfileCount = types.Int64Value(s.Profiles)
	m.RejectedCount = types.Int64Value(s.Rejected.Total)
	m.DuplicateCount = types.Int64Value(s.Duplicates)
	m.FilteredCount = types.Int64Value(s.Filtered)
	m.UnconsentedCount = types.Int64Null()
	if m.onlyConsented().ValueBool() {
		m.UnconsentedCount = types.Int64Value(s.Unconsented)
	}
}

// keepSurvey takes the counts of another model.
func (m *segmentExportModel) keepSurvey(from *segmentExportModel) {
	m.Fingerprint, m.ProfileCount = from.Fingerprint, from.ProfileCount
	m.RejectedCount, m.DuplicateCount = from.RejectedCount, from.DuplicateCount
	m.FilteredCount = from.FilteredCount
	m.UnconsentedCount = from.UnconsentedCount
}

// forgetSurvey leaves the counts to apply.
func (m *segmentExportModel) forgetSurvey() {
	m.Fingerprint, m.ProfileCount = types.StringUnknown(), types.Int64Unknown()
	m.RejectedCount, m.DuplicateCount = types.Int64Unknown(), types.Int64Unknown()
	m.FilteredCount = types.Int64Unknown()
	m.UnconsentedCount = types.Int64Null()
	if only := m.onlyConsented(); only.IsUnknown() || only.ValueBool() || m.Enabled.IsUnknown() {
		m.UnconsentedCount = types.Int64Unknown()
	}
}

// keepRun takes what the last run did from another model.
func (m *segmentExportModel) keepRun(from *segmentExportModel) {
	m.LastRun, m.WithheldCount = from.LastRun, from.WithheldCount
	m.Changes, m.LastFullSendAt = from.Changes, from.LastFullSendAt
}

// forgetRun leaves it to apply whether there is a run.
func (m *segmentExportModel) forgetRun() {
	m.LastRun, m.WithheldCount = types.ObjectUnknown(runType()), types.Int64Unknown()
	m.Changes, m.LastFullSendAt = types.ObjectUnknown(changesType()), types.StringUnknown()
	m.ListProfileCount = types.Int64Unknown()
}

// forgetList leaves what is computed from the list to apply.
func (m *segmentExportModel) forgetList() {
	m.ListName, m.ListProfileCount = types.StringUnknown(), types.Int64Unknown()
}

// noRun is a model that never ran.
func noRun() *segmentExportModel {
	return &segmentExportModel{LastRun: types.ObjectNull(runType()), Changes: types.ObjectNull(changesType())}
}

// inputs are what the model would run with, as far as it is known. e is the
// export that is planned; its account is that of the destination.
func (m *segmentExportModel) inputs(e *export.Export) due.Inputs {
	account := e.Destination.AccountID
	if known, _, ok := strings.Cut(m.ID.ValueString(), "/"); ok {
		account = known
	}
	inputs := due.Inputs{
		List:     due.List{AccountID: account, ListID: m.ListID.ValueString()},
		SyncMode: m.SyncMode.ValueString(), OptOuts: m.OptOuts.ValueString(), Channels: m.channels(), Triggers: map[string]string{},
	}
	if m.mirror() == export.MirrorAll {
		inputs.Removes = removeAll
	}
	for name, value := range m.Triggers.Elements() {
		if v, ok := value.(types.String); ok && !v.IsUnknown() {
			inputs.Triggers[name] = v.ValueString()
		}
	}
	return inputs
}

// setID fills in the id once account and list are known.
func (m *segmentExportModel) setID(e *export.Export) {
	m.ID = types.StringUnknown()
	if e.Destination.AccountID != "" && e.ListID != "" {
		m.ID = types.StringValue(e.Destination.AccountID + "/" + e.ListID)
	}
}

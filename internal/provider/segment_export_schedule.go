package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/schedule"
)

type scheduleModel struct {
	Cron     types.String `tfsdk:"cron"`
	Timezone types.String `tfsdk:"timezone"`
}

func scheduleBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "Times at which a run becomes due. A run is due if one of these times lies between the last run and now. Something else, such as a pipeline, must run Terraform.",
		Validators:          []validator.Object{blockNeeds{"schedule", "cron", `"0 6 * * *"`}},
		Attributes: map[string]schema.Attribute{
			"cron": schema.StringAttribute{
				MarkdownDescription: "Required. Times as a cron expression of five fields (minute, hour, day of month, month, day of week), such as `0 6 * * 1-5`; or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. A range cannot run backwards: Friday to Monday is `5-7,1`. " +
					"If both day of month and day of week are given, a day that matches either of them counts. A time that daylight saving skips is due right after the change; a time that occurs twice is due once.",
				Optional:   true,
				Validators: []validator.String{cronExpression},
			},
			"timezone": schema.StringAttribute{
				MarkdownDescription: "Time zone of `cron`, an IANA name such as `Europe/Madrid`. Defaults to `UTC`.",
				Optional:            true,
				Validators:          []validator.String{timezoneName},
			},
		},
	}
}

// schedule returns the schedule of the export. ok is false without one, and while it
// is unknown.
func (m *segmentExportModel) schedule(ctx context.Context, diags *diag.Diagnostics) (s schedule.Schedule, ok bool) {
	if m.Schedule.IsNull() || m.Schedule.IsUnknown() {
		return s, false
	}
	var declared scheduleModel
	diags.Append(m.Schedule.As(ctx, &declared, basetypes.ObjectAsOptions{})...)
	if declared.Cron.IsUnknown() || declared.Timezone.IsUnknown() {
		return s, false
	}
	s, err := schedule.Parse(declared.Cron.ValueString(), declared.Timezone.ValueString())
	if err != nil { // reported by validation
		return s, false
	}
	return s, true
}

// scheduleKnown reports whether it is known when the export is due.
func (m *segmentExportModel) scheduleKnown(ctx context.Context) bool {
	return allKnown(ctx, m.Schedule)
}

// tick is when the schedule made a run due since the last one, zero if it did not.
func (m *segmentExportModel) tick(ctx context.Context, last lastRun, now time.Time, diags *diag.Diagnostics) time.Time {
	s, ok := m.schedule(ctx, diags)
	if !ok {
		return time.Time{}
	}
	tick, ok := s.Due(last.startedAt(), now)
	if !ok {
		return time.Time{}
	}
	return tick
}

// setNextRun sets when the schedule makes the next run due.
func (m *segmentExportModel) setNextRun(ctx context.Context, diags *diag.Diagnostics) {
	m.NextRunAt = types.StringNull()
	if !m.scheduleKnown(ctx) || m.LastRun.IsUnknown() || m.Enabled.IsUnknown() {
		m.NextRunAt = types.StringUnknown()
		return
	}
	s, ok := m.schedule(ctx, diags)
	last := m.lastRun()
	if !ok || last == nil {
		return
	}
	if last.text(runStartedAt).IsUnknown() {
		m.NextRunAt = types.StringUnknown()
		return
	}
	if tick := s.Next(last.startedAt()); !tick.IsZero() {
		m.NextRunAt = types.StringValue(tick.UTC().Format(time.RFC3339))
	}
}

var (
	// cronExpression accepts cron expressions that fire at some time.
	cronExpression = stringRule{"must be a cron expression of five fields", "Cron Expression Not Usable", func(expression string) string {
		if err := schedule.CheckCron(expression); err != nil {
			return fmt.Sprintf("The cron expression %q cannot be used: %s.", expression, err)
		}
		return ""
	}}

	// timezoneName accepts names of time zones.
	timezoneName = stringRule{"must be the IANA name of a time zone", "Time Zone Not Known", func(name string) string {
		if _, err := schedule.ParseTimezone(name); err != nil {
			return fmt.Sprintf("The time zone %q cannot be used: %s.", name, err)
		}
		return ""
	}}
)

package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// runAttribute is an attribute of last_run. Exactly one of text and count is set;
// it takes the value from a run that is over. A negative count is not known.
type runAttribute struct {
	name, description string
	text              func(run completedRun) string
	count             func(run completedRun) int64
}

// completedRun is a run that is over, and why it was made.
type completedRun struct {
	*export.Result
	reason string
}

// The attributes of last_run that decisions depend on.
const (
	runID               = "id"
	runReason           = "reason"
	runStatus           = "status"
	runStartedAt        = "started_at"
	runCompletedAt      = "completed_at"
	runFingerprint      = "fingerprint"
	runSubmitted        = "profiles_submitted"
	runUnconfirmed      = "profiles_unconfirmed"
	runSubscribed       = "profiles_subscribed"
	runListProfileCount = "list_profile_count"
)

// runAttributes are all attributes of last_run: its schema, its type and its values
// are made from them.
var runAttributes = []runAttribute{
	{
		name: runID, description: "Id of the run. The log has it too.",
		text: func(run completedRun) string { return run.ID },
	},
	{
		name: runReason, description: "Why the run was due.",
		text: func(run completedRun) string { return run.reason },
	},
	{
		name: runStatus, description: "`succeeded`. `partial`: Klaviyo refused some profiles or consents, or did not confirm them; or a mirror could not find out who left the segments. `" + statusNotSubscribed + "`: the API key lacks the scope `subscriptions:write`, so the profiles were imported and nobody was subscribed. Rejected rows do not change the status.",
		text: completedRun.status,
	},
	{
		name: runStartedAt, description: "When the run began, RFC 3339 in UTC.",
		text: func(run completedRun) string { return run.StartedAt.Format(time.RFC3339) },
	},
	{
		name: runCompletedAt, description: "When the run and its import jobs were complete, RFC 3339 in UTC.",
		text: func(run completedRun) string { return run.CompletedAt.Format(time.RFC3339) },
	},
	{
		name: runFingerprint, description: "Hash of the profiles that the segments held during the run.",
		text: func(run completedRun) string { return run.Fingerprint },
	},
	{
		name: runSubmitted, description: "Number of profiles that were sent to Klaviyo.",
		count: func(run completedRun) int64 { return run.Submitted() },
	},
	{
		name: "profiles_failed", description: "Number of sent profiles that Klaviyo refused.",
		count: func(run completedRun) int64 { return run.Failed() },
	},
	{
		name: "rows_rejected", description: "Number of rejected rows, such as those without a valid email address.",
		count: func(run completedRun) int64 { return run.Rejected.Total },
	},
	{
		name: runUnconfirmed, description: "Number of sent profiles that Klaviyo counted neither as imported nor as failed. They make the next run due. All sent profiles that are neither these nor `profiles_failed` were imported.",
		count: func(run completedRun) int64 { return run.Unconfirmed.Total() },
	},
	{
		name: runListProfileCount, description: "Number of members of the list after the run. With `membership_check = \"" + membershipCount + "\"`, a run is due if the list has fewer members later and the missing people did not opt out.",
		count: func(run completedRun) int64 { return run.ListProfileCount },
	},
	{
		name: "sent", description: "What the run sent: `" + due.SendEverything + "`, or `" + due.SendChanges + "` since the last run.",
		text: completedRun.sent,
	},
	{
		name: "profiles_added", description: "Number of profiles that the run sent because they were new in the segments. Null if all profiles were sent.",
		count: func(run completedRun) int64 { return run.ofChanges(run.Added) },
	},
	{
		name: "profiles_updated", description: "Number of profiles that the run sent because their values or segments had changed. Null if all profiles were sent.",
		count: func(run completedRun) int64 { return run.ofChanges(run.Updated) },
	},
	{
		name: "profiles_removed", description: "Number of members that the run removed from the list.",
		count: func(run completedRun) int64 { return run.Removed },
	},
	{
		name: "rows_filtered", description: "Number of rows of the sources that `where` excluded from the segments.",
		count: func(run completedRun) int64 { return run.Filtered },
	},
	{
		name: runSubscribed, description: "Number of people whom the run subscribed. Null without `" + consentArgument + "`.",
		count: func(run completedRun) int64 { return run.ofConsents(run.Subscriptions.Subscribed) },
	},
	{
		name: "profiles_pending", description: "Number of people whom Klaviyo has asked for a confirmation, because the list has double opt-in. They make no run due. Null without `" + consentArgument + "`.",
		count: func(run completedRun) int64 { return run.ofConsents(run.Subscriptions.Pending) },
	},
	{
		name: "profiles_unconsented", description: "Number of rows that were not exported because their `" + consentField + "` does not say yes. 0 without `" + onlyConsented + "`, null without `" + consentArgument + "`.",
		count: func(run completedRun) int64 { return run.ofConsents(run.Unconsented) },
	},
	{
		name: "jobs", description: "Number of import jobs in Klaviyo.",
		count: func(run completedRun) int64 { return run.Jobs },
	},
}

// sent is what a run sent.
func (run completedRun) sent() string {
	if run.Everything {
		return due.SendEverything
	}
	return due.SendChanges
}

// ofChanges is a count that is known of a run that sent only changes.
func (run completedRun) ofChanges(count int64) int64 {
	if run.Everything {
		return -1
	}
	return count
}

// ofConsents is a count that is known of a run that read consents.
func (run completedRun) ofConsents(count int64) int64 {
	if run.Consents == nil {
		return -1
	}
	return count
}

// statusNotSubscribed is the status of a run with a key that may not subscribe anybody.
const statusNotSubscribed = "not_subscribed"

// status sums a run up.
func (run completedRun) status() string {
	if run.Subscriptions.Denied != nil {
		return statusNotSubscribed
	}
	if run.Failed() > 0 || run.Subscriptions.Refused.Total > 0 || run.Subscriptions.Unconfirmed > 0 || run.Unconfirmed.Total() > 0 || run.LeaversUnknown {
		return "partial"
	}
	return "succeeded"
}

// lastRunSchema returns the schemas of the attributes of last_run.
func lastRunSchema() map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(runAttributes))
	for _, a := range runAttributes {
		if a.count != nil {
			attributes[a.name] = computedInt64(a.description)
		} else {
			attributes[a.name] = computedString(a.description)
		}
	}
	return attributes
}

// runType returns the type of last_run.
func runType() map[string]attr.Type {
	kinds := make(map[string]attr.Type, len(runAttributes))
	for _, a := range runAttributes {
		if a.count != nil {
			kinds[a.name] = types.Int64Type
		} else {
			kinds[a.name] = types.StringType
		}
	}
	return kinds
}

// lastRun is a value of last_run, or of the data source of runs.
type lastRun map[string]attr.Value

// makeRun fills each attribute of last_run.
func makeRun(text func(runAttribute) types.String, count func(runAttribute) types.Int64) lastRun {
	run := make(lastRun, len(runAttributes))
	for _, a := range runAttributes {
		if a.count != nil {
			run[a.name] = count(a)
		} else {
			run[a.name] = text(a)
		}
	}
	return run
}

// finishedRun is a run that is over.
func finishedRun(reason string, r *export.Result) lastRun {
	run := completedRun{r, reason}
	return makeRun(
		func(a runAttribute) types.String { return types.StringValue(a.text(run)) },
		func(a runAttribute) types.Int64 { return countOrNull(a.count(run)) },
	)
}

// plannedRun is a run that is due, with nothing known but its reason. The reason is
// not known either if it is empty.
func plannedRun(reason string) lastRun {
	run := makeRun(
		func(runAttribute) types.String { return types.StringUnknown() },
		func(runAttribute) types.Int64 { return types.Int64Unknown() },
	)
	if reason != "" {
		run[runReason] = types.StringValue(reason)
	}
	return run
}

// nullRun has no value in any attribute.
func nullRun() lastRun {
	return makeRun(
		func(runAttribute) types.String { return types.StringNull() },
		func(runAttribute) types.Int64 { return types.Int64Null() },
	)
}

// object is the run as Terraform stores it.
func (run lastRun) object() types.Object { return types.ObjectValueMust(runType(), run) }

// text returns the value of a text attribute, null if the run has none.
func (run lastRun) text(name string) types.String {
	value, _ := run[name].(types.String)
	return value
}

// count returns the value of a number attribute, null if the run has none.
func (run lastRun) count(name string) types.Int64 {
	value, _ := run[name].(types.Int64)
	return value
}

// startedAt is when the run began, zero if that is not known.
func (run lastRun) startedAt() time.Time {
	at, _ := time.Parse(time.RFC3339, run.text(runStartedAt).ValueString())
	return at
}

// completedAt is when the run was over, zero if that is not known.
func (run lastRun) completedAt() time.Time {
	at, _ := time.Parse(time.RFC3339, run.text(runCompletedAt).ValueString())
	return at
}

// completedSince reports whether the run completed at or after a time, to the
// second.
func (run lastRun) completedSince(t time.Time) bool {
	completed := run.completedAt()
	return !completed.IsZero() && !completed.Before(t.Truncate(time.Second))
}

// lastRun is the last run of the export, nil if there was none or if it is not
// known whether there will have been one.
func (m *segmentExportModel) lastRun() lastRun {
	if m.LastRun.IsNull() || m.LastRun.IsUnknown() {
		return nil
	}
	return m.LastRun.Attributes()
}

// countOrNull is null for a count that is not known.
func countOrNull(count int64) types.Int64 {
	if count < 0 {
		return types.Int64Null()
	}
	return types.Int64Value(count)
}

package provider

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// estimate says how many jobs and how much time a run takes at least that sends and
// subscribes so many people.
func estimate(sends, subscribes int64) string {
	var parts []string
	if sends > 0 {
		parts = append(parts, tally.Count(export.Jobs(sends), "import job"))
	} else {
		parts = append(parts, "nothing to send")
	}
	if subscribes > 0 {
		parts = append(parts, countPeople(subscribes, "to subscribe", "to subscribe"))
	}
	if sends+subscribes > 0 {
		parts = append(parts, max(export.Shortest(sends)+export.ShortestToSubscribe(subscribes), time.Second).String()+" at best")
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

const rowsCounted = "Rows are counted from the first one after the header."

// name is the display name of the export, for the summary of a warning. Terraform
// shows only the first of several warnings with one summary.
func (m *segmentExportModel) name() string {
	if m.DisplayName.ValueString() == "" {
		return "list " + m.ListID.ValueString()
	}
	return redact.Line(m.DisplayName.ValueString())
}

// warnToExport warns of the counts where the plan cannot show them. sends is how many
// of the profiles will be sent, and subscribes how many subscribed at most. later says
// what is sent if the segments change until then.
func warnToExport(diags *diag.Diagnostics, name string, s *export.Survey, sends, subscribes int64, later string) {
	more := filteredRows(s)
	if sends < s.Profiles {
		more += fmt.Sprintf("Since the last run %s; only these are sent. ", tally.CountWith(sends, "profile", "was added or updated", "were added or updated"))
	}
	diags.AddAttributeWarning(path.Root(segmentArgument), fmt.Sprintf("%s To Export: %s", tally.Count(s.Profiles, "Profile"), name),
		fmt.Sprintf("%s %s, from %s: %s, and %s that cannot be exported. %sThis is what the segments hold now. %s",
			tally.Count(s.Profiles, "profile"), estimate(sends, subscribes), tally.Count(s.Rows, "row"), tally.Count(s.Duplicates, "duplicate"), tally.Count(s.Rejected.Total, "row"), more, later))
}

// ifChanged says what apply does if the segments change until then.
func (m *segmentExportModel) ifChanged() string {
	switch {
	case m.PinToPlan.IsUnknown():
		return "Apply exports what they hold then, unless pin_to_plan is true."
	case m.PinToPlan.ValueBool():
		return "Because of pin_to_plan = true, apply fails if they hold something else then."
	default:
		return "Apply exports what they hold then. To export only what was planned, set pin_to_plan = true."
	}
}

// filteredRows says how many rows are in no segment, in a sentence with a space after
// it; nothing if there are none.
func filteredRows(s *export.Survey) string {
	if s.Filtered == 0 {
		return ""
	}
	return tally.CountWith(s.Filtered, "more row", "is left out by where", "are left out by where") + ". "
}

// warnRows warns of rows and values that are not sent.
func warnRows(diags *diag.Diagnostics, name string, s *export.Survey) {
	if s.Rejected.Total > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), fmt.Sprintf("%s Not Exported: %s", tally.Count(s.Rejected.Total, "Row"), name),
			fmt.Sprintf("Rows that cannot be exported are skipped: %s of %s, %s.\n%s%s", tally.Thousands(s.Rejected.Total), tally.Count(s.Rows, "row"),
				tally.Percent(s.Rejected.Total, s.Rows), s.Rejected.String(), rowsCounted))
	}
	warnConsents(diags, name, s)
	if s.Dropped.Total > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), fmt.Sprintf("%s Left Out: %s", tally.Count(s.Dropped.Total, "Value"), name),
			"Some profiles are exported without a value that cannot be read or that Klaviyo would refuse:\n"+s.Dropped.String()+
				"Correct these values. on_invalid of a property says what happens to values that are not of its type. "+rowsCounted)
	}
	if s.Doubtful.Total > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), fmt.Sprintf("%s To Check: %s", tally.Count(s.Doubtful.Total, "Value"), name),
			"Some values are exported, but may not be what is meant:\n"+s.Doubtful.String()+rowsCounted)
	}
	warnShared(diags, name, s)
	if len(s.Notices) > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), "What Was Read: "+name, strings.Join(s.Notices, "\n"))
	}
}

// warnShared warns of identifiers that several addresses have, a warning for each.
func warnShared(diags *diag.Diagnostics, name string, s *export.Survey) {
	for _, r := range s.Shared.Reasons() {
		noun := "External Id"
		if r.Target.Name == "phone_number" {
			noun = "Phone Number"
		}
		diags.AddAttributeWarning(path.Root(segmentArgument), fmt.Sprintf("%s Shared: %s", tally.Count(r.Count, noun), name),
			"Profiles with different email addresses have the same "+strings.ToLower(noun)+". Klaviyo would merge them into one, so they are exported without it: "+
				r.Rows()+".\nCorrect the column that "+r.Target.String()+" names, or leave the argument out. "+rowsCounted)
	}
}

// warnChanged warns that a run exported something else than was planned. planned is
// unknown if the plan did not know the fingerprint.
func warnChanged(diags *diag.Diagnostics, name string, planned types.String, profiles types.Int64, r *export.Result) {
	if planned.IsUnknown() || planned.IsNull() || planned.ValueString() == r.Fingerprint {
		return
	}
	diags.AddAttributeWarning(path.Root(segmentArgument), "Segment Changed Since The Plan: "+name,
		fmt.Sprintf("The plan was made for %s, but the segments changed before it was applied. Apply exported what they held then: %s from %s, with %s and %s that could not be exported. %s"+
			"The counts of the export are those of the plan until the next refresh; last_run has those of the run. Set pin_to_plan = true to export only what was planned.",
			tally.Count(profiles.ValueInt64(), "profile"), tally.Count(r.Profiles, "profile"), tally.Count(r.Rows, "row"), tally.Count(r.Duplicates, "duplicate"), tally.Count(r.Rejected.Total, "row"), filteredRows(&r.Survey)))
	warnRows(diags, name, &r.Survey)
}

// warnLost warns that a run sends everything although that was not planned, since the
// list has lost members.
func warnLost(diags *diag.Diagnostics, name string, members int64) {
	diags.AddAttributeWarning(path.Root("list_id"), "Everything Was Sent: "+name,
		fmt.Sprintf("The list has lost %s since the last run, which the plan did not know. It is not known who is missing, so all profiles of the segments were sent, and not only those that had changed. There is nothing to do.",
			tally.Count(members, "member")))
}

// longWait is how long a plan may wait for Klaviyo's limit without a warning.
const longWait = 10 * time.Second

// warnWaiting warns that counting the members of a list had to wait. Terraform shows
// warnings with the same summary as one, with their number.
func warnWaiting(diags *diag.Diagnostics, name string, waited time.Duration) {
	if waited < longWait {
		return
	}
	diags.AddAttributeWarning(path.Root("membership_check"), "Waited To Count The Members Of A List",
		fmt.Sprintf("The refresh of the export %q waited %s, because Klaviyo counts the members of lists only 15 times a minute, for all users of the account together, and membership_check = \"%s\" needs a count for each export and plan. "+
			"With many exports set membership_check = \"%s\", which looks up a hundred people of the segment instead, or \"%s\".",
			name, waited.Round(time.Second), membershipCount, membershipSample, membershipNone))
}

// warnRateLimit warns that the requests of a plan have waited for Klaviyo's limits.
func warnRateLimit(diags *diag.Diagnostics, name string, waited time.Duration) {
	if waited < longWait {
		return
	}
	diags.AddWarning("Waited For Klaviyo's Rate Limit: "+name,
		fmt.Sprintf("Requests for this export waited %s, since Klaviyo limits the requests of an account and something else uses it, too: another plan, another integration. "+
			"Nothing is wrong and nothing is missing.", waited.Round(time.Second)))
}

// warnShort warns that fewer people are on the list than Klaviyo acknowledged.
func warnShort(diags *diag.Diagnostics, name string, r *export.Result) {
	if r.Short == 0 {
		return
	}
	acknowledged := r.ListProfileCount + r.Short
	diags.AddAttributeWarning(path.Root("list_id"), "Fewer Members Than Exported: "+name,
		fmt.Sprintf("In this run and before, Klaviyo acknowledged %s of people who did not opt out. But after the run the list %q has %s, %s fewer. "+
			"There are three usual causes: Klaviyo merged profiles that share a phone number or an external id; it takes several addresses for one person; or somebody removed people from the list or deleted them. "+
			"Look for them in Klaviyo, in the list and in the log of merged profiles; membership_check = \"%s\" tells with each plan how many people of the segments are missing on the list. To send everybody once more, change one of the triggers.",
			tally.Count(acknowledged, "profile"), r.ListName, tally.Count(r.ListProfileCount, "member"), tally.Thousands(r.Short), membershipFull))
}

// countPeople is a number of people with what agrees with it: "1 person is" or
// "12 people are".
func countPeople(n int64, one, many string) string {
	if n == 1 {
		return "1 person " + one
	}
	return tally.Thousands(n) + " people " + many
}

// warnAbsent warns of people who are not on the list since they opted out, and whom a
// planned run does not put back.
func warnAbsent(diags *diag.Diagnostics, name string, who export.OptOutCounts) {
	if n := who.Total(); n > 0 {
		diags.AddAttributeWarning(path.Root("opt_outs"), "People Who Opted Out: "+name,
			fmt.Sprintf("%s in the segments but not on the list, because they opted out: %s. The run does not put them back.", countPeople(n, "is", "are"), who))
	}
}

// warnWithheld warns of people whom a run withheld.
func warnWithheld(diags *diag.Diagnostics, name string, r *export.Result) {
	if n := r.Withheld; n > 0 {
		diags.AddAttributeWarning(path.Root("opt_outs"), "People Withheld: "+name,
			fmt.Sprintf("%s withheld: %s. They are neither put on the list %q nor updated. The argument opt_outs says which opt-outs count.",
				countPeople(n, "was", "were"), r.OptOuts, r.ListName))
	}
}

// warnUntaken warns of profiles that Klaviyo could not take for now.
func warnUntaken(diags *diag.Diagnostics, name string, r *export.Result) {
	if r.Untaken.Total == 0 {
		return
	}
	them := "them"
	if r.Untaken.Total == 1 {
		them = "it"
	}
	diags.AddAttributeWarning(path.Root(segmentArgument), "Profiles That Klaviyo Could Not Take: "+name,
		fmt.Sprintf("%s, because of trouble on Klaviyo's side or for a reason that is about no value of the row. The run sent those that Klaviyo named several times:\n%s"+
			"The next plan shows a run of the export as due, which sends %s again; a run on demand is to be requested again. %s",
			tally.CountWith(r.Untaken.Total, "profile", "was not taken", "were not taken"), r.Untaken.String(), them, rowsCounted))
}

// warnResult warns of who was withheld, of who is not on the list all the same, and of
// what Klaviyo refused or did not confirm.
func warnResult(diags *diag.Diagnostics, name string, used *access, r *export.Result) {
	warnWithheld(diags, name, r)
	warnSubscriptions(diags, name, used, r)
	warnShort(diags, name, r)
	if r.Refused.Total > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), "Profiles That Klaviyo Refused: "+name,
			fmt.Sprintf("Klaviyo took %s of %s. It refused:\n%sCorrect these rows in the source: that makes a run due. Without a change they make no run due, but every later run tries them again. %s",
				tally.Thousands(r.Exported), tally.Count(r.Submitted(), "profile"), r.Refused.String(), rowsCounted))
	}
	warnUntaken(diags, name, r)
	if r.LeaversUnknown {
		diags.AddAttributeWarning(path.Root("sync_mode"), "Nobody Was Removed From The List: "+name,
			fmt.Sprintf("All profiles were sent, but so much has changed since the last run that it is not known which members of the list %q left the segments. "+
				"They stay on the list, and later runs do not find them either. To take everybody off who is in none of the segments, whoever put them there, set removal_scope = \"all\". "+
				"If only some of them are to go, take them off in Klaviyo. To prevent this, let the segments change in smaller steps.", r.ListName))
	}
	if r.Unconfirmed.Total() > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), "Profiles That Klaviyo Did Not Confirm: "+name,
			fmt.Sprintf("Klaviyo finished its jobs, but counted %s of %s neither as imported nor as failed, so it is not known whether they arrived:\n%s"+
				"Sending them again adds what is missing and changes nothing else: the next plan shows a run of the export as due, and a run on demand is to be requested again. "+
				"If the same happens then, ask Klaviyo's support about these jobs. %s",
				tally.Thousands(r.Unconfirmed.Total()), tally.Count(r.Submitted(), "profile"), r.Unconfirmed.String(), rowsCounted))
	}
	if r.Unwanted.Total > 0 {
		diags.AddAttributeWarning(path.Root(segmentArgument), "Values That Klaviyo Refused: "+name,
			"Some profiles were exported without a value that Klaviyo refused:\n"+r.Unwanted.String()+rowsCounted)
	}
}

package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

var consentPath = path.Root(consentArgument)

// warnConfirmations warns of how many people a run has Klaviyo ask for a confirmation.
func warnConfirmations(diags *diag.Diagnostics, name string, list klaviyo.List, people int64) {
	diags.AddAttributeWarning(consentPath, fmt.Sprintf("Up To %s Will Be Asked To Confirm: %s", tally.Count(people, "Profile"), name),
		fmt.Sprintf("The list %q has double opt-in, and %s is not set: Klaviyo sends a message to each person whom the run subscribes, %s at most, and nobody is subscribed before answering it. "+
			"People who are subscribed already, or opted out, get no message.", list.Name, consentedAt, tally.Thousands(people)))
}

// warnConsents warns of people who say yes and cannot be subscribed, and of rows that are
// left out because they do not say yes.
func warnConsents(diags *diag.Diagnostics, name string, s *export.Survey) {
	if s.Consents != nil && s.Consents.Faults.Total > 0 {
		diags.AddAttributeWarning(consentPath, fmt.Sprintf("%s Of No Use: %s", tally.Count(s.Consents.Faults.Total, "Consent"), name),
			"Some people say yes to marketing and cannot be subscribed. They are exported like those who do not say yes:\n"+s.Consents.Faults.String()+rowsCounted)
	}
	if s.Unconsented > 0 {
		diags.AddAttributeWarning(consentPath, fmt.Sprintf("%s Without Consent: %s", tally.Count(s.Unconsented, "Row"), name),
			fmt.Sprintf("With %s = true, %s not exported because the column %s of %s does not say yes.",
				onlyConsented, tally.CountWith(s.Unconsented, "row", "is", "are"), consentField, consentArgument))
	}
}

// warnSubscriptions warns of people whom a run was to subscribe and did not.
func warnSubscriptions(diags *diag.Diagnostics, name string, used *access, r *export.Result) {
	s := &r.Subscriptions
	warn := func(summary, detail string) { diags.AddAttributeWarning(consentPath, summary+": "+name, detail) }
	if s.Denied != nil {
		warn("Nobody Was Subscribed", detailOf(used.blame(s.Denied)))
	}
	if s.OptedOut > 0 {
		warn("People Not Subscribed", fmt.Sprintf("%s yes to marketing in the segments, but opted out in Klaviyo. Nobody who opted out is subscribed again, unless the row has a date of consent after the opt-out.",
			countPeople(s.OptedOut, "says", "say")))
	}
	if s.Refused.Total > 0 {
		warn("Consent That Klaviyo Refused", fmt.Sprintf("All profiles were imported, but Klaviyo subscribed %s of %s to no channel:\n%s"+
			"They are not tried again until the consent of the row changes. %s", tally.Thousands(s.Refused.Total), tally.Count(s.News, "profile"), s.Refused.String(), rowsCounted))
	}
	if s.Partly.Total > 0 {
		warn("Channels That Klaviyo Refused", "Some people were subscribed, but not to all channels:\n"+s.Partly.String()+rowsCounted)
	}
	for _, field := range slices.Sorted(maps.Keys(s.Dropped)) {
		noun := strings.ReplaceAll(field, "_", " ")
		warn(fmt.Sprintf("Values That Klaviyo Left Out (%s)", field), fmt.Sprintf("In its answers to %s to subscribe up to %s people each, Klaviyo says that it has left out the %s of some of them, but not of whom. "+
			"These people are not subscribed to channels that need it: check the column.", tally.Count(s.Dropped[field], "request"), tally.Thousands(klaviyo.MaxSubscribers), noun))
	}
	if s.Unconfirmed > 0 {
		warn("Subscriptions Not Confirmed By Klaviyo", fmt.Sprintf("The answer to a request to subscribe %s was lost. Klaviyo may have asked them for a confirmation, so the request is not repeated. "+
			"To have them asked once more, change the consent in their rows.", tally.Count(s.Unconfirmed, "profile")))
	}
}

// detailOf is the detail that an error has as a diagnostic.
func detailOf(err error) string {
	var found diag.Diagnostics
	addError(&found, err)
	var details []string
	for _, d := range found {
		details = append(details, d.Detail())
	}
	return strings.Join(details, " ")
}

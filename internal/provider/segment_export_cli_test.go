package provider

import "testing"

// What is not exported is said in warnings: before, what cannot be; after, what
// Klaviyo did not take.
func TestAccSegmentExport_warnings(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.RefuseEmail("bob@example.com", "invalid", "Invalid email address")
	w.FailEmail("eve@example.com", "blocked", "The profile is blocked")
	w.RefusePhone("+12125550123", "invalid", "Phone number is valid but is not in a supported region for this account.")
	config := w.export("EMail,FirstName,Phone\nann@example.com,Ann,+1 212 555 0123\nbob@example.com,Bob,\neve@example.com,Eve,12\n"+
		"joe@example.com,Joe,,x\nnobody,Nobody,\nkim@example.com,Kim,,y\n").
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`)).
		with(exportBlock, "safeguards", halfRejected)
	c := newCLI(t, config, envAPIKey+"=")

	plan, err := c.try("plan", "-no-color", "-input=false", "-out=plan.bin")
	if err != nil {
		t.Fatalf("%s\n%s", err, plan)
	}
	for _, words := range []string{
		"Warning: 3 Profiles To Export: VIP customers to Klaviyo",
		"3 profiles (1 import job, 1s at best), from 6 rows: 0 duplicates, and 3 rows that cannot be exported.",
		"Warning: 3 Rows Not Exported: VIP customers to Klaviyo",
		"Rows that cannot be exported are skipped: 3 of ",
		"the row has more than the 3 fields that the header has: 2 rows (4, 6 of vip)",
		"the email address is not valid: 1 row (5 of vip)",
		"Warning: 1 Value Left Out: VIP customers to Klaviyo",
		"data_matching.phone_number is not a phone number that exists (one without + needs phone_region): 1 row (3 of vip)",
		"Rows are counted from the first one after the header.",
		`reason = "first run"`,
	} {
		c.wantWords(plan, words)
	}
	apply, err := c.try("apply", "-no-color", "-input=false", "plan.bin")
	if err != nil {
		t.Fatalf("%s\n%s", err, apply)
	}
	for _, words := range []string{
		"Warning: Profiles That Klaviyo Refused: VIP customers to Klaviyo",
		"Klaviyo took 1 of 3 profiles. It refused:",
		"Klaviyo: Invalid email address: 1 row (2 of vip)",
		"Klaviyo: The profile is blocked: 1 row (3 of vip)",
		"Correct these rows in the source",
		"Warning: Values That Klaviyo Refused: VIP customers to Klaviyo",
		"Klaviyo: Phone number is valid but is not in a supported region for this account.: 1 row (1 of vip)",
	} {
		c.wantWords(apply, words)
	}
}

// What moved on between plan and apply is what is sent; the counts of the plan
// stay as promised, and the next plan compares with what was sent.
func TestAccSegmentExport_changedBetweenPlanAndApply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	const joe, kim, lou = "joe@example.com,Joe\n", "kim@example.com,Kim\n", "lou@example.com,Lou\n"

	c.run("3 profiles (1 import job, 1s at best), from 3 rows", "plan", "-no-color", "-input=false", "-out=plan.bin")
	w.segment(threeCSV + joe)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	c.run("profile_count = 4", "show", "-no-color")
	c.run("No changes", "plan", "-no-color", "-input=false")

	w.segment(threeCSV + joe + kim)
	c.run("segment changed: +1 ~0 -0", "plan", "-no-color", "-input=false", "-out=plan.bin")
	w.segment(threeCSV + joe + kim + lou)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com", "kim@example.com", "lou@example.com")
	c.run("profiles_submitted = 2", "show", "-no-color")
	c.run("profile_count = 5", "show", "-no-color")
	c.run("No changes", "plan", "-no-color", "-input=false")
	w.wantImports(2)
}

// terraform destroy plans what is configured before it destroys it, so a key
// that is gone needs -refresh=false.
func TestAccSegmentExport_destroyWithoutRefresh(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	w.RevokeKey(mainKey)
	c.run("Destroy complete", "destroy", "-no-color", "-input=false", "-auto-approve", "-refresh=false")
	w.wantNothingTakenBack()
}

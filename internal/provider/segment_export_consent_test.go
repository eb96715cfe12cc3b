package provider

import "testing"

// consents is an export of rows with the columns EMail, FirstName, Phone, Yes and Since,
// with arguments of marketing_consent besides consent_field.
func (w *env) consents(rows string, arguments ...string) configuration {
	w.t.Helper()
	return w.export(consentHeader+rows).
		with(exportBlock, "data_matching", `{ email = "EMail" }`).
		with(exportBlock, "marketing_consent", block(append([]string{`consent_field = "Yes"`}, arguments...)...))
}

const consentHeader = "EMail,FirstName,Phone,Yes,Since\n"

// What cannot work is refused while planning, at the argument that is to blame.
func TestAccMarketingConsent_refused(t *testing.T) {
	t.Parallel()
	var plans refusals
	for name, test := range map[string]struct {
		arguments []string
		words     []string
	}{
		"no channel":                     {[]string{`channels = []`}, []string{"No Channel", "is empty", "email, sms, whatsapp"}},
		"unknown channel":                {[]string{`channels = ["email", "fax"]`}, []string{"Unknown Channel", `"fax" is not a channel`, "email, sms, whatsapp"}},
		"no phone numbers":               {[]string{`channels = ["email", "sms"]`}, []string{"Channel Without Phone Numbers", "The channel sms needs phone numbers", "data_matching"}},
		"one column for both":            {[]string{`consented_at_field = "Yes"`}, []string{"Column Used Twice", `"Yes" is both consent_field and consented_at_field`}},
		"a blank column":                 {[]string{`consented_at_field = " "`}, []string{"consented_at_field", "must not be empty"}},
		"a blank source":                 {[]string{`custom_source = ""`}, []string{"custom_source", "must not be empty"}},
		"a column that is not there":     {[]string{`consented_at_field = "Sins"`}, []string{"marketing_consent.consented_at_field", "Sins"}},
		"a consent that is not a column": {[]string{`channels = ["email"]`}, nil},
	} {
		w := newEnv(t)
		config := w.consents("ann@example.com,Ann,,yes,\n", test.arguments...)
		if test.words == nil {
			config = config.with(exportBlock, "marketing_consent", `{ consent_field = "Accepts" }`)
			test.words = []string{"marketing_consent.consent_field", "Accepts"}
		}
		plans.add(name, w, config, test.words, w.wantNoImport)
	}
	plans.run(t)
}

// Rules say nothing of what is known only when it is applied.
func TestAccMarketingConsent_lateInputs(t *testing.T) {
	t.Parallel()
	for argument, late := range map[string]string{
		"channels": `channels = terraform_data.late.output`, "data_matching": "",
	} {
		t.Run(argument, func(t *testing.T) {
			t.Parallel()
			w := newConsentEnv(t, singleOptIn)
			config := w.consents("ann@example.com,Ann,+12025550123,yes,\n", `channels = ["sms"]`).
				with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`))
			if late == "" {
				config = config.late(exportBlock, argument)
			} else {
				config = config.with(dataBlock, "input", `["sms"]`).
					with(exportBlock, "marketing_consent", block(`consent_field = "Yes"`, late))
			}
			w.run(applied(config, inState(exportAddress, values{"last_run.profiles_subscribed": 1})))
		})
	}
}

// A plan names the rows that say yes and cannot be subscribed, and why.
func TestAccMarketingConsent_faults(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	c := newCLI(t, w.consents("a@example.com,A,,yes,2020-01-01\nb@example.com,B,,yes,\nc@example.com,C,,yes,3/4/2020\nd@example.com,D,,yes,2020-01-02T03:04:05\n"+
		"e@example.com,E,,yes,2999-01-01\nf@example.com,F,,no,never\n", `consented_at_field = "Since"`))
	c.terraformRun("4 Consents Of No Use: VIP customers to Klaviyo", "plan")
	for _, words := range []string{
		"the date of the consent is empty: 1 row (2 of vip)", "can be read in more than one way", "2 rows (3, 4 of vip)", "is in the future: 1 row (5 of vip)",
		"(1 import job, 1 person to subscribe, 1s at best)",
	} {
		c.wantWords(c.output.String(), words)
	}
}

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

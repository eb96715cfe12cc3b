package export_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// importPass is the pass that sends the profiles.
const importPass = 2

// refusing exports 30 people who do not say yes, and makes the next run due.
func (w *env) refusing(t *testing.T, optIn string) (*export.Export, *table) {
	t.Helper()
	s := consenting(30)
	for i := range s.rows {
		s.rows[i][columnConsent], s.rows[i][columnDate] = "no", "2026-01-01"
	}
	e := w.subscribing(optIn, s, klaviyo.ChannelEmail)
	next(e, w.run(t, e))
	s.rows[3][3] = "other text"
	return e, s
}

// checkRefused makes sure that a run was refused before anybody was subscribed.
func (w *env) checkRefused(t *testing.T, e *export.Export, safeguard, summary string, says ...string) {
	t.Helper()
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	var failed *export.PartlySubscribed
	if !errors.As(err, &failed) || failed.Subscriptions.Left != 1 || failed.Subscribed.Count() != 0 {
		t.Fatalf("the error is %v", err)
	}
	asError(t, err, []string{"safeguards", safeguard}, summary, append(says, "Nobody was subscribed or asked", "All profiles were sent", "Once this is put right, apply again")...)
	if strings.Contains(err.Error(), "Nothing was sent") {
		t.Errorf("the error says that nothing was sent: %v", err)
	}
	if n := len(w.Confirmations()) + len(w.Subscribed("email")); n != 0 {
		t.Errorf("%d people were asked or subscribed", n)
	}
	keepFailed(e, err)
}

// A row that says yes once the segment was surveyed is held against the safeguards of the
// confirmations, too.
func TestConfirmationsOfConsentsAfterTheSurvey(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	e, s := w.refusing(t, "double_opt_in")
	s.whenRead(importPass, func() { s.rows[5][columnConsent] = "yes" })
	w.checkRefused(t, e, "allow_confirmation_mails", "Klaviyo Would Ask For Confirmations", "1 profile")

	e.Safeguards.AllowConfirmationMails = true
	r := w.run(t, e)
	if r.Subscriptions.Pending != 1 || len(w.Confirmations()) != 1 {
		t.Errorf("subscribed %+v, %d asked", r.Subscriptions, len(w.Confirmations()))
	}
}

// Somebody new in the segment once it was surveyed is not exported, but would join the
// list by being subscribed, which may start a flow. With a date it starts none.
func TestFlowsOfConsentsAfterTheSurvey(t *testing.T) {
	t.Parallel()
	for _, dated := range []bool{false, true} {
		w := newEnv(t, simulator.Options{KeepBodies: true})
		e, s := w.refusing(t, "single_opt_in")
		if dated {
			e.Mapping.Consent.DateColumn = "consented_at"
		}
		w.AddFlow(w.listID, simulator.Flow{Name: "Welcome", Status: "live"})
		s.whenRead(importPass, func() {
			s.rows = append(s.rows, []string{"new@example.com", "", "1", "", "yes", "2026-01-01"})
		})
		if dated {
			w.run(t, e)
			w.checkSubscribed(t, klaviyo.ChannelEmail, "new@example.com")
			continue
		}
		w.checkRefused(t, e, "allow_live_flows", "Joining The List Starts A Live Flow", `"Welcome"`, "Up to 1 profile")
		w.checkMembers(t, addresses(30))
	}
}

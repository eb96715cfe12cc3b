package provider

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// subscriptionsPath is where people are subscribed.
const subscriptionsPath = "/api/profile-subscription-bulk-create-jobs"

const (
	singleOptIn = "single_opt_in"
	doubleOptIn = "double_opt_in"
)

// newConsentEnv is one whose list has this way to join, and which records what is sent.
func newConsentEnv(t *testing.T, optIn string) *env {
	t.Helper()
	w := newEnvKeepingBodies(t)
	w.list = w.AddList(simulator.List{Name: "Newsletter", OptInProcess: optIn})
	return w
}

// consentRows are rows from one number up to another that say the same.
func consentRows(from, to int, says, since string) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "p%d@example.com,P%d,+1202555%04d,%s,%s\n", i, i, i, says, since)
	}
	return b.String()
}

// consentSegment replaces the rows of the segment.
func (w *env) consentSegment(rows string) {
	w.t.Helper()
	w.segment(consentHeader + rows)
}

func numbered(from, to int) (emails []string) { return addressesIn(consentRows(from, to, "", "")) }

// subscriptions are the addresses in each request to subscribe since the last call that
// was answered as accepted.
func (w *env) subscriptions() (requests [][]string) {
	w.t.Helper()
	for _, r := range w.Requests() {
		if r.Path != subscriptionsPath || r.Status != http.StatusAccepted {
			continue
		}
		var emails []string
		for _, part := range bytes.Split(r.Body, []byte(`"email":"`))[1:] {
			email, _, _ := bytes.Cut(part, []byte(`"`))
			emails = append(emails, string(email))
		}
		requests = append(requests, emails)
	}
	w.ResetRequests()
	return requests
}

// wantSubscribed checks who was subscribed by requests since the last look.
func (w *env) wantSubscribed(want []string) {
	w.t.Helper()
	got := slices.Concat(w.subscriptions()...)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Errorf("requests subscribe %d people %q, want %d %q", len(got), firstOf(got), len(want), firstOf(want))
	}
}

func firstOf(all []string) []string { return all[:min(len(all), 5)] }

// wantEmailSubscribers checks who is subscribed to email.
func (w *env) wantEmailSubscribers(want []string) {
	w.t.Helper()
	if got := w.Subscribed("email"); !slices.Equal(got, want) {
		w.t.Errorf("%d people are subscribed %q, want %d %q", len(got), firstOf(got), len(want), firstOf(want))
	}
}

// lacking returns addresses without some.
func lacking(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(email string) bool { return slices.Contains(some, email) })
}

// People are subscribed as of their dates, in calls of a thousand, whatever the kind of
// list: those who say yes, except for who is subscribed already and who opted out. No flow
// starts, nobody is asked for a confirmation, and what is sent has no name.
func TestAccMarketingConsent_dated(t *testing.T) {
	t.Parallel()
	const yes, rows, faults = 2400, 2500, 3
	w := newConsentEnv(t, doubleOptIn)
	w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome", Status: "live"})
	w.AddSubscribers(w.list.ID, numbered(0, 120)...)
	w.Unsubscribe(w.list.ID, "p200@example.com")
	w.SuppressEverything("p201@example.com", "SPAM_COMPLAINT")
	bad := "u0@example.com,U,,yes,\nu1@example.com,U,,yes,3/4/2020\nu2@example.com,U,,yes,2020-01-02T03:04:05\n"
	config := w.consents(consentRows(0, yes, "Yes", "2020-01-02T03:04:05+02:00")+consentRows(yes, rows, "no", "2020-01-02")+bad, `consented_at_field = "Since"`).
		with(exportBlock, "safeguards", "{ allow_live_flows = true }")
	first := applied(config, inState(exportAddress, values{
		"last_run.status": "succeeded", "last_run.profiles_subscribed": yes - 122, "last_run.profiles_pending": 0, "last_run.profiles_unconsented": 0,
		"unconsented_count": nil, "changes": nil, "withheld_count": 2,
	}))
	w.run(first, resource.TestStep{Config: config.String(), PlanOnly: true})

	requests := w.subscriptions()
	if len(requests) != 3 {
		t.Errorf("%d requests, want 3", len(requests))
	}
	want := lacking(numbered(120, yes), []string{"p200@example.com", "p201@example.com"})
	if got := slices.Sorted(slices.Values(slices.Concat(requests...))); !slices.Equal(got, want) {
		t.Errorf("requests subscribe %d people, want %d", len(got), len(want))
	}
	w.wantEmailSubscribers(lacking(numbered(0, yes), []string{"p200@example.com", "p201@example.com"}))
	c := w.Consent("p2000@example.com", "email")
	if want := time.Date(2020, time.January, 2, 1, 4, 5, 0, time.UTC); !c.At.Equal(want) || c.CustomSource != "VIP customers to Klaviyo" {
		t.Errorf("the consent is %+v, want one of %s from the name of the export", c, want)
	}
	if n := len(w.Confirmations()); n != 0 {
		t.Errorf("%d people were asked for a confirmation", n)
	}
}

// With send = "changes" only people are subscribed whose consent or date is new. A consent
// that is taken back unsubscribes nobody, and comes back as news.
func TestAccMarketingConsent_onlyNews(t *testing.T) {
	t.Parallel()
	const rows = 2500
	w := newConsentEnv(t, singleOptIn)
	config := w.consents(consentRows(0, 1000, "yes", "")+consentRows(1000, rows, "", ""), `custom_source = "Checkout"`)
	first := applied(config, inState(exportAddress, values{"last_run.profiles_subscribed": 1000}))

	news := applied(config, inState(exportAddress, values{
		"changes.subscribed": 30, "changes.updated": 40, "last_run.profiles_subscribed": 30, "last_run.profiles_submitted": 40,
	}))
	news.PreConfig = func() {
		w.wantSubscribed(numbered(0, 1000))
		w.consentSegment(consentRows(0, 10, "no", "") + consentRows(10, 1030, "1", "") + consentRows(1030, rows, "", ""))
	}
	news.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"last_run.reason": "segment changed: +0 ~40 -0 (1 import job, 30 people to subscribe, 1s at best)", "changes.subscribed": 30, "last_run.profiles_subscribed": unknown,
	})

	mapped := applied(config.with(exportBlock, "attributes", `{ last_name = "FirstName" }`), inState(exportAddress, values{
		"last_run.sent": "everything", "last_run.profiles_subscribed": 0, "changes": nil,
	}))
	mapped.PreConfig = func() {
		w.wantSubscribed(numbered(1000, 1030))
		w.wantEmailSubscribers(numbered(0, 1030)) // those whose row says no by now, too
		w.Unsubscribe(w.list.ID, "p3@example.com")
		w.Unsubscribe(w.list.ID, "p4@example.com")
	}

	again := applied(config.with(exportBlock, "attributes", `{ last_name = "FirstName" }`), inState(exportAddress, values{"changes.subscribed": 10, "last_run.profiles_subscribed": 0}))
	again.PreConfig = func() {
		w.wantSubscribed(nil)
		w.consentSegment(consentRows(0, 1030, "yes", "") + consentRows(1030, rows, "", ""))
	}
	w.run(first, news, mapped, again, resource.TestStep{Config: config.with(exportBlock, "attributes", `{ last_name = "FirstName" }`).String(), PlanOnly: true})
	w.wantSubscribed(nil) // they are subscribed still, and who opted out without a date stays out
	for _, r := range w.Requests() {
		if strings.Contains(r.Path, "bulk-delete") {
			t.Errorf("the request %s %s was made", r.Method, r.Path)
		}
	}
}

// On a list with double opt-in without dates nobody is asked by accident. Whoever was asked
// is pending: that makes no run due, and no later run asks again, even if it sends everything.
func TestAccMarketingConsent_doubleOptIn(t *testing.T) {
	t.Parallel()
	const rows = 2500
	w := newConsentEnv(t, doubleOptIn)
	all := consentRows(0, rows, "yes", "")
	config := w.consents(all)
	w.run(refused(config, "Klaviyo Would Ask For Confirmations", "double opt-in", "2,500 profiles", "Nothing was sent", "safeguards.allow_confirmation_mails = true"))
	w.wantNoImport()

	c := newCLI(t, config.with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }"))
	c.terraformRun("Up To 2,500 Profiles Will Be Asked To Confirm", "plan")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.run(`profiles_pending = 2500`, "show", "-no-color")
	c.run(`profiles_subscribed = 0`, "show", "-no-color")
	if n := len(w.Confirmations()); n != rows {
		t.Fatalf("%d people were asked, want %d", n, rows)
	}
	c.terraformRun("No changes", "plan")

	w.consentSegment(strings.Replace(all, ",P7,", ",Paul,", 1) + consentRows(rows, rows+2, "yes", ""))
	c.terraformRun("segment changed: +2 ~1 -0 (1 import job, 2 people to subscribe", "plan", "-out=plan.bin")
	c.wantWords(c.output.String(), "Up To 2 Profiles Will Be Asked To Confirm")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	w.Confirm("p5@example.com")
	c.write("main.tf", strings.Replace(c.read("main.tf"), "first_name", "last_name", 1))
	c.terraformRun("everything is sent: mapping changed", "apply", "-auto-approve")
	if n := len(w.Confirmations()); n != rows+2 {
		t.Errorf("%d people were asked, want %d", n, rows+2)
	}
	c.terraformRun("No changes", "plan")

	c.write("main.tf", strings.Replace(c.read("main.tf"), "display_name", "send = \"everything\"\ndisplay_name", 1))
	c.write("main.tf", strings.Replace(c.read("main.tf"), "send = \"everything\"\n", "", 1)) // of the connection
	c.write("main.tf", strings.Replace(c.read("main.tf"), "list_id", "send = \"everything\"\nlist_id", 1))
	w.consentSegment(all)
	c.fail("Confirmation Mails With Every Run", append([]string{"plan"}, quiet...)...)
}

// A list that is known only when it is applied is checked before anything is sent.
func TestAccMarketingConsent_doubleOptInOfALateList(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, doubleOptIn)
	w.run(failed(w.consents(consentRows(0, 12, "yes", "")).late(exportBlock, "list_id"), "Klaviyo Would Ask For Confirmations", "12 profiles"))
	w.wantNoImport()
}

// With only_consented rows that do not say yes are an outcome of their own, and a mirror
// removes people from the list whose row no longer says yes. It unsubscribes nobody.
func TestAccMarketingConsent_onlyConsented(t *testing.T) {
	t.Parallel()
	const rows = 2500
	w := newConsentEnv(t, singleOptIn)
	c := newCLI(t, w.consents(consentRows(0, 2000, "TRUE", "")+consentRows(2000, rows, "no", "")+"p1@example.com,Twice,,no,\nnobody,N,,yes,\n", "only_consented = true").
		with(exportBlock, "sync_mode", `"mirror"`).with(exportBlock, "rejects_path", `"rejects.csv"`).
		with(exportBlock, "safeguards", "{ max_rejected_percent = 1 }"))
	c.terraformRun("500 Rows Without Consent", "plan")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	shown := func(words ...string) {
		t.Helper()
		for _, one := range words {
			c.run(one, "show", "-no-color")
		}
	}
	shown("unconsented_count = 500", "profiles_unconsented = 500", "profile_count = 2000", "rejected_count = 1", "duplicate_count = 1", "profiles_subscribed = 2000")
	if n := strings.Count(c.read("rejects.csv"), ",unconsented"); n != 500 {
		t.Errorf("%d rows of the rejects file are unconsented", n)
	}
	w.wantMembers(numbered(0, 2000)...)
	c.terraformRun("No changes", "plan")

	w.consentSegment(consentRows(0, 50, "no", "") + consentRows(50, 2000, "yes", "") + consentRows(2000, rows, "no", ""))
	c.terraformRun("segment changed: +0 ~0 -50 (nothing to send)", "plan", "-out=plan.bin")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	w.wantMembers(numbered(50, 2000)...)
	w.wantEmailSubscribers(numbered(0, 2000))
	shown("profiles_removed = 50", "unconsented_count = 550")
	c.terraformRun("No changes", "plan")

	w.consentSegment(consentRows(0, rows, "x", ""))
	c.fail("No Row Says Yes", append([]string{"plan"}, quiet...)...)
}

// A key that may not subscribe anybody imports, and a mirror still takes people off. The
// status, the warning and the next plan say what is missing; another key makes good for it.
func TestAccMarketingConsent_keyWithoutScope(t *testing.T) {
	t.Parallel()
	const rows, key = 1500, "pk_nosubscribe0123456789"
	w := newConsentEnv(t, singleOptIn)
	w.AddKey(key, "accounts:read", "flows:read", "lists:read", "lists:write", "profiles:read", "profiles:write")
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "")).with(exportBlock, "sync_mode", `"mirror"`).without(providerBlock, "api_key"))
	c.env = append(c.env, envAPIKey+"="+key)
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.wantWords(c.output.String(), "Warning: Nobody Was Subscribed: VIP customers to Klaviyo")
	c.wantWords(c.output.String(), "The consents of 1,500 profiles were not passed on")
	c.wantWords(c.output.String(), "subscriptions:write")
	c.wantWords(c.output.String(), "The key came from the environment variable "+envAPIKey)
	c.run(`status = "not_subscribed"`, "show", "-no-color")
	c.run(`profiles_subscribed = 0`, "show", "-no-color")
	if n := w.sent("POST", subscriptionsPath); n != 1 {
		t.Errorf("%d requests to subscribe, want one that is refused", n)
	}
	w.wantMembers(numbered(0, rows)...)
	c.terraformRun("the consent of 1,500 profiles is still to be passed on (nothing to send, 1,500 people to subscribe", "plan")

	w.consentSegment(consentRows(10, rows, "yes", ""))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantMembers(numbered(10, rows)...)

	c.env = append(c.env, envAPIKey+"="+mainKey)
	sent := w.sent("POST", importsPath)
	c.terraformRun("the consent of 1,490 profiles is still to be passed on (nothing to send, 1,490 people to subscribe", "apply", "-auto-approve")
	if n := w.sent("POST", importsPath) - sent; n != 0 {
		t.Errorf("%d imports, and nothing had changed", n)
	}
	c.run(`status = "succeeded"`, "show", "-no-color")
	w.wantEmailSubscribers(numbered(10, rows))
	c.terraformRun("No changes", "plan")
}

// What Klaviyo refuses by row is named by row, without a name; the others are subscribed,
// and nobody is tried again.
func TestAccMarketingConsent_refusedByKlaviyo(t *testing.T) {
	t.Parallel()
	const rows = 1200
	w := newConsentEnv(t, singleOptIn)
	var once sync.Once
	w.OnRequest(func(r *http.Request) { // they opt out after they were looked up
		if r.URL.Path == subscriptionsPath {
			once.Do(func() { w.Unsubscribe(w.list.ID, "p3@example.com"); w.Unsubscribe(w.list.ID, "p900@example.com") })
		}
	})
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "2020-01-02"), `consented_at_field = "Since"`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	out := c.output.String()
	c.wantWords(out, "Warning: Consent That Klaviyo Refused: VIP customers to Klaviyo")
	c.wantWords(out, "subscribed 2 of 1,200 profiles to no channel")
	c.wantWords(out, "2 rows (4, 901 of vip)")
	c.run(`status = "partial"`, "show", "-no-color")
	c.run(`profiles_subscribed = 1198`, "show", "-no-color")
	w.wantEmailSubscribers(lacking(numbered(0, rows), []string{"p3@example.com", "p900@example.com"}))
	if strings.Contains(out, "@example.com") {
		t.Error("somebody is named")
	}
	c.terraformRun("No changes", "plan")
}

// Phone channels: who has a number is subscribed to both, who has none to email only, and
// who answered STOP, under whatever address, to email only. A number that Klaviyo drops is
// counted.
func TestAccMarketingConsent_phoneChannels(t *testing.T) {
	t.Parallel()
	const rows = 1300
	w := newConsentEnv(t, singleOptIn)
	w.OptOutOfPhone("+12025550007", "sms")
	w.OnRequest(func(r *http.Request) {
		if r.URL.Path == subscriptionsPath {
			w.RefusePhone("+12025550009", "invalid", "Invalid phone number")
		}
	})
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "")+"n@example.com,N,,yes,\n", `channels = ["sms", "email"]`).
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.wantWords(c.output.String(), "Values That Klaviyo Left Out (phone_number)")
	var want []string
	for i := range rows {
		if i != 7 && i != 9 {
			want = append(want, fmt.Sprintf("+1202555%04d", i))
		}
	}
	if got := w.Subscribed("sms"); !slices.Equal(got, want) {
		t.Errorf("%d people are subscribed to sms, want %d", len(got), len(want))
	}
	w.wantEmailSubscribers(slices.Sorted(slices.Values(append(numbered(0, rows), "n@example.com"))))
	c.terraformRun("No changes", "plan")
}

// Other channels than before make a run due, which subscribes to those.
func TestAccMarketingConsent_otherChannels(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	config := w.consents(consentRows(0, 1100, "yes", ""), `channels = ["email"]`).
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`))
	both := applied(config.with(exportBlock, "marketing_consent", block(`consent_field = "Yes"`, `channels = ["email", "sms"]`)), inState(exportAddress, values{
		"last_run.profiles_subscribed": 1100, "last_run.profiles_submitted": 0,
	}))
	both.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "channels changed"})
	w.run(applied(config), both)
	if n := len(w.Subscribed("sms")); n != 1100 {
		t.Errorf("%d people are subscribed to sms", n)
	}
}

// Another list is subscribed to from scratch.
func TestAccMarketingConsent_otherList(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, doubleOptIn)
	other := w.AddList(simulator.List{Name: "Other", OptInProcess: doubleOptIn})
	config := w.consents(consentRows(0, 1100, "yes", "")).with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }")
	moved := applied(config.with(exportBlock, "list_id", fmt.Sprintf("%q", other.ID)), inState(exportAddress, values{"last_run.profiles_pending": 1100}))
	w.run(applied(config), moved)
	asked := map[string]int{}
	for _, c := range w.Confirmations() {
		asked[c.ListID]++
	}
	if asked[w.list.ID] != 1100 || asked[other.ID] != 1100 {
		t.Errorf("by list, people were asked %v times", asked)
	}
}

// Who opted out before the date of their consent is put on the list and subscribed; who
// opted out after it is not.
func TestAccMarketingConsent_laterThanTheOptOut(t *testing.T) {
	t.Parallel()
	var past atomic.Bool
	w := newEnvWith(t, simulator.Options{KeepBodies: true, Now: func() time.Time {
		if past.Load() {
			return time.Date(2021, time.June, 1, 12, 0, 0, 0, time.UTC)
		}
		return time.Now()
	}})
	past.Store(true)
	w.Unsubscribe(w.list.ID, "p1@example.com")
	w.SuppressEverything("p2@example.com", "UNSUBSCRIBE")
	w.Unsubscribe(w.list.ID, "p3@example.com")
	past.Store(false)
	w.run(applied(w.consents(consentRows(0, 3, "yes", "2022-03-04")+consentRows(3, 5, "yes", "2020-03-04"), `consented_at_field = "Since"`),
		inState(exportAddress, values{"withheld_count": 1, "last_run.profiles_subscribed": 4})))
	want := []string{"p0@example.com", "p1@example.com", "p2@example.com", "p4@example.com"}
	w.wantMembers(want...)
	w.wantEmailSubscribers(want)
}

// A run that fails while it subscribes is completed by the next one, which sends nobody
// again and asks nobody twice.
func TestAccMarketingConsent_failsHalfWay(t *testing.T) {
	t.Parallel()
	const rows = 3500
	w := newConsentEnv(t, doubleOptIn)
	c := newCLI(t, w.consents(consentRows(0, rows, "", "")).with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.consentSegment(consentRows(0, rows, "yes", ""))
	w.Inject(simulator.Fault{Method: http.MethodPost, Path: subscriptionsPath, Nth: 3, Status: http.StatusBadRequest, Body: `{"errors":[{"status":"400","code":"invalid","title":"Invalid input.","detail":"Something is off.","source":{"pointer":"/data"}}]}`})
	c.fail("Something is off", append([]string{"apply", "-auto-approve"}, quiet...)...)
	asked := len(w.Confirmations())
	if asked == 0 || asked == rows {
		t.Fatalf("%d people were asked", asked)
	}
	sent := w.sent("POST", importsPath)
	c.terraformRun(fmt.Sprintf("%s people to subscribe", tally.Thousands(int64(rows-asked))), "apply", "-auto-approve")
	if n := len(w.Confirmations()); n != rows {
		t.Errorf("%d people were asked, want each once", n)
	}
	if n := w.sent("POST", importsPath) - sent; n != 0 {
		t.Errorf("%d imports after the failure", n)
	}
	c.terraformRun("No changes", "plan")
}

// A run on demand subscribes people, but asks nobody for a confirmation.
func TestAccMarketingConsent_onDemand(t *testing.T) {
	t.Parallel()
	for _, optIn := range []string{singleOptIn, doubleOptIn} {
		t.Run(optIn, func(t *testing.T) {
			t.Parallel()
			w := newConsentEnv(t, optIn)
			config := w.consents(consentRows(0, 1100, "yes", "")).with(exportBlock, "run_on_apply", "false").
				with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }")
			c := newCLI(t, runNow(config))
			c.terraformRun("Apply complete", "apply", "-auto-approve")
			if optIn == singleOptIn {
				w.wantSubscribed(numbered(0, 1100))
				c.run("profiles_subscribed = 1100", "show", "-no-color")
				return
			}
			c.wantWords(c.output.String(), "Nobody Was Subscribed")
			w.wantMembers(numbered(0, 1100)...)
			w.wantSubscribed(nil)
		})
	}
}

// Without the block nobody is looked up and nobody is subscribed, and the state keeps
// nothing of consents. With it, it keeps no address.
func TestAccMarketingConsent_private(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	config := w.consents(consentRows(0, 300, "yes", ""))
	c := newCLI(t, config)
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	_, _, private := c.privateOf()
	if len(private[keySubscribed]) == 0 {
		t.Error("the consents are not kept")
	}
	for key, value := range private {
		if bytes.Contains(value, []byte("example.com")) {
			t.Errorf("an address is in %s", key)
		}
	}
	w.ResetRequests()
	c.write("main.tf", strings.Replace(newCLI(t, config.without(exportBlock, "marketing_consent")).read("main.tf"), "first_name", "last_name", 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	if n := w.sent("POST", subscriptionsPath); n != 0 {
		t.Errorf("%d requests to subscribe", n)
	}
	if _, _, private = c.privateOf(); private[keySubscribed] != nil {
		t.Error("the consents are still kept")
	}
	c.run("profiles_removed = 0", "show", "-no-color")
	if out, _ := c.try("show", "-no-color"); strings.Contains(out, "profiles_subscribed") {
		t.Error("the run without marketing_consent counts who is subscribed")
	}
}

// A removal that fails after people were subscribed is completed by the next run, which
// asks nobody again.
func TestAccMarketingConsent_removalFails(t *testing.T) {
	t.Parallel()
	const rows = 2500
	w := newConsentEnv(t, doubleOptIn)
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "")).with(exportBlock, "sync_mode", `"mirror"`).
		with(exportBlock, "safeguards", block("allow_confirmation_mails = true", "max_removed_percent = 100")))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.consentSegment(consentRows(0, 50, "", "") + consentRows(60, rows, "yes", "") + consentRows(rows, rows+20, "yes", ""))
	w.Inject(simulator.Fault{Method: http.MethodDelete, Status: http.StatusForbidden})
	c.fail("Klaviyo", append([]string{"apply", "-auto-approve"}, quiet...)...)
	if n := len(w.Confirmations()); n != rows+20 {
		t.Fatalf("%d people were asked, want %d", n, rows+20)
	}
	sent := w.sent("POST", importsPath)
	c.terraformRun("10 members are still to be removed from the list", "apply", "-auto-approve")
	if n := w.sent("POST", importsPath) - sent; n != 0 {
		t.Errorf("%d imports after the failure", n)
	}
	if n := len(w.Confirmations()); n != rows+20 {
		t.Errorf("%d people were asked, want %d", n, rows+20)
	}
	w.wantMembers(slices.Sorted(slices.Values(append(numbered(0, 50), numbered(60, rows+20)...)))...)
	c.terraformRun("No changes", "plan")
}

// Where it cannot be told who has been asked before, nobody is asked: the plan is refused,
// and taking the block out is the way to ask everybody anew.
func TestAccMarketingConsent_notKnownWhoWasAsked(t *testing.T) {
	t.Parallel()
	const rows = 2000
	w := newConsentEnv(t, doubleOptIn)
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "")).with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.consentSegment(consentRows(rows, 3*rows, "yes", "") + consentRows(0, rows, "yes", ""))
	sent := w.sent("POST", importsPath)
	c.fail("Not Known Who Was Asked", append([]string{"apply", "-auto-approve"}, quiet...)...)
	c.wantWords(c.output.String(), "6,000 profiles at most")
	if n := len(w.Confirmations()); n != rows || w.sent("POST", importsPath) != sent {
		t.Fatalf("%d people were asked", n)
	}

	_, _, private := c.privateOf()
	w.consentSegment(consentRows(0, rows+1, "yes", ""))
	kept := regexp.MustCompile(`"sketch":"[^"]*"`).ReplaceAllString(string(private[keySubscribed]), `"sketch":"AAAA"`)
	c.damage(keySubscribed, kept)
	c.fail("what the state keeps of the consents is lost", append([]string{"apply", "-auto-approve"}, quiet...)...)
	if n := len(w.Confirmations()); n != rows {
		t.Fatalf("%d people were asked", n)
	}
	w.consentSegment(consentRows(rows, 3*rows, "yes", "") + consentRows(0, rows, "yes", ""))

	with := c.read("main.tf")
	at := strings.Index(with, "  marketing_consent {")
	end := at + strings.Index(with[at:], "}") + 2
	c.write("main.tf", with[:at]+with[end:])
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", with)
	c.terraformRun("6,000 people to subscribe", "apply", "-auto-approve")
	if n := len(w.Confirmations()); n != rows+3*rows {
		t.Errorf("%d people were asked, want %d", n, rows+3*rows)
	}
	c.terraformRun("No changes", "plan")
}

// However many rows are appended, those before them are not asked again.
func TestAccMarketingConsent_growing(t *testing.T) {
	t.Parallel()
	const rows = 1200
	w := newConsentEnv(t, doubleOptIn)
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "")).with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	for i := 2; i <= 4; i++ { // first more than twice as many
		w.consentSegment(consentRows(0, 2*i*rows, "yes", ""))
		c.terraformRun("people to subscribe", "apply", "-auto-approve")
		if n := len(w.Confirmations()); n != 2*i*rows {
			t.Fatalf("%d people were asked, want %d", n, 2*i*rows)
		}
		c.terraformRun("No changes", "plan")
	}
}

// With pin_to_plan a consent that changes after the plan is not passed on.
func TestAccMarketingConsent_pinnedToPlan(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	c := newCLI(t, w.consents(consentRows(0, 1200, "no", "")).with(exportBlock, "pin_to_plan", "true"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.consentSegment(consentRows(0, 10, "yes", "") + consentRows(10, 1200, "no", ""))
	c.terraformRun("10 people to subscribe", "plan", "-out=plan.bin")
	w.consentSegment(consentRows(0, 11, "yes", "") + consentRows(11, 1200, "no", ""))
	c.fail("Segment Changed Since The Plan", append([]string{"apply"}, append(quiet, "plan.bin")...)...)
	w.wantSubscribed(nil)
	w.consentSegment(consentRows(0, 10, "yes", "") + consentRows(10, 1200, "no", ""))
	c.terraformRun("Apply complete", "apply", "plan.bin")
	w.wantSubscribed(numbered(0, 10))
}

// Without a refresh a plan still finds consent that is news, and the run passes it on.
func TestAccMarketingConsent_withoutRefresh(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	c := newCLI(t, w.consents(consentRows(0, 1200, "no", "")))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.terraformRun("No changes", "plan", "-refresh=false")
	w.consentSegment(consentRows(0, 15, "yes", "") + consentRows(15, 1200, "no", ""))
	c.terraformRun("Apply complete", "apply", "-refresh=false", "-auto-approve")
	w.wantSubscribed(numbered(0, 15))
	c.terraformRun("No changes", "plan", "-refresh=false")
	c.terraformRun("No changes", "plan")
}

// With send = "everything" the next apply takes the sketch out of the state, even if it
// runs nothing.
func TestAccMarketingConsent_sketchRemoved(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	c := newCLI(t, w.consents(consentRows(0, 20, "yes", "")))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", strings.Replace(c.read("main.tf"), "list_id", "send = \"everything\"\nrun_on_apply = false\nlist_id", 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	if _, _, private := c.privateOf(); strings.Contains(fmt.Sprint(private[keySubscribed]), "sketch") {
		t.Error("the sketch is still kept")
	}
}

// Where it is taken out without a run, nobody is asked for a confirmation twice later on.
func TestAccMarketingConsent_sketchRemovedForATime(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, doubleOptIn)
	c := newCLI(t, w.consents(consentRows(0, 20, "yes", "")).with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	before := c.read("main.tf")
	c.write("main.tf", strings.Replace(before, "list_id", "send = \"everything\"\nlist_id", 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", before)
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.consentSegment(consentRows(0, 21, "yes", ""))
	c.fail("Not Known Who Was Asked", append([]string{"apply", "-auto-approve"}, quiet...)...)
	if n := len(w.Confirmations()); n != 20 {
		t.Errorf("%d people were asked", n)
	}
}

// With send = "everything" no sketch is kept: everybody who says yes is looked up in each
// run, and only whoever is not subscribed is. That makes no run due.
func TestAccMarketingConsent_sendEverything(t *testing.T) {
	t.Parallel()
	w := newConsentEnv(t, singleOptIn)
	c := newCLI(t, w.consents(consentRows(0, 1200, "yes", "")).with(exportBlock, "send", `"everything"`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantSubscribed(numbered(0, 1200))
	c.terraformRun("No changes", "plan")
	w.consentSegment(consentRows(0, 1203, "yes", ""))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantSubscribed(numbered(1200, 1203))
	if _, _, private := c.privateOf(); private[keySubscribed] != nil || private[keyAcknowledged] != nil {
		t.Error("a sketch is kept")
	}
	c.terraformRun("No changes", "plan")
}

// A provider that is killed loses what it knew of the consents. Nobody is asked for a
// confirmation once more because of that.
func TestAccMarketingConsent_killed(t *testing.T) {
	t.Parallel()
	const rows = 1100
	w := newConsentEnv(t, doubleOptIn)
	c := newCLI(t, w.consents(consentRows(0, rows, "yes", "")).with(exportBlock, "safeguards", "{ allow_confirmation_mails = true }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.dropPrivate()
	sent := w.sent("POST", importsPath)
	c.fail("Not Known Who Was Asked", append([]string{"apply", "-auto-approve"}, quiet...)...)
	if n := len(w.Confirmations()); n != rows || w.sent("POST", importsPath) != sent {
		t.Errorf("%d people were asked, %d imports were made", n, w.sent("POST", importsPath)-sent)
	}
}

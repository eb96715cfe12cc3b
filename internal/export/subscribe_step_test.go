package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const (
	subscribePath = "/api/profile-subscription-bulk-create-jobs"
)

// Positions in the rows of consenting.
const (
	columnConsent = 4
	columnDate    = 5
)

// consenting is a segment of n persons who all say yes.
func consenting(n int) *table {
	s := &table{columns: append(slices.Clone(columns), "consent", "consented_at")}
	for i := range n {
		s.rows = append(s.rows, []string{address(i), "", fmt.Sprint(i), "", "yes", ""})
	}
	return s
}

// subscribing is an export of a segment to a list that subscribes to channels.
func (w *env) subscribing(optIn string, source *table, channels ...klaviyo.Channel) *export.Export {
	w.listID = w.AddList(simulator.List{Name: "News", OptInProcess: optIn}).ID
	e := w.export(source)
	e.TrackChanges = true
	e.Mapping.Consent = &profile.ConsentMapping{Column: "consent"}
	e.Subscription = &export.Subscription{Channels: channels, CustomSource: "CRM"}
	return e
}

// next runs the export again with what a provider keeps of the last run.
func next(e *export.Export, r *export.Result) *export.Export {
	e.Acknowledged, e.AcknowledgedKeys, e.Subscribed = r.Acknowledged, r.AcknowledgedKeys, r.Subscribed
	return e
}

// checkSubscriptions makes sure that each consent is in exactly one place.
func checkSubscriptions(t *testing.T, s *export.Subscriptions) {
	t.Helper()
	if sum := s.Subscribed + s.Pending + s.Already + s.OptedOut + s.Unconfirmed + s.Refused.Total + s.Left; s.News != sum {
		t.Errorf("%d consents are not the %d in %+v", s.News, sum, *s)
	}
}

// subscribeCalls are the requests to subscribe: how many people each is about.
func (w *env) subscribeCalls(t *testing.T) (sizes []int) {
	t.Helper()
	for _, r := range w.Requests() {
		if r.Path != subscribePath {
			continue
		}
		var body struct {
			Data struct {
				Attributes struct{ Profiles struct{ Data []any } }
			}
		}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(body.Data.Attributes.Profiles.Data))
	}
	return sizes
}

func (w *env) checkSubscribed(t *testing.T, channel klaviyo.Channel, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := w.Subscribed(string(channel)); !slices.Equal(got, want) {
		t.Errorf("%d are subscribed to %s, want %d: %q ...", len(got), channel, len(want), got[:min(len(got), 10)])
	}
}

// Whoever says yes is subscribed in calls of a thousand, others are not, and only news
// are passed on later.
func TestRunSubscribesWhoSaysYes(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(2500)
	for i, text := range []string{"", "no", "0", "Subscribed", "OPT-IN", "ja"} {
		s.rows[i][columnConsent] = text
	}
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	r := w.run(t, e)
	want := addresses(2500)[3:]
	want = slices.DeleteFunc(want, func(a string) bool { return a == address(5) })
	w.checkSubscribed(t, klaviyo.ChannelEmail, want...)
	w.checkMembers(t, addresses(2500))
	if r.Subscriptions.Subscribed != 2496 || r.Consents.Given != 2496 {
		t.Errorf("subscribed %+v of %d", r.Subscriptions, r.Consents.Given)
	}
	if sizes := w.subscribeCalls(t); !slices.Equal(sizes, []int{1000, 1000, 496}) {
		t.Errorf("calls of %v", sizes)
	}
	if source := w.Consent(address(9), "email").CustomSource; source != "CRM" {
		t.Errorf("custom source %q", source)
	}

	w.ResetRequests()
	s.rows[0][columnConsent], s.rows[1][columnConsent] = "1", "T" // two yes
	s.rows[7][columnConsent] = ""                                 // and a no
	s.rows[8][3] = "something else changed"
	s.rows = append(s.rows, []string{"new@example.com", "", "1", "", "on", ""})
	survey, err := next(e, r).Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := e.Subscribes(survey); n != 3 {
		t.Errorf("%d to subscribe, want 3", n)
	}
	r = w.run(t, e)
	w.checkSubscribed(t, klaviyo.ChannelEmail, append(want, address(0), address(1), "new@example.com")...)
	if r.Subscriptions.News != 3 || r.Subscriptions.Subscribed != 3 || r.Added != 1 || r.Updated != 4 {
		t.Errorf("subscribed %+v, added %d and updated %d", r.Subscriptions, r.Added, r.Updated)
	}
	if sizes := w.subscribeCalls(t); !slices.Equal(sizes, []int{3}) {
		t.Errorf("calls of %v", sizes)
	}

	w.ResetRequests()
	s.rows[7][columnConsent] = "yes" // again, which is news
	r = w.run(t, next(e, r))
	if r.Subscriptions.News != 1 || r.Subscriptions.Already != 1 || len(w.subscribeCalls(t)) != 0 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}

	w.ResetRequests() // a full send subscribes nobody again
	e.SendEverything = true
	r = w.run(t, next(e, r))
	if r.Subscriptions.News != 0 || r.Exported != 2501 {
		t.Errorf("subscribed %+v, exported %d", r.Subscriptions, r.Exported)
	}
	for _, request := range w.Requests() {
		if strings.Contains(request.Path, "delete-jobs") {
			t.Errorf("request to %s", request.Path)
		}
	}
}

// timed is newEnv with a clock that the simulator shares, so that tests can say what
// comes first.
func timed(t *testing.T, options simulator.Options) (*env, *fastClock) {
	t.Helper()
	clock := &fastClock{}
	options.Now, options.KeepBodies = clock.Now, true
	w := newEnv(t, options)
	w.clock = clock
	return w, clock
}

// Who opted out is subscribed only if the consent is dated after that, whatever the
// export does about opt-outs, and is exported then, too.
func TestRunSubscribesNobodyWhoOptedOutSince(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		optOuts  export.OptOuts
		people   int
		undated  bool
		withheld int64
	}{
		"looked up":            {people: 150, withheld: 3},
		"read":                 {people: 1000, withheld: 3},
		"looked up, no dates":  {people: 150, undated: true, withheld: 6},
		"read, no dates":       {people: 1000, undated: true, withheld: 6},
		"ignored":              {people: 150, optOuts: export.IgnoreOptOuts},
		"ignored, no dates":    {people: 150, optOuts: export.IgnoreOptOuts, undated: true},
		"those of the list":    {people: 150, optOuts: export.WithholdListOptOuts, withheld: 1},
		"read those of a list": {people: 1000, optOuts: export.WithholdListOptOuts, withheld: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, clock := timed(t, simulator.Options{})
			s := consenting(tc.people)
			e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
			e.OptOuts = tc.optOuts
			if !tc.undated {
				e.Mapping.Consent.DateColumn = "consented_at"
			}
			optOut := clock.Now()
			for i := range s.rows {
				s.rows[i][columnDate] = optOut.Add(-time.Hour).Format(time.RFC3339)
			}
			for i := range 6 {
				if i < 3 {
					s.rows[i][columnDate] = optOut.Add(time.Hour).Format(time.RFC3339)
				}
				switch i % 3 {
				case 0:
					w.Unsubscribe(w.listID, address(i))
				case 1:
					w.SuppressEverything(address(i), "USER_SUPPRESSED")
				case 2:
					w.SuppressEverything(address(i), "UNSUBSCRIBE")
				}
			}
			w.SuppressEverything(address(6), "HARD_BOUNCE") // is no opt-out
			clock.advance(optOut.Add(2 * time.Hour))
			r := w.run(t, e)

			want, optedOut := addresses(tc.people)[3:], 3
			if tc.undated {
				want, optedOut = want[3:], 6
			} else {
				want = append(want[3:], addresses(3)...)
			}
			w.checkSubscribed(t, klaviyo.ChannelEmail, want...)
			if r.Subscriptions.OptedOut != int64(optedOut) || r.Withheld != tc.withheld {
				t.Errorf("opted out are %d, want %d; withheld %d, want %d", r.Subscriptions.OptedOut, optedOut, r.Withheld, tc.withheld)
			}
			if members := len(w.MemberEmails(w.listID)); members != tc.people-int(tc.withheld) {
				t.Errorf("%d members", members)
			}
			w.checkStillOptedOut(t, addresses(6)[6-optedOut:])
		})
	}
}

// checkStillOptedOut makes sure that no opt-out was lifted.
func (w *env) checkStillOptedOut(t *testing.T, emails []string) {
	t.Helper()
	found, err := w.client.Consents(t.Context(), emails)
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range emails {
		if p := found[email]; len(p.Suppressions) == 0 && p.Channels[klaviyo.ChannelEmail].Status != klaviyo.StatusUnsubscribed {
			t.Errorf("%s has no opt-out any more", email)
		}
	}
}

// Consent to other channels than email overrides no opt-out from email, which
// subscribing to them would lift.
func TestConsentToSMSOverridesNoOptOutFromEmail(t *testing.T) {
	t.Parallel()
	w, clock := timed(t, simulator.Options{})
	s := consenting(3)
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelSMS)
	e.Mapping.Consent.DateColumn = "consented_at"
	optOut := clock.Now()
	for i := range s.rows {
		s.rows[i][1], s.rows[i][columnDate] = phoneOf(i), optOut.Add(time.Hour).Format(time.RFC3339)
	}
	w.SuppressEverything(address(0), "UNSUBSCRIBE")
	w.OptOutOfPhone(phoneOf(1), "sms")
	clock.advance(optOut.Add(2 * time.Hour))
	r := w.run(t, e)
	w.checkSubscribed(t, klaviyo.ChannelSMS, phoneOf(1), phoneOf(2))
	w.checkStillOptedOut(t, addresses(1))
	if r.Subscriptions.OptedOut != 1 || r.Withheld != 1 {
		t.Errorf("subscribed %+v, withheld %d", r.Subscriptions, r.Withheld)
	}
}

// A person is subscribed to the channels that they have not opted out of, by address or
// by phone number, and to those by phone only with a number.
func TestRunSubscribesToEachChannelApart(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(9)
	for i := range s.rows {
		s.rows[i][1] = phoneOf(i)
	}
	s.rows[1][1], s.rows[2][1] = "", "nonsense"
	s.rows[3][1], s.rows[4][1] = phoneOf(3), phoneOf(3) // shared, so that it is left out
	w.OptOutOfPhone(phoneOf(5), "sms")
	w.OptOutOfPhone(phoneOf(6), "whatsapp")
	e := w.subscribing("single_opt_in", s, klaviyo.Channels()...)
	w.AddSubscribers(w.listID, address(7))
	w.SuppressEverything(address(8), "UNSUBSCRIBE")
	e.OptOuts = export.IgnoreOptOuts
	r := w.run(t, e)
	w.checkSubscribed(t, klaviyo.ChannelEmail, addresses(8)...)
	w.checkSubscribed(t, klaviyo.ChannelSMS, phoneOf(0), phoneOf(6), phoneOf(7))
	w.checkSubscribed(t, klaviyo.ChannelWhatsApp, phoneOf(0), phoneOf(5), phoneOf(7))
	if r.Subscriptions.Subscribed != 8 || r.Subscriptions.OptedOut != 1 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}
}

// Without email among the channels, whoever has no phone number is exported and counted.
func TestConsentWithoutPhoneNumber(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(3)
	s.rows[1][1] = phoneOf(1)
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelSMS)
	r := w.run(t, e)
	w.checkSubscribed(t, klaviyo.ChannelSMS, phoneOf(1))
	w.checkMembers(t, addresses(3))
	reasons := r.Consents.Faults.Reasons()
	if r.Subscriptions.News != 1 || len(reasons) != 1 || reasons[0].Code != string(profile.ConsentNoPhone) || reasons[0].Rows() != "2 rows (1, 3 of s1)" {
		t.Errorf("subscribed %+v, faults %s", r.Subscriptions, r.Consents.Faults.String())
	}
}

// A date that is of no use subscribes nobody, and the row is named. A date in the future
// is of use once it has passed, although the segment is what it was.
func TestConsentWithADateOfNoUse(t *testing.T) {
	t.Parallel()
	w, clock := timed(t, simulator.Options{})
	s := consenting(7)
	s.version = "v1"
	now := clock.Now()
	for i, date := range []string{
		now.Add(-time.Hour).Format(time.RFC3339), "", "yesterday", "3/4/2026", "1900-01-01", now.Add(3 * time.Hour).Format(time.RFC3339), "2024-02-29",
	} {
		s.rows[i][columnDate] = date
	}
	e := w.subscribing("double_opt_in", s, klaviyo.ChannelEmail) // dates need no confirmation
	e.Segments = w.export(teller{s}).Segments
	e.Mapping.Consent.DateColumn = "consented_at"
	r := w.run(t, e)
	w.checkMembers(t, addresses(7))
	w.checkSubscribed(t, klaviyo.ChannelEmail, address(0), address(6))
	if at := w.Consent(address(6), "email").At; !at.Equal(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("consented at %v", at)
	}
	found := map[string]string{}
	for _, reason := range r.Consents.Faults.Reasons() {
		found[reason.Code] = reason.Rows()
	}
	for code, rows := range map[profile.ConsentFault]string{
		profile.ConsentUndated: "1 row (2 of s1)", profile.ConsentNoDate: "1 row (3 of s1)", profile.ConsentAmbiguous: "1 row (4 of s1)",
		profile.ConsentTooEarly: "1 row (5 of s1)", profile.ConsentInFuture: "1 row (6 of s1)",
	} {
		if found[string(code)] != rows {
			t.Errorf("%s: %s, want %s", code, found[string(code)], rows)
		}
	}
	if n := len(w.Confirmations()); n != 0 {
		t.Errorf("%d were asked for a confirmation", n)
	}

	clock.advance(now.Add(4 * time.Hour))
	survey, err := next(e, r).SurveyUnless(t.Context(), &r.Survey)
	if err != nil {
		t.Fatal(err)
	}
	if n := e.Subscribes(survey); n != 1 || survey.Fingerprint != r.Fingerprint {
		t.Errorf("%d to subscribe, want 1", n)
	}
	w.run(t, e)
	w.checkSubscribed(t, klaviyo.ChannelEmail, address(0), address(5), address(6))
}

// On a list with double opt-in, nobody is asked for a confirmation unless that is
// allowed, and nobody twice.
func TestDoubleOptInAsksOnce(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(1200)
	e := w.subscribing("double_opt_in", s, klaviyo.ChannelEmail)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"safeguards", "allow_confirmation_mails"}, "Klaviyo Would Ask For Confirmations", "1,200 profiles", "News", "Nothing was sent.")
	if n := len(w.imports()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	e.Safeguards.AllowConfirmationMails = true
	r := w.run(t, e)
	if r.Subscriptions.Pending != 1200 || len(w.Confirmations()) != 1200 {
		t.Errorf("subscribed %+v, %d asked", r.Subscriptions, len(w.Confirmations()))
	}
	s.rows[1][3] = "other text"
	s.rows = append(s.rows, []string{"new@example.com", "", "1", "", "yes", ""})
	r = w.run(t, next(e, r))
	if r.Subscriptions.Pending != 1 || len(w.Confirmations()) != 1201 {
		t.Errorf("subscribed %+v, %d asked", r.Subscriptions, len(w.Confirmations()))
	}
}

// Of several rows with one address the first one says whether the person consents, even if
// it is rejected for something else.
func TestRejectedRowDecidesOnConsent(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	s := consenting(1200)
	for at, consent := range map[int]string{0: "no", 1: "", 2: "yes"} {
		s.rows[at][3], s.rows[at][columnConsent] = "\xff", consent
	}
	again := func(at int) []string { return []string{address(at), "", fmt.Sprint(at), "", "yes", ""} }
	rejected := []string{address(3), "", "3", "\xff", "no", ""} // a later row
	s.rows = append(s.rows, again(0), again(1), again(2), rejected)
	r := w.run(t, w.subscribing("single_opt_in", s, klaviyo.ChannelEmail))
	if r.Profiles != 1200 || r.Rejected.Total != 4 || r.Subscriptions.Subscribed != 1198 {
		t.Errorf("%d profiles, %d rejected, subscribed %+v", r.Profiles, r.Rejected.Total, r.Subscriptions)
	}
	w.checkMembers(t, addresses(1200))
	w.checkSubscribed(t, klaviyo.ChannelEmail, addresses(1200)[2:]...)
}

// That holds for a row that its source cannot read, too. With only_consented the person is
// not exported.
func TestUnreadableRowDecidesOnConsent(t *testing.T) {
	t.Parallel()
	for _, only := range []bool{false, true} {
		w := newEnv(t, simulator.Options{})
		s := consenting(100)
		says := map[int]string{0: "no", 1: "yes", 102: "no"} // the last one is a later row
		s.rows = append(s.rows, []string{address(0), "", "0", "", "yes", ""}, []string{address(1), "", "1", "", "yes", ""}, []string{address(2), "", "2", "", "no", ""})
		s.before = func(_ context.Context, row int) error {
			if consent, bad := says[row]; bad {
				problem := segment.RowError{Code: segment.CodeUnreadableValue, Problem: "has a NUL byte"}
				return problem.With([]string{s.rows[row][0], "", "", "", consent, ""})
			}
			return nil
		}
		e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
		e.Mapping.Consent.Only = only
		r := w.run(t, e)
		consenting := addresses(100)[1:]
		w.checkSubscribed(t, klaviyo.ChannelEmail, consenting...)
		if members := int64(100); !only && r.Exported != members || only && r.Exported != members-1 {
			t.Errorf("only %t: %d exported", only, r.Exported)
		}
	}
}

// Rows that do not say yes are no profiles where only those who do are exported: the
// first row with an address decides, and a mirror removes them from the list.
func TestOnlyConsented(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s, more := consenting(600), consenting(20)
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	e.Segments = w.export(s, more).Segments
	e.SegmentProperty = "segments"
	e.Mapping.Consent.Only, e.Mirror, e.Safeguards.MaxRemovedPercent = true, export.MirrorExported, 100
	for i := range 5 {
		s.rows[i][columnConsent] = "no" // their rows in the other segment say yes
	}
	for i := 5; i < 10; i++ {
		more.rows[i][columnConsent] = "no"
	}
	s.rows[5][0] = "nobody"
	more.rows[19] = []string{"", "", "", "", "no", ""}
	r := w.runListing(t, e)
	want := addresses(600)[6:] // the first row with the address of 5 is the one that says no
	w.checkMembers(t, want)
	w.checkSubscribed(t, klaviyo.ChannelEmail, want...)
	if r.Unconsented != 6 || r.Rejected.Total != 2 || r.Duplicates != 18 || r.Profiles != 594 {
		t.Errorf("%d unconsented, %d rejected, %d duplicates, %d profiles", r.Unconsented, r.Rejected.Total, r.Duplicates, r.Profiles)
	}
	p, _ := w.Profile(address(7))
	if in := fmt.Sprint(p.Properties["segments"]); in != "[s1 s2]" {
		t.Errorf("in the segments %s", in)
	}

	for i := 100; i < 130; i++ {
		s.rows[i][columnConsent] = ""
	}
	r = w.run(t, next(e, r))
	if r.Removed != 30 || r.Unconsented != 36 || r.Updated != 0 || r.Added != 0 {
		t.Errorf("%d removed, %d unconsented, %d updated, %d added", r.Removed, r.Unconsented, r.Updated, r.Added)
	}
	if status := w.Consent(address(100), "email").Status; status != klaviyo.StatusSubscribed {
		t.Errorf("who takes back the consent is %s", status) // a withdrawal is no unsubscribe
	}

	for _, rows := range [][][]string{s.rows, more.rows} {
		for i := range rows {
			rows[i][columnConsent] = "ja"
		}
	}
	_, err := next(e, r).Survey(t.Context())
	asError(t, err, []string{"marketing_consent", "consent_field"}, "No Row Says Yes", "620 rows", `"consent"`, "opt-in", "Nothing was sent.")
	e.Safeguards.AllowEmptySegment = true
	if r = w.run(t, e); r.Removed != 564 {
		t.Errorf("%d removed", r.Removed)
	}
}

// A key that may not subscribe exports all the same, and the next one passes on what is
// left.
func TestKeyThatMayNotSubscribe(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(1500)
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	e.Mirror, e.Safeguards.MaxRemovedPercent = export.MirrorExported, 100
	s.rows = append(s.rows, []string{"leaver@example.com", "", "1", "", "no", ""})
	r := w.run(t, e)
	s.rows[1500] = []string{"new@example.com", "", "1", "", "yes", ""}
	w.RevokeKey(testKey)
	w.AddKey(testKey, klaviyo.RequiredScopes()...)
	r = w.run(t, next(e, r))
	if r.Subscriptions.Denied == nil || r.Subscriptions.Left != 1 || r.Removed != 1 {
		t.Fatalf("subscribed %+v, %d removed", r.Subscriptions, r.Removed)
	}
	asError(t, r.Subscriptions.Denied, nil, "API Key Lacks A Scope", "subscriptions:write", "1 profile")
	w.checkMembers(t, append(addresses(1500), "new@example.com"))

	if n := next(e, r).Subscribes(&r.Survey); n != 1 {
		t.Errorf("%d are left, want 1", n)
	}
	w.RevokeKey(testKey)
	w.AddKey(testKey)
	r = w.run(t, e)
	if r.Subscriptions.Subscribed != 1 || r.Exported != 0 || r.Subscriptions.News != 1 {
		t.Errorf("subscribed %+v, exported %d", r.Subscriptions, r.Exported)
	}
	w.checkSubscribed(t, klaviyo.ChannelEmail, append(addresses(1500), "new@example.com")...)
}

// The first run of a key that may not subscribe leaves everybody, of several requests.
func TestKeyThatMayNotSubscribeAnybody(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	e := w.subscribing("single_opt_in", consenting(2500), klaviyo.ChannelEmail)
	w.RevokeKey(testKey)
	w.AddKey(testKey, klaviyo.RequiredScopes()...)
	r := w.run(t, e)
	if r.Subscriptions.Left != 2500 || r.Subscribed.Count() != 0 || len(w.subscribeCalls(t)) != 1 {
		t.Errorf("subscribed %+v, in the sketch %d", r.Subscriptions, r.Subscribed.Count())
	}
	w.RevokeKey(testKey)
	w.AddKey(testKey)
	if r = w.run(t, next(e, r)); r.Subscriptions.Subscribed != 2500 || r.Exported != 0 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}
}

// A run that fails while it subscribes sends nothing again the next time, and asks nobody
// a second time for a confirmation.
func TestRunThatFailsWhileItSubscribes(t *testing.T) {
	t.Parallel()
	const people = 2500
	for name, tc := range map[string]struct {
		mirror export.Mirror
		later  bool // in a second run, in which 20 say yes and one has left
		nth    int  // request to subscribe that fails
		left   int64
	}{
		"at once":                   {nth: 1, left: 2500},
		"after a thousand":          {nth: 2, left: 1500},
		"a mirror":                  {nth: 3, left: 500, mirror: export.MirrorExported},
		"of everybody":              {nth: 2, left: 1500, mirror: export.MirrorAll},
		"a few":                     {later: true, nth: 1, left: 20},
		"a mirror with a leaver":    {later: true, nth: 1, left: 20, mirror: export.MirrorExported},
		"of everybody, with leaver": {later: true, nth: 1, left: 20, mirror: export.MirrorAll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			s := consenting(people)
			e := w.subscribing("double_opt_in", s, klaviyo.ChannelEmail)
			e.Mirror, e.Safeguards.MaxRemovedPercent, e.Safeguards.AllowConfirmationMails = tc.mirror, 100, true
			if tc.later {
				for i := range 20 {
					s.rows[i][columnConsent] = "no"
				}
				s.rows = append(s.rows, []string{"leaver@example.com", "", "1", "", "no", ""})
				next(e, w.run(t, e))
				s.rows = s.rows[:people]
				for i := range 20 {
					s.rows[i][columnConsent] = "yes"
				}
			}
			w.Inject(simulator.Fault{Method: http.MethodPost, Path: subscribePath, Nth: tc.nth, Status: http.StatusConflict})
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			var failed *export.PartlySubscribed
			if !errors.As(err, &failed) {
				t.Fatalf("error %v", err)
			}
			if failed.Subscriptions.Left != tc.left {
				t.Errorf("subscribed %+v", failed.Subscriptions)
			}
			checkSubscriptions(t, &failed.Subscriptions)
			if text := err.Error(); !strings.Contains(text, "All profiles were sent") || !strings.Contains(text, "Apply again") {
				t.Errorf("error %q", text)
			}
			keepFailed(e, err)
			survey, err := e.Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n := e.Subscribes(survey); n != tc.left {
				t.Errorf("%d are to be subscribed, want %d", n, tc.left)
			}
			r := w.run(t, e)
			if r.Subscriptions.News != tc.left || r.Subscriptions.Pending != tc.left || r.Exported != 0 || len(w.Confirmations()) != people {
				t.Errorf("subscribed %+v, exported %d, %d asked", r.Subscriptions, r.Exported, len(w.Confirmations()))
			}
			want := addresses(people)
			if tc.later && tc.mirror == export.MirrorNone {
				want = append(want, "leaver@example.com")
			}
			w.checkMembers(t, want)
			if r = w.run(t, next(e, r)); r.Subscriptions.News != 0 {
				t.Errorf("subscribed %+v", r.Subscriptions)
			}
		})
	}
}

// keepFailed has an export use what a failed run tells, as a provider does.
func keepFailed(e *export.Export, err error) {
	var subscribed *export.PartlySubscribed
	var removal *export.UnfinishedRemoval
	var sent *export.PartlySent
	switch {
	case errors.As(err, &subscribed) && subscribed.Acknowledged != nil:
		e.Acknowledged, e.AcknowledgedKeys = subscribed.Acknowledged, subscribed.AcknowledgedKeys
	case errors.As(err, &removal) && removal.Acknowledged != nil:
		e.Acknowledged, e.AcknowledgedKeys = removal.Acknowledged, removal.AcknowledgedKeys
		e.RemovalUnfinished, e.Leaving = !removal.Listed, removal.Leaving
	case errors.As(err, &sent) && sent.Acknowledged != nil:
		e.Acknowledged, e.AcknowledgedKeys, e.MayHaveJoined = sent.Acknowledged, sent.AcknowledgedKeys, sent.MayHaveJoined
	}
	if subscribed != nil {
		e.Subscribed = subscribed.Subscribed
	}
}

// A removal that fails keeps what was subscribed before it.
func TestRemovalThatFailsKeepsTheSubscribed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(300)
	e := w.subscribing("double_opt_in", s, klaviyo.ChannelEmail)
	e.Mirror, e.Safeguards.MaxRemovedPercent, e.Safeguards.AllowConfirmationMails = export.MirrorExported, 100, true
	next(e, w.run(t, e))
	s.rows = append(s.rows[1:], []string{"new@example.com", "", "1", "", "yes", ""})
	w.Inject(simulator.Fault{Method: http.MethodDelete, Status: http.StatusForbidden})
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	var failed *export.PartlySubscribed
	if !errors.As(err, &failed) || failed.Subscriptions.Pending != 1 {
		t.Fatalf("error %v", err)
	}
	keepFailed(e, err)
	r := w.run(t, e)
	if r.Subscriptions.News != 0 || r.Removed != 1 || len(w.Confirmations()) != 301 {
		t.Errorf("subscribed %+v, %d removed, %d asked", r.Subscriptions, r.Removed, len(w.Confirmations()))
	}
}

// A request that may have arrived is not repeated where Klaviyo would ask people twice.
func TestRequestThatMayHaveArrived(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	e := w.subscribing("double_opt_in", consenting(1500), klaviyo.ChannelEmail)
	e.Safeguards.AllowConfirmationMails = true
	w.Inject(simulator.Fault{Method: http.MethodPost, Path: subscribePath, DropAfter: true})
	r := w.run(t, e)
	if r.Subscriptions.Unconfirmed != 1000 || r.Subscriptions.Pending != 500 || len(w.Confirmations()) != 1500 {
		t.Errorf("subscribed %+v, %d asked", r.Subscriptions, len(w.Confirmations()))
	}
	if r = w.run(t, next(e, r)); r.Subscriptions.News != 0 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}
}

// One that was under way when a run ended is not repeated by the next run.
func TestInterruptedRequestThatMayHaveArrived(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	proxy := newEditor(t, w, func(r *http.Request, _ *httptest.ResponseRecorder) {
		if r.URL.Path == subscribePath {
			cancel()
			<-r.Context().Done() // the answer never arrives
		}
	})
	e := w.subscribing("double_opt_in", consenting(1500), klaviyo.ChannelEmail)
	e.Safeguards.AllowConfirmationMails = true
	_, err := e.Run(ctx, newClient(t, proxy, impatient), export.RunOptions{})
	var failed *export.PartlySubscribed
	if !errors.As(err, &failed) || failed.Subscriptions.Unconfirmed != 1000 || failed.Subscriptions.Left != 500 {
		t.Fatalf("error %v", err)
	}
	asError(t, err, nil, "Export Interrupted", "500 profiles are left")
	keepFailed(e, err)
	if r := w.run(t, e); r.Subscriptions.Pending != 500 || len(w.Confirmations()) != 1500 {
		t.Errorf("subscribed %+v, %d asked", r.Subscriptions, len(w.Confirmations()))
	}
}

// Whom Klaviyo refuses, and what it leaves out, is counted and fails nothing.
func TestSubscriptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true, MaxErrorsPerResponse: 2})
	s := consenting(50)
	for i := range s.rows {
		s.rows[i][1] = phoneOf(i)
	}
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail, klaviyo.ChannelSMS)
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if r.URL.Path == subscribePath {
			once.Do(func() { // all of them were imported
				for i := range 3 {
					w.RefuseEmail(address(i), "invalid", "Nobody wants them.")
				}
				w.RefusePhone(phoneOf(4), "invalid", "There is no such number.")
			})
		}
	})
	r := w.run(t, e)
	w.checkSubscribed(t, klaviyo.ChannelEmail, addresses(50)[3:]...)
	if n := len(w.Subscribed("sms")); n != 46 {
		t.Errorf("%d are subscribed to SMS", n)
	}
	out := r.Subscriptions
	reasons := out.Refused.Reasons()
	if r.Exported != 50 || out.Subscribed != 47 || len(reasons) != 1 || reasons[0].Rows() != "3 rows (1, 2, 3 of s1)" || !strings.Contains(reasons[0].Words, "Nobody wants them.") {
		t.Errorf("exported %d, subscribed %d, refused %s", r.Exported, out.Subscribed, out.Refused.String())
	}
	if out.Dropped["phone_number"] != 1 {
		t.Errorf("dropped %v", out.Dropped)
	}
	if r = w.run(t, next(e, r)); r.Subscriptions.News != 0 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}
}

// Klaviyo shows profiles that were merged with one address: the opt-out of the one that
// is left counts for both.
func TestOptOutOfAMergedProfile(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		w := newEnv(t, simulator.Options{KeepBodies: true})
		s := consenting(40)
		e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
		e.OptOuts = export.IgnoreOptOuts
		w.AddMembers(w.listID, address(3), "other@example.com")
		w.Merge(address(3), "other@example.com")
		w.SuppressEverything("other@example.com", "UNSUBSCRIBE")
		if both {
			s.rows = append(s.rows, []string{"other@example.com", "", "1", "", "yes", ""})
		}
		r := w.run(t, e)
		want := 1
		if both {
			want = 2
		}
		if r.Subscriptions.OptedOut != int64(want) {
			t.Errorf("subscribed %+v", r.Subscriptions)
		}
		w.checkStillOptedOut(t, []string{"other@example.com"})
	}
}

// A mirror that cannot list who left knows that people are on the list again who opted
// out and consented later.
func TestMirrorKnowsWhoConsentedLater(t *testing.T) {
	t.Parallel()
	w, clock := timed(t, simulator.Options{})
	s := consenting(1000)
	began := clock.Now()
	for i := range s.rows {
		s.rows[i][columnDate] = began.Add(-time.Hour).Format(time.RFC3339)
	}
	s.rows = append(s.rows, []string{"leaver@example.com", "", "1", "", "no", ""})
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	e.Mapping.Consent.DateColumn, e.Mirror, e.Safeguards.MaxRemovedPercent = "consented_at", export.MirrorExported, 100
	next(e, w.run(t, e))
	optOut := clock.Now()
	for i := range 300 {
		w.Unsubscribe(w.listID, address(i))
		s.rows[i][columnDate] = optOut.Add(time.Hour).Format(time.RFC3339)
	}
	clock.advance(optOut.Add(2 * time.Hour))
	s.rows, e.Acknowledged = s.rows[:1000], nil // as if a full send was due
	r := w.run(t, e)
	if r.LeaversUnknown || r.Removed != 1 || r.Withheld != 0 || r.Subscriptions.Subscribed != 300 {
		t.Errorf("unknown %t, %d removed, %d withheld, subscribed %+v", r.LeaversUnknown, r.Removed, r.Withheld, r.Subscriptions)
	}
	w.checkMembers(t, addresses(1000))
	w.checkSubscribed(t, klaviyo.ChannelEmail, addresses(1000)...)
}

// The number of people changes by so much that the sketch gets another size: whoever is
// dealt with is recognized all the same, then and the next time.
func TestSketchOfConsentsGrows(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(3000)
	all := s.rows
	s.rows = all[:500]
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	next(e, w.run(t, e))
	s.rows = all
	r := w.run(t, e)
	if r.Subscriptions.News != 2500 || r.Subscriptions.Subscribed != 2500 || r.Subscribed.Cells() != 750 {
		t.Errorf("subscribed %+v, %d cells", r.Subscriptions, r.Subscribed.Cells())
	}
	for i := range 200 {
		all[i][columnConsent] = "no"
	}
	if r = w.run(t, next(e, r)); r.Subscriptions.News != 0 || r.Subscribed.Count() != 2800 {
		t.Errorf("subscribed %+v, %d in the sketch", r.Subscriptions, r.Subscribed.Count())
	}
}

// Without sketches, everybody who says yes is news each time, and is looked up.
func TestSubscribeWithoutSketches(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	e := w.subscribing("single_opt_in", consenting(120), klaviyo.ChannelEmail)
	e.TrackChanges = false
	for range 2 {
		r := w.run(t, e)
		if r.Subscriptions.News != 120 || r.Subscribed != nil {
			t.Errorf("subscribed %+v", r.Subscriptions)
		}
	}
	if sizes := w.subscribeCalls(t); !slices.Equal(sizes, []int{120}) {
		t.Errorf("calls of %v", sizes)
	}
}

// The segment changes between the import and the second pass: nobody is subscribed whose
// row does not say yes any more, and what came in between is news to the next run.
func TestConsentsThatChangeDuringARun(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(300)
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	s.rows[1][columnConsent] = "no"
	opened := 0
	s.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if row == 0 && opened == 3 {
			s.rows[0][columnConsent], s.rows[1][columnConsent] = "no", "yes"
		}
		return nil
	}
	next(e, w.run(t, e)) // of the first, all are news
	w.checkSubscribed(t, klaviyo.ChannelEmail, addresses(300)[1:]...)
	s.rows[2][columnConsent] = "no"
	if r := w.run(t, e); r.Subscriptions.News != 0 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	} else {
		next(e, r)
	}
	s.rows[0][columnConsent], s.rows[2][columnConsent] = "yes", "no"
	opened = 0
	s.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if row == 0 && opened == 3 {
			s.rows[2][columnConsent] = "yes"
		}
		return nil
	}
	r := w.run(t, e)
	if r.Subscriptions.News != 1 || r.Subscriptions.Subscribed != 1 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}
	if r = w.run(t, next(e, r)); r.Subscriptions.News != 1 || r.Subscriptions.Already != 1 {
		t.Errorf("subscribed %+v", r.Subscriptions)
	}
}

func TestProgressOfSubscribing(t *testing.T) {
	t.Parallel()
	p := export.Progress{Subscribing: true, Subscribed: 1200, ToSubscribe: 3000}
	if got, want := p.String(), "all profiles sent, 1,200 of the consents of 3,000 profiles dealt with"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Subscribing without a date may start flows for people who are on the list already;
// with a date it does not.
func TestFlowsOfSubscribing(t *testing.T) {
	t.Parallel()
	for _, dated := range []bool{false, true} {
		w := newEnv(t, simulator.Options{KeepBodies: true})
		s := consenting(20)
		e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
		for i := range s.rows {
			s.rows[i][columnConsent], s.rows[i][columnDate] = "no", "2026-01-01"
		}
		if dated {
			e.Mapping.Consent.DateColumn = "consented_at"
		}
		next(e, w.run(t, e))
		w.AddFlow(w.listID, simulator.Flow{Name: "Welcome", Status: "live"})
		for i := range 3 {
			s.rows[i][columnConsent] = "yes"
		}
		_, err := e.Run(t.Context(), w.client, export.RunOptions{})
		if dated {
			if err != nil {
				t.Errorf("with a date: %v", err)
			}
			continue
		}
		asError(t, err, []string{"safeguards", "allow_live_flows"}, "Joining The List Starts A Live Flow", "3 profiles")
	}
}

// A run that is cancelled while it subscribes says what it has done.
func TestCancelWhileSubscribing(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	e := w.subscribing("single_opt_in", consenting(2500), klaviyo.ChannelEmail)
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	w.OnRequest(func(r *http.Request) {
		if r.URL.Path == subscribePath {
			if calls.Add(1) == 2 {
				cancel()
			}
		}
	})
	_, err := e.Run(ctx, w.client, export.RunOptions{})
	var failed *export.PartlySubscribed
	if !errors.As(err, &failed) || failed.Acknowledged == nil {
		t.Fatalf("error %v", err)
	}
	words := []string{"1,000 profiles were dealt with", "1,500 profiles are left"}
	if failed.Subscriptions.Left == 500 { // the second answer arrived before the request was cancelled
		words = []string{"2,000 profiles were dealt with", "500 profiles are left"}
	}
	asError(t, err, nil, "Export Interrupted", append(words, "Apply again")...)
}

// A survey is good for later plans as long as the consents that are dealt with are the
// same.
func TestSurveyOfConsentsIsReliedOn(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(30)
	s.version = "v1"
	source := &counted{Source: s}
	e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
	e.Segments = w.export(teller{source}).Segments
	r := w.run(t, e)
	source.opened.Store(0)
	survey := func(last *export.Survey) int32 {
		t.Helper()
		if _, err := next(e, r).SurveyUnless(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		return source.opened.Swap(0)
	}
	if n := survey(&r.Survey); n != 0 {
		t.Errorf("read %d times although nothing has changed", n)
	}
	old := r.Survey
	old.Consents = nil
	if n := survey(&old); n == 0 {
		t.Error("a survey without consents is relied on")
	}
	r.Subscribed = nil
	if n := survey(&r.Survey); n != 0 {
		t.Errorf("read %d times although all are news anyway", n)
	}
}

// A run that fails knows exactly who was asked for a confirmation, also where others were
// found to be subscribed before.
func TestRunThatFailsBetweenTheSubscribed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	e := w.subscribing("double_opt_in", consenting(2500), klaviyo.ChannelEmail)
	e.Safeguards.AllowConfirmationMails = true
	for i := 0; i < 2500; i += 10 {
		w.AddSubscribers(w.listID, address(i))
	}
	for range 2 {
		w.Inject(simulator.Fault{Method: http.MethodPost, Path: subscribePath, Nth: 2, Status: http.StatusConflict})
		_, err := e.Run(t.Context(), w.client, export.RunOptions{})
		var failed *export.PartlySubscribed
		if !errors.As(err, &failed) || failed.Subscriptions.Pending != 1000 {
			t.Fatalf("error %v", err)
		}
		keepFailed(e, err)
	}
	r := w.run(t, e)
	if n := len(w.Confirmations()); r.Subscriptions.Pending != 250 || n != 2250 {
		t.Errorf("subscribed %+v, %d asked", r.Subscriptions, n)
	}
}

// A phone number that belongs to another profile in Klaviyo subscribes nobody.
func TestNumberOfAnotherProfile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true, FailTaken: true})
	others := &table{columns: columns, rows: [][]string{{"other@example.com", phoneOf(0), "1", ""}}}
	w.run(t, w.export(others))
	s := consenting(2)
	s.rows[0][1], s.rows[1][1] = phoneOf(0), phoneOf(1)
	r := w.run(t, w.subscribing("single_opt_in", s, klaviyo.ChannelSMS))
	w.checkSubscribed(t, klaviyo.ChannelSMS, phoneOf(1))
	reasons := r.Subscriptions.Refused.Reasons()
	if len(reasons) != 1 || reasons[0].Rows() != "1 row (1 of s1)" || reasons[0].Target != profile.IdentifierPhone.Target() {
		t.Errorf("refused %s", r.Subscriptions.Refused.String())
	}
}

package klaviyo_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func TestConsents(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{OptInProcess: "single_opt_in"})
	s.AddMembers(list.ID, "member@example.com")
	before := time.Now().Truncate(time.Second)
	people := []klaviyo.Subscriber{{Email: "Ann@example.com", PhoneNumber: "+34600111222", Channels: byAll}, {Email: "left@example.com", Channels: byEmail}}
	if _, err := c.Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: list.ID, People: people}); err != nil {
		t.Fatal(err)
	}
	s.SuppressEverything("left@example.com", "UNSUBSCRIBE")
	s.OptOutOfPhone("+34600111222", "sms")
	s.OptOutOfPhone("+34600111333", "whatsapp")
	found, err := c.Consents(t.Context(), []string{"ann@example.com", "left@example.com", "member@example.com", "unknown@example.com"})
	if err != nil || !slices.Equal(slices.Sorted(maps.Keys(found)), []string{"ann@example.com", "left@example.com", "member@example.com"}) {
		t.Fatalf("found %v, %v", found, err)
	}
	const never, yes, no = klaviyo.StatusNeverSubscribed, klaviyo.StatusSubscribed, klaviyo.StatusUnsubscribed
	for email, want := range map[string][]string{"ann@example.com": {yes, no, yes}, "left@example.com": {no, never, ""}, "member@example.com": {never, never, ""}} {
		p := found[email]
		for i, channel := range klaviyo.Channels() {
			got := p.Channels[channel]
			if got.Status != want[i] || p.Subscribed(channel) != (want[i] == yes) || (want[i] == yes || want[i] == no) == got.At.Before(before) {
				t.Errorf("%s, %s: %+v, want %q", email, channel, got, want[i])
			}
		}
	}
	if got := found["left@example.com"].Suppressions; len(got) != 1 || got[0].Reason != "UNSUBSCRIBE" || got[0].ListID != "" || got[0].At.Before(before) {
		t.Errorf("suppressions %+v", got)
	}
	byPhone, err := c.ConsentsByPhone(t.Context(), []string{"+34600111222", "+34600111333", "+34600111444"})
	if err != nil || len(byPhone) != 2 || byPhone["+34600111222"].Email != "ann@example.com" || byPhone["+34600111333"].Channels[klaviyo.ChannelWhatsApp].Status != no {
		t.Errorf("found %+v, %v", byPhone, err)
	}
}

// What is not said is no consent, and an answer that says nothing is an error.
func TestConsentsOfOddAnswers(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, document)
	if _, err := a.Consents(t.Context(), make([]string, 101)); err == nil || len(a.received()) != 0 {
		t.Errorf("error %v, %d requests", err, len(a.received()))
	}
	if found, err := a.Consents(t.Context(), nil); err != nil || len(found) != 0 || len(a.received()) != 0 {
		t.Errorf("%v, error %v, %d requests", found, err, len(a.received()))
	}
	const unsaid = "unsaid"
	for subscriptions, want := range map[string]string{
		`null`:                         unsaid,
		`{}`:                           unsaid,
		`{"email":null}`:               unsaid,
		`{"email":{"marketing":null}}`: unsaid,
		`{"email":{"marketing":{}}}`:   "",
		`{"email":{"marketing":{"consent":"SUBSCRIBED","consent_timestamp":"soon"}},"sms":{"marketing":null},"whatsapp":null}`: "SUBSCRIBED",
	} {
		body := `{"data":[{"type":"profile","id":"P","attributes":{"email":"A@example.com","subscriptions":` + subscriptions + `}}]}`
		found, err := serve(t, klaviyo.Options{}, answer(200, body)).Consents(t.Context(), []string{"a@example.com"})
		if want == unsaid {
			if err == nil || !strings.Contains(err.Error(), "opt-outs are unknown") {
				t.Errorf("%s: %v, error %v", subscriptions, found, err)
			}
			continue
		}
		if got := found["a@example.com"].Channels; err != nil || len(got) != 1 || got[klaviyo.ChannelEmail] != (klaviyo.ChannelConsent{Status: want}) {
			t.Errorf("%s: %v, error %v", subscriptions, got, err)
		}
	}
}

// A profile without an address says nothing of email.
func TestConsentsWithoutAnAddress(t *testing.T) {
	t.Parallel()
	const profiles = `{"data":[
		{"type":"profile","id":"P","attributes":{"email":null,"phone_number":"+15005550001","subscriptions":{"email":null,"sms":{"marketing":{"consent":"UNSUBSCRIBED"}}}}},
		{"type":"profile","id":"Q","attributes":{"email":"q@example.com","phone_number":"+15005550002","subscriptions":{"email":{"marketing":{"consent":"SUBSCRIBED"}}}}}]}`
	found, err := serve(t, klaviyo.Options{}, answer(200, profiles)).ConsentsByPhone(t.Context(), []string{"+15005550001", "+15005550002"})
	p, q := found["+15005550001"], found["+15005550002"]
	if err != nil || len(found) != 2 || len(p.Channels) != 1 || p.Channels[klaviyo.ChannelSMS].Status != klaviyo.StatusUnsubscribed || !q.Subscribed(klaviyo.ChannelEmail) {
		t.Errorf("%v, error %v", found, err)
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	out := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	const email, sms, chat = klaviyo.ChannelEmail, klaviyo.ChannelSMS, klaviyo.ChannelWhatsApp
	consent := func(channel klaviyo.Channel, status string, at time.Time) klaviyo.ProfileConsent {
		return klaviyo.ProfileConsent{Channels: map[klaviyo.Channel]klaviyo.ChannelConsent{channel: {Status: status, At: at}}}
	}
	suppressed := func(reason, list string, at time.Time) klaviyo.ProfileConsent {
		return klaviyo.ProfileConsent{Suppressions: []klaviyo.Suppression{{Reason: "HARD_BOUNCE"}, {ListID: list, Reason: reason, At: at}}}
	}
	const always, after, never = 0, 1, 2
	for name, tc := range map[string]struct {
		profile klaviyo.ProfileConsent
		channel klaviyo.Channel
		want    int
	}{
		"nothing known":              {klaviyo.ProfileConsent{}, email, always},
		"subscribed":                 {consent(email, "SUBSCRIBED", out), email, always},
		"never subscribed":           {consent(email, "NEVER_SUBSCRIBED", time.Time{}), email, always},
		"unsubscribed":               {consent(email, "UNSUBSCRIBED", out), email, after},
		"unsubscribed, no date":      {consent(email, "UNSUBSCRIBED", time.Time{}), email, never},
		"STOP, by sms":               {consent(sms, "UNSUBSCRIBED", out), sms, after},
		"STOP, by email":             {consent(sms, "UNSUBSCRIBED", out), email, always},
		"STOP, by another app":       {consent(sms, "UNSUBSCRIBED", out), chat, always},
		"unsubscribed, by sms":       {consent(email, "UNSUBSCRIBED", out), sms, after},
		"everything":                 {suppressed("UNSUBSCRIBE", "", out), email, after},
		"everything, by sms":         {suppressed("UNSUBSCRIBE", "", out), sms, after},
		"everything, no date":        {suppressed("UNSUBSCRIBE", "", time.Time{}), email, never},
		"a complaint":                {suppressed("SPAM_COMPLAINT", "", out), email, after},
		"a complaint, by other name": {suppressed("SPAM_REPORT", "", out), email, after},
		"by hand":                    {suppressed("USER_SUPPRESSED", "", out), email, after},
		"a bounce":                   {suppressed("HARD_BOUNCE", "", out), email, always},
		"an address that is not":     {suppressed("INVALID_EMAIL", "", out), email, always},
		"the list":                   {suppressed("UNSUBSCRIBE", "Y6nRLr", out), email, after},
		"another list":               {suppressed("UNSUBSCRIBE", "Other1", out), email, always},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at, least := range map[time.Time]int{{}: always, out.Add(-time.Second): always, out: always, out.Add(time.Second): after} {
				if got := tc.profile.Allows(tc.channel, "Y6nRLr", at); got != (tc.want <= least) {
					t.Errorf("consent at %v: allowed %v", at, got)
				}
			}
		})
	}
}

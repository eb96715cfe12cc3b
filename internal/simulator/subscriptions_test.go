package simulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const (
	subscribePath = "/api/profile-subscription-bulk-create-jobs"
	rowAt         = "/data/attributes/profiles/data/0"
)

// person is a row to subscribe: an address, a phone number or both, and channels.
// A channel may come with a date, as in "email=2026-07-01T00:00:00Z".
func person(email, phone string, channels ...string) string {
	var attributes, consents []string
	for name, value := range map[string]string{"email": email, "phone_number": phone} {
		if value != "" {
			attributes = append(attributes, fmt.Sprintf("%q:%q", name, value))
		}
	}
	for _, channel := range channels {
		name, date, dated := strings.Cut(channel, "=")
		if dated {
			date = fmt.Sprintf(`,"consented_at":%q`, date)
		}
		consents = append(consents, fmt.Sprintf(`%q:{"marketing":{"consent":"SUBSCRIBED"%s}}`, name, date))
	}
	attributes = append(attributes, `"subscriptions":{`+strings.Join(consents, ",")+`}`)
	return `{"type":"profile","attributes":{` + strings.Join(attributes, ",") + `}}`
}

// subscription is a request to subscribe; others are attributes of it, as JSON.
func subscription(listID, others string, rows ...string) string {
	body := `{"data":{"type":"profile-subscription-bulk-create-job","attributes":{` + others + `"profiles":{"data":[` + strings.Join(rows, ",") + `]}}`
	if listID != "" {
		body += `,"relationships":{"list":{"data":{"type":"list","id":"` + listID + `"}}}`
	}
	return body + `}}`
}

const historical = `"historical_import":true,`

func subscribe(t *testing.T, s *simulator.Server, listID, others string, rows ...string) reply {
	t.Helper()
	return call(t, s, "POST", subscribePath, subscription(listID, others, rows...))
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{OptInProcess: "single_opt_in"})
	answer := subscribe(t, s, list.ID, `"custom_source":"Shop",`, person("Ann@x.com", "", "email"), person("b@x.com", "+34600111222", "email", "sms"), person("", "+34600111333", "whatsapp")).want(t, 202)
	if answer.text != "" || answer.header.Get("X-Klaviyo-Partial-Failure") != "" {
		t.Errorf("answer %q, %v", answer.text, answer.header)
	}
	for channel, want := range map[string][]string{"email": {"ann@x.com", "b@x.com"}, "sms": {"+34600111222"}, "whatsapp": {"+34600111333"}} {
		if got := s.Subscribed(channel); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", channel, got, want)
		}
	}
	if got := s.Consent("ann@x.com", "email"); got != (simulator.Consent{Status: "SUBSCRIBED", At: c.Now(), CustomSource: "Shop"}) {
		t.Errorf("consent %+v", got)
	}
	if got := s.Consent("ann@x.com", "sms"); got.Status != "NEVER_SUBSCRIBED" {
		t.Errorf("consent %+v", got)
	}
	if len(s.Members(list.ID)) != 3 || len(s.Confirmations()) != 0 {
		t.Errorf("members %v, confirmations %v", s.MemberEmails(list.ID), s.Confirmations())
	}
	// Once more changes nothing.
	before := s.Members(list.ID)
	c.Add(time.Hour)
	subscribe(t, s, list.ID, "", person("ann@x.com", "", "email")).want(t, 202)
	if got := s.Consent("ann@x.com", "email"); got.CustomSource != "Shop" || got.At.Equal(c.Now()) || !equal(before, s.Members(list.ID)) {
		t.Errorf("consent %+v", got)
	}
}

// The API shows consent; a profile that was imported has none.
func TestConsentIsShown(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{OptInProcess: "single_opt_in"})
	shown := func(field, value string) map[string]any {
		t.Helper()
		all := get(t, s, "/api/profiles", "filter", "equals("+field+`,"`+value+`")`, "additional-fields[profile]", "subscriptions").want(t, 200).all(t)
		return all[0].Attributes["subscriptions"].(map[string]any)
	}
	marketing := func(subscriptions map[string]any, channel string) map[string]any {
		return subscriptions[channel].(map[string]any)["marketing"].(map[string]any)
	}
	sendImport(t, s, []string{`{"email":"imported@x.com"}`}, list.ID).want(t, 202)
	imported := shown("email", "imported@x.com")
	if m := marketing(imported, "email"); m["consent"] != "NEVER_SUBSCRIBED" || m["can_receive_email_marketing"] != true || m["consent_timestamp"] != nil || imported["whatsapp"] != nil {
		t.Errorf("imported: %v", imported)
	}
	subscribe(t, s, list.ID, historical+`"custom_source":"Shop",`, person("a@x.com", "+34600111222", "email=2026-07-01T02:00:00+02:00", "sms=2026-07-02T00:00:00Z", "whatsapp=2026-07-03T00:00:00Z")).want(t, 202)
	got := shown("email", "a@x.com")
	if m := marketing(got, "email"); m["consent"] != "SUBSCRIBED" || m["consent_timestamp"] != "2026-07-01T00:00:00+00:00" || m["custom_method_detail"] != "Shop" || m["double_optin"] != false {
		t.Errorf("email: %v", m)
	}
	if m := marketing(got, "sms"); m["consent"] != "SUBSCRIBED" || m["consent_timestamp"] != "2026-07-02T00:00:00+00:00" || m["can_receive_sms_marketing"] != true {
		t.Errorf("sms: %v", m)
	}
	if m := marketing(got, "whatsapp"); m["consent"] != "SUBSCRIBED" || m["can_receive"] != true || m["phone_number"] != "+34600111222" {
		t.Errorf("whatsapp: %v", m)
	}
	s.SuppressEverything("a@x.com", "UNSUBSCRIBE")
	if m := marketing(shown("email", "a@x.com"), "email"); m["consent"] != "UNSUBSCRIBED" || m["consent_timestamp"] != "2026-08-01T12:00:00+00:00" || m["can_receive_email_marketing"] != false {
		t.Errorf("after unsubscribing: %v", m)
	}
	s.OptOutOfPhone("+34600111222", "sms")
	if m := marketing(shown("phone_number", "+34600111222"), "sms"); m["consent"] != "UNSUBSCRIBED" || m["can_receive_sms_marketing"] != false {
		t.Errorf("after STOP: %v", m)
	}
}

func TestDoubleOptIn(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	s.AddFlow(list.ID, simulator.Flow{Status: "live"})
	both := person("a@x.com", "+34600111222", "email", "sms")
	subscribe(t, s, list.ID, `"custom_source":"Shop",`, both, person("b@x.com", "", "email")).want(t, 202)
	want := []simulator.Confirmation{
		{Email: "a@x.com", Channel: "email", ListID: list.ID},
		{PhoneNumber: "+34600111222", Channel: "sms", ListID: list.ID},
		{Email: "b@x.com", Channel: "email", ListID: list.ID},
	}
	if got := s.Confirmations(); !slices.Equal(got, want) {
		t.Errorf("confirmations %+v", got)
	}
	if got := s.Consent("a@x.com", "sms"); got != (simulator.Consent{Status: "NEVER_SUBSCRIBED", Pending: true}) {
		t.Errorf("consent %+v", got)
	}
	if len(s.Subscribed("email")) != 0 || len(s.Members(list.ID)) != 0 {
		t.Errorf("subscribed %q, members %q", s.Subscribed("email"), s.MemberEmails(list.ID))
	}
	// Asking again mails again.
	subscribe(t, s, list.ID, "", person("b@x.com", "", "email")).want(t, 202)
	if got := len(s.Confirmations()); got != 4 {
		t.Errorf("%d confirmations", got)
	}
	c.Add(time.Hour)
	s.Confirm("a@x.com")
	if got := s.Consent("a@x.com", "email"); got != (simulator.Consent{Status: "SUBSCRIBED", At: c.Now(), CustomSource: "Shop", DoubleOptIn: true}) {
		t.Errorf("consent %+v", got)
	}
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"a@x.com"}) || !slices.Equal(s.FlowStarts(list.ID), got) {
		t.Errorf("members %q, flows for %q", got, s.FlowStarts(list.ID))
	}
	// Who is subscribed and on the list is not asked.
	subscribe(t, s, list.ID, "", both).want(t, 202)
	if got := len(s.Confirmations()); got != 4 {
		t.Errorf("%d confirmations", got)
	}
	// Without a list the account decides, which asks.
	subscribe(t, s, "", "", person("c@x.com", "", "email")).want(t, 202)
	if got := s.Confirmations(); len(got) != 5 || got[4].ListID != "" {
		t.Errorf("confirmations %+v", got)
	}
}

func TestHistoricalImport(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	s.AddFlow(list.ID, simulator.Flow{Status: "live"})
	subscribe(t, s, list.ID, historical, person("a@x.com", "", "email=2026-07-01T10:00:00Z")).want(t, 202)
	if got := s.Consent("a@x.com", "email"); got.Status != "SUBSCRIBED" || !got.At.Equal(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)) || got.DoubleOptIn {
		t.Errorf("consent %+v", got)
	}
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"a@x.com"}) || len(s.Confirmations()) != 0 || len(s.FlowStarts(list.ID)) != 0 {
		t.Errorf("members %q, confirmations %v, flows for %q", got, s.Confirmations(), s.FlowStarts(list.ID))
	}
}

func TestHistoricalImportsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ others, row string }{
		"no date":                {historical, person("b@x.com", "", "email")},
		"one date of two":        {historical, person("b@x.com", "+34600111222", "sms=2026-07-01T10:00:00Z", "email")},
		"now":                    {historical, person("b@x.com", "", "email=2026-08-01T12:00:00Z")},
		"the future":             {historical, person("b@x.com", "", "email=2026-08-01T16:00:00+02:00")},
		"no date-time":           {historical, person("b@x.com", "", "email=2026-07-01")},
		"not historical":         {"", person("b@x.com", "", "email=2026-07-01T10:00:00Z")},
		"not historical at all":  {`"historical_import":false,`, person("b@x.com", "", "email=2026-07-01T10:00:00Z")},
		"not historical at null": {`"historical_import":null,`, person("b@x.com", "", "email=2026-07-01T10:00:00Z")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, simulator.Options{Now: newClock().Now})
			list := s.AddList(simulator.List{})
			answer := subscribe(t, s, list.ID, test.others, test.row, person("fine@x.com", "", "email=2026-07-01T10:00:00Z"))
			answer.refused(t, 400, "invalid", rowAt+"/attributes/subscriptions/email/marketing/consented_at")
			if got := s.Subscribed("email"); len(got) != 0 {
				t.Errorf("a refused request subscribed %q", got)
			}
		})
	}
}

// Subscribing lifts what the person suppressed, unless the consent is older. What
// mail servers suppressed and other lists stay.
func TestSubscribingLiftsSuppressions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		lifted bool
	}{{"UNSUBSCRIBE", true}, {"SPAM_REPORT", true}, {"SPAM_COMPLAINT", true}, {"USER_SUPPRESSED", true}, {"HARD_BOUNCE", false}, {"INVALID_EMAIL", false}} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := start(t, simulator.Options{Now: c.Now})
			list := s.AddList(simulator.List{OptInProcess: "single_opt_in"})
			s.SuppressEverything("a@x.com", test.reason)
			found := func() int {
				return len(emailsOf(t, s, "/api/profiles", "filter", `equals(subscriptions.email.marketing.suppression.reason,"`+test.reason+`")`))
			}
			c.Add(time.Hour)
			older := subscribe(t, s, list.ID, historical, person("a@x.com", "", "email=2026-08-01T11:59:59Z"))
			if test.lifted {
				older.refused(t, 400, "invalid", rowAt+"/attributes/subscriptions/email/marketing/consented_at")
			} else {
				older.want(t, 202)
			}
			if found() != 1 {
				t.Error("an older consent lifts the suppression")
			}
			subscribe(t, s, list.ID, historical, person("a@x.com", "", "email=2026-08-01T12:00:01Z")).want(t, 202)
			if lifted := found() == 0; lifted != test.lifted {
				t.Errorf("lifted: %v", lifted)
			}
		})
	}
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list, other := s.AddList(simulator.List{}), s.AddList(simulator.List{})
	wantSuppressed := func(want map[string]int) {
		t.Helper()
		for id, want := range want {
			filter := `equals(subscriptions.email.marketing.list_suppressions.list_id,"` + id + `")`
			if got := emailsOf(t, s, "/api/profiles", "filter", filter); len(got) != want {
				t.Errorf("%d suppressions of %s, want %d", len(got), id, want)
			}
		}
	}
	for range 2 {
		s.Unsubscribe(list.ID, "a@x.com")
		s.Unsubscribe(other.ID, "a@x.com")
		wantSuppressed(map[string]int{list.ID: 1, other.ID: 1})
		c.Add(time.Hour)
		subscribe(t, s, list.ID, "", person("a@x.com", "", "email")).want(t, 202)
		wantSuppressed(map[string]int{list.ID: 0, other.ID: 1})
	}
}

// An opt-out by phone holds for the number, whoever's row it is in.
func TestConsentBeforeAnOptOutByPhone(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	sendImport(t, s, []string{`{"email":"owner@x.com","phone_number":"+34600111333"}`}).want(t, 202)
	s.OptOutOfPhone("+34600111222", "sms")
	s.OptOutOfPhone("+34600111333", "sms")
	c.Add(time.Hour)
	const before, after = "2026-08-01T11:00:00Z", "2026-08-01T12:30:00Z"
	for _, phone := range []string{"+34600111222", "+34600111333"} {
		subscribe(t, s, list.ID, historical, person("a@x.com", phone, "email="+before, "sms="+before)).
			refused(t, 400, "invalid", rowAt+"/attributes/subscriptions/sms/marketing/consented_at")
	}
	subscribe(t, s, list.ID, historical, person("a@x.com", "+34600111222", "email="+before, "sms="+after)).want(t, 202)
	if s.Consent("+34600111222", "sms").Status != "SUBSCRIBED" {
		t.Error("a later consent does not count")
	}
}

// A bad phone number beside an address is dropped, which only a header tells.
func TestPhoneNumbersAreDropped(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{OptInProcess: "single_opt_in"})
	s.RefusePhones("+44", "invalid", "Phone number is valid but is not in a supported region for this account.")
	for i, phone := range []string{"600111222", "+44600111222"} {
		email := fmt.Sprint(i, "@x.com")
		answer := subscribe(t, s, list.ID, "", person(email, phone, "email", "sms", "whatsapp"), person("fine@x.com", "", "email")).want(t, 202)
		if got := answer.header.Values("X-Klaviyo-Partial-Failure"); !slices.Equal(got, []string{"phone_number"}) {
			t.Errorf("header %q", got)
		}
		if p, _ := s.Profile(email); p.PhoneNumber != "" || s.Consent(email, "email").Status != "SUBSCRIBED" || s.Consent(email, "sms").Status != "NEVER_SUBSCRIBED" {
			t.Errorf("profile %+v, consent %+v", p, s.Consent(email, "sms"))
		}
		subscribe(t, s, list.ID, "", person("", phone, "sms")).refused(t, 400, "invalid", rowAt+"/attributes/phone_number")
	}
}

func TestSubscriptionsRefused(t *testing.T) {
	t.Parallel()
	list := simulator.List{ID: "Y6nRLr"}
	good := person("a@x.com", "", "email")
	many := slices.Repeat([]string{good}, 1001)
	whole := subscription(list.ID, "", good)
	row := func(attributes string) string {
		return subscription(list.ID, "", `{"type":"profile","attributes":{`+attributes+`}}`)
	}
	const email = `"email":"a@x.com",`
	for name, test := range map[string]struct {
		body    string
		status  int
		code    string
		pointer string
	}{
		"not JSON":            {whole[:80], 400, "parse_error", "/"},
		"nobody":              {subscription(list.ID, ""), 400, "invalid", "/data/attributes/profiles/data"},
		"too many":            {subscription(list.ID, "", many...), 400, "invalid", "/data/attributes/profiles/data"},
		"unknown list":        {subscription("NoList", "", good), 404, "not_found", "/data/relationships/list/data/id"},
		"wrong type":          {strings.Replace(whole, "-create-job", "", 1), 400, "invalid", "/data/type"},
		"unknown attribute":   {subscription(list.ID, `"source":"x",`, good), 400, "invalid", "/data/attributes/source"},
		"a name":              {row(email + `"first_name":"Ann","subscriptions":{"email":{"marketing":{"consent":"SUBSCRIBED"}}}`), 400, "invalid", rowAt + "/attributes/first_name"},
		"properties":          {row(email + `"properties":{},"subscriptions":{"email":{"marketing":{"consent":"SUBSCRIBED"}}}`), 400, "invalid", rowAt + "/attributes/properties"},
		"no subscriptions":    {row(`"email":"a@x.com"`), 400, "invalid", rowAt + "/attributes/subscriptions"},
		"no channel":          {row(email + `"subscriptions":{"email":null}`), 400, "invalid", rowAt + "/attributes/subscriptions"},
		"unknown channel":     {row(email + `"subscriptions":{"letter":{}}`), 400, "invalid", rowAt + "/attributes/subscriptions/letter"},
		"no consent":          {row(email + `"subscriptions":{"email":{"marketing":{}}}`), 400, "invalid", rowAt + "/attributes/subscriptions/email/marketing/consent"},
		"unsubscribe":         {row(email + `"subscriptions":{"email":{"marketing":{"consent":"UNSUBSCRIBED"}}}`), 400, "invalid", rowAt + "/attributes/subscriptions/email/marketing/consent"},
		"bad address":         {subscription(list.ID, "", person("a@", "+34600111222", "email")), 400, "invalid", rowAt + "/attributes/email"},
		"refused address":     {subscription(list.ID, "", person("Odd@x.com", "", "email")), 400, "odd_code", rowAt + "/attributes/email"},
		"email, no address":   {subscription(list.ID, "", person("", "+34600111222", "email")), 400, "invalid", rowAt + "/attributes/email"},
		"sms, no phone":       {subscription(list.ID, "", person("a@x.com", "", "sms")), 400, "invalid", rowAt + "/attributes/phone_number"},
		"whatsapp, no phone":  {subscription(list.ID, "", person("a@x.com", "", "whatsapp")), 400, "invalid", rowAt + "/attributes/phone_number"},
		"nothing to identify": {subscription(list.ID, "", person("", "", "email")), 400, "invalid", rowAt + "/attributes"},
		"unknown id":          {strings.Replace(whole, `{"type":"profile",`, `{"type":"profile","id":"01ABC",`, 1), 400, "invalid", rowAt + "/id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, simulator.Options{})
			s.AddList(list)
			s.RefuseEmail("odd@x.com", "odd_code", "Odd.")
			call(t, s, "POST", subscribePath, test.body).refused(t, test.status, test.code, test.pointer)
			if _, found := s.Profile("a@x.com"); found || len(s.Confirmations()) > 0 {
				t.Error("a refused request was carried out")
			}
		})
	}
}

func TestSubscriptionErrorsArePiecemeal(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{MaxErrorsPerResponse: 2})
	list := s.AddList(simulator.List{})
	good, bad := person("a@x.com", "", "email"), person("a@", "", "email")
	if got := subscribe(t, s, list.ID, "", good, bad, bad, bad).Errors; len(got) != 2 || got[1].Source.Pointer != "/data/attributes/profiles/data/2/attributes/email" {
		t.Errorf("errors %+v", got)
	}
	if _, found := s.Profile("a@x.com"); found {
		t.Error("a refused request was carried out")
	}
	subscribe(t, s, list.ID, "", slices.Repeat([]string{good}, 1000)...).want(t, 202)
}

func TestSubscribingNeedsItsScope(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	s.AddKey("pk_import", "lists:write", "profiles:write")
	body := subscription("", "", person("a@x.com", "", "email"))
	answer := call(t, s, "POST", subscribePath, body, func(r *http.Request) { r.Header.Set("Authorization", "Klaviyo-API-Key pk_import") })
	answer.refused(t, 403, "permission_denied", "/data")
	if !strings.HasSuffix(answer.Errors[0].Detail, ": subscriptions:write") {
		t.Errorf("detail %q", answer.Errors[0].Detail)
	}
}

// Joining a list starts its live flows, unless a historical import is the reason.
func TestFlowStarts(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list, quiet := s.AddList(simulator.List{OptInProcess: "single_opt_in"}), s.AddList(simulator.List{})
	s.AddFlow(list.ID, simulator.Flow{Status: "live"})
	s.AddFlow(quiet.ID, simulator.Flow{Status: "draft"})
	s.AddFlow(quiet.ID, simulator.Flow{Status: "live", Archived: true})
	s.AddMembers(list.ID, "member@x.com")
	for range 2 {
		sendImport(t, s, []string{`{"email":"imported@x.com"}`, `{"email":"member@x.com"}`}, list.ID, quiet.ID).want(t, 202)
		subscribe(t, s, list.ID, "", person("subscribed@x.com", "", "email"), person("member@x.com", "", "email")).want(t, 202)
		subscribe(t, s, list.ID, historical, person("dated@x.com", "", "email=2020-01-01T00:00:00Z")).want(t, 202)
	}
	if got := s.FlowStarts(list.ID); !slices.Equal(got, []string{"imported@x.com", "subscribed@x.com"}) {
		t.Errorf("flows started for %q", got)
	}
	if got := s.FlowStarts(quiet.ID); len(got) != 0 {
		t.Errorf("flows started for %q", got)
	}
}

func TestAddSubscribers(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	s.AddSubscribers(list.ID, "b@x.com", "a@x.com")
	if got := s.Subscribed("email"); !slices.Equal(got, []string{"a@x.com", "b@x.com"}) || !slices.Equal(s.MemberEmails(list.ID), got) {
		t.Errorf("subscribed %q, members %q", got, s.MemberEmails(list.ID))
	}
	if got := s.Consent("nobody@x.com", "email"); got.Status != "NEVER_SUBSCRIBED" {
		t.Errorf("consent %+v", got)
	}
}

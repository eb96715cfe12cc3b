package bulk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

var (
	emailOnly = []klaviyo.Channel{klaviyo.ChannelEmail}
	emailSMS  = []klaviyo.Channel{klaviyo.ChannelEmail, klaviyo.ChannelSMS}
	smsOnly   = []klaviyo.Channel{klaviyo.ChannelSMS}
)

// subscribing starts a simulator that names so many people in a refusal, and a
// client of it.
func subscribing(t *testing.T, names int, retry time.Duration) (*simulator.Server, *klaviyo.Client, simulator.List) {
	t.Helper()
	s, err := simulator.Start(simulator.Options{MaxErrorsPerResponse: names, Account: simulator.Account{GlobalUnsubscribe: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	const key = "pk_0123456789abcdef_test"
	s.AddKey(key)
	c, err := klaviyo.New(klaviyo.Options{APIKey: key, BaseURL: s.URL, RetryTimeout: retry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	list := s.AddList(simulator.List{OptInProcess: "single_opt_in"})
	return s, c, list
}

// short is a refusal in a few words: "2 email sms invalid".
func short(all []bulk.Refusal) []string {
	var out []string
	for _, r := range all {
		text := fmt.Sprint(r.Position)
		for _, channel := range r.Channels {
			text += " " + string(channel)
		}
		out = append(out, text+" "+r.Code)
	}
	slices.Sort(out)
	return out
}

func TestSubscribeStripsWhatIsRefused(t *testing.T) {
	t.Parallel()
	for _, names := range []int{1, 2, 100} {
		t.Run(fmt.Sprint(names, " named at once"), func(t *testing.T) {
			t.Parallel()
			s, c, list := subscribing(t, names, 0)
			s.SuppressEverything("left@example.com", "UNSUBSCRIBE")
			s.OptOutOfPhone("+34600111222", "sms")
			s.RefuseEmail("odd@example.com", "odd_code", "Odd, says ada@example.com.")
			s.RefusePhones("+44", "invalid", "Phone number is valid but is not in a supported region for this account.")
			yesterday := time.Now().Add(-24 * time.Hour)
			people := []klaviyo.Subscriber{
				{Email: "a@example.com", Channels: emailOnly},
				{Email: "left@example.com", Channels: emailOnly},
				{Email: "stopped@example.com", PhoneNumber: "+34600111222", Channels: emailSMS},
				{Email: "odd@example.com", PhoneNumber: "+34600111333", Channels: emailSMS},
				{PhoneNumber: "+44600111444", Channels: smsOnly},
				{Email: "both@example.com", PhoneNumber: "+34600111555", Channels: emailSMS},
				{Email: "no address", Channels: emailOnly},
			}
			for i := range people {
				people[i].ConsentedAt = yesterday
			}
			before := slices.Clone(people)
			got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, Historical: true, People: people})
			want := []string{"1 email invalid", "2 sms invalid", "3 email sms odd_code", "4 sms invalid", "6 email invalid"}
			if err != nil || got.Accepted != 3 || !slices.Equal(short(got.Refusals), want) {
				t.Fatalf("%d accepted, refusals %q, %v", got.Accepted, short(got.Refusals), err)
			}
			if subscribed := s.Subscribed("email"); !slices.Equal(subscribed, []string{"a@example.com", "both@example.com", "stopped@example.com"}) {
				t.Errorf("subscribed %q", subscribed)
			}
			if subscribed := s.Subscribed("sms"); !slices.Equal(subscribed, []string{"+34600111555"}) {
				t.Errorf("subscribed %q", subscribed)
			}
			for i, p := range people {
				if p.Email != before[i].Email || p.PhoneNumber != before[i].PhoneNumber || !slices.Equal(p.Channels, before[i].Channels) || len(emailSMS) != 2 {
					t.Errorf("the caller's person %d is now %+v", i, p)
				}
			}
			for _, r := range got.Refusals {
				if !strings.HasPrefix(r.Reason, "Klaviyo: ") || strings.Contains(r.Reason, "@") {
					t.Errorf("reason %q", r.Reason)
				}
			}
		})
	}
}

func TestSubscribeNobody(t *testing.T) {
	t.Parallel()
	s, c, list := subscribing(t, 100, 0)
	got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, People: []klaviyo.Subscriber{{Email: "no", Channels: emailOnly}, {Email: "no", Channels: emailOnly}}})
	if err != nil || got.Accepted != 0 || len(got.Refusals) != 2 || len(s.Requests()) != 1 {
		t.Errorf("%+v, %v, %d requests", got, err, len(s.Requests()))
	}
	if got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID}); err != nil || got.Accepted != 0 || len(s.Requests()) != 1 {
		t.Errorf("%+v, %v, %d requests", got, err, len(s.Requests()))
	}
}

// A phone number that only a header tells of costs nobody the subscription by email.
func TestSubscribeTellsOfDroppedPhoneNumbers(t *testing.T) {
	t.Parallel()
	s, c, list := subscribing(t, 100, 0)
	s.RefusePhones("+44", "invalid", "Phone number is valid but is not in a supported region for this account.")
	got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, People: []klaviyo.Subscriber{{Email: "a@example.com", PhoneNumber: "+44600111444", Channels: emailSMS}}})
	if err != nil || got.Accepted != 1 || !slices.Equal(got.Dropped, []string{"phone_number"}) || !slices.Equal(s.Subscribed("email"), []string{"a@example.com"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// What Klaviyo says about a row may be about the number, one channel, or all of it.
func TestSubscribeByWhatIsSaid(t *testing.T) {
	t.Parallel()
	type outcome struct {
		refusal           string
		email, sms, phone bool // subscribed, and the number given to the profile
	}
	nothing := outcome{refusal: "0 email sms c"}
	for name, tc := range map[string]struct {
		errors string // pointer and detail of each
		want   outcome
	}{
		"the number":          {"/attributes/phone_number|Bad.", outcome{"0 sms c", true, false, false}},
		"the number, twice":   {"/attributes/phone_number|Bad.,/attributes/phone_number|Odd.", outcome{"0 sms c", true, false, false}},
		"the number, by word": {"|Phone number is not in a supported region.", outcome{"0 sms c", true, false, false}},
		"one channel":         {"/attributes/subscriptions/email/marketing/consented_at|Older.", outcome{"0 email c", false, true, true}},
		"another channel":     {"/attributes/subscriptions/sms|Older.", outcome{"0 sms c", true, false, true}},
		"both channels":       {"/attributes/subscriptions/email|A.,/attributes/subscriptions/sms|B.", nothing},
		"a channel not asked": {"/attributes/subscriptions/whatsapp|Odd.", nothing},
		"all channels":        {"/attributes/subscriptions|Odd.", nothing},
		"the row":             {"|Older.", nothing},
		"the address":         {"/attributes/email|Bad.", nothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c, list := subscribing(t, 100, 0)
			s.Inject(rowFault(tc.errors))
			got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, People: []klaviyo.Subscriber{{Email: "a@example.com", PhoneNumber: "+34600111222", Channels: emailSMS}}})
			p, _ := s.Profile("a@example.com")
			had := outcome{strings.Join(short(got.Refusals), ", "), len(s.Subscribed("email")) > 0, len(s.Subscribed("sms")) > 0, p.PhoneNumber != ""}
			if err != nil || had != tc.want || (got.Accepted == 1) != (had.email || had.sms) {
				t.Errorf("%+v, %d accepted, %v; want %+v", had, got.Accepted, err, tc.want)
			}
		})
	}
}

// rowFault refuses the first row of a request; each error is the rest of a pointer
// and a detail.
func rowFault(all string) simulator.Fault {
	var errs []string
	for one := range strings.SplitSeq(all, ",") {
		pointer, detail, _ := strings.Cut(one, "|")
		errs = append(errs, fmt.Sprintf(`{"code":"c","detail":%q,"source":{"pointer":"/data/attributes/profiles/data/0%s"}}`, detail, pointer))
	}
	return simulator.Fault{Method: "POST", Status: 400, Body: `{"errors":[` + strings.Join(errs, ",") + `]}`}
}

// A server that objects to a phone number that is not there is not asked forever.
func TestSubscribeEnds(t *testing.T) {
	t.Parallel()
	s, c, list := subscribing(t, 100, 0)
	fault := rowFault("/attributes/phone_number|Bad.")
	fault.Times = -1
	s.Inject(fault)
	got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, People: []klaviyo.Subscriber{{Email: "a@example.com", PhoneNumber: "+34600111222", Channels: emailOnly}}})
	if err != nil || got.Accepted != 0 || !slices.Equal(short(got.Refusals), []string{"0 c", "0 email c"}) || len(s.Requests()) != 2 {
		t.Errorf("%+v, %v, %d requests", got, err, len(s.Requests()))
	}
}

// What is not about single people ends it.
func TestSubscribeFails(t *testing.T) {
	t.Parallel()
	const rows = "/data/attributes/profiles/data/"
	for name, pointer := range map[string]string{"the request": "/data", "nobody in it": rows + "7", "all rows": rows} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c, list := subscribing(t, 100, -1)
			s.Inject(simulator.Fault{Method: "POST", Status: 400, Body: `{"errors":[{"code":"c","detail":"d","source":{"pointer":"` + pointer + `"}}]}`})
			got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, People: []klaviyo.Subscriber{{Email: "a@example.com", Channels: emailOnly}}})
			var apiError *klaviyo.APIError
			if !errors.As(err, &apiError) || got.Accepted != 0 || len(got.Refusals) != 0 || len(s.Requests()) != 1 {
				t.Errorf("%+v, %v, %d requests", got, err, len(s.Requests()))
			}
		})
	}
	// A refusal that comes before is kept.
	s, c, list := subscribing(t, 100, -1)
	s.Inject(simulator.Fault{Method: "POST", Nth: 2, Status: 503})
	got, err := bulk.Subscribe(t.Context(), c, klaviyo.SubscribeRequest{ListID: list.ID, Confirms: true, People: []klaviyo.Subscriber{{Email: "no", Channels: emailOnly}, {Email: "a@example.com", Channels: emailOnly}}})
	if !klaviyo.MayHaveArrived(err) || got.Accepted != 0 || !slices.Equal(short(got.Refusals), []string{"0 email invalid"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

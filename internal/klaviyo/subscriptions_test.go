package klaviyo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

var (
	byEmail = []klaviyo.Channel{klaviyo.ChannelEmail}
	byAll   = klaviyo.Channels()
)

func subscribers(n int) []klaviyo.Subscriber {
	all := make([]klaviyo.Subscriber, n)
	for i := range all {
		all[i] = klaviyo.Subscriber{Email: fmt.Sprintf("p%d@example.com", i), Channels: byEmail}
	}
	return all
}

func TestSubscribeDocument(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 1, 9, 30, 0, 900, time.FixedZone("", -3*60*60))
	const consent, dated = `{"marketing":{"consent":"SUBSCRIBED"}}`, `{"marketing":{"consent":"SUBSCRIBED","consented_at":"2026-07-01T12:30:00Z"}}`
	for name, tc := range map[string]struct {
		request            klaviyo.SubscribeRequest
		attributes, people string
	}{
		"email": {
			klaviyo.SubscribeRequest{People: []klaviyo.Subscriber{{Email: "a@example.com", Channels: byEmail}, {Email: "b@example.com", Channels: byEmail}}},
			"",
			`{"type":"profile","attributes":{"email":"a@example.com","subscriptions":{"email":` + consent + `}}},{"type":"profile","attributes":{"email":"b@example.com","subscriptions":{"email":` + consent + `}}}`,
		},
		"all channels": {
			klaviyo.SubscribeRequest{CustomSource: `Café & "Co" <1>`, People: []klaviyo.Subscriber{{Email: "a@example.com", PhoneNumber: "+34600111222", Channels: byAll}}},
			`"custom_source":"Café & \"Co\" <1>",`,
			`{"type":"profile","attributes":{"email":"a@example.com","phone_number":"+34600111222","subscriptions":{"email":` + consent + `,"sms":` + consent + `,"whatsapp":` + consent + `}}}`,
		},
		"historical": {
			klaviyo.SubscribeRequest{Historical: true, Confirms: true, People: []klaviyo.Subscriber{{PhoneNumber: "+34600111222", Channels: byAll[1:], ConsentedAt: at}}},
			`"historical_import":true,`,
			`{"type":"profile","attributes":{"phone_number":"+34600111222","subscriptions":{"sms":` + dated + `,"whatsapp":` + dated + `}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, answer(202, ""))
			tc.request.ListID = `Y"6nRLr`
			got, err := a.Subscribe(t.Context(), tc.request)
			if err != nil || got.Dropped != nil {
				t.Fatalf("%+v, %v", got, err)
			}
			want := `{"data":{"type":"profile-subscription-bulk-create-job","attributes":{` + tc.attributes + `"profiles":{"data":[` + tc.people +
				`]}},"relationships":{"list":{"data":{"type":"list","id":"Y\"6nRLr"}}}}}`
			if r := a.only(t); !sameJSON(t, r.body, want) || strings.Contains(r.body, "consented_at") != tc.request.Historical {
				t.Errorf("body %s, want %s", r.body, want)
			}
		})
	}
}

// What Klaviyo would refuse everybody for is not sent, and the error names nobody.
func TestSubscribeChecksItsRequest(t *testing.T) {
	t.Parallel()
	fine, at := subscribers(1)[0], time.Now()
	for name, tc := range map[string]struct {
		change func(*klaviyo.SubscribeRequest)
		says   string
	}{
		"too many":       {func(r *klaviyo.SubscribeRequest) { r.People = subscribers(1001) }, "1001 people, at most 1000"},
		"no list":        {func(r *klaviyo.SubscribeRequest) { r.ListID = "" }, "no list"},
		"no channel":     {func(r *klaviyo.SubscribeRequest) { r.People[1].Channels = nil }, "person 2 of 2 has no channel"},
		"no address":     {func(r *klaviyo.SubscribeRequest) { r.People[1].Email = "" }, "person 2 of 2 has no address"},
		"sms, no phone":  {func(r *klaviyo.SubscribeRequest) { r.People[1].Channels = byAll[1:2] }, "person 2 of 2 has no phone number"},
		"chat, no phone": {func(r *klaviyo.SubscribeRequest) { r.People[1].Channels = byAll[2:] }, "person 2 of 2 has no phone number"},
		"no date":        {func(r *klaviyo.SubscribeRequest) { r.Historical = true; r.People[0].ConsentedAt = at }, "person 2 of 2 has no date"},
		"a date":         {func(r *klaviyo.SubscribeRequest) { r.People[1].ConsentedAt = at }, "person 2 of 2 has a date"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, answer(202, ""))
			r := klaviyo.SubscribeRequest{ListID: "Y6nRLr", People: []klaviyo.Subscriber{fine, fine}}
			tc.change(&r)
			_, err := a.Subscribe(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), "bulk_subscribe_profiles: ") || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "@") {
				t.Errorf("error %v, want one that says %q", err, tc.says)
			}
			if got := len(a.received()); got != 0 {
				t.Errorf("%d requests", got)
			}
		})
	}
	a := serve(t, klaviyo.Options{}, answer(202, ""))
	if _, err := a.Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: "x"}); err != nil || len(a.received()) != 0 {
		t.Errorf("nobody: %v, %d requests", err, len(a.received()))
	}
	if _, err := a.Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: "x", People: subscribers(1000)}); err != nil || len(a.received()) != 1 {
		t.Errorf("the most: %v, %d requests", err, len(a.received()))
	}
}

// A lost answer is no loss, unless a second request would send messages twice.
func TestSubscribeIsRepeated(t *testing.T) {
	t.Parallel()
	dated := []klaviyo.Subscriber{{Email: "a@example.com", Channels: byEmail, ConsentedAt: time.Now()}}
	undated := subscribers(1)
	for name, tc := range map[string]struct {
		request klaviyo.SubscribeRequest
		repeats bool // what may have been carried out
	}{
		"single opt-in":             {klaviyo.SubscribeRequest{People: undated}, true},
		"historical":                {klaviyo.SubscribeRequest{People: dated, Historical: true}, true},
		"double opt-in, historical": {klaviyo.SubscribeRequest{People: dated, Historical: true, Confirms: true}, true},
		"double opt-in":             {klaviyo.SubscribeRequest{People: undated, Confirms: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.request.ListID = "Y6nRLr"
			for fault, unclear := range map[string]http.HandlerFunc{
				"503": html(503), "dropped": drop, "408": html(408), "a page of a proxy": html(200), "a document of a proxy": answer(200, `{"message":"Welcome."}`),
			} {
				a := serve(t, klaviyo.Options{}, unclear, answer(202, ""))
				_, err := a.Subscribe(t.Context(), tc.request)
				if requests := len(a.received()); (err == nil) != tc.repeats || (requests == 2) != tc.repeats || !tc.repeats && !klaviyo.MayHaveArrived(err) {
					t.Errorf("%s: %v after %d requests", fault, err, requests)
				}
			}
			a := serve(t, klaviyo.Options{}, answer(429, "{}", "Retry-After", "1"), problem(425, "too_early", "Too early.", ""), answer(202, ""))
			if _, err := a.Subscribe(t.Context(), tc.request); err != nil || len(a.received()) != 3 {
				t.Errorf("not carried out: %v after %d requests", err, len(a.received()))
			}
			for _, success := range []http.HandlerFunc{answer(202, ""), answer(202, `{"data":null}`), answer(200, ""), answer(204, "")} {
				a := serve(t, klaviyo.Options{}, success)
				if _, err := a.Subscribe(t.Context(), tc.request); err != nil || len(a.received()) != 1 {
					t.Errorf("success: %v after %d requests", err, len(a.received()))
				}
			}
		})
	}
}

// The header counts on the answer that ends the request only.
func TestSubscribeTellsDroppedFields(t *testing.T) {
	t.Parallel()
	const header = "X-Klaviyo-Partial-Failure"
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		want    []string
	}{
		"none":      {[]http.HandlerFunc{answer(202, "")}, nil},
		"empty":     {[]http.HandlerFunc{answer(202, "", header, " ")}, nil},
		"one":       {[]http.HandlerFunc{answer(202, "", header, "phone_number")}, []string{"phone_number"}},
		"several":   {[]http.HandlerFunc{answer(202, "", header, "phone_number, email,phone_number")}, []string{"email", "phone_number"}},
		"no secret": {[]http.HandlerFunc{answer(202, "", header, "ada@example.com")}, []string{"***"}},
		"repeated":  {[]http.HandlerFunc{answer(503, "", header, "email"), answer(202, "")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := serve(t, klaviyo.Options{}, tc.answers...).Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: "x", People: subscribers(1)})
			if err != nil || !slices.Equal(got.Dropped, tc.want) {
				t.Errorf("%q, %v; want %q", got.Dropped, err, tc.want)
			}
		})
	}
	refused := answer(400, `{"errors":[]}`, header, "phone_number")
	got, err := serve(t, klaviyo.Options{RetryTimeout: -1}, refused).Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: "x", People: subscribers(1)})
	if err == nil || got.Dropped != nil {
		t.Errorf("refused: %q, %v", got.Dropped, err)
	}
}

// Whoever is named is taken out, and the rest is subscribed.
func TestSubscribeNamesPeople(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{GlobalUnsubscribe: true})
	list := s.AddList(simulator.List{})
	s.Unsubscribe(list.ID, "left@example.com")
	yesterday := time.Now().Add(-24 * time.Hour)
	r := klaviyo.SubscribeRequest{ListID: list.ID, CustomSource: "Shop", Historical: true}
	for _, email := range []string{"a@example.com", "left@example.com", "no address", "b@example.com"} {
		r.People = append(r.People, klaviyo.Subscriber{Email: email, Channels: byEmail, ConsentedAt: yesterday})
	}
	_, err := c.Subscribe(t.Context(), r)
	named := profileErrors(t, err)
	if len(named) != 2 || len(named[1]) != 1 || len(named[2]) != 1 {
		t.Fatalf("named %v", named)
	}
	if got := s.Subscribed("email"); len(got) != 0 {
		t.Fatalf("a refused request subscribed %q", got)
	}
	r.People = []klaviyo.Subscriber{r.People[0], r.People[3]}
	if _, err := c.Subscribe(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := s.Subscribed("email"); !slices.Equal(got, []string{"a@example.com", "b@example.com"}) {
		t.Errorf("subscribed %q", got)
	}
	if got := s.Consent("a@example.com", "email"); got.CustomSource != "Shop" || got.At.Unix() != yesterday.Unix() {
		t.Errorf("consent %+v", got)
	}
	if len(s.Confirmations()) != 0 || s.Consent("left@example.com", "email").Status != "UNSUBSCRIBED" {
		t.Errorf("confirmations %v", s.Confirmations())
	}
}

func profileErrors(t *testing.T, err error) map[int][]klaviyo.ErrorObject {
	t.Helper()
	var apiError *klaviyo.APIError
	if !errors.As(err, &apiError) {
		t.Fatalf("error %v", err)
	}
	named, ok := apiError.ProfileErrors()
	if !ok {
		t.Fatalf("error %v is about nobody", err)
	}
	return named
}

// A key that only imports is told what it lacks, and what a new key needs in all.
func TestSubscribeNeedsItsScope(t *testing.T) {
	t.Parallel()
	s, _ := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{})
	const importing = "pk_importing"
	s.AddKey(importing, klaviyo.RequiredScopes()...)
	c := client(t, s.URL, klaviyo.Options{APIKey: importing}, &api{})
	_, err := c.Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: list.ID, People: subscribers(1)})
	if !klaviyo.LacksScope(err) || len(s.Requests()) != 1 {
		t.Fatalf("error %v after %d requests", err, len(s.Requests()))
	}
	_, detail := klaviyo.Explain(err)
	for _, part := range []string{
		"missing required scopes: subscriptions:write", "It needs the scopes lists:write and profiles:write and subscriptions:write.",
		"with the scopes accounts:read, flows:read, lists:read, lists:write, profiles:read, profiles:write, subscriptions:write, and use that.",
	} {
		if !strings.Contains(detail, part) {
			t.Errorf("detail %q does not say %q", detail, part)
		}
	}
}

// On a list with double opt-in a lost answer must not mail everybody again.
func TestSubscribeMailsOnce(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{OptInProcess: "double_opt_in"})
	s.Inject(simulator.Fault{Method: "POST", DropAfter: true})
	_, err := c.Subscribe(t.Context(), klaviyo.SubscribeRequest{ListID: list.ID, Confirms: true, People: subscribers(3)})
	if !klaviyo.MayHaveArrived(err) || len(s.Confirmations()) != 3 {
		t.Errorf("error %v, %d confirmations", err, len(s.Confirmations()))
	}
	if got := s.Consent("p0@example.com", "email"); !got.Pending || got.Status != "NEVER_SUBSCRIBED" {
		t.Errorf("consent %+v", got)
	}
}

func TestSubscribeTakes(t *testing.T) {
	t.Parallel()
	for calls, want := range map[int64]time.Duration{0: 0, 1: 0, 76: time.Second, 751: time.Minute} {
		if got := klaviyo.SubscribeTakes(calls); got != want {
			t.Errorf("%d calls take %v, want %v", calls, got, want)
		}
	}
}

// A request that is cancelled before there is a connection has asked nobody.
func TestSubscribeCancelledWithoutAConnection(t *testing.T) {
	t.Parallel()
	c := client(t, "http://127.0.0.1:1", klaviyo.Options{}, &api{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	defer close(ended)
	c.SetDial(func(context.Context, string, string) (net.Conn, error) {
		cancel()
		<-ended
		return nil, context.Canceled
	})
	_, err := c.Subscribe(ctx, klaviyo.SubscribeRequest{ListID: "Y6nRLr", People: subscribers(3), Confirms: true})
	if !errors.Is(err, context.Canceled) || klaviyo.MayHaveArrived(err) {
		t.Errorf("may have arrived: %t, error %v", klaviyo.MayHaveArrived(err), err)
	}
}

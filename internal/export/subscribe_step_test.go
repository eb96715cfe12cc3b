package export_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
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

// Who opted out is subscribed only if the consent is dated after that, whatever the
// export does about opt-outs, and then exported, too.
func TestRunSubscribesNobodyWhoOptedOutSince(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		optOuts export.OptOuts
		few     bool // opted out, so that they are read rather than looked up
		dates   bool
	}{
		"looked up":        {dates: true},
		"read":             {few: true, dates: true},
		"without dates":    {},
		"ignored":          {optOuts: export.IgnoreOptOuts},
		"ignored, dates":   {optOuts: export.IgnoreOptOuts, dates: true},
		"of the list only": {optOuts: export.WithholdListOptOuts, dates: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			n := 150
			if tc.few {
				n = 1000
			}
			s := consenting(n)
			now := time.Now()
			for i := range s.rows {
				s.rows[i][columnDate] = now.Add(-24 * time.Hour).Format(time.RFC3339)
			}
			later := now.Add(-time.Second).Format(time.RFC3339)
			e := w.subscribing("single_opt_in", s, klaviyo.ChannelEmail)
			e.OptOuts = tc.optOuts
			if tc.dates {
				e.Mapping.Consent.DateColumn = "consented_at"
			}
			opted := 6
			if !tc.few {
				opted = n
			}
			_ = opted
			for i := range 6 {
				switch i % 3 {
				case 0:
					w.Unsubscribe(w.listID, address(i))
				case 1:
					w.SuppressEverything(address(i), "USER_SUPPRESSED")
				case 2:
					w.SuppressEverything(address(i), "UNSUBSCRIBE")
				}
			}
			for i := range 3 { // these consent after their opt-out
				s.rows[i][columnDate] = later
			}
			_ = later
			r := w.run(t, e)
			t.Logf("%+v withheld %d", r.Subscriptions, r.Withheld)
		})
	}
}

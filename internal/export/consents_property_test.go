package export_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const (
	consentTrials = 60
	consentPeople = 40 // so few that all changes of their consents can be listed
)

// TestNobodyIsSubscribedWhoMustNotBe makes several runs after one another of a segment
// whose rows change, while people opt out, with random trouble. After each it holds what
// Klaviyo knows of everybody against what it knew before and what the rows say: nobody
// must be subscribed, asked for a confirmation or rid of an opt-out who must not be, and
// after a run that succeeds everybody must be subscribed who must be.
func TestNobodyIsSubscribedWhoMustNotBe(t *testing.T) {
	t.Parallel()
	for seed := range race.Seeds(consentTrials) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			k := newConsentTrial(t, seed)
			for range 5 {
				k.edit()
				k.meddle()
				k.trouble()
				k.apply(t)
				if t.Failed() {
					t.Logf("channels %v, dates %t, confirms %t, opt-outs %d", k.export.Subscription.Channels, k.dates, k.confirms, k.export.OptOuts)
					return
				}
			}
		})
	}
}

type consentTrial struct {
	*env
	random *rand.Rand
	clock  *fastClock
	dates  bool // the rows say when people consented
	only   bool // rows without consent are not exported
	table  *table
	rows   map[int][]string
	export *export.Export

	confirms bool // the list asks for confirmations

	dealt map[string]string // consents that were dealt with, by address
	sure  bool              // these are all

	future   map[string]bool   // dates that were in the future
	doubtful map[string]string // consents of requests that may not have arrived, by address
}

func newConsentTrial(t *testing.T, seed uint64) *consentTrial {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 21))
	k := &consentTrial{random: random, rows: map[int][]string{}, table: consenting(0), dealt: map[string]string{}, sure: true, doubtful: map[string]string{}, future: map[string]bool{}}
	k.env, k.clock = timed(t, simulator.Options{
		MaxErrorsPerResponse: random.IntN(3), Account: simulator.Account{GlobalUnsubscribe: random.IntN(2) == 0},
	})
	k.dates, k.only = random.IntN(2) == 0, random.IntN(3) == 0
	optIn := []string{"single_opt_in", "double_opt_in"}[random.IntN(2)]
	k.confirms = optIn == "double_opt_in" && !k.dates
	channels := [][]klaviyo.Channel{{klaviyo.ChannelEmail}, {klaviyo.ChannelEmail}, {klaviyo.ChannelSMS}, {klaviyo.ChannelWhatsApp, klaviyo.ChannelEmail}, klaviyo.Channels()}
	e := k.subscribing(optIn, k.table, channels[random.IntN(len(channels))]...)
	e.Mapping.Consent.Only = k.only
	if k.dates {
		e.Mapping.Consent.DateColumn = "consented_at"
	}
	e.Safeguards = export.Safeguards{MaxRejectedPercent: 100, MaxRemovedPercent: 100, AllowEmptySegment: true, AllowConfirmationMails: true}
	e.OptOuts = []export.OptOuts{export.WithholdOptOuts, export.WithholdOptOuts, export.WithholdListOptOuts, export.IgnoreOptOuts}[random.IntN(4)]
	e.Mirror = []export.Mirror{export.MirrorNone, export.MirrorAll}[random.IntN(2)]
	e.TrackChanges = random.IntN(5) > 0
	k.export = e
	for range consentPeople {
		k.edit()
	}
	return k
}

// edit changes the rows.
func (k *consentTrial) edit() {
	for range k.random.IntN(8) {
		i := k.random.IntN(consentPeople)
		row := slices.Clone(k.rows[i])
		if row == nil {
			row = []string{address(i), "", "1", "", "", ""}
		}
		switch k.random.IntN(8) {
		case 0:
			delete(k.rows, i)
			continue
		case 1:
			row[1] = []string{"", "nonsense", phoneOf(i), phoneOf(100 + i)}[k.random.IntN(4)]
		case 2:
			row[3] = fmt.Sprint(k.random.IntN(3))
		case 3:
			row[columnConsent] = []string{"no", "", "2", "ja"}[k.random.IntN(4)]
		default:
			row[columnConsent] = []string{"yes", "TRUE", "1"}[k.random.IntN(3)]
			row[columnDate] = k.date()
		}
		k.rows[i] = row
	}
	k.table.rows = sorted(k.rows)
	for i, row := range k.rows { // a later row with the same address counts for nothing
		if i%7 == 0 {
			k.table.rows = append(k.table.rows, []string{row[0], "", "1", "", []string{"yes", "no"}[k.random.IntN(2)], k.date()})
		}
	}
}

func (k *consentTrial) date() string {
	now := k.clock.Now()
	switch k.random.IntN(8) {
	case 0:
		return []string{"", "nonsense", "3/4/2026"}[k.random.IntN(3)]
	case 1:
		date := now.Add(35 * time.Minute).UTC().Format(time.RFC3339)
		k.future[date] = true
		return date
	case 2:
		return now.Add(-40 * time.Hour).Format(time.DateOnly)
	default:
		return now.Add(-time.Duration(k.random.IntN(120)) * time.Minute).UTC().Format(time.RFC3339)
	}
}

// meddle is what people do between two runs.
func (k *consentTrial) meddle() {
	k.later()
	for range k.random.IntN(6) {
		i := k.random.IntN(consentPeople)
		what := k.random.IntN(7)
		if i < consentPeople/8 { // these do not opt out of email
			what = max(what, 3)
		}
		switch what {
		case 0, 1:
			k.Unsubscribe(k.listID, address(i))
		case 2:
			k.SuppressEverything(address(i), []string{"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"}[k.random.IntN(3)])
		case 3: // which takes the place of another suppression
			if i < consentPeople/8 {
				k.SuppressEverything(address(i), []string{"HARD_BOUNCE", "INVALID_EMAIL"}[k.random.IntN(2)])
			}
		case 4:
			k.OptOutOfPhone(phoneOf(i), []string{"sms", "whatsapp"}[k.random.IntN(2)])
		case 5:
			k.Confirm(address(i))
		case 6:
			k.AddSubscribers(k.listID, address(i))
		}
	}
	k.later()
}

func (k *consentTrial) later() { k.clock.advance(k.clock.Now().Add(10 * time.Minute)) }

// trouble sets up what goes wrong in the next run.
func (k *consentTrial) trouble() {
	k.RevokeKey(testKey)
	if k.random.IntN(8) == 0 {
		k.AddKey(testKey, klaviyo.RequiredScopes()...)
	} else {
		k.AddKey(testKey)
	}
	k.Inject(simulator.Fault{Path: "/api/profiles", Nth: 1 + k.random.IntN(40), Status: http.StatusServiceUnavailable, Header: soon})
	switch k.random.IntN(6) {
	case 0:
		k.Inject(simulator.Fault{Path: subscribePath, Status: http.StatusConflict})
	case 1:
		k.Inject(simulator.Fault{Path: subscribePath, DropAfter: true})
	case 2:
		k.Inject(simulator.Fault{Path: subscribePath, Status: http.StatusServiceUnavailable, Header: soon})
	case 3:
		k.Inject(simulator.Fault{Method: http.MethodDelete, Status: http.StatusForbidden})
	}
}

// consentKnown is what Klaviyo knows of the profiles that have the address or the phone
// number of a row.
type consentKnown struct{ byEmail, byPhone klaviyo.ProfileConsent }

func (k *consentTrial) look(t *testing.T) map[string]consentKnown {
	t.Helper()
	all := map[string]consentKnown{}
	byEmail, err := k.client.Consents(t.Context(), addresses(consentPeople))
	if err != nil {
		t.Fatal(err)
	}
	for i := range consentPeople {
		one := consentKnown{byEmail: byEmail[address(i)]}
		if row := k.rows[i]; len(row) > 0 && row[1] != "" && row[1] != "nonsense" {
			byPhone, err := k.client.ConsentsByPhone(t.Context(), row[1:2])
			if err != nil {
				t.Fatal(err)
			}
			one.byPhone = byPhone[row[1]]
		}
		all[address(i)] = one
	}
	return all
}

// optOuts are how a profile opted out of a channel and the list: when, zero for unknown.
func (k *consentTrial) optOuts(p klaviyo.ProfileConsent, channel klaviyo.Channel) (all []time.Time) {
	if c := p.Channels[channel]; c.Status == klaviyo.StatusUnsubscribed {
		all = append(all, c.At)
	}
	if channel != klaviyo.ChannelEmail {
		return all
	}
	for _, s := range p.Suppressions {
		if s.Reason != "HARD_BOUNCE" && s.Reason != "INVALID_EMAIL" && (s.ListID == "" || s.ListID == k.listID) {
			all = append(all, s.At)
		}
	}
	return all
}

// consent is the consent that a row gives, and since when as far as it counts against
// opt-outs; empty for none that is of use.
func (k *consentTrial) consent(row []string, now time.Time) (consent string, at time.Time) {
	if row == nil || !saysYes(row) {
		return "", at
	}
	phone := row[1]
	if phone == "nonsense" || !slices.ContainsFunc(k.export.Subscription.Channels, klaviyo.Channel.NeedsPhone) {
		phone = ""
	}
	if phone == "" && !slices.Contains(k.export.Subscription.Channels, klaviyo.ChannelEmail) {
		return "", at
	}
	if !k.dates {
		return "yes " + phone, at
	}
	if day, err := time.Parse(time.DateOnly, row[columnDate]); err == nil {
		at = day.Add(-14 * time.Hour)
	} else if at, err = time.Parse(time.RFC3339, row[columnDate]); err != nil || !at.Before(now) {
		return "", time.Time{}
	}
	return "yes " + row[columnDate] + phone, at
}

// may reports whether somebody may be subscribed to a channel.
func (k *consentTrial) may(row []string, known consentKnown, channel klaviyo.Channel, now time.Time) bool {
	consent, at := k.consent(row, now)
	if consent == "" || !slices.Contains(k.export.Subscription.Channels, channel) {
		return false
	}
	found := []klaviyo.ProfileConsent{known.byEmail}
	if channel.NeedsPhone() {
		if row[1] == "" || row[1] == "nonsense" {
			return false
		}
		found = append(found, known.byPhone)
	}
	for _, p := range found {
		for _, of := range []klaviyo.Channel{klaviyo.ChannelEmail, channel} {
			for _, optOut := range k.optOuts(p, of) {
				overridden := of != klaviyo.ChannelEmail || slices.Contains(k.export.Subscription.Channels, klaviyo.ChannelEmail)
				if at.IsZero() || !at.After(optOut) || !overridden {
					return false
				}
			}
		}
	}
	return true
}

// apply makes a run and checks what came of it.
func (k *consentTrial) apply(t *testing.T) {
	t.Helper()
	before, began := k.look(t), k.clock.Now()
	asked := len(k.Confirmations())
	if !k.export.TrackChanges {
		k.export.Acknowledged, k.export.Subscribed = nil, nil
	}
	survey, err := k.export.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mayFail := slices.ContainsFunc(k.Pending(), func(f simulator.Fault) bool {
		return f.Status == http.StatusConflict || f.Status == http.StatusForbidden
	})
	r, err := k.export.Run(t.Context(), k.client, export.RunOptions{Surveyed: survey})
	if err != nil && !mayFail {
		t.Fatal(err)
	}
	k.RevokeKey(testKey)
	k.AddKey(testKey)
	after := k.look(t)
	var failed *export.PartlySubscribed
	if err == nil && r.Subscriptions.Unconfirmed > 0 || errors.As(err, &failed) && failed.Subscriptions.Unconfirmed > 0 {
		for _, row := range k.rows {
			if consent, _ := k.consent(row, began); consent != k.dealt[row[0]] {
				k.doubtful[row[0]] = consent
			}
		}
	}
	for i := range consentPeople {
		k.checkPerson(t, i, before[address(i)], after[address(i)], err == nil && r.Subscriptions.Left == 0, began)
	}
	dealt := k.checkAsked(t, before, k.Confirmations()[asked:], began)
	if err != nil {
		keepFailed(k.export, err)
		if k.dealt, k.sure = dealt, false; failed != nil && failed.Subscriptions.Left == 0 {
			k.dealt, k.sure = k.consents(began), true
		}
		return
	}
	checkAccounting(t, r)
	k.checkCounts(t, r, began)
	next(k.export, r)
	if k.dealt, k.sure = dealt, r.Subscriptions.Left == 0; k.sure {
		k.dealt = k.consents(began)
	}
}

// checkPerson compares what Klaviyo knew of somebody before a run with what it knows now.
// all says that the run has dealt with all consents.
func (k *consentTrial) checkPerson(t *testing.T, i int, before, after consentKnown, all bool, now time.Time) {
	t.Helper()
	row, overridden := k.rows[i], false
	consent, _ := k.consent(row, now)
	for _, channel := range klaviyo.Channels() {
		may := k.may(row, before, channel, now)
		overridden = overridden || may
		was, is := before.byEmail, after.byEmail
		if channel.NeedsPhone() {
			was, is = before.byPhone, after.byPhone
		}
		switch {
		case is.Subscribed(channel) && !was.Subscribed(channel) && !before.byEmail.Subscribed(channel) && (!may || k.confirms):
			t.Errorf("%v was subscribed to %s, before %+v", row, channel, before)
		case all && may && !is.Subscribed(channel) && !(k.confirms && (k.asked(i, channel) || k.doubtful[row[0]] == consent)):
			t.Errorf("%v was not subscribed to %s, before %+v, after %+v", row, channel, before, after)
		}
		if all && may && !k.confirms && len(k.optOuts(is, channel)) > 0 {
			t.Errorf("%v consented later and has an opt-out from %s yet, before %+v", row, channel, before)
		}
		if len(k.optOuts(was, channel)) > 0 && len(k.optOuts(is, channel)) == 0 && !may {
			t.Errorf("%v has no opt-out from %s any more, before %+v", row, channel, before)
		}
	}
	if len(k.optOuts(before.byPhone, klaviyo.ChannelEmail)) > 0 && len(k.optOuts(after.byPhone, klaviyo.ChannelEmail)) == 0 && !overridden {
		t.Errorf("who has the number of %v has no opt-out any more", row)
	}
	if all && k.may(row, before, klaviyo.ChannelEmail, now) && !k.future[row[columnDate]] {
		if p, _ := k.Profile(address(i)); p.Properties["text"] != row[3] && row[3] != "" {
			t.Errorf("%v was not exported, Klaviyo has %v", row, p.Properties)
		}
	}
}

// asked reports whether somebody was asked for a confirmation at any time.
func (k *consentTrial) asked(i int, channel klaviyo.Channel) bool {
	return slices.ContainsFunc(k.Confirmations(), func(c simulator.Confirmation) bool {
		return c.Channel == string(channel) && (c.Email == address(i) || c.PhoneNumber != "" && c.PhoneNumber == k.rows[i][1])
	})
}

// checkAsked makes sure that nobody is asked for a confirmation who must not be, or
// twice because of one consent. It returns what is dealt with at least.
func (k *consentTrial) checkAsked(t *testing.T, before map[string]consentKnown, asked []simulator.Confirmation, now time.Time) map[string]string {
	t.Helper()
	dealt := maps.Clone(k.dealt)
	for _, c := range asked {
		for i, row := range k.rows {
			if c.Email != row[0] && (c.PhoneNumber == "" || c.PhoneNumber != row[1]) {
				continue
			}
			consent, _ := k.consent(row, now)
			if !k.confirms || c.ListID != k.listID || !k.may(row, before[address(i)], klaviyo.Channel(c.Channel), now) {
				t.Errorf("%v was asked for a confirmation of %s", row, c.Channel)
			}
			if k.dealt[row[0]] == consent && k.export.TrackChanges {
				t.Errorf("%v was asked once more for a confirmation of %s", row, c.Channel)
			}
			dealt[row[0]] = consent
		}
	}
	return dealt
}

// consents are the consents that the rows give, by address.
func (k *consentTrial) consents(now time.Time) map[string]string {
	all := map[string]string{}
	for _, row := range k.rows {
		if consent, _ := k.consent(row, now); consent != "" {
			all[row[0]] = consent
		}
	}
	return all
}

// checkCounts compares the counts of a run that succeeded with the rows.
func (k *consentTrial) checkCounts(t *testing.T, r *export.Result, now time.Time) {
	t.Helper()
	given, news, unconsented := k.consents(now), int64(0), int64(0)
	for email, consent := range given {
		if !k.export.TrackChanges || k.dealt[email] != consent {
			news++
		}
	}
	for _, row := range k.rows {
		if k.only && !saysYes(row) {
			unconsented++
		}
	}
	if r.Consents.Given != int64(len(given)) || r.Unconsented != unconsented {
		t.Errorf("%d say yes and %d are unconsented, want %d and %d", r.Consents.Given, r.Unconsented, len(given), unconsented)
	}
	if r.Subscriptions.News != news && k.sure {
		t.Errorf("%d consents are news, want %d", r.Subscriptions.News, news)
	}
	if members := len(k.MemberEmails(k.listID)); k.export.Mirror == export.MirrorAll && int64(members) > r.Profiles {
		t.Errorf("%d members of the list are more than %d profiles", members, r.Profiles)
	}
}

func saysYes(row []string) bool {
	return slices.Contains([]string{"yes", "TRUE", "1"}, row[columnConsent])
}

package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSubscribed is how many profiles one call subscribes.
const maxSubscribed = 1000

// partialFailure is the header that names the fields of which a value was dropped.
const partialFailure = "X-Klaviyo-Partial-Failure"

func subscriptionOperations() []*operation {
	return []*operation{{
		method: "POST", path: "profile-subscription-bulk-create-jobs", limit: large,
		scopes: []string{"lists:write", "profiles:write", "subscriptions:write"}, body: true, handle: subscribe,
	}}
}

// subscriptionRowShape is a profile to subscribe, as far as it is simulated: of
// what the contract knows, marketing by email, SMS and WhatsApp.
var subscriptionRowShape = func() shape {
	parameters := fixed(map[string]shape{"consent": oneOf(subscribed), "consented_at": optionalText()}, "consent")
	parameters.nullable = true
	channel := fixed(map[string]shape{"marketing": parameters})
	channel.nullable = true
	all := map[string]shape{}
	for _, name := range channels {
		all[name] = channel
	}
	return resource("profile", map[string]shape{"id": optionalText(), "attributes": fixed(map[string]shape{
		"email": optionalText(), "phone_number": optionalText(), "age_gated_date_of_birth": optionalText(), "subscriptions": fixed(all),
	}, "subscriptions")}, "attributes")
}()

// subscriptionBody is a request to subscribe, its rows still as they were sent.
type subscriptionBody struct {
	Data struct {
		Attributes struct {
			CustomSource     string `json:"custom_source"`
			HistoricalImport bool   `json:"historical_import"`
		}
		Relationships struct {
			List struct{ Data struct{ ID string } }
		}
	}
	rows [][]byte
}

func (x *exchange) parseSubscriptions() (body subscriptionBody, refused *response) {
	rows := shape{kinds: "[", each: func(_ int, row []byte) { body.rows = append(body.rows, row) }}
	wanted := dataShape(resource("profile-subscription-bulk-create-job", map[string]shape{
		"attributes": fixed(map[string]shape{
			"custom_source": optionalText(), "historical_import": {kinds: "t", nullable: true},
			"profiles": fixed(map[string]shape{"data": rows}, "data"),
		}, "profiles"),
		"relationships": fixed(map[string]shape{"list": fixed(map[string]shape{"data": identifier("list")})}),
	}, "attributes"))
	refused = x.decode(wanted, &body)
	return body, refused
}

// subscriber is a row of a request to subscribe.
type subscriber struct {
	details
	at      string               // pointer to the row
	dates   map[string]time.Time // of the consent, by channel; zero without one
	dropped bool                 // the phone number
}

// subscribe subscribes everybody in a request, or nobody.
func subscribe(x *exchange) response {
	body, refused := x.parseSubscriptions()
	if refused != nil {
		return *refused
	}
	const at = "/data/attributes/profiles/data"
	if n := len(body.rows); n == 0 || n > maxSubscribed {
		return refuse(invalid(at, fmt.Sprintf("Between 1 and %d profiles are allowed, found %d.", maxSubscribed, n)))
	}
	defer x.lock()()
	listID := body.Data.Relationships.List.Data.ID
	l := x.account.list(listID)
	if l == nil && listID != "" {
		missing := notFound("list", listID)
		missing.Source.Pointer = "/data/relationships/list/data/id"
		return refuse(missing)
	}
	everybody, problems := x.readSubscribers(body)
	if problems != nil {
		return refuse(problems...)
	}
	answer := response{status: http.StatusAccepted, header: http.Header{}}
	for _, one := range everybody {
		x.account.subscribe(one, l, body.Data.Attributes.CustomSource, body.Data.Attributes.HistoricalImport, x.now)
		if one.dropped {
			answer.header.Set(partialFailure, "phone_number")
		}
	}
	return answer
}

// readSubscribers checks the rows until it has found as many problems as one
// answer names.
func (x *exchange) readSubscribers(body subscriptionBody) (all []subscriber, problems []problem) {
	for i, row := range body.rows {
		one, found := x.readSubscriber(row, rowsPointer+strconv.Itoa(i))
		if found == nil {
			found = x.checkDates(one, body.Data.Attributes.HistoricalImport)
		}
		all, problems = append(all, one), append(problems, found...)
		if limit := x.server.options.MaxErrorsPerResponse; len(problems) >= limit {
			return nil, problems[:limit]
		}
	}
	return all, problems
}

type subscriptionRow struct {
	ID         string
	Attributes struct {
		Email         *string
		PhoneNumber   *string `json:"phone_number"`
		Subscriptions map[string]*struct {
			Marketing *struct {
				ConsentedAt *string `json:"consented_at"`
			}
		}
	}
}

func (x *exchange) readSubscriber(text []byte, at string) (one subscriber, problems []problem) {
	note := func(field, detail string) { problems = append(problems, invalid(at+field, detail)) }
	c := cursor{text: text}
	subscriptionRowShape.check(&c, nil, func(p problem) { note(p.Source.Pointer, p.Detail) })
	var row subscriptionRow
	if problems != nil || json.Unmarshal(text, &row) != nil {
		return one, problems
	}
	given := row.Attributes
	one = subscriber{at: at, dates: map[string]time.Time{}, details: details{id: row.ID}}
	if given.Email != nil {
		one.email, one.emailGiven = *given.Email, true
	}
	if given.PhoneNumber != nil {
		one.phone, one.phoneGiven = *given.PhoneNumber, true
	}
	for _, name := range channels {
		channel := given.Subscriptions[name]
		if channel == nil || channel.Marketing == nil {
			continue
		}
		one.dates[name] = time.Time{}
		if text := channel.Marketing.ConsentedAt; text != nil {
			date, err := time.Parse(time.RFC3339, *text)
			if err != nil {
				note(pointerOfDate(name), "'consented_at' must be a date-time.")
			}
			one.dates[name] = date
		}
	}
	if len(one.dates) == 0 {
		note("/attributes/subscriptions", "At least one channel is required.")
	}
	problems = append(problems, one.checkIdentifiers(x.server.refusals)...)
	if one.id != "" && x.account.people.byID(one.id) == nil {
		note("/id", "The profile does not exist.")
	}
	return one, problems
}

func pointerOfDate(channel string) string {
	return "/attributes/subscriptions/" + channel + "/marketing/consented_at"
}

// checkIdentifiers drops a bad phone number beside a good address, with the consent
// on its channels, as Klaviyo does.
func (one *subscriber) checkIdentifiers(r *refusals) (problems []problem) {
	at := one.at + "/attributes"
	for _, p := range append(one.check(at), r.check(&one.details, at)...) {
		if strings.HasSuffix(p.Source.Pointer, "/phone_number") && one.email != "" {
			one.dropped = true
			continue
		}
		problems = append(problems, p)
	}
	if one.dropped {
		one.phone = ""
		delete(one.dates, smsChannel)
		delete(one.dates, whatsappChannel)
	}
	for _, channel := range channels {
		identifier, field := one.email, "/email"
		if channel != emailChannel {
			identifier, field = one.phone, "/phone_number"
		}
		if _, given := one.dates[channel]; given && problems == nil && identifier == "" {
			problems = append(problems, invalid(at+field, fmt.Sprintf("It is required for the channel '%s'.", channel)))
		}
	}
	return problems
}

// checkDates applies the rules of historical imports.
func (x *exchange) checkDates(one subscriber, historical bool) (problems []problem) {
	for _, channel := range channels {
		date, given := one.dates[channel]
		var detail string
		switch out := x.lastOptOut(one, channel); {
		case !given:
			continue
		case !historical && !date.IsZero():
			detail = "'consented_at' is allowed with 'historical_import' only."
		case historical && date.IsZero():
			detail = "'consented_at' is required with 'historical_import'."
		case historical && !date.Before(x.now):
			detail = "'consented_at' must be in the past."
		case historical && date.Before(out):
			detail = "'consented_at' is before the last time that the profile unsubscribed."
		default:
			continue
		}
		problems = append(problems, invalid(one.at+pointerOfDate(channel), detail))
	}
	return problems
}

func (x *exchange) lastOptOut(one subscriber, channel string) time.Time {
	if who := x.account.people.consenting(one, channel); who != nil {
		return who.lastOptOut(channel)
	}
	return time.Time{}
}

// consenting is the profile whose consent a row is about, nil for a new one: who has
// the phone number, where the channel needs one.
func (p *people) consenting(one subscriber, channel string) *person {
	if channel != emailChannel {
		if owner := p.in(p.byPhone, one.phone); owner != nil {
			return owner
		}
	}
	return p.find(&one.details)
}

// subscribe does what a row asks for. Suppressions are lifted whatever the channel
// and before any confirmation, since the contract names no exception. A list is nil
// for none, which asks for a confirmation as most accounts do.
func (a *account) subscribe(one subscriber, l *list, source string, historical bool, now time.Time) {
	who := a.people.upsert(&one.details, now)
	listID := ""
	if l != nil {
		listID = l.ID
	}
	a.people.lift(who, listID)
	asks := !historical && (l == nil || l.OptInProcess == doubleOptIn)
	joins := false
	for _, channel := range channels {
		date, given := one.dates[channel]
		if !given {
			continue
		}
		consenting := a.people.consenting(one, channel)
		had := consenting.consents[channel].status == subscribed
		if asks && !(had && l != nil && l.members.has(who.number)) {
			a.ask(consenting, channel, listID, source)
			continue
		}
		joins = true
		if date.IsZero() {
			date = now.UTC().Truncate(time.Second)
		}
		if !had {
			consenting.setConsent(channel, consent{status: subscribed, at: date, source: source})
		}
	}
	switch {
	case !joins || l == nil:
	case historical:
		l.members.add(who.number, now)
	default:
		l.join(who.number, now)
	}
}

// ask sends a message that asks for a confirmation.
func (a *account) ask(who *person, channel, listID, source string) {
	sent := Confirmation{Channel: channel, ListID: listID, Email: who.email}
	if channel != emailChannel {
		sent.Email, sent.PhoneNumber = "", who.phone
	}
	a.confirmations = append(a.confirmations, sent)
	a.unanswered = append(a.unanswered, unanswered{who.number, channel, listID, source})
}

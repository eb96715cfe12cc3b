package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const maxProfileBytes = 100_000

const listSuppressions = "subscriptions.email.marketing.list_suppressions"

var suppressionFields = []string{listSuppressions + ".list_id", listSuppressions + ".reason", listSuppressions + ".timestamp"}

const suppressed = "subscriptions.email.marketing.suppression"

var globalFields = []string{suppressed + ".reason", suppressed + ".timestamp"}

func profileOperations() []*operation {
	extra := additional("profile", "subscriptions", "predictive_analytics")
	all := append([]parameter{
		extra, fieldsOf("profile", profileFields), fieldsOf("push-token", pushTokenFields),
		fieldsOf("conversation", []string{"channel", "id"}), including("conversations", "push-tokens"),
		sortedBy("created", "email", "id", listSuppressions+".timestamp", suppressed+".timestamp", "updated"),
		filteredBy(
			filterField{name: "id", operators: lookups},
			filterField{name: "email", operators: lookups},
			filterField{name: "phone_number", operators: lookups},
			filterField{name: "external_id", operators: lookups},
			filterField{name: "_kx", operators: lookups[:1]},
			filterField{name: "created", operators: []string{"greater-than", "less-than"}, moment: true},
			filterField{name: "updated", operators: []string{"greater-than", "less-than"}, moment: true},
			filterField{name: suppressionFields[0], operators: lookups[:1]},
			filterField{name: suppressionFields[1], operators: lookups[:1]},
			filterField{name: suppressionFields[2], operators: comparisons, moment: true},
			filterField{name: suppressed + ".reason", operators: lookups[:1]},
			filterField{name: suppressed + ".timestamp", operators: comparisons, moment: true},
		),
	}, paged(20, 100)...)
	return []*operation{
		{method: "GET", path: "profiles", scopes: []string{"profiles:read"}, limit: large, parameters: all, handle: getProfiles},
		{
			method: "POST", path: "profiles", scopes: []string{"profiles:write"}, limit: large,
			parameters: []parameter{extra, fieldsOf("profile", profileFields)}, body: true, handle: createProfile,
		},
	}
}

func getProfiles(x *exchange) response {
	suppression, rest := takeConditions(x.query.filters, suppressionFields...)
	global, rest := takeConditions(rest, globalFields...)
	if suppression != nil && x.query.sort != "" {
		return refuse(invalidParameter("sort", "'sort' cannot be combined with a filter on list suppressions."))
	}
	defer x.lock()()
	by, descending := strings.CutPrefix(x.query.sort, "-")
	key := func(who *person) string { return who.sortKey(by) }
	found := inOrder(x.candidates(by, key), key).only(func(who *person) bool {
		return who.optedOut(suppression) && who.suppressed(global) && !slices.ContainsFunc(rest, func(c condition) bool { return !x.holds(who, c) })
	})
	items, links := page(x, found, descending)
	return document(http.StatusOK, map[string]any{
		"data":  convert(items, func(who *person) object { return x.profileObject(who, nil) }),
		"links": links,
	})
}

func (who *person) sortKey(by string) string {
	number := fmt.Sprintf("|%010d", who.number)
	switch by {
	case "email":
		return who.email + number
	case "created":
		return fmt.Sprintf("%012d", who.created) + number
	case "updated":
		return fmt.Sprintf("%012d", who.updated) + number
	case listSuppressions + ".timestamp":
		return sortable(who.latest()) + number
	}
	return number
}

// candidates narrows the search down with an index where there is one.
func (x *exchange) candidates(by string, key func(*person) string) []*person {
	people := x.account.people
	for _, c := range x.query.filters {
		find := map[string]func(string) *person{
			"id":           people.byID,
			"email":        people.byAddress,
			"phone_number": func(phone string) *person { return people.in(people.byPhone, phone) },
			"external_id":  func(id string) *person { return people.in(people.byExternal, id) },
		}[c.field]
		if c.field == suppressionFields[0] {
			return sortedPeople(convert(people.opted[c.texts[0]], func(n uint32) *person { return people.all[n] }), key)
		}
		if find == nil {
			continue
		}
		var found []*person
		for _, text := range c.texts {
			if who := find(text); who != nil && !slices.Contains(found, who) {
				found = append(found, who)
			}
		}
		return sortedPeople(found, key)
	}
	return people.ordered(by, key)
}

// holds tells whether a condition is met. Nobody has a push token, an exchange
// id here, so conditions on those never are.
func (x *exchange) holds(who *person, c condition) bool {
	switch c.field {
	case "id":
		return c.holdsText(x.account.people.id(who.number))
	case "email":
		return slices.ContainsFunc(c.texts, func(text string) bool { return x.account.people.byAddress(text) == who })
	case "phone_number":
		return c.holdsText(who.phone)
	case "external_id":
		return c.holdsText(who.external)
	case "created":
		return c.holdsTime(time.Unix(who.created, 0))
	case "updated":
		return c.holdsTime(time.Unix(who.updated, 0))
	}
	return false
}

// optedOut tells whether one suppression meets all the conditions.
func (who *person) optedOut(conditions []condition) bool {
	if conditions == nil {
		return true
	}
	return slices.ContainsFunc(who.suppressions, func(s suppression) bool {
		if s.list == "" {
			return false
		}
		for _, c := range conditions {
			holds := c.field == suppressionFields[0] && c.holdsText(s.list) ||
				c.field == suppressionFields[1] && c.holdsText(s.reason) ||
				c.field == suppressionFields[2] && c.holdsTime(s.at)
			if !holds {
				return false
			}
		}
		return true
	})
}

// suppressed tells whether the suppression of everything meets all the conditions.
func (who *person) suppressed(conditions []condition) bool {
	if conditions == nil {
		return true
	}
	return slices.ContainsFunc(who.suppressions, func(s suppression) bool {
		return s.list == "" && !slices.ContainsFunc(conditions, func(c condition) bool {
			return c.field == globalFields[0] && !c.holdsText(s.reason) || c.field == globalFields[1] && !c.holdsTime(s.at)
		})
	})
}

// profileObject is a profile, or with joined a member of a list.
func (x *exchange) profileObject(who *person, joined *entry) object {
	id := x.account.people.id(who.number)
	attributes := who.attributeMap()
	if joined != nil {
		attributes["joined_group_at"] = timestamp(joined.time())
	}
	asked, given := x.query.fields("profile")
	kept := sparse(attributes, asked, given)
	if x.query.asks("additional-fields[profile]", "subscriptions") {
		kept["subscriptions"] = who.subscriptions()
	}
	if x.query.asks("additional-fields[profile]", "predictive_analytics") {
		kept["predictive_analytics"] = nil
	}
	return object{
		Type: "profile", ID: id, Attributes: kept,
		Relationships: map[string]any{
			"lists":       x.relation("profiles", id, "lists", nil),
			"segments":    x.relation("profiles", id, "segments", nil),
			"push-tokens": x.relation("profiles", id, "push-tokens", nil),
		},
		Links: map[string]any{"self": x.link("profiles", id)},
	}
}

var (
	textAttributes   = []string{"first_name", "last_name", "organization", "locale", "title", "image"}
	locationTexts    = []string{"address1", "address2", "city", "country", "region", "zip", "timezone", "ip"}
	locationNumerics = []string{"latitude", "longitude"}
)

func (who *person) attributeMap() map[string]any {
	attributes := map[string]any{
		"email": orNull(who.email), "phone_number": orNull(who.phone), "external_id": orNull(who.external),
		"created": timestamp(time.Unix(who.created, 0)), "updated": timestamp(time.Unix(who.updated, 0)),
		"last_event_date": nil,
	}
	for _, name := range textAttributes {
		attributes[name] = nil
	}
	location := map[string]any{}
	for _, name := range slices.Concat(locationTexts, locationNumerics) {
		location[name] = nil
	}
	for _, m := range objectFields(who.attributes) {
		if m.key != "location" {
			attributes[m.key] = json.RawMessage(m.value)
			continue
		}
		for _, part := range objectFields(m.value) {
			location[part.key] = json.RawMessage(part.value)
		}
	}
	attributes["location"] = location
	attributes["properties"] = json.RawMessage("{}")
	if who.properties != nil {
		attributes["properties"] = json.RawMessage(who.properties)
	}
	return attributes
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func createProfile(x *exchange) response {
	if len(x.body) > maxProfileBytes {
		return refuse(tooLarge(fmt.Sprintf("A profile may have %d bytes.", maxProfileBytes)))
	}
	row, problems := checkProfileBody(x.body)
	if problems != nil {
		return refuse(problems...)
	}
	defer x.lock()()
	if problems := x.server.refusals.check(row, "/data/attributes"); problems != nil {
		return refuse(problems...)
	}
	people := x.account.people
	for _, known := range []*person{
		people.byAddress(row.email), people.in(people.byPhone, row.phone), people.in(people.byExternal, row.external),
	} {
		if known != nil {
			conflict := newProblem(http.StatusConflict, "duplicate_profile", "Conflict.",
				"A profile already exists with one of these identifiers.")
			conflict.Meta["duplicate_profile_id"] = people.id(known.number)
			return refuse(conflict)
		}
	}
	who := people.upsert(row, x.now)
	created := x.profileObject(who, nil)
	answer := document(http.StatusCreated, map[string]any{"data": created, "links": x.selfLink()})
	answer.header.Set("Location", x.link("profiles", created.ID))
	return answer
}

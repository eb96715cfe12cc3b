package simulator

import (
	"fmt"
	"iter"
	"math"
	"net/http"
	"slices"
	"strings"
)

// maxMembersPerCall is how many profiles one call adds to or takes off a list.
const maxMembersPerCall = 1000

func memberOperations() []*operation {
	read, write := []string{"lists:read", "profiles:read"}, []string{"lists:write", "profiles:write"}
	ids := append([]parameter{
		sortedBy("joined_group_at"),
		filteredBy(
			filterField{name: "email", operators: lookups},
			filterField{name: "phone_number", operators: lookups},
			filterField{name: "push_token", operators: lookups},
			filterField{name: "_kx", operators: lookups[:1]},
			filterField{name: "joined_group_at", operators: comparisons, moment: true},
		),
	}, paged(20, 100)...)
	whole := slices.Concat([]parameter{
		fieldsOf("profile", append([]string{"joined_group_at"}, profileFields...)),
		additional("profile", "subscriptions", "predictive_analytics"),
	}, ids)
	const relationship = "lists/{id}/relationships/profiles"
	return []*operation{
		{method: "GET", path: "lists/{id}/profiles", scopes: read, limit: large, parameters: whole, handle: getMembers},
		{method: "GET", path: relationship, scopes: read, limit: large, parameters: ids, handle: getMemberIDs},
		{method: "POST", path: relationship, scopes: write, limit: medium, body: true, handle: addMembers},
		{method: "DELETE", path: relationship, scopes: write, limit: medium, body: true, handle: removeMembers},
	}
}

func getMembers(x *exchange) response {
	return x.members(func(e entry) any {
		return x.profileObject(x.account.people.all[e.profile], &e)
	})
}

func getMemberIDs(x *exchange) response {
	return x.members(func(e entry) any { return ref{"profile", x.account.people.id(e.profile)} })
}

func (x *exchange) members(show func(entry) any) response {
	return onList(x, func(l *list) response {
		items, links := page(x, x.memberCollection(l), strings.HasPrefix(x.query.sort, "-"))
		return document(http.StatusOK, map[string]any{"data": convert(items, show), "links": links})
	})
}

// memberCollection narrows a list down: to a range of its members by the dates,
// and through the index by the addresses, so that neither reads all of it.
func (x *exchange) memberCollection(l *list) collection[entry] {
	joined, others := takeConditions(x.query.filters, "joined_group_at")
	from, to := joinedBounds(joined)
	if others == nil {
		return l.members.within(from, to)
	}
	var found []entry
	for _, who := range x.candidates("", func(who *person) string { return who.sortKey("") }) {
		j, on := l.members.joined[who.number]
		matches := !slices.ContainsFunc(others, func(c condition) bool { return !x.holds(who, c) })
		if on && matches && j.second >= from && j.second < to {
			found = append(found, entry{joining: j, profile: who.number})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return a.compare(b.joining) })
	matching := &memberSet{entries: found}
	return matching.within(math.MinInt64, math.MaxInt64)
}

// joinedBounds turns comparisons into a range of whole seconds, the first
// included and the last not.
func joinedBounds(conditions []condition) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	for _, c := range conditions {
		floor := c.moment.Unix()
		ceiling := floor
		if c.moment.Nanosecond() > 0 {
			ceiling++
		}
		switch c.operator {
		case "greater-than":
			from = max(from, floor+1)
		case "greater-or-equal":
			from = max(from, ceiling)
		case "less-than":
			to = min(to, ceiling)
		default:
			to = min(to, floor+1)
		}
	}
	return from, to
}

type memberBody struct {
	Data []struct{ ID string }
}

// memberIDs reads the ids of a body that adds or removes members.
func (x *exchange) memberIDs() ([]string, *response) {
	var body memberBody
	if refused := x.decode(dataShape(listOf(identifier("profile"))), &body); refused != nil {
		return nil, refused
	}
	if len(body.Data) > maxMembersPerCall {
		return nil, refusal(invalid("/data", fmt.Sprintf("At most %d profiles are allowed, found %d.", maxMembersPerCall, len(body.Data))))
	}
	var ids []string
	for _, one := range body.Data {
		ids = append(ids, one.ID)
	}
	return ids, nil
}

func addMembers(x *exchange) response {
	ids, refused := x.memberIDs()
	if refused != nil {
		return *refused
	}
	return onList(x, func(l *list) response {
		for i, id := range ids {
			if x.account.people.byID(id) == nil {
				missing := notFound("profile", id)
				missing.Source.Pointer = fmt.Sprintf("/data/%d/id", i)
				return refuse(missing)
			}
		}
		for _, id := range ids {
			l.join(x.account.people.byID(id).number, x.now)
		}
		return noContent()
	})
}

// removeMembers passes over who is not on the list or does not exist: either
// way the profile is not a member afterwards.
func removeMembers(x *exchange) response {
	ids, refused := x.memberIDs()
	if refused != nil {
		return *refused
	}
	return onList(x, func(l *list) response {
		for _, id := range ids {
			if who := x.account.people.byID(id); who != nil {
				l.members.remove(who.number)
			}
		}
		return noContent()
	})
}

// entriesOf goes over the members of a list with their profiles.
func (a *account) entriesOf(l *list) iter.Seq2[entry, *person] {
	return func(yield func(entry, *person) bool) {
		for e := range l.members.all() {
			if !yield(e, a.people.all[e.profile]) {
				return
			}
		}
	}
}

package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// List is a list of profiles.
type List struct {
	ID           string
	Name         string
	OptInProcess string // double_opt_in or single_opt_in
	Created      time.Time
	Updated      time.Time
}

type list struct {
	List
	members memberSet
	flows   []Flow
	started []uint32 // who joined while a flow was live, by profile
}

const (
	doubleOptIn = "double_opt_in"
	singleOptIn = "single_opt_in"
)

var listFields = []string{"created", "id", "name", "opt_in_process", "updated"}

func listOperations() []*operation {
	read, write := []string{"lists:read"}, []string{"lists:write"}
	fields := fieldsOf("list", listFields)
	included := []parameter{
		fieldsOf("flow", flowFields), fieldsOf("tag", []string{"id", "name"}), including("flow-triggers", "tags"),
	}
	all := slices.Concat([]parameter{fields, sortedBy("created", "id", "name", "updated"), filteredBy(
		filterField{name: "name", operators: lookups},
		filterField{name: "id", operators: lookups},
		filterField{name: "created", operators: comparisons[:1], moment: true},
		filterField{name: "updated", operators: comparisons[:1], moment: true},
	)}, included, paged(10, 10))
	one := append([]parameter{
		fieldsOf("list", append([]string{"profile_count"}, listFields...)), additional("list", "profile_count"),
	}, included...)
	change := []parameter{fields}
	return []*operation{
		{method: "GET", path: "lists", scopes: read, limit: large, parameters: all, handle: getLists},
		{method: "POST", path: "lists", scopes: write, limit: listCreate, parameters: change, body: true, handle: createList},
		{method: "GET", path: "lists/{id}", scopes: read, limit: large, counted: &extraSmall, parameters: one, handle: getList},
		{method: "PATCH", path: "lists/{id}", scopes: write, limit: medium, parameters: change, body: true, handle: updateList},
		{method: "DELETE", path: "lists/{id}", scopes: write, limit: medium, handle: deleteList},
	}
}

func (a *account) list(id string) *list {
	for _, l := range a.lists {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// addList fills what is empty. Ids look random, as Klaviyo's do, but are the
// same in every run.
func (s *Server) addList(a *account, l List, now time.Time) *list {
	for l.ID == "" || a.list(l.ID) != nil {
		s.listCount++
		l.ID = listID(s.listCount)
	}
	if l.OptInProcess == "" {
		l.OptInProcess = doubleOptIn
	}
	if l.Created.IsZero() {
		l.Created = now.UTC().Truncate(time.Second)
	}
	if l.Updated.IsZero() {
		l.Updated = l.Created
	}
	added := &list{List: l}
	a.lists = append(a.lists, added)
	return added
}

func listID(number int) string {
	const letters = "ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
	id := make([]byte, 6)
	mixed := uint64(number) * 0x9E3779B97F4A7C15
	for i := range id {
		mixed ^= mixed >> 29
		mixed *= 0xBF58476D1CE4E5B9
		id[i] = letters[mixed>>33%uint64(len(letters))]
	}
	return string(id)
}

func getLists(x *exchange) response {
	defer x.lock()()
	order, descending := strings.CutPrefix(x.query.sort, "-")
	key := func(l *list) string { return l.sortKey(order) }
	lists := slices.DeleteFunc(slices.Clone(x.account.lists), func(l *list) bool { return !l.matches(x.query.filters) })
	slices.SortFunc(lists, func(a, b *list) int { return strings.Compare(key(a), key(b)) })
	items, links := page(x, inOrder(lists, key), descending)
	content := map[string]any{
		"data":  convert(items, func(l *list) object { return x.listObject(l) }),
		"links": links,
	}
	x.includeFlows(content, items...)
	return document(http.StatusOK, content)
}

func (l *list) sortKey(order string) string {
	switch order {
	case "name":
		return l.Name + "\x00" + l.ID
	case "created":
		return sortable(l.Created) + l.ID
	case "updated":
		return sortable(l.Updated) + l.ID
	}
	return l.ID
}

// sortable writes a moment so that the texts sort as the moments do.
func sortable(t time.Time) string { return t.UTC().Format("20060102150405.000000000") }

func (l *list) matches(filters []condition) bool {
	for _, c := range filters {
		var holds bool
		switch c.field {
		case "name":
			holds = c.holdsText(l.Name)
		case "id":
			holds = c.holdsText(l.ID)
		case "created":
			holds = c.holdsTime(l.Created)
		default:
			holds = c.holdsTime(l.Updated)
		}
		if !holds {
			return false
		}
	}
	return true
}

// onList runs what needs the list of the path, with the state locked.
func onList(x *exchange, handle func(*list) response) response {
	defer x.lock()()
	l := x.account.list(x.id)
	if l == nil {
		return refuse(notFound("list", x.id))
	}
	return handle(l)
}

func getList(x *exchange) response {
	return onList(x, func(l *list) response {
		content := map[string]any{"data": x.listObject(l), "links": x.selfLink()}
		x.includeFlows(content, l)
		return document(http.StatusOK, content)
	})
}

var listAttributes = map[string]shape{
	"name":           textShape(),
	"opt_in_process": {kinds: `"`, nullable: true, enum: []string{doubleOptIn, singleOptIn}},
}

type listBody struct {
	Data struct {
		ID         string
		Attributes struct {
			Name         *string
			OptInProcess string `json:"opt_in_process"`
		}
	}
}

func createList(x *exchange) response {
	wanted := dataShape(resource("list", map[string]shape{"attributes": fixed(listAttributes, "name")}, "attributes"))
	var body listBody
	if refused := x.decode(wanted, &body); refused != nil {
		return *refused
	}
	name := *body.Data.Attributes.Name
	if strings.TrimSpace(name) == "" {
		return refuse(invalid("/data/attributes/name", "'name' may not be blank."))
	}
	defer x.lock()()
	l := x.server.addList(x.account, List{Name: name, OptInProcess: body.Data.Attributes.OptInProcess}, x.now)
	answer := document(http.StatusCreated, map[string]any{"data": x.listObject(l), "links": x.selfLink()})
	answer.header.Set("Location", x.link("lists", l.ID))
	return answer
}

func updateList(x *exchange) response {
	attributes := map[string]shape{"name": optionalText(), "opt_in_process": listAttributes["opt_in_process"]}
	wanted := dataShape(resource("list",
		map[string]shape{"id": textShape(), "attributes": fixed(attributes)}, "id", "attributes"))
	var body listBody
	if refused := x.decode(wanted, &body); refused != nil {
		return *refused
	}
	if body.Data.ID != x.id {
		return refuse(invalid("/data/id", fmt.Sprintf("'id' must be that of the URL, %s.", x.id)))
	}
	return onList(x, func(l *list) response {
		given := body.Data.Attributes
		if given.Name != nil {
			if strings.TrimSpace(*given.Name) == "" {
				return refuse(invalid("/data/attributes/name", "'name' may not be blank."))
			}
			l.Name = *given.Name
		}
		if given.OptInProcess != "" {
			l.OptInProcess = given.OptInProcess
		}
		l.Updated = x.now.UTC().Truncate(time.Second)
		return document(http.StatusOK, map[string]any{"data": x.listObject(l), "links": x.selfLink()})
	})
}

func deleteList(x *exchange) response {
	return onList(x, func(l *list) response {
		x.account.deleteList(l.ID)
		return noContent()
	})
}

func (a *account) deleteList(id string) {
	a.lists = slices.DeleteFunc(a.lists, func(l *list) bool { return l.ID == id })
}

// decode checks the body against the contract and reads it.
func (x *exchange) decode(wanted shape, into any) *response {
	if problems := wanted.checkBody(x.body); problems != nil {
		return refusal(problems...)
	}
	if err := json.Unmarshal(x.body, into); err != nil {
		return refusal(malformedJSON())
	}
	return nil
}

func (x *exchange) listObject(l *list) object {
	attributes := map[string]any{
		"name": l.Name, "created": timestamp(l.Created), "updated": timestamp(l.Updated), "opt_in_process": l.OptInProcess,
	}
	asked, given := x.query.fields("list")
	kept := sparse(attributes, asked, given)
	if x.query.asks("additional-fields[list]", "profile_count") {
		kept["profile_count"] = l.members.size()
	}
	var flows, tags any
	if x.query.asks("include", "flow-triggers") {
		flows = convert(l.flows, func(f Flow) ref { return ref{"flow", f.ID} })
	}
	if x.query.asks("include", "tags") {
		tags = []ref{}
	}
	return object{
		Type: "list", ID: l.ID, Attributes: kept,
		Relationships: map[string]any{
			"profiles":      x.relation("lists", l.ID, "profiles", nil),
			"tags":          x.relation("lists", l.ID, "tags", tags),
			"flow-triggers": x.relation("lists", l.ID, "flow-triggers", flows),
		},
		Links: map[string]any{"self": x.link("lists", l.ID)},
	}
}

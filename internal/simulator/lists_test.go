package simulator_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

func TestListLifecycle(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	created := call(t, s, "POST", "/api/lists", `{"data":{"type":"list","attributes":{"name":"VIP","opt_in_process":"single_opt_in"}}}`).want(t, 201).one(t)
	if !regexp.MustCompile(`^[A-Za-z0-9]{6}$`).MatchString(created.ID) {
		t.Errorf("id %q", created.ID)
	}
	want := map[string]any{
		"name": "VIP", "opt_in_process": "single_opt_in",
		"created": "2026-08-01T12:00:00+00:00", "updated": "2026-08-01T12:00:00+00:00",
	}
	if !equal(created.Attributes, want) {
		t.Errorf("attributes %v", created.Attributes)
	}
	call(t, s, "POST", "/api/lists", `{"data":{"type":"list","attributes":{"name":"VIP"}}}`).want(t, 201)

	c.Add(time.Hour)
	path := "/api/lists/" + created.ID
	update := fmt.Sprintf(`{"data":{"type":"list","id":%q,"attributes":{"name":"VIP 2"}}}`, created.ID)
	want["name"], want["updated"] = "VIP 2", "2026-08-01T13:00:00+00:00"
	if got := call(t, s, "PATCH", path, update).want(t, 200).one(t); !equal(got.Attributes, want) {
		t.Errorf("attributes %v", got.Attributes)
	}
	if lists := s.Lists(); len(lists) != 2 || lists[0].Name != "VIP 2" || lists[1].OptInProcess != "double_opt_in" {
		t.Errorf("lists %v", lists)
	}
	call(t, s, "DELETE", path, "").want(t, 204)
	call(t, s, "DELETE", path, "").refused(t, 404, "not_found", "/data")
	s.DeleteList(s.Lists()[0].ID)
	if len(s.Lists()) != 0 {
		t.Errorf("lists %v", s.Lists())
	}
}

func TestListBodies(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{ID: "Y6nRLr", Name: "VIP"})
	for name, test := range map[string]struct{ method, body, code, pointer string }{
		"not JSON":          {"POST", `{"data":`, "parse_error", "/"},
		"more than JSON":    {"POST", `{"data":{"type":"list","attributes":{"name":"x"}}} x`, "parse_error", "/"},
		"empty":             {"POST", ``, "parse_error", "/"},
		"no data":           {"POST", `{}`, "invalid", "/data"},
		"no type":           {"POST", `{"data":{"attributes":{"name":"x"}}}`, "invalid", "/data/type"},
		"wrong type":        {"POST", `{"data":{"type":"lists","attributes":{"name":"x"}}}`, "invalid", "/data/type"},
		"no name":           {"POST", `{"data":{"type":"list","attributes":{}}}`, "invalid", "/data/attributes/name"},
		"blank name":        {"POST", `{"data":{"type":"list","attributes":{"name":" "}}}`, "invalid", "/data/attributes/name"},
		"name of a kind":    {"POST", `{"data":{"type":"list","attributes":{"name":7}}}`, "invalid", "/data/attributes/name"},
		"unknown attribute": {"POST", `{"data":{"type":"list","attributes":{"name":"x","colour":"red"}}}`, "invalid", "/data/attributes/colour"},
		"unknown opt-in":    {"POST", `{"data":{"type":"list","attributes":{"name":"x","opt_in_process":"triple"}}}`, "invalid", "/data/attributes/opt_in_process"},
		"no id":             {"PATCH", `{"data":{"type":"list","attributes":{"name":"x"}}}`, "invalid", "/data/id"},
		"another id":        {"PATCH", `{"data":{"type":"list","id":"Z","attributes":{"name":"x"}}}`, "invalid", "/data/id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "/api/lists"
			if test.method == "PATCH" {
				path += "/" + list.ID
			}
			call(t, s, test.method, path, test.body).refused(t, 400, test.code, test.pointer)
		})
	}
}

func TestListQueries(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	s.AddList(simulator.List{ID: "AAAAAA", Name: "Same", Created: day(3)})
	s.AddList(simulator.List{ID: "BBBBBB", Name: `It's "so"`, Created: day(2)})
	s.AddList(simulator.List{ID: "CCCCCC", Name: "Same", Created: day(1), Updated: day(9)})
	for name, test := range map[string]struct {
		query []string
		want  string
	}{
		"all":            {nil, "AAAAAA BBBBBB CCCCCC"},
		"by name":        {[]string{"filter", `equals(name,"Same")`}, "AAAAAA CCCCCC"},
		"equals a list":  {[]string{"filter", `equals(name,['Same'])`}, "AAAAAA CCCCCC"},
		"escaped":        {[]string{"filter", `equals(name,"It's \"so\"")`}, "BBBBBB"},
		"single quotes":  {[]string{"filter", `equals(name,'It\'s "so"')`}, "BBBBBB"},
		"any":            {[]string{"filter", `any(id,["CCCCCC", "BBBBBB","x"])`}, "BBBBBB CCCCCC"},
		"comma":          {[]string{"filter", `equals(name,"Same"),greater-than(created,2026-01-02T00:00:00Z)`}, "AAAAAA"},
		"and":            {[]string{"filter", `and(equals(name,"Same"),greater-than(updated,2026-01-05T00:00:00+01:00))`}, "CCCCCC"},
		"strictly after": {[]string{"filter", `greater-than(created,2026-01-02T00:00:00Z)`}, "AAAAAA"},
		"sort":           {[]string{"sort", "created"}, "CCCCCC BBBBBB AAAAAA"},
		"sort backwards": {[]string{"sort", "-name"}, "CCCCCC AAAAAA BBBBBB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, _ := walk(t, s, "/api/lists", test.query...)
			if got := strings.Join(ids, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestQueriesRefused(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	members := "/api/lists/" + list.ID + "/profiles"
	s.AddMembers(list.ID, addresses(30)...)
	cursor, _ := get(t, s, members).Links["next"].(string)
	cursor = regexp.MustCompile(`cursor%5D=([^&]+)`).FindStringSubmatch(cursor)[1]

	for name, test := range map[string]struct{ path, parameter, value string }{
		"unknown parameter":         {"/api/lists", "colour", "red"},
		"count in the collection":   {"/api/lists", "additional-fields[list]", "profile_count"},
		"unknown field":             {"/api/lists", "fields[list]", "name,colour"},
		"field of another":          {"/api/profiles", "fields[profile]", "joined_group_at"},
		"unknown include":           {"/api/lists", "include", "profiles"},
		"unknown sort":              {"/api/lists", "sort", "colour"},
		"page too large":            {"/api/lists", "page[size]", "11"},
		"page too small":            {members, "page[size]", "0"},
		"page no number":            {members, "page[size]", "ten"},
		"members page too large":    {members, "page[size]", "101"},
		"bad cursor":                {members, "page[cursor]", "???"},
		"cursor of another":         {members, "page[cursor]", "bmV4dHxsaXN0cyAgfDE"},
		"unknown filter field":      {"/api/lists", "filter", `equals(colour,"red")`},
		"operator not allowed":      {"/api/lists", "filter", `contains(name,"a")`},
		"less-than not allowed":     {"/api/lists", "filter", `less-than(created,2026-01-01T00:00:00Z)`},
		"string without quotes":     {"/api/lists", "filter", `equals(name,Same)`},
		"string not closed":         {"/api/lists", "filter", `equals(name,"Same)`},
		"datetime in quotes":        {"/api/lists", "filter", `greater-than(created,"2026-01-01T00:00:00Z")`},
		"datetime malformed":        {"/api/lists", "filter", `greater-than(created,yesterday)`},
		"any without a list":        {"/api/lists", "filter", `any(name,"a")`},
		"filter cut short":          {"/api/lists", "filter", `any(name,["a"]`},
		"filter with a tail":        {"/api/lists", "filter", `equals(name,"a"))`},
		"too many values":           {"/api/profiles", "filter", `any(email,["` + strings.Join(addresses(101), `","`) + `"])`},
		"cancelled cannot be found": {"/api/profile-bulk-import-jobs", "filter", `equals(status,"cancelled")`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			get(t, s, test.path, test.parameter, test.value).refused(t, 400, "invalid", test.parameter)
		})
	}
	get(t, s, members, "page[cursor]", cursor).want(t, 200)
	get(t, s, members, "page[cursor]", cursor, "sort", "-joined_group_at").refused(t, 400, "invalid", "page[cursor]")
	call(t, s, "GET", "/api/lists?sort=id&sort=name", "").refused(t, 400, "invalid", "sort")
	get(t, s, "/api/profiles", "filter", `any(email,["`+strings.Join(addresses(100), `","`)+`"])`).want(t, 200)
}

func TestListPagination(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	for range 25 {
		s.AddList(simulator.List{Name: "Same"})
	}
	ids, pages := walk(t, s, "/api/lists", "filter", `equals(name,"Same")`, "fields[list]", "name", "sort", "-created")
	if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 25 || pages != 3 {
		t.Errorf("%d ids on %d pages: %v", len(ids), pages, ids)
	}

	first := get(t, s, "/api/lists", "page[size]", "9").want(t, 200)
	next, _ := first.Links["next"].(string)
	second := call(t, s, "GET", next, "").want(t, 200)
	prev, _ := second.Links["prev"].(string)
	if !strings.HasPrefix(next, s.URL+"/api/lists?") || !strings.Contains(next, "page%5Bsize%5D=9") || first.Links["prev"] != nil {
		t.Errorf("links %v", first.Links)
	}
	if self, _ := second.Links["self"].(string); self != next {
		t.Errorf("self %q, want %q", self, next)
	}
	back := call(t, s, "GET", prev, "").want(t, 200)
	if string(back.Data) != string(first.Data) || back.Links["next"] == nil || back.Links["prev"] != nil {
		t.Errorf("the page before is %s, want %s", back.Data, first.Data)
	}
}

func TestListFields(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{Name: "VIP"})
	s.AddMembers(list.ID, addresses(3)...)
	flow := s.AddFlow(list.ID, simulator.Flow{Name: "Welcome", Status: "live"})
	path := "/api/lists/" + list.ID

	one := get(t, s, path, "fields[list]", "name", "additional-fields[list]", "profile_count").want(t, 200).one(t)
	if want := map[string]any{"name": "VIP", "profile_count": 3.0}; !equal(one.Attributes, want) {
		t.Errorf("attributes %v", one.Attributes)
	}
	if plain := get(t, s, path).want(t, 200); strings.Contains(plain.text, "profile_count") || plain.Included != nil {
		t.Errorf("answer %s", plain.text)
	}
	included := get(t, s, path, "include", "flow-triggers", "fields[flow]", "status").want(t, 200).Included
	if len(included) != 1 || included[0].ID != flow.ID || !equal(included[0].Attributes, map[string]any{"status": "live"}) {
		t.Errorf("included %v", included)
	}
	flows := get(t, s, path+"/flow-triggers").want(t, 200).all(t)
	if len(flows) != 1 || flows[0].Attributes["name"] != "Welcome" || flows[0].Attributes["archived"] != false {
		t.Errorf("flows %v", flows)
	}
}

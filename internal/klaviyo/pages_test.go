package klaviyo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// listPage is a page of one list and the link to the next page.
func listPage(id, next string) http.HandlerFunc {
	return answer(200, fmt.Sprintf(`{"data":[{"type":"list","id":%q,"attributes":{"name":"VIP"}}],"links":{"next":%s}}`, id, next))
}

func named(a *api, t *testing.T) (ids []string, err error) {
	t.Helper()
	for list, err := range a.ListsNamed(t.Context(), "VIP") {
		if err != nil {
			return ids, err
		}
		ids = append(ids, list.ID)
	}
	return ids, nil
}

func TestPagesAreFollowed(t *testing.T) {
	t.Parallel()
	next := func(cursor string) string {
		return `"https://a.klaviyo.com/api/lists?page%5Bcursor%5D=` + url.QueryEscape(cursor) + `&filter=other"`
	}
	a := serve(t, klaviyo.Options{}, listPage("L1", next("c+/=1")), listPage("L2", next("c2")), listPage("L3", "null"))
	ids, err := named(a, t)
	if err != nil || !slices.Equal(ids, []string{"L1", "L2", "L3"}) {
		t.Errorf("lists %q, %v", ids, err)
	}
	var cursors []string
	for _, r := range a.received() {
		if r.path != "/api/lists" || r.query.Get("filter") != `equals(name,"VIP")` {
			t.Errorf("asks for %s %v", r.path, r.query)
		}
		cursors = append(cursors, r.query.Get("page[cursor]"))
	}
	if !slices.Equal(cursors, []string{"", "c+/=1", "c2"}) {
		t.Errorf("cursors %q", cursors)
	}
}

func TestPagesEnd(t *testing.T) {
	t.Parallel()
	const again = `"/api/lists?page[cursor]=x"`
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		ids     int
		want    string
	}{
		"stuck cursor":            {[]http.HandlerFunc{listPage("L", again)}, 2, "get_lists: the next page has the cursor of a page before"},
		"link without a cursor":   {[]http.HandlerFunc{listPage("L", `"/api/lists?x=y"`)}, 1, "get_lists: the link to the next page has no cursor"},
		"link that is no URL":     {[]http.HandlerFunc{listPage("L", `"https://[x"`)}, 1, "get_lists: the link to the next page is not a URL"},
		"error on a later page":   {[]http.HandlerFunc{listPage("L", again), problem(400, "c", "No.", "")}, 1, "get_lists: 400 Bad Request: No [c]"},
		"repeated on later pages": {[]http.HandlerFunc{listPage("L", again), drop, html(503), listPage("M", "null")}, 2, ""},
		"empty link":              {[]http.HandlerFunc{listPage("L", `""`)}, 1, ""},
		"no data, and then some":  {[]http.HandlerFunc{answer(200, `{"links":{"next":null}}`), listPage("L", "null")}, 1, ""},
		"no links":                {[]http.HandlerFunc{answer(200, `{"data":[]}`)}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, err := named(serve(t, klaviyo.Options{}, tc.answers...), t)
			if len(ids) != tc.ids || (tc.want == "") != (err == nil) || err != nil && err.Error() != tc.want {
				t.Errorf("%d lists, error %v; want %d, %q", len(ids), err, tc.ids, tc.want)
			}
		})
	}
}

func TestPagesNeverLeaveTheHost(t *testing.T) {
	t.Parallel()
	stranger := serve(t, klaviyo.Options{}, listPage("evil", "null"))
	a := serve(t, klaviyo.Options{}, listPage("L1", `"`+stranger.url+`/api/lists?page[cursor]=c"`), listPage("L2", "null"))
	if ids, err := named(a, t); err != nil || !slices.Equal(ids, []string{"L1", "L2"}) {
		t.Errorf("lists %q, %v", ids, err)
	}
	if got := stranger.received(); len(got) != 0 {
		t.Errorf("another host got %d requests", len(got))
	}
}

func TestPagesStopWithTheReader(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, listPage("L", `"/api/lists?page[cursor]=x"`))
	for range a.ListsNamed(t.Context(), "VIP") {
		break
	}
	a.only(t)

	a = serve(t, klaviyo.Options{}, listPage("L", `"/api/lists?page[cursor]=x"`))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range a.ListsNamed(ctx, "VIP") {
		cancel()
		last = err
	}
	if a.only(t); !errors.Is(last, context.Canceled) {
		t.Errorf("error %v", last)
	}
}

func TestListsNamedQuotesTheName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"VIP": `equals(name,"VIP")`, `The "best"`: `equals(name,"The \"best\"")`, `a\b`: `equals(name,"a\\b")`, `\"`: `equals(name,"\\\"")`,
		"a,b)": `equals(name,"a,b)")`, "日本 & co + 100%": `equals(name,"日本 & co + 100%")`, "": `equals(name,"")`,
	} {
		a := serve(t, klaviyo.Options{}, document)
		for _, err := range a.ListsNamed(t.Context(), name) {
			t.Errorf("%q: %v", name, err)
		}
		if got := a.only(t).query; len(got) != 1 || got.Get("filter") != want {
			t.Errorf("%q asks for %v, want %s", name, got, want)
		}
	}
}

func TestFlowTriggers(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, answer(200, `{"data":[
		{"type":"flow","id":"F1","attributes":{"name":"Welcome","status":"live","archived":false}},
		{"type":"flow","id":"F2","attributes":{"name":"Old","status":"draft","archived":true}}],"links":{"next":null}}`))
	var got []string
	for flow, err := range a.FlowTriggers(t.Context(), "Y6nRLr") {
		got = append(got, fmt.Sprintf("%+v %v", flow, err))
		if strings.HasPrefix(flow.ID, "F2") {
			break
		}
	}
	want := []string{"{ID:F1 Name:Welcome Status:live Archived:false} <nil>", "{ID:F2 Name:Old Status:draft Archived:true} <nil>"}
	if !slices.Equal(got, want) {
		t.Errorf("flows %q, want %q", got, want)
	}
}

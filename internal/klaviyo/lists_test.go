package klaviyo_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

var wantList = klaviyo.List{
	ID: "Y6nRLr", Name: "VIP", OptInProcess: "double_opt_in",
	Created: "2026-01-02T03:04:05+00:00", Updated: "2026-02-03T04:05:06+00:00", ProfileCount: 17,
}

func TestLists(t *testing.T) {
	t.Parallel()
	sent := klaviyo.List{ID: "Y6nRLr", Name: "<VIP> & co", OptInProcess: "single_opt_in", Created: "x", Updated: "y", ProfileCount: 3}
	created := sent
	created.ID = ""
	const attributes = `{"name":"<VIP> & co","opt_in_process":"single_opt_in"}`
	for name, tc := range map[string]struct {
		do   func(*api) (klaviyo.List, error)
		body string
	}{
		"List":          {func(a *api) (klaviyo.List, error) { return a.List(t.Context(), "Y6nRLr") }, ""},
		"ListWithCount": {func(a *api) (klaviyo.List, error) { return a.ListWithCount(t.Context(), "Y6nRLr") }, ""},
		"CreateList":    {func(a *api) (klaviyo.List, error) { return a.CreateList(t.Context(), created) }, `{"data":{"type":"list","attributes":` + attributes + "}}\n"},
		"UpdateList":    {func(a *api) (klaviyo.List, error) { return a.UpdateList(t.Context(), sent) }, `{"data":{"type":"list","id":"Y6nRLr","attributes":` + attributes + "}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, answer(200, listBody))
			got, err := tc.do(a)
			if err != nil || got != wantList {
				t.Errorf("list %+v, %v", got, err)
			}
			if body := a.only(t).body; body != tc.body && (tc.body == "" || !sameJSON(t, body, tc.body)) {
				t.Errorf("body %q, want %q", body, tc.body)
			}
		})
	}
	if got := klaviyo.OptInProcesses(); !slices.Equal(got, []string{"double_opt_in", "single_opt_in"}) {
		t.Errorf("opt-in processes %q", got)
	}
}

// An unknown number of members is not zero: a list that is taken for empty could be deleted.
func TestListWithCountNeedsTheCount(t *testing.T) {
	t.Parallel()
	for _, count := range []string{`"profile_count":null`, `"anything":1`} {
		a := serve(t, klaviyo.Options{}, answer(200, strings.Replace(listBody, `"profile_count":17`, count, 1)))
		_, err := a.ListWithCount(t.Context(), "Y6nRLr")
		if err == nil {
			t.Fatalf("%s is taken for a number", count)
		}
		if summary, detail := klaviyo.Explain(err); summary != "Klaviyo's Answer Is Not Understood" || !strings.Contains(detail, "get_list: the number of members of the list Y6nRLr is missing") {
			t.Errorf("%s: %s", summary, detail)
		}
	}
}

func TestDeleteListTakesAnyBody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 202, 204} {
		a := serve(t, klaviyo.Options{}, answer(status, ""))
		if err := a.DeleteList(t.Context(), "x"); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

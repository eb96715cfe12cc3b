package provider

import (
	"fmt"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func (w *env) listData(argument, value string) configuration {
	return w.provider().with(listDataBlock, argument, fmt.Sprintf("%q", value))
}

// addLists adds lists of the names until the account has a few pages of them.
func (w *env) addLists(names ...string) (ids []string) {
	for i := range 12 {
		w.AddList(simulator.List{Name: fmt.Sprintf("List %02d", i)})
	}
	for _, name := range names {
		ids = append(ids, w.AddList(simulator.List{Name: name, OptInProcess: "single_opt_in"}).ID)
	}
	return ids
}

func TestAccListDataSource_found(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Newsletter", `He said "hi", it's \ fine`, "Größe & más (100%)"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			id := w.addLists(name)[0]
			want := inState(listDataAddress, values{
				"id": id, "name": name, "opt_in_process": "single_opt_in", "created": anyListTime, "updated": anyListTime,
			})
			w.run(applied(w.listData("name", name), want), applied(w.listData("id", id), want))
		})
	}
}

func TestAccListDataSource_refused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(w *env, c configuration) configuration
		words  []string
	}{
		"no such id": {
			func(_ *env, c configuration) configuration { return c.with(listDataBlock, "id", `"NoList"`) },
			[]string{"List Not Found", "id =", `no list with the id "NoList"`, "at the end of its address"},
		},
		"no such name": {
			func(_ *env, c configuration) configuration { return c.with(listDataBlock, "name", `"newsletter"`) },
			[]string{"List Not Found", "name =", `the name "newsletter"`, "letter by letter", "Correct the name"},
		},
		"neither": {func(_ *env, c configuration) configuration {
			return c.with(listDataBlock, "id", "null")
		}, []string{"id", "name"}},
		"both": {func(_ *env, c configuration) configuration {
			return c.with(listDataBlock, "id", `"Y6nRLr"`).with(listDataBlock, "name", `"Newsletter"`)
		}, []string{"Invalid Attribute Combination"}},
		"no id": {
			func(_ *env, c configuration) configuration { return c.with(listDataBlock, "id", `"my list"`) },
			[]string{"must be an id of Klaviyo's such as Y6nRLr"},
		},
		"no scope": {func(w *env, c configuration) configuration {
			w.AddKey(mainKey, "accounts:read")
			return c.with(listDataBlock, "name", `"Newsletter"`)
		}, []string{"API Key Lacks A Scope", "get_lists: 403", "lists:read", "The key came from api_key of the provider"}},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		w.addLists("Newsletter")
		plans.add(name, w, test.change(w, w.provider()), test.words, w.wantNoImport)
	}
	plans.run(t)
}

// Of several lists with the name, on several pages, all are named.
func TestAccListDataSource_notUnique(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	names := make([]string, 12)
	for i := range names {
		names[i] = "Newsletter"
	}
	ids := w.addLists(names...)
	for _, id := range []string{ids[0], ids[11]} {
		w.run(refused(w.listData("name", "Newsletter"), "List Name Is Not Unique", "There are 12 lists", id))
	}
}

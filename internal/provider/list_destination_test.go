package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// listNames are the names of the lists in the account of a key.
func (w *env) listNames(key string, names ...string) (found []string) {
	w.t.Helper()
	c, err := klaviyo.New(klaviyo.Options{APIKey: key, BaseURL: w.URL})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	for _, name := range names {
		for list, err := range c.ListsNamed(w.t.Context(), name) {
			if err != nil {
				w.t.Fatal(err)
			}
			found = append(found, list.Name)
		}
	}
	return found
}

// wantLists checks which of the names are those of lists in the account of a
// key.
func (w *env) wantLists(key string, want ...string) {
	w.t.Helper()
	if got := w.listNames(key, "Gold", "Silver"); !slices.Equal(got, want) {
		w.t.Errorf("the account of %s... has the lists %q, want %q", key[:8], got, want)
	}
}

// One configuration makes lists in several accounts, and the provider needs no
// key of its own.
func TestAccList_inSeveralAccounts(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.provider().without(providerBlock, "api_key").
		with(connectionBlock, "for_each", `{ main = "KEY_OF_MAIN", other = "KEY_OF_OTHER" }`).
		with(connectionBlock, "display_name", "each.key").
		with(connectionBlock, "data_privacy_consent", "true").
		with(connectionBlock, "api_key_env", "each.value").
		with(listBlock, "for_each", connectionAddress).
		with(listBlock, "name", `"Gold"`).
		with(listBlock, "destination", "each.value").
		with(listDataBlock, "for_each", connectionAddress).
		with(listDataBlock, "id", listAddress+"[each.key].id").
		with(listDataBlock, "destination", "each.value")
	c := newCLI(t, config, envAPIKey+"=", "KEY_OF_MAIN="+mainKey, "KEY_OF_OTHER="+otherKey)
	declare := func(config configuration) { c.write("main.tf", requirement+config.String()) }

	c.terraformRun("4 added", "apply", "-auto-approve")
	w.wantLists(mainKey, "Gold")
	w.wantLists(otherKey, "Gold")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
	c.terraformRun("No changes", "plan", "-detailed-exitcode", "-refresh=false")

	declare(config.with(listBlock, "name", `each.key == "other" ? "Silver" : "Gold"`))
	c.terraformRun("0 added, 1 changed, 0 destroyed", "apply", "-auto-approve")
	w.wantLists(mainKey, "Gold")
	w.wantLists(otherKey, "Silver")

	declare(config.with(listBlock, "name", `each.key == "other" ? "Silver" : "Gold"`).
		with(listBlock, "for_each", `{ for k, c in klaviyo_connection.main : k => c if k == "other" }`).
		without(listDataBlock, "for_each").without(listDataBlock, "destination").without(listDataBlock, "id").
		with(listDataBlock, "name", `"Silver"`).with(listDataBlock, "destination", connectionAddress+`["other"]`))
	c.terraformRun("0 added, 0 changed, 1 destroyed", "apply", "-auto-approve")
	w.wantLists(mainKey)
	w.wantLists(otherKey, "Silver")

	c.terraformRun("3 destroyed", "destroy", "-auto-approve")
	w.wantLists(otherKey)
}

// otherList is a list in the other account, through a connection that has its
// key.
func (w *env) otherList() configuration {
	return w.managedList().with(listBlock, "name", `"Gold"`).
		with(connectionBlock, "display_name", `"Other"`).
		with(connectionBlock, "data_privacy_consent", "true").
		with(connectionBlock, "api_key", `"`+otherKey+`"`).
		with(listBlock, "destination", connectionAddress)
}

// A list goes with the account of its destination, not with the connection.
func TestAccList_destinationChanges(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	const second = "pk_second0123456789abcdef"
	w.AddKeyFor("OtherA", second)
	idKept := sameInEachStep(listAddress, "id")

	main := applied(w.managedList().with(listBlock, "name", `"Gold"`))
	moved := applied(w.otherList(), idKept(), inState(listAddress, values{"destination.account_id": "OtherA"}))
	moved.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionReplace, values{"id": unknown})
	otherKeyOfSame := applied(w.otherList().with(connectionBlock, "api_key", `"`+second+`"`), idKept())
	otherKeyOfSame.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, nil)
	rails := applied(w.otherList().with(connectionBlock, "api_key", `"`+second+`"`).with(connectionBlock, "max_profiles_per_export", "9"), idKept())
	rails.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionNoop, nil)
	literal := applied(w.otherList().with(listBlock, "destination", fmt.Sprintf(`{ account_id = "OtherA", api_key = %q }`, otherKey)), idKept())
	literal.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, nil)
	back := applied(w.managedList().with(listBlock, "name", `"Gold"`), inState(listAddress, values{"destination": nil}))
	back.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionReplace, values{"id": unknown})
	w.run(main, moved, otherKeyOfSame, rails, literal, back)
	w.wantLists(otherKey)
}

// A destination in the same account does not replace the list.
func TestAccList_destinationOfTheSameAccount(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	idKept := sameInEachStep(listAddress, "id")
	config := w.connection().with(listBlock, "name", `"Gold"`)
	through := config.with(listBlock, "destination", connectionAddress)
	adopted := applied(through, idKept())
	adopted.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, nil)
	own := applied(config, idKept())
	own.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, nil)
	w.run(applied(config, idKept()), adopted, own)

	imported := resource.TestStep{Config: through.String(), ResourceName: listAddress, ImportState: true, ImportStateId: w.list.ID, ImportStatePersist: true}
	kept := applied(through.with(listBlock, "name", `"VIP customers"`), inState(listAddress, values{"id": w.list.ID, "destination.account_id": "MainAc"}))
	kept.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, values{"id": w.list.ID})
	w.run(imported, kept)
}

// A key of another account makes, changes, reads and deletes nothing.
func TestAccList_destinationRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	const words = "API Key Of Another Account"
	wrong := w.managedList().with(listBlock, "destination", `{ account_id = "OtherA" }`)
	data := w.listData("name", "VIP customers").with(listDataBlock, "destination", `{ account_id = "OtherA" }`)
	w.run(
		refused(wrong, words, "destination =", "account OtherA", `belongs to MainAc ("Northwind")`),
		refused(data, words, "destination =", "account OtherA", `belongs to MainAc ("Northwind")`),
		refused(wrong.with(listBlock, "destination", `{ account_id = "OtherA", api_key_env = "KLAVIYO_KEY_THAT_IS_NOT_SET" }`), "API Key Missing", "KLAVIYO_KEY_THAT_IS_NOT_SET"),
		failed(wrong.with(dataBlock, "input", `"OtherA"`).with(listBlock, "destination", `{ account_id = terraform_data.late.output }`), words),
	)
	if n := w.writes(); n > 0 {
		t.Errorf("%d requests were to change something", n)
	}
}

// A list whose key has become that of another account is neither taken for gone
// nor deleted there.
func TestAccList_keyOfAnotherAccountLater(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.provider().without(providerBlock, "api_key").with(listBlock, "name", `"Gold"`).
		with(listBlock, "destination", `{ account_id = "OtherA", api_key_env = "KEY_OF_LIST" }`)
	c := newCLI(t, config, envAPIKey+"=", "KEY_OF_LIST="+otherKey)
	c.terraformRun("1 added", "apply", "-auto-approve")
	c.env = append(c.env, "KEY_OF_LIST="+mainKey)
	c.fail("API Key Of Another Account", "plan", "-no-color")
	c.fail("use terraform state rm", "destroy", "-no-color", "-auto-approve", "-refresh=false")
	w.wantLists(otherKey, "Gold")
	c.run("Successfully removed", "state", "rm", listAddress)
	c.terraformRun("No changes", "plan", "-no-color", "-destroy")
}

// A list of the provider's own key goes to the account of the key, with a warning, but is
// not destroyed elsewhere.
func TestAccList_providerKeyOfAnotherAccountLater(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.provider().without(providerBlock, "api_key").with(listBlock, "name", `"Gold"`)
	c := newCLI(t, config, envAPIKey+"="+otherKey)
	c.terraformRun("1 added", "apply", "-auto-approve")
	c.env = append(c.env, envAPIKey+"="+mainKey)
	c.terraformRun("List Left In Another Account: Gold", "plan", "-no-color")
	c.fail("API Key Of Another Account", "destroy", "-no-color", "-auto-approve", "-refresh=false")
	w.wantLists(otherKey, "Gold")
	c.env = append(c.env, envAPIKey+"="+otherKey)
	c.terraformRun("No changes", "plan", "-no-color")
}

// Somebody deletes the list in the account of its destination.
func TestAccList_destinationDrift(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	again := applied(w.otherList())
	again.PreConfig = func() {
		c, err := klaviyo.New(klaviyo.Options{APIKey: otherKey, BaseURL: w.URL})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for list, err := range c.ListsNamed(t.Context(), "Gold") {
			if err != nil {
				t.Fatal(err)
			}
			if err := c.DeleteList(t.Context(), list.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	again.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionCreate, values{"id": unknown})
	w.run(applied(w.otherList()), again)
}

// A connection that is made in the same run, with a key known on apply only.
func TestAccList_destinationKnownLate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.otherList().late(connectionBlock, "api_key")
	step := applied(config, inState(listAddress, values{"destination.account_id": "OtherA"}))
	step.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionCreate, values{"id": unknown})
	w.run(step)

	onlyKey := applied(w.managedList().with(dataBlock, "input", `"`+otherKey+`"`).
		with(listBlock, "destination", `{ account_id = "OtherA", api_key = terraform_data.late.output }`))
	onlyKey.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionCreate, values{"destination.account_id": "OtherA"})
	w.run(onlyKey)
}

// The identity is that of the account of the destination.
func TestIdentity_listDestination(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	c := newCore(w, mainKey)
	config := values{"name": "Gold", "destination": values{"account_id": "OtherA", "api_key": otherKey}}
	made := c.apply(c.absent(listKind), config)
	if got := c.identityOf(listKind, made.identity); !strings.HasPrefix(got, "account_id=OtherA id=") {
		t.Errorf("the identity is %q", got)
	}
	old := made
	old.identity = nil
	for when, o := range map[string]object{"read": made, "read of an old state": old} {
		read := c.mustRead(o)
		c.wantIdentity(when, read, c.identityOf(listKind, made.identity))
		c.wantNoChange(when, read, config)
	}
	if own := c.plan(made, values{"name": "Gold"}); len(own.RequiresReplace) != 1 {
		t.Error("a list that goes back to the provider's own account is not replaced")
	}
	imported, diags := c.importBy(listKind, w.list.ID, nil)
	c.check(diags)
	imported = c.mustRead(imported)
	same := values{"name": "VIP customers", "destination": values{"account_id": "MainAc", "api_key": mainKey}}
	for when, o := range map[string]object{"with an identity": imported, "without one": {imported.kind, imported.state, nil, imported.private}} {
		if plan := c.plan(o, same); len(plan.RequiresReplace) > 0 {
			t.Errorf("%s, a list that was imported is replaced by its destination of the same account", when)
		}
	}
	if plan := c.plan(imported, config); len(plan.RequiresReplace) != 1 {
		t.Error("a list that was imported is not replaced by a destination of another account")
	}
	if errs := c.configureAgain(values{"api_key": otherKey, "base_url": w.URL}); errs != "" {
		t.Fatal(errs)
	}
	if plan := c.plan(imported, same); len(plan.RequiresReplace) > 0 {
		t.Error("a list is replaced by a destination of its own account because the provider's key is that of another")
	}
}

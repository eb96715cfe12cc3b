package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

const (
	connectionKind = "klaviyo_connection"
	listKind       = "klaviyo_list"
	exportKind     = "klaviyo_segment_export"
)

func (w *env) connectionObject() values {
	return values{"display_name": "Marketing", "data_privacy_consent": true}
}

// What is an identity cannot be changed later without an upgrade of states.
func TestIdentity_schemas(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		connectionKind: "account_id: required",
		listKind:       "account_id: optional, id: required",
		exportKind:     "account_id: required, list_id: required",
	}
	identities := newCore(newEnv(t), mainKey).identities
	for kind, want := range want {
		var got []string
		for _, a := range identities[kind].IdentityAttributes {
			switch {
			case a.RequiredForImport:
				got = append(got, a.Name+": required")
			case a.OptionalForImport:
				got = append(got, a.Name+": optional")
			}
			if !strings.HasSuffix(a.Description, ".") {
				t.Errorf("%s of the identity of %s has the description %q, want a sentence", a.Name, kind, a.Description)
			}
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("the identity of %s is %q, want %q", kind, got, want)
		}
	}
	if len(identities) != len(want) {
		t.Errorf("%d resources have an identity, want %d", len(identities), len(want))
	}
}

// Every resource has its identity from the first day to the last, also where
// the state is from a time before identities.
func TestIdentity_lifecycle(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config func(w *env) values
		rename string // the argument
		want   func(w *env) string
		fails  bool // when it cannot be refreshed
	}{
		connectionKind: {
			func(w *env) values { return w.connectionObject() }, "display_name",
			func(*env) string { return "account_id=MainAc" }, false,
		},
		listKind: {
			func(*env) values { return values{"name": "Gold"} }, "name",
			func(w *env) string { return "account_id=MainAc id=" + w.managed().ID }, true,
		},
		exportKind: {
			func(w *env) values { return w.exportObject(threeCSV) }, "display_name",
			func(w *env) string { return "account_id=MainAc list_id=" + w.list.ID }, false,
		},
		exportKind + " that is disabled": {
			func(w *env) values { return w.exportObject(threeCSV).with("enabled", false) }, "display_name",
			func(w *env) string { return "account_id=MainAc list_id=" + w.list.ID }, false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			c := newCore(w, mainKey)
			kind, _, _ := strings.Cut(name, " ")
			config := test.config(w)
			renamed := config.with(test.rename, "Renamed")

			made := c.apply(c.absent(kind), config)
			want := test.want(w)
			c.wantIdentity("create", made, want)
			there := c.mustRead(made)
			c.wantIdentity("read", there, want)
			c.wantNoChange("second plan", there, config)

			old := made
			old.identity = nil
			refreshed := c.mustRead(old)
			c.wantIdentity("read of an old state", refreshed, want)
			c.wantNoChange("plan of an old state", refreshed, config)
			c.wantNoChange("plan of an old state that is not refreshed", old, config)
			c.wantIdentity("update", c.apply(there, renamed), want)
			c.wantIdentity("update of an old state", c.apply(old, renamed), want)

			w.RevokeKey(mainKey)
			kept, diags := c.read(there)
			c.wantIdentity("read that fails", kept, want)
			if failed := errorsOf(diags) != ""; failed != test.fails {
				t.Errorf("read with a revoked key: errors are %q", errorsOf(diags))
			}
			w.AddKey(mainKey)

			gone := c.apply(there, nil)
			c.wantIdentity("delete", gone, "null")
		})
	}
}

// The framework wants an identity even of what is gone, and older versions of
// Terraform send none.
func TestIdentity_goneWithoutOne(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	list := c.apply(c.absent(listKind), values{"name": "Gold"})
	w.DeleteList(w.managed().ID)
	for _, identity := range []*tfprotov6.ResourceIdentityData{list.identity, nil} {
		list.identity = identity
		if gone := c.mustRead(list); !gone.state.IsNull() {
			t.Errorf("a list that was deleted is still in the state")
		}
	}
	imported, diags := c.importBy(listKind, "NoList", nil)
	c.check(diags)
	if gone := c.mustRead(imported); !gone.state.IsNull() {
		t.Errorf("a list that is not there was imported")
	}
}

// A key of another account replaces the connection, and with it the identity.
func TestIdentity_connectionReplaced(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	c := newCore(w, mainKey)
	before := c.apply(c.absent(connectionKind), w.connectionObject())
	config := w.connectionObject().with("api_key", otherKey)

	plan := c.plan(c.mustRead(before), config)
	if len(plan.RequiresReplace) != 1 {
		t.Errorf("%d attributes want a replacement, want 1", len(plan.RequiresReplace))
	}
	next := c.absent(connectionKind)
	next.identity = plan.PlannedIdentity // as Terraform plans the second half of a replacement
	c.wantIdentity("planned", next, "account_id=MainAc")
	next = c.apply(next, config)
	c.wantIdentity("replaced", next, "account_id=OtherA")
	c.wantIdentity("read", c.mustRead(next), "account_id=OtherA")
}

// A refresh with the key of another account leaves the identity to the plan.
func TestIdentity_connectionReadWithOtherKey(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	made := newCore(w, mainKey).apply(newCore(w, mainKey).absent(connectionKind), w.connectionObject())
	other := newCore(w, otherKey)
	other.wantIdentity("read", other.mustRead(made), "account_id=MainAc")
}

// An export that goes to another list in place has another identity then.
func TestIdentity_exportToAnotherList(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	other := w.AddList(w.list)
	made := c.mustRead(c.apply(c.absent(exportKind), w.exportObject(threeCSV)))
	moved := c.apply(made, w.exportObject(threeCSV).with("list_id", other.ID))
	c.wantIdentity("update", moved, "account_id=MainAc list_id="+other.ID)
	c.wantIdentity("read", c.mustRead(moved), "account_id=MainAc list_id="+other.ID)
	w.wantImports(2)
}

// A key that may not read the account leaves it out for good, and Klaviyo is
// asked once for all lists.
func TestIdentity_listOfUnknownAccount(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddKey(mainKey, "lists:read", "lists:write", "flows:read")
	c := newCore(w, mainKey)
	list := c.apply(c.absent(listKind), values{"name": "Gold"})
	want := "account_id is null id=" + w.managed().ID
	c.wantIdentity("create", list, want)
	old := list
	old.identity = nil
	for range 3 {
		c.wantIdentity("read of an old state", c.mustRead(old), want)
	}
	imported, diags := c.importBy(listKind, w.managed().ID, nil)
	c.check(diags)
	c.wantIdentity("import", imported, want)
	if n := w.sent("GET", "/api/accounts"); n != 1 {
		t.Errorf("Klaviyo was asked for the account %d times, want once", n)
	}
	w.AddKey(mainKey)
	c = newCore(w, mainKey)
	c.wantIdentity("read with more scopes", c.mustRead(list), want)
}

// What an identity or an id imports is the same, and is there.
func TestIdentity_import(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	list := w.list.ID
	tests := map[string]struct {
		kind, id string
		identity values
		want     string
	}{
		"connection":                {connectionKind, "MainAc", values{"account_id": "MainAc"}, "account_id=MainAc"},
		"list":                      {listKind, list, values{"account_id": "MainAc", "id": list}, "account_id=MainAc id=" + list},
		"list of the key's account": {listKind, list, values{"id": list}, "account_id=MainAc id=" + list},
		"export":                    {exportKind, "MainAc/" + list, values{"account_id": "MainAc", "list_id": list}, "account_id=MainAc list_id=" + list},
	}
	for name, test := range tests {
		byID, diags := c.importBy(test.kind, test.id, nil)
		c.check(diags)
		byIdentity, diags := c.importBy(test.kind, "", test.identity)
		c.check(diags)
		if !byID.state.Equal(byIdentity.state) {
			t.Errorf("%s: an id imports\n%s\nand an identity\n%s", name, byID.state, byIdentity.state)
		}
		for _, o := range []object{byID, byIdentity} {
			read := c.mustRead(o)
			c.wantIdentity(name+", import", o, test.want)
			c.wantIdentity(name+", read", read, test.want)
			if read.state.IsNull() {
				t.Errorf("%s: there is nothing after the import", name)
			}
		}
	}
}

func TestIdentity_importRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	c := newCore(w, mainKey)
	list := w.list.ID
	tests := map[string]struct {
		kind     string
		identity values
		words    []string
	}{
		"connection to another account": {connectionKind, values{"account_id": "OtherA"}, []string{"API Key Of Another Account", `"OtherA"`, `MainAc ("Northwind")`}},
		"list of another account":       {listKind, values{"account_id": "OtherA", "id": list}, []string{"API Key Of Another Account", `"OtherA"`, `MainAc ("Northwind")`}},
		"export of another account":     {exportKind, values{"account_id": "OtherA", "list_id": list}, []string{"API Key Of Another Account", `MainAc ("Northwind")`}},
		"no id of a list":               {listKind, values{"id": "my list"}, []string{"Not A List Id", `"my list"`}},
		"no id of an export":            {exportKind, values{"account_id": "MainAc", "list_id": "a/b"}, []string{"Not The Id Of An Export", `"MainAc/a/b"`}},
		"export to no list":             {exportKind, values{"account_id": "MainAc", "list_id": "NoList"}, []string{"List Not Found", `"NoList"`}},
	}
	for name, test := range tests {
		_, diags := c.importBy(test.kind, "", test.identity)
		if got := errorsOf(diags); !says(test.words...).MatchString(got) {
			t.Errorf("%s: the errors are %q, want %q", name, got, test.words)
		}
	}
}

// Terraform from 1.14 on has the provider generate the configuration of what is
// imported: only what nobody can know is missing in it.
func TestIdentity_generatedConfiguration(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	tests := map[string]struct {
		id      string
		missing []string
	}{
		connectionKind: {"MainAc", nil},
		listKind:       {w.list.ID, nil},
		exportKind:     {"MainAc/" + w.list.ID, []string{"data_matching", "destination", "segment"}},
	}
	for kind, test := range tests {
		imported, diags := c.importBy(kind, test.id, nil)
		c.check(diags)
		imported = c.mustRead(imported)
		generated, err := c.server.GenerateResourceConfig(t.Context(), &tfprotov6.GenerateResourceConfigRequest{
			TypeName: kind, State: c.dynamic(c.typeOf(kind), imported.state),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.check(generated.Diagnostics)
		checked, err := c.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{TypeName: kind, Config: generated.Config})
		if err != nil {
			t.Fatal(err)
		}
		var missing []string
		for _, d := range checked.Diagnostics {
			missing = append(missing, strings.Trim(strings.TrimPrefix(d.Attribute.String(), "AttributeName"), `(")`))
		}
		if slices.Sort(missing); !slices.Equal(missing, test.missing) {
			t.Errorf("%s: complaints are about %q, want them about %q\n%s", kind, missing, test.missing, errorsOf(checked.Diagnostics))
		}
	}
}

// The same with Terraform itself.
func TestAccIdentity(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(listBlock, "name", `"Gold"`)
	imports := func(address string) resource.TestStep {
		return resource.TestStep{ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity}
	}
	connection, export := imports(connectionAddress), imports(exportAddress)
	connection.ExpectNonEmptyPlan, export.ExpectNonEmptyPlan = true, true // Klaviyo does not know all of them
	identity := func(list knownvalue.Check) []statecheck.StateCheck {
		account := knownvalue.StringExact("MainAc")
		return []statecheck.StateCheck{
			statecheck.ExpectIdentity(connectionAddress, map[string]knownvalue.Check{"account_id": account}),
			statecheck.ExpectIdentity(listAddress, map[string]knownvalue.Check{"account_id": account, "id": knownvalue.NotNull()}),
			statecheck.ExpectIdentityValueMatchesState(listAddress, attributeAt("id")),
			statecheck.ExpectIdentity(exportAddress, map[string]knownvalue.Check{"account_id": account, "list_id": list}),
		}
	}
	other := w.AddList(w.list)
	test := w.testCase(
		applied(config, identity(knownvalue.StringExact(w.list.ID))),
		connection, imports(listAddress), export,
		applied(config.with(exportBlock, "list_id", fmt.Sprintf("%q", other.ID)), identity(knownvalue.StringExact(other.ID))),
	)
	test.TerraformVersionChecks = []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)}
	resource.Test(t, test)
}

package provider

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

func setOf(ids ...types.String) types.Set {
	values := make([]attr.Value, len(ids))
	for i, id := range ids {
		values[i] = id
	}
	return types.SetValueMust(types.StringType, values)
}

// The digest differs exactly where what is allowed differs.
func TestGuardRails_digest(t *testing.T) {
	t.Parallel()
	a, b := types.StringValue("aaaaaa"), types.StringValue("bbbbbb")
	account, yes := types.StringValue("MainAc"), types.BoolValue(true)
	anyList, noMax := types.SetNull(types.StringType), types.Int64Null()
	all := map[string]string{}
	for name, rails := range map[string]guardRails{
		"no rails":      {account, yes, anyList, noMax},
		"other account": {types.StringValue("OtherA"), yes, anyList, noMax},
		"no consent":    {account, types.BoolValue(false), anyList, noMax},
		"no list":       {account, yes, setOf(), noMax},
		"one list":      {account, yes, setOf(a), noMax},
		"two lists":     {account, yes, setOf(a, b), noMax},
		"max":           {account, yes, anyList, types.Int64Value(1)},
		"greater max":   {account, yes, anyList, types.Int64Value(2)},
		"both":          {account, yes, setOf(a), types.Int64Value(1)},
	} {
		digest := rails.digest().ValueString()
		if !regexp.MustCompile(`^v1 [a-z_,]+ [0-9a-f]{64}$`).MatchString(digest) {
			t.Errorf("%s: the digest is %q", name, digest)
		}
		if other, ok := all[digest]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		all[digest] = name
		if names, ok := namesIn(digest); !ok || strings.Join(names, ",") != strings.Join(rails.names(), ",") {
			t.Errorf("%s: the digest %q names %q, want %q", name, digest, names, rails.names())
		}
	}
	if (guardRails{account, yes, setOf(a, b), noMax}).digest() != (guardRails{account, yes, setOf(b, a), noMax}).digest() {
		t.Error("the order of the lists changes the digest")
	}
	for name, rails := range map[string]guardRails{
		"account": {types.StringUnknown(), yes, anyList, noMax},
		"consent": {account, types.BoolUnknown(), anyList, noMax},
		"lists":   {account, yes, types.SetUnknown(types.StringType), noMax},
		"a list":  {account, yes, setOf(a, types.StringUnknown()), noMax},
		"max":     {account, yes, anyList, types.Int64Unknown()},
	} {
		if !rails.digest().IsUnknown() {
			t.Errorf("with the %s unknown the digest is known", name)
		}
	}
}

// wantOnlyAccounts checks that Klaviyo was asked for nothing but whose the key
// is, which the connection does.
func (w *env) wantOnlyAccounts() {
	w.t.Helper()
	for _, r := range w.Requests() {
		if r.Method != "GET" || r.Path != "/api/accounts" {
			w.t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}

// typeInGuide is the type of a variable for a connection in the guide to modules.
func typeInGuide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", "modules.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "  type = object({")
	attributes, _, found := strings.Cut(after, "})")
	if !found {
		t.Fatal("the guide to modules has no type of a variable")
	}
	return "object({" + attributes + "})"
}

// A module whose variable names only some attributes of a connection drops the
// others. Nothing goes out without the guard rails that are lost so.
func TestAccGuardRails_inModule(t *testing.T) {
	t.Parallel()
	const docs = "destination = klaviyo_connection.example"
	tests := map[string]struct {
		kind  string // of the variable
		rails bool   // of the connection
		words string // empty if it is exported
	}{
		"all dropped": {
			"object({ account_id = string, data_privacy_consent = bool })", true,
			"Guard Rails Of The Connection Are Missing",
		},
		"none to drop": {
			"object({ account_id = string, data_privacy_consent = bool })", false,
			"Guard Rails Of The Connection Are Missing",
		},
		"rails dropped": {
			"object({ account_id = string, data_privacy_consent = bool, guard_rails_digest = string })", true,
			"Guard Rails Of The Connection Were Changed",
		},
		"rails added": {
			"object({ account_id = string, data_privacy_consent = bool, guard_rails_digest = string, max_profiles_per_export = optional(number, 9) })", false,
			"Guard Rails Of The Connection Were Changed",
		},
		"any, list not allowed":    {"any", true, "List Not Allowed"},
		"any":                      {"any", false, ""},
		"as in the guide":          {typeInGuide(t), false, ""},
		"as in the guide, refused": {typeInGuide(t), true, "List Not Allowed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.connection()
			if test.rails {
				config = config.with(connectionBlock, "allowed_list_ids", `["OtHeR9"]`).with(connectionBlock, "max_profiles_per_export", "5")
			}
			c := newCLI(t, config)
			if err := os.Mkdir(filepath.Join(c.dir, "vip"), 0o700); err != nil {
				t.Fatal(err)
			}
			module := w.export(threeCSV).with(`variable "c"`, "type", test.kind).with(exportBlock, "destination", "var.c")
			delete(module, connectionBlock)
			delete(module, providerBlock)
			c.write("vip/main.tf", requirement+module.String())
			c.write("module.tf", "module \"vip\" {\n  source = \"./vip\"\n  c = "+connectionAddress+"\n}\n")
			c.run("", "get", "-no-color")
			if test.words == "" {
				c.terraformRun("2 added", "apply", "-auto-approve")
				w.wantMembers(three...)
				return
			}
			c.fail(test.words, "apply", "-no-color", "-input=false", "-auto-approve")
			w.wantOnlyAccounts()
			out := frame.ReplaceAllString(c.output.String(), " ")
			for kind, words := range map[string][]string{
				"Missing": {"Nothing was sent", "has account_id, data_privacy_consent; it has no allowed_list_ids", "type = any", "written by hand", docs},
				"Changed": {"max_profiles_per_export", "Nothing was sent", "type = any", docs},
			} {
				if strings.Contains(test.words, kind) && !says(words...).MatchString(out) {
					t.Errorf("it does not say %q:\n%s", words, out)
				}
			}
		})
	}
}

// What was dropped is named.
func TestGuardRails_errors(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := newActions(w)
	account, yes, lists, most := types.StringValue("MainAc"), types.BoolValue(true), setOf(types.StringValue("aaaaaa")), types.Int64Value(5)
	tests := map[string]struct {
		destination values
		words       []string
	}{
		"no digest":        {values{"api_key_env": "KEY"}, []string{"Guard Rails Of The Connection Are Missing", "has account_id, api_key_env, data_privacy_consent; it has no allowed_list_ids, api_key, guard_rails_digest, max_profiles_per_export"}},
		"both dropped":     {values{"guard_rails_digest": guardRails{account, yes, lists, most}.digest().ValueString()}, []string{"Were Changed", "has allowed_list_ids and max_profiles_per_export, and the destination does not"}},
		"one dropped":      {values{"guard_rails_digest": guardRails{account, yes, lists, most}.digest().ValueString(), "max_profiles_per_export": 5}, []string{"Were Changed", "has allowed_list_ids, and the destination does not"}},
		"one added":        {values{"guard_rails_digest": noRailsDigest("MainAc"), "max_profiles_per_export": 5}, []string{"Were Changed", "destination has max_profiles_per_export, and the connection does not"}},
		"raised":           {values{"guard_rails_digest": guardRails{account, yes, types.SetNull(types.StringType), most}.digest().ValueString(), "max_profiles_per_export": 6}, []string{"Were Changed", "account_id, data_privacy_consent or max_profiles_per_export was changed"}},
		"other account":    {values{"guard_rails_digest": noRailsDigest("OtherA")}, []string{"Were Changed", "account_id, data_privacy_consent was changed"}},
		"made up by tests": {values{"guard_rails_digest": "x3kd9a01"}, []string{"Were Changed", "mocked or overridden"}},
	}
	for name, test := range tests {
		destination := values{"account_id": "MainAc", "data_privacy_consent": true}
		for argument, value := range test.destination {
			destination[argument] = value
		}
		export := w.exportObject(threeCSV).with("destination", destination)
		wantDiagnostic(t, a.plan(export), tfprotov6.DiagnosticSeverityError, test.words...)
		_, end := a.invoke(t.Context(), export)
		wantDiagnostic(t, end, tfprotov6.DiagnosticSeverityError, test.words...)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	w.wantNoRequest()
}

// A literal is not a connection: it records no consent.
func TestAccGuardRails_literal(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const literal = `{ account_id = "MainAc", data_privacy_consent = true }`
	config := w.export(threeCSV).with(exportBlock, "destination", literal)
	delete(config, connectionBlock)
	requested := w.loose(threeCSV)
	requested[runBlock]["export"] = strings.ReplaceAll(requested[runBlock]["export"], literalDestination("MainAc"), literal)
	w.run(refused(config, "Guard Rails Of The Connection Are Missing", "destination =", "Nobody's consent is recorded", "declare a klaviyo_connection"),
		refused(requested, "Guard Rails Of The Connection Are Missing", "Nobody's consent is recorded"))
	w.wantNoRequest()
}

// What is known only on apply is checked then, and nothing is sent.
func TestAccGuardRails_checkedOnApply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	digest := guardRails{types.StringValue("MainAc"), types.BoolValue(true), types.SetNull(types.StringType), types.Int64Value(2)}.digest()
	config := w.export(threeCSV).with(dataBlock, "input", `"MainAc"`).with(exportBlock, "destination",
		fmt.Sprintf("{ account_id = terraform_data.late.output, data_privacy_consent = true, guard_rails_digest = %s }", digest))
	delete(config, connectionBlock)
	w.run(failed(config, "Guard Rails Of The Connection Were Changed", "has max_profiles_per_export, and the destination does not"))
	w.wantNoRequest()
}

// A connection that arrives whole works, whatever way it came.
func TestAccGuardRails_passedOn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(connectionBlock, "max_profiles_per_export", "3").
		with(dataBlock, "input", connectionAddress).with(exportBlock, "destination", "terraform_data.late.output")
	w.run(applied(config, inState(exportAddress, values{"destination.max_profiles_per_export": 3})))
	w.wantMembers(three...)
}

// The plan knows the digest as soon as it knows what is in it.
func TestAccGuardRails_planned(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	created := applied(config, inState(connectionAddress, values{"guard_rails_digest": noRailsDigest("MainAc")}))
	created.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionCreate, values{"guard_rails_digest": noRailsDigest("MainAc")})

	capped := applied(config.with(connectionBlock, "max_profiles_per_export", "1000"), inState(exportAddress, values{"last_run.reason": "first run"}))
	anyDigest := regexp.MustCompile("^v1 max_profiles_per_export [0-9a-f]{64}$")
	capped.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionUpdate, values{"guard_rails_digest": anyDigest})
	capped.ConfigPlanChecks.PreApply = append(capped.ConfigPlanChecks.PreApply,
		planned(exportAddress, plancheck.ResourceActionUpdate, values{"destination.guard_rails_digest": anyDigest, "last_run.reason": "first run"}).PreApply...)

	late := config.with(dataBlock, "input", fmt.Sprintf("%q", w.list.ID)).with(connectionBlock, "allowed_list_ids", "[terraform_data.late.output]")
	limited := applied(late, inState(exportAddress, values{
		"last_run.reason": "first run", "destination.guard_rails_digest": regexp.MustCompile("^v1 allowed_list_ids "),
	}))
	limited.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionUpdate, values{"guard_rails_digest": unknown})
	w.run(created, capped, limited)
	w.wantImports(1)
}

// withAttribute sets an attribute in a copy of the state.
func (c *core) withAttribute(o object, name string, to any) object {
	c.t.Helper()
	var attributes map[string]tftypes.Value
	if err := o.state.As(&attributes); err != nil {
		c.t.Fatal(err)
	}
	attributes = maps.Clone(attributes) // As does not
	attributes[name] = value(c.t, attributes[name].Type(), to)
	o.state = tftypes.NewValue(c.typeOf(o.kind), attributes)
	return o
}

// A state of a version that had no digest gets one from a refresh, and without
// one from the plan. The export takes it over without a run.
func TestGuardRails_earlierState(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	connection := c.apply(c.absent(connectionKind), w.connectionObject())
	earlier := c.withAttribute(connection, "guard_rails_digest", nil)
	if got := c.mustRead(earlier); !got.state.Equal(connection.state) {
		t.Errorf("after a refresh the state is\n%s\nwant\n%s", got.state, connection.state)
	}
	if got := c.apply(earlier, w.connectionObject()); !got.state.Equal(connection.state) {
		t.Errorf("after an apply without a refresh the state is\n%s\nwant\n%s", got.state, connection.state)
	}
	w.RevokeKey(mainKey)
	if got := c.mustRead(earlier); !got.state.Equal(connection.state) {
		t.Errorf("after a refresh that failed the state is\n%s\nwant\n%s", got.state, connection.state)
	}
	w.AddKey(mainKey)

	config := w.exportObject(threeCSV)
	export := c.apply(c.absent(exportKind), config)
	destination, _ := config["destination"].(values)
	before := c.withAttribute(export, "destination", destination.with("guard_rails_digest", nil))
	for name, o := range map[string]object{"with a refresh": c.mustRead(before), "without": before} {
		if got := c.apply(o, config); !got.state.Equal(c.mustRead(export).state) {
			t.Errorf("%s, the export becomes\n%s\nwant\n%s", name, got.state, c.mustRead(export).state)
		}
	}
	w.wantImports(1)
}

// An apply checks for itself what Terraform has let the plan check just before.
func TestGuardRails_apply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	if errs := c.configureAgain(values{"api_key": unknown, "base_url": w.URL}); errs != "" {
		t.Fatal(errs)
	}
	plan := c.plan(c.absent(connectionKind), w.connectionObject())
	if errs := c.configureAgain(values{"api_key": mainKey, "base_url": w.URL}); errs != "" {
		t.Fatal(errs)
	}
	made, diags := c.applyPlan(c.absent(connectionKind), w.connectionObject(), plan)
	c.check(diags)
	if !made.state.Equal(c.mustRead(made).state) {
		t.Errorf("the connection is made with another digest than it has: %s", made.state)
	}

	config := w.exportObject(threeCSV)
	destination, _ := config["destination"].(values)
	dropped := config.with("destination", destination.with("guard_rails_digest", nil))
	plan = c.plan(c.absent(exportKind), config)
	changed := c.withAttribute(object{kind: exportKind, state: c.undynamic(c.typeOf(exportKind), plan.PlannedState)}, "destination", dropped["destination"])
	plan.PlannedState = c.dynamic(c.typeOf(exportKind), changed.state)
	_, diags = c.applyPlan(c.absent(exportKind), dropped, plan)
	if got := errorsOf(diags); !says("Guard Rails Of The Connection Are Missing").MatchString(got) {
		t.Errorf("the errors are %q", got)
	}
	w.wantImports(0)
}

// A test that overrides only the connection gets an error that explains it.
func TestAccGuardRails_overriddenInTest(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.skipBelow(7, 12)
	c.write("override.tftest.hcl", `
run "apply" {
  command = apply

  override_resource {
    target = klaviyo_connection.main
    values = { account_id = "MainAc" }
  }
}
`)
	c.fail("a connection that is mocked or overridden", "test", "-no-color")
	w.wantImports(0)
}

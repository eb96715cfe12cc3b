package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// whole is an export with every block there is.
func (w *env) whole() configuration {
	return w.connection().
		with(exportBlock, "display_name", `"VIP"`).
		with(exportBlock, "destination", connectionAddress).
		with(exportBlock, "list_id", fmt.Sprintf("%q", w.list.ID)).
		with(exportBlock, "segment 1", fileSegment("vip.csv", `delimiter = ";"`)).
		with(exportBlock, "segment 2", block(`name = "crm"`, "sql "+block(`url_env = "CRM"`, `query = "SELECT 1"`))).
		with(exportBlock, "segment 3", block(`name = "ci"`, "dataverse "+block(`environment_url = "https://contoso.crm.dynamics.com"`, `segment = "VIP"`))).
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`)).
		with(exportBlock, "attributes", block(`first_name = "FirstName"`, `location { city = "City" }`)).
		with(exportBlock, "property", typedProperty("income", "Income", "number")).
		with(exportBlock, "marketing_consent", block(`channels = ["email", "sms"]`, `consent_field = "Accepts"`)).
		with(exportBlock, "safeguards", `{ max_profiles = 5 }`).
		with(exportBlock, "schedule", `{ cron = "@daily" }`).
		with(exportBlock, "timeouts", `{ read = "5m" }`)
}

// A name that is misspelled is an error of validate, in every block.
func TestAccBlocks_misspelled(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.whole())
	good := c.read("main.tf")
	c.run("Success! The configuration is valid", "validate", "-no-color")
	for _, right := range []string{
		"name", "path", "url_env", "environment_url", "email", "first_name", "city", "field", "channels", "max_profiles", "cron", "read",
		"segment", "file", "sql", "dataverse", "data_matching", "attributes", "location", "property", "marketing_consent", "safeguards", "schedule", "timeouts",
	} {
		wrong := right[:1] + right[2:]
		at := regexp.MustCompile(`(?m)^\s*(` + right + `)\b|\{ (` + right + `) `).FindStringSubmatchIndex(good)
		start := max(at[2], at[4]) // of the one that is there
		c.write("main.tf", good[:start]+wrong+good[start+len(right):])
		out, err := c.try("validate", "-no-color")
		if words := fmt.Sprintf("%q", wrong); err == nil || !says(words, "not expected here").MatchString(out) {
			t.Errorf("%s in place of %s: %v\n%s", wrong, right, err, c.errorsIn(out))
		}
	}
	w.wantNoRequest()
}

// What is missing is said with what to write.
func TestAccBlocks_missing(t *testing.T) {
	t.Parallel()
	var plans refusals
	for name, test := range map[string]struct {
		change func(configuration) configuration
		words  []string
	}{
		"segment":       {func(c configuration) configuration { return c.without(exportBlock, "segment") }, []string{"Block Missing", "The block segment is missing", "segment {", `name = "vip"`, "file {", `path = "segments/vip.csv"`}},
		"data_matching": {func(c configuration) configuration { return c.without(exportBlock, "data_matching") }, []string{"Block Missing", "The block data_matching is missing", "data_matching {", `email = "Email"`}},
		"email": {func(c configuration) configuration {
			return c.with(exportBlock, "data_matching", `{ external_id = "Id" }`)
		}, []string{"Argument Missing In Block", "The block data_matching needs the argument email"}},
		"consent_field": {func(c configuration) configuration {
			return c.with(exportBlock, "marketing_consent", `{ channels = ["email"] }`)
		}, []string{"Argument Missing In Block", "The block marketing_consent needs the argument consent_field"}},
		"cron": {func(c configuration) configuration { return c.with(exportBlock, "schedule", `{ timezone = "UTC" }`) }, []string{"Argument Missing In Block", "The block schedule needs the argument cron", `cron = "0 6 * * *"`}},
		"query": {func(c configuration) configuration {
			return c.with(exportBlock, "segment", vipSegment("sql", `url_env = "X"`))
		}, []string{"The block sql needs the argument query"}},
		"source": {func(c configuration) configuration { return c.with(exportBlock, "segment", `{ name = "vip" }`) }, []string{"A Segment Needs One Source", "`dataverse`, `file`, `sql`, each a block", "It has none"}},
		"name": {func(c configuration) configuration {
			return c.with(exportBlock, "segment", block(`file { path = "x" }`))
		}, []string{"Missing required argument", `"name" is required`}},
		"environment_url": {func(c configuration) configuration {
			return c.with(exportBlock, "segment", vipSegment("dataverse", `segment = "X"`))
		}, []string{"The block dataverse needs the argument environment_url"}},
		"segment of its own": {func(c configuration) configuration {
			return c.with(exportBlock, "segment", vipSegment("dataverse", `environment_url = "https://contoso.crm.dynamics.com"`))
		}, []string{"The block dataverse needs the argument segment"}},
		"two of one name": {
			func(c configuration) configuration { return c.with(exportBlock, "segment 2", fileSegment("other.csv")) },
			[]string{"Name Used Twice", "another block segment of the name", `"vip"`},
		},
		"two properties of one name": {
			func(c configuration) configuration {
				return c.with(exportBlock, "property 1", typedProperty("a", "FirstName", "string")).with(exportBlock, "property 2", typedProperty("a", "EMail", "string"))
			},
			[]string{"Name Used Twice", "another block property of the name", `"a"`},
		},
		"a property in both": {
			func(c configuration) configuration {
				return c.with(exportBlock, "properties", `{ a = "FirstName" }`).with(exportBlock, "property", typedProperty("a", "FirstName", "string"))
			},
			[]string{"Property Mapped Twice", `"a" already comes from a column, in properties`},
		},
		"a property and the one of the segments": {
			func(c configuration) configuration {
				return c.with(exportBlock, "segment_property", `"a"`).with(exportBlock, "property", typedProperty("a", "FirstName", "string"))
			},
			[]string{"Property Mapped Twice", "in a property block"},
		},
		"a column without a name": {
			func(c configuration) configuration { return c.with(exportBlock, "properties", `{ a = " " }`) },
			[]string{`properties`, "must not be empty"},
		},
	} {
		w := newEnv(t)
		plans.add(name, w, test.change(w.export(threeCSV)), test.words, w.wantNoRequest)
	}
	plans.run(t)
}

// Blocks that may be empty are.
func TestAccBlocks_empty(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	for _, name := range []string{"safeguards", "timeouts", "attributes"} {
		config = config.with(exportBlock, name, "{}")
	}
	same := applied(config.without(exportBlock, "safeguards"), inState(exportAddress, values{"last_run.reason": "first run"}))
	w.run(applied(config, inState(exportAddress, values{"profile_count": 3})), same)
	w.wantImports(1)
}

// A plan of an update shows the one path and the one safeguard that change.
func TestAccBlocks_planOfAnUpdate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.several(map[string]string{"a": threeCSV, "b": hundreds(2)}).with(exportBlock, "safeguards", block("max_profiles = 500", "max_rejected_percent = 5"))
	c := newCLI(t, config)
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", strings.NewReplacer("b.csv", "c.csv", "max_profiles = 500", "max_profiles = 600").Replace(c.read("main.tf")))
	w.write("c.csv", hundreds(3))
	out, err := c.try("plan", "-no-color", "-input=false")
	if err != nil {
		t.Fatal(err, out)
	}
	c.wantWords(out, `~ safeguards { ~ max_profiles = 500 -> 600 # (1 unchanged attribute hidden) }`)
	c.wantWords(out, `~ segment { name = "b" ~ file {`)
	c.wantWords(out, `b.csv" -> "`)
	if strings.Count(out, "~ segment") != 1 || strings.Contains(out, "a.csv") || !strings.Contains(out, "unchanged blocks hidden") {
		t.Errorf("the plan shows more than what changes:\n%s", out)
	}
}

// The order of segments is the user's, and it is part of the export: who is in
// several segments is what the first one says.
func TestAccBlocks_orderOfSegments(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	one, two := w.write("one.csv", "EMail,FirstName\nann@example.com,Ann\n"), w.write("two.csv", "EMail,FirstName\nann@example.com,Anna\n")
	first := func(a, b string) configuration {
		return w.export(threeCSV).without(exportBlock, "segment").
			with(exportBlock, "segment 1", namedSegment(filepath.Base(a), a)).with(exportBlock, "segment 2", namedSegment(filepath.Base(b), b))
	}
	swapped := applied(first(two, one))
	swapped.PreConfig = func() { w.wantFirstName("ann@example.com", "Ann") }
	swapped.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "segments changed"})
	w.run(applied(first(one, two)), swapped)
	w.wantFirstName("ann@example.com", "Anna")
}

func (w *env) wantFirstName(email, want string) {
	w.t.Helper()
	if p, _ := w.Profile(email); p.Attributes["first_name"] != want {
		w.t.Errorf("the first name of %s is %v, want %s", email, p.Attributes["first_name"], want)
	}
}

// How a mapping is written makes no run due: the order of its blocks, and a
// property that moves between the map and a block.
func TestAccBlocks_sameMapping(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	content := "EMail,FirstName,Tier,Income\nann@example.com,Ann,gold,5\n"
	tier, income := block(`name = "tier"`, `field = "Tier"`), typedProperty("income", "Income", "number")
	config := w.export(content).with(exportBlock, "property 1", tier).with(exportBlock, "property 2", income)
	reordered := config.with(exportBlock, "property 1", income).with(exportBlock, "property 2", tier)
	moved := config.without(exportBlock, "property 1").with(exportBlock, "properties", `{ tier = "Tier" }`)
	emptied := moved.without(exportBlock, "attributes").with(exportBlock, "attributes", "{}")
	changed := applied(emptied)
	changed.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "everything is sent: mapping changed"})
	same := inState(exportAddress, values{"last_run.reason": "first run"})
	w.run(applied(config), applied(reordered, same), applied(moved, same), changed)
	w.wantImports(2)
}

// Rules of a block say nothing of what is not known yet.
func TestBlocks_unknown(t *testing.T) {
	t.Parallel()
	kind := map[string]attr.Type{"path": types.StringType, "path_env": types.StringType}
	of := func(p, env types.String) types.Object {
		return types.ObjectValueMust(kind, map[string]attr.Value{"path": p, "path_env": env})
	}
	some, none, late := types.StringValue("x"), types.StringNull(), types.StringUnknown()
	for name, test := range map[string]struct {
		rule  validator.Object
		value types.Object
		says  string
	}{
		"one of two":                  {blockNeedsOne{"file", []string{"path", "path_env"}}, of(some, none), ""},
		"both":                        {blockNeedsOne{"file", []string{"path", "path_env"}}, of(some, some), "It has path and path_env."},
		"none":                        {blockNeedsOne{"file", []string{"path", "path_env"}}, of(none, none), "none of them"},
		"one is late":                 {blockNeedsOne{"file", []string{"path", "path_env"}}, of(some, late), ""},
		"no block needs none":         {blockNeedsOne{"file", []string{"path", "path_env"}}, types.ObjectNull(kind), ""},
		"a late block needs none":     {blockNeedsOne{"file", []string{"path", "path_env"}}, types.ObjectUnknown(kind), ""},
		"argument missing":            {blockNeeds{"file", "path", `"x"`}, of(none, some), `needs the argument path, such as path = "x"`},
		"argument late":               {blockNeeds{"file", "path", `"x"`}, of(late, none), ""},
		"argument of no block":        {blockNeeds{"file", "path", `"x"`}, types.ObjectNull(kind), ""},
		"argument of a late block":    {blockNeeds{"file", "path", `"x"`}, types.ObjectUnknown(kind), ""},
		"required block":              {blockRequired{"file", "file {}"}, types.ObjectNull(kind), "file {}"},
		"required block that is in":   {blockRequired{"file", "file {}"}, of(none, none), ""},
		"required block that is late": {blockRequired{"file", "file {}"}, types.ObjectUnknown(kind), ""},
	} {
		var resp validator.ObjectResponse
		test.rule.ValidateObject(t.Context(), validator.ObjectRequest{Path: path.Root("file"), ConfigValue: test.value}, &resp)
		said := ""
		for _, d := range resp.Diagnostics {
			said += d.Detail()
		}
		if (test.says == "") != (said == "") || !strings.Contains(said, test.says) {
			t.Errorf("%s: it says %q, want %q", name, said, test.says)
		}
		if test.rule.Description(t.Context()) == "" || test.rule.MarkdownDescription(t.Context()) == "" {
			t.Errorf("%s: the rule is not described", name)
		}
	}
}

// A state of the build that had nested attributes, and one of the build that kept no
// sketch, are read, and the configuration written anew plans nothing. The sketch comes
// with the next run.
func TestAccBlocks_earlierState(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"version0.json", "version1.json"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			continueFrom(t, version)
		})
	}
}

func continueFrom(t *testing.T, version string) {
	t.Helper()
	w := newEnv(t)
	list := w.AddList(simulator.List{ID: "Y6nRLr", Name: "VIP customers"}) // of that state
	state, err := os.ReadFile(filepath.Join("testdata", "state", version))
	if err != nil {
		t.Fatal(err)
	}
	config := w.connection().
		with(exportBlock, "display_name", `"VIP customers to Klaviyo"`).
		with(exportBlock, "destination", connectionAddress).
		with(exportBlock, "list_id", fmt.Sprintf("%q", list.ID)).
		with(exportBlock, "segment 1", block(`name = "gold"`, "file "+block(`path = "gold.tsv"`, `format = "csv"`, `delimiter = "\t"`))).
		with(exportBlock, "segment 2", fileSegment("vip.csv")).
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`, `phone_region = "US"`)).
		with(exportBlock, "attributes", block(`first_name = "FirstName"`, `location { city = "City" }`)).
		with(exportBlock, "properties", `{ tier = "Tier" }`).
		with(exportBlock, "property", typedProperty("Income (EUR)", "Income", "number")).
		with(exportBlock, "safeguards", "{ max_rejected_percent = 40 }").
		with(exportBlock, "triggers", "{ release = 3 }").
		with(exportBlock, "timeouts", `{ update = "2h" }`)
	c := newCLI(t, config)
	const head = "EMail,Phone,FirstName,City,Tier,Income\n"
	c.write("vip.csv", head+"ann@example.com,,Ann,Madrid,gold,5\nbob@example.com,,Bob,,,\nnobody,,,,,\n")
	c.write("gold.tsv", strings.ReplaceAll(head+"ann@example.com,,Anna,Paris,gold,5.5\n", ",", "\t"))
	c.write("terraform.tfstate", string(state))
	w.AddMembers(list.ID, "ann@example.com", "bob@example.com")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
	w.wantImports(0)
	c.write("main.tf", strings.Replace(c.read("main.tf"), "release = 3", "release = 4", 1))
	c.terraformRun("trigger release changed", "plan")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
	w.wantImports(1)
	c.write("vip.csv", head+"joe@example.com,,Joe,,,\nbob@example.com,,Bob,,,\n")
	c.terraformRun("segment changed: +1 ~0 -0", "plan")
	if !regexp.MustCompile(fmt.Sprintf(`"schema_version": ?%d`, exportSchemaVersion)).MatchString(c.read("terraform.tfstate")) {
		t.Error("the state is not of the new version")
	}
}

package provider

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Keys of the simulated account, and of the other one that some tests add.
const (
	mainKey  = "pk_main0123456789abcdef"
	otherKey = "pk_other0123456789abcdef"
)

// importsPath is where profiles are sent to.
const importsPath = "/api/profile-bulk-import-jobs"

// threeCSV is the segment of tests that do not care about its rows.
const threeCSV = "EMail,FirstName\n" + rowAnn + rowBob + rowEve

const (
	rowAnn = "ann@example.com,Ann\n"
	rowBob = "bob@example.com,Bob\n"
	rowEve = "eve@example.com,Eve\n"
)

var three = []string{"ann@example.com", "bob@example.com", "eve@example.com"}

// env is the environment of one test: a simulated Klaviyo with a list, and a
// directory for segments.
type env struct {
	*simulator.Server
	t    *testing.T
	dir  string
	list simulator.List

	clock func() time.Time // of the provider
	runs  wait.Clock       // of runs; nil for that of the machine
}

func newEnv(t *testing.T) *env { return newEnvWith(t, simulator.Options{}) }

func newEnvWith(t *testing.T, options simulator.Options) *env {
	t.Helper()
	options.Account.ID = cmp.Or(options.Account.ID, "MainAc")
	options.Account.OrganizationName = cmp.Or(options.Account.OrganizationName, "Northwind")
	s, err := simulator.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddKey(mainKey)
	return &env{Server: s, t: t, dir: t.TempDir(), list: s.AddList(simulator.List{Name: "VIP customers"}), clock: time.Now}
}

// oneSalt is the salt of each sketch, so that which changes are listed does not depend on chance.
func oneSalt() sketch.Salt { return sketch.Salt{1} }

// addOtherAccount makes otherKey valid for an account of its own.
func (w *env) addOtherAccount() {
	w.AddAccount(simulator.Account{ID: "OtherA", OrganizationName: "Contoso"})
	w.AddKeyFor("OtherA", otherKey)
}

// write creates a file in the directory of the test.
func (w *env) write(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// segment writes a segment and returns its block.
func (w *env) segment(content string) string {
	w.t.Helper()
	return fileSegment(w.write("vip.csv", content))
}

// fileSegment is the block of a segment in a file, with more arguments of the
// file.
func fileSegment(path string, arguments ...string) string {
	return vipSegment("file", append([]string{fmt.Sprintf("path = %q", path)}, arguments...)...)
}

// vipSegment is the block of a segment with arguments of its source.
func vipSegment(source string, arguments ...string) string {
	return block(`name = "vip"`, source+" "+block(arguments...))
}

// namedSegment is the block of a segment in a file.
func namedSegment(name, path string) string {
	return block(fmt.Sprintf("name = %q", name), fmt.Sprintf("file { path = %q }", path))
}

// typedProperty is the block of a property.
func typedProperty(name, field, kind string) string {
	return block(fmt.Sprintf("name = %q", name), fmt.Sprintf("field = %q", field), fmt.Sprintf("type = %q", kind))
}

// strictProperty is a property block with a type that stops the export for a value of
// another one.
func strictProperty(name, field, kind string) string {
	return block(fmt.Sprintf("name = %q", name), fmt.Sprintf("field = %q", field), fmt.Sprintf("type = %q", kind), `on_invalid = "stop"`)
}

// block is the body of a block.
func block(arguments ...string) string { return "{\n" + strings.Join(arguments, "\n") + "\n}" }

// provider is the configuration of nothing but the provider.
func (w *env) provider() configuration {
	return configuration{}.
		with(providerBlock, "api_key", fmt.Sprintf("%q", mainKey)).
		with(providerBlock, "base_url", fmt.Sprintf("%q", w.URL))
}

func (w *env) connection() configuration {
	return w.provider().
		with(connectionBlock, "display_name", `"Marketing"`).
		with(connectionBlock, "data_privacy_consent", "true")
}

// export is a whole configuration, which exports a segment of EMail and FirstName to
// the list.
func (w *env) export(segment string) configuration {
	w.t.Helper()
	return w.connection().
		with(exportBlock, "display_name", `"VIP customers to Klaviyo"`).
		with(exportBlock, "destination", connectionAddress).
		with(exportBlock, "list_id", fmt.Sprintf("%q", w.list.ID)).
		with(exportBlock, "segment", w.segment(segment)).
		with(exportBlock, "data_matching", `{ email = "EMail" }`).
		with(exportBlock, "attributes", `{ first_name = "FirstName" }`)
}

// literalDestination is a connection without guard rails that is written by
// hand, with a digest that matches, and more arguments.
func literalDestination(accountID string, arguments ...string) string {
	return fmt.Sprintf("{ account_id = %q, data_privacy_consent = true, guard_rails_digest = %q, %s }",
		accountID, noRailsDigest(accountID), strings.Join(arguments, ", "))
}

// noRailsDigest is the digest of a connection without guard rails.
func noRailsDigest(accountID string) string {
	return guardRails{accountID: types.StringValue(accountID), consent: types.BoolValue(true)}.digest().ValueString()
}

// run drives Terraform through the steps. Whatever they apply has an empty
// plan afterwards, or the step fails.
func (w *env) run(steps ...resource.TestStep) {
	w.t.Helper()
	resource.Test(w.t, w.testCase(steps...))
}

func (w *env) testCase(steps ...resource.TestStep) resource.TestCase {
	w.t.Helper()
	skipUnlessConcurrent(w.t)
	return resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"klaviyo": func() (tfprotov6.ProviderServer, error) {
				return newServer(&klaviyoProvider{version: "test", now: func() time.Time { return w.clock() }, clock: w.runs, salt: oneSalt}), nil
			},
		},
		Steps: steps,
	}
}

// sent counts the requests of a method and a path.
func (w *env) sent(method, path string) int {
	n := 0
	for _, r := range w.Requests() {
		if r.Method == method && r.Path == path {
			n++
		}
	}
	return n
}

// wantImports checks how often profiles were sent.
func (w *env) wantImports(want int) {
	w.t.Helper()
	if got := w.sent("POST", importsPath); got != want {
		w.t.Errorf("%d imports were sent, want %d", got, want)
	}
}

// wantNoImport checks that nothing was sent.
func (w *env) wantNoImport() {
	w.t.Helper()
	w.wantImports(0)
}

// wantMembers checks who is on the list.
func (w *env) wantMembers(want ...string) {
	w.t.Helper()
	got := w.MemberEmails(w.list.ID)
	want = slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return
	}
	without := func(all, others []string) []string {
		rest := slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(others, one) })
		return rest[:min(len(rest), 10)]
	}
	w.t.Errorf("the list has %d members, want %d; it lacks %q and has %q too many", len(got), len(want), without(want, got), without(got, want))
}

// The blocks of the configurations, and what the state calls them.
const (
	providerBlock   = `provider "klaviyo"`
	connectionBlock = `resource "klaviyo_connection" "main"`
	listBlock       = `resource "klaviyo_list" "main"`
	listDataBlock   = `data "klaviyo_list" "main"`
	// halfRejected is for segments of a few rows, of which some are rejected.
	halfRejected = `{ max_rejected_percent = 50 }`

	exportBlock = `resource "klaviyo_segment_export" "main"`
	dataBlock   = `resource "terraform_data" "late"`

	connectionAddress = "klaviyo_connection.main"
	listAddress       = "klaviyo_list.main"
	listDataAddress   = "data.klaviyo_list.main"
	exportAddress     = "klaviyo_segment_export.main"
)

// configuration is a Terraform configuration: arguments as HCL expressions, and
// blocks as their bodies, by block. A word after the name of a block tells it
// from others of that name. It is never changed, only copied.
type configuration map[string]map[string]string

// with sets an argument.
func (c configuration) with(block, argument, expression string) configuration {
	out := maps.Clone(c)
	out[block] = maps.Clone(c[block])
	if out[block] == nil {
		out[block] = map[string]string{}
	}
	out[block][argument] = expression
	return out
}

// without leaves an argument out.
func (c configuration) without(block, argument string) configuration {
	out := c.with(block, argument, "")
	delete(out[block], argument)
	return out
}

// nestedBlocks are the names of blocks within resources.
var nestedBlocks = []string{"segment", "data_matching", "attributes", "property", "marketing_consent", "schedule", "safeguards", "timeouts"}

// late makes an argument known only after apply.
func (c configuration) late(block, argument string) configuration {
	if slices.Contains(nestedBlocks, argument) { // whether it is there at all
		return c.without(block, argument).with(dataBlock, "input", "[1]").with(block, fmt.Sprintf("dynamic %q", argument),
			"{\nfor_each = terraform_data.late.output\ncontent "+c[block][argument]+"\n}")
	}
	return c.with(dataBlock, "input", c[block][argument]).with(block, argument, "terraform_data.late.output")
}

func (c configuration) String() string {
	var b strings.Builder
	for _, block := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%s {\n", block)
		for _, argument := range slices.Sorted(maps.Keys(c[block])) {
			name, _, _ := strings.Cut(argument, " ")
			switch {
			case slices.Contains(nestedBlocks, name):
				fmt.Fprintf(&b, "  %s %s\n", name, c[block][argument])
			case name == "dynamic":
				fmt.Fprintf(&b, "  %s %s\n", argument, c[block][argument])
			default:
				fmt.Fprintf(&b, "  %s = %s\n", argument, c[block][argument])
			}
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// applied is a step that applies a configuration.
func applied(c configuration, checks ...[]statecheck.StateCheck) resource.TestStep {
	return resource.TestStep{Config: c.String(), ConfigStateChecks: slices.Concat(checks...)}
}

// refused is a step whose plan fails with these words, in this order.
func refused(c configuration, words ...string) resource.TestStep {
	return resource.TestStep{Config: c.String(), ExpectError: says(append([]string{"running pre-apply plan"}, words...)...)}
}

// failed is a step whose plan is good, and whose apply fails with these words.
func failed(c configuration, words ...string) resource.TestStep {
	return resource.TestStep{Config: c.String(), ExpectError: says(append([]string{"running apply"}, words...)...)}
}

// refusals are plans that fail. Each has an environment of its own; they share one
// working directory, which costs one run of Terraform each instead of five.
type refusals []refusedPlan

type refusedPlan struct {
	name  string
	in    *env
	plan  resource.TestStep
	check func()
}

// add appends a plan that fails with these words, in this order. check runs after
// all plans.
func (r *refusals) add(name string, in *env, c configuration, words []string, check func()) {
	plan := refused(c, words...)
	plan.PreConfig = func() { in.t.Logf("the next step is %q", name) }
	*r = append(*r, refusedPlan{name, in, plan, check})
}

func (r refusals) run(t *testing.T) {
	t.Helper()
	steps := make([]resource.TestStep, len(r))
	for i, one := range r {
		steps[i] = one.plan
	}
	resource.Test(t, r[0].in.testCase(steps...))
	for _, one := range r {
		before := t.Failed()
		one.check()
		if t.Failed() && !before {
			t.Logf("that was %q", one.name)
		}
	}
}

// says matches texts in an order, however Terraform breaks the lines.
func says(texts ...string) *regexp.Regexp {
	patterns := make([]string, len(texts))
	for i, text := range texts {
		words := strings.Fields(text)
		for j, word := range words {
			words[j] = regexp.QuoteMeta(word)
		}
		patterns[i] = strings.Join(words, `\s+`)
	}
	return regexp.MustCompile(`(?s)` + strings.Join(patterns, ".*"))
}

// values are attributes with what they should be: a plain value, nil for null,
// or a check. Dots lead into nested attributes.
type values map[string]any

func inState(address string, want values) []statecheck.StateCheck {
	var checks []statecheck.StateCheck
	for _, at := range slices.Sorted(maps.Keys(want)) {
		checks = append(checks, statecheck.ExpectKnownValue(address, attributeAt(at), known(want[at])))
	}
	return checks
}

// sameInEachStep returns checks, for one step each, that an attribute stays
// what it was.
func sameInEachStep(address, at string) func() []statecheck.StateCheck {
	value := statecheck.CompareValue(compare.ValuesSame())
	return func() []statecheck.StateCheck {
		return []statecheck.StateCheck{value.AddStateValue(address, attributeAt(at))}
	}
}

// planned is what a plan should do with a resource, and the values that it
// should know. unknown stands for those that it should not.
func planned(address string, action plancheck.ResourceActionType, want values) resource.ConfigPlanChecks {
	checks := []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}
	for _, at := range slices.Sorted(maps.Keys(want)) {
		if want[at] == unknown {
			checks = append(checks, plancheck.ExpectUnknownValue(address, attributeAt(at)))
		} else {
			checks = append(checks, plancheck.ExpectKnownValue(address, attributeAt(at), known(want[at])))
		}
	}
	return resource.ConfigPlanChecks{PreApply: checks}
}

type unknownValue struct{}

var unknown = unknownValue{}

func attributeAt(dotted string) tfjsonpath.Path {
	names := strings.Split(dotted, ".")
	at := tfjsonpath.New(names[0])
	for _, name := range names[1:] {
		at = at.AtMapKey(name)
	}
	return at
}

func known(value any) knownvalue.Check {
	switch v := value.(type) {
	case nil:
		return knownvalue.Null()
	case string:
		return knownvalue.StringExact(v)
	case int:
		return knownvalue.Int64Exact(int64(v))
	case bool:
		return knownvalue.Bool(v)
	case *regexp.Regexp:
		return knownvalue.StringRegexp(v)
	case knownvalue.Check:
		return v
	default:
		panic(fmt.Sprintf("no check for a %T", value))
	}
}

var (
	anyFingerprint = regexp.MustCompile(`^[0-9a-f]{32}$`)
	anyTime        = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	anyListTime    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)
)

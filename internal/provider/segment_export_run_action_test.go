package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const runAction = "klaviyo_segment_export_run"

// blocks are repeated blocks.
type blocks []values

// value turns Go values into Terraform's, of the type that a schema wants.
func value(t *testing.T, of tftypes.Type, from any) tftypes.Value {
	t.Helper()
	if from == any(unknown) {
		return tftypes.NewValue(of, tftypes.UnknownValue)
	}
	if list, isList := of.(tftypes.List); isList && list.ElementType.Is(tftypes.Object{}) {
		elements := []tftypes.Value{}
		several, _ := from.(blocks) // none without any
		for _, one := range several {
			elements = append(elements, value(t, list.ElementType, one))
		}
		return tftypes.NewValue(of, elements)
	}
	fields, isObject := from.(values)
	if !isObject {
		return tftypes.NewValue(of, from)
	}
	elements := map[string]tftypes.Value{}
	switch of := of.(type) {
	case tftypes.Object:
		for name, kind := range of.AttributeTypes {
			elements[name] = value(t, kind, fields[name])
		}
	case tftypes.Map:
		for name, element := range fields {
			elements[name] = value(t, of.ElementType, element)
		}
	default:
		t.Fatalf("%s is no object", of)
	}
	return tftypes.NewValue(of, elements)
}

func dynamic(t *testing.T, of tftypes.Type, from values) *tfprotov6.DynamicValue {
	t.Helper()
	v, err := tfprotov6.NewDynamicValue(of, value(t, of, from))
	if err != nil {
		t.Fatal(err)
	}
	return &v
}

// actions is a provider that is configured for the Klaviyo of a test and asked
// as Terraform 1.14 asks it.
type actions struct {
	tfprotov6.ProviderServerWithActions

	t      *testing.T
	config tftypes.Type // of the action
}

func newActions(w *env) *actions {
	w.t.Helper()
	server := NewServer("test")()
	schema, err := server.GetProviderSchema(w.t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	configured, err := server.ConfigureProvider(w.t.Context(), &tfprotov6.ConfigureProviderRequest{
		Config: dynamic(w.t, schema.Provider.ValueType(), values{"api_key": mainKey, "base_url": w.URL}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	wantNoDiagnostics(w.t, configured.Diagnostics)
	withActions, ok := server.(tfprotov6.ProviderServerWithActions) //nolint:staticcheck // there is no other way yet to tell that a server has actions
	if !ok {
		w.t.Fatal("the provider has no actions")
	}
	return &actions{withActions, w.t, schema.ActionSchemas[runAction].Schema.ValueType()}
}

// exportObject is an export as the value of the argument.
func (w *env) exportObject(segment string) values {
	w.t.Helper()
	return values{
		"display_name":  "VIP customers to Klaviyo",
		"destination":   values{"account_id": "MainAc", "data_privacy_consent": true, "guard_rails_digest": noRailsDigest("MainAc")},
		"list_id":       w.list.ID,
		"segment":       blocks{{"name": "vip", "file": values{"path": w.write("vip.csv", segment)}}},
		"data_matching": values{"email": "EMail"},
	}
}

// plan validates and plans the action.
func (a *actions) plan(export any) []*tfprotov6.Diagnostic {
	a.t.Helper()
	config := dynamic(a.t, a.config, values{exportArgument: export})
	validated, err := a.ValidateActionConfig(a.t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: runAction, Config: config})
	if err != nil {
		a.t.Fatal(err)
	}
	planned, err := a.PlanAction(a.t.Context(), &tfprotov6.PlanActionRequest{ActionType: runAction, Config: config})
	if err != nil {
		a.t.Fatal(err)
	}
	return append(validated.Diagnostics, planned.Diagnostics...)
}

// invoke returns what the action reports on its way, and what it says in the
// end.
func (a *actions) invoke(ctx context.Context, export values) (progress []string, end []*tfprotov6.Diagnostic) {
	a.t.Helper()
	stream, err := a.InvokeAction(ctx, &tfprotov6.InvokeActionRequest{ActionType: runAction, Config: dynamic(a.t, a.config, values{exportArgument: export})})
	if err != nil {
		a.t.Fatal(err)
	}
	completed := 0
	for event := range stream.Events {
		switch e := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			progress = append(progress, e.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			completed++
			end = e.Diagnostics
		}
	}
	if completed != 1 {
		a.t.Errorf("the action was completed %d times", completed)
	}
	return progress, end
}

func wantNoDiagnostics(t *testing.T, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	for _, d := range diags {
		t.Errorf("%s: %s: %s", d.Severity, d.Summary, d.Detail)
	}
}

// wantDiagnostic checks the only diagnostic.
func wantDiagnostic(t *testing.T, diags []*tfprotov6.Diagnostic, severity tfprotov6.DiagnosticSeverity, words ...string) {
	t.Helper()
	if len(diags) != 1 {
		t.Fatalf("there are %d diagnostics, want one with %q", len(diags), words)
	}
	d := diags[0]
	if d.Severity != severity || !says(words...).MatchString(d.Summary+": "+d.Detail) || d.Attribute.String() != `AttributeName("export")` {
		t.Errorf("%s at %s: %s: %s", d.Severity, d.Attribute, d.Summary, d.Detail)
	}
}

func TestSegmentExportRunAction_invoke(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.FailEmail("eve@example.com", "invalid", "Email is blocked")
	a := newActions(w)
	export := w.exportObject(threeCSV+rowAnn+"nobody,Nobody\n").with("safeguards", values{"max_rejected_percent": 50})

	plan := a.plan(export)
	if len(plan) != 2 {
		t.Fatalf("the plan says %v, want how many are exported and how many rows are not", plan)
	}
	wantDiagnostic(t, plan[:1], tfprotov6.DiagnosticSeverityWarning, "3 Profiles To Export: VIP customers", "from 5 rows: 1 duplicate", "The run exports what they hold then, whatever pin_to_plan says.")
	wantDiagnostic(t, plan[1:], tfprotov6.DiagnosticSeverityWarning, "1 Row Not Exported: VIP customers", "5 of vip")
	w.wantImports(0)
	for n := 1; n <= 2; n++ { // an action runs whenever it is invoked
		progress, end := a.invoke(t.Context(), export)
		wantDiagnostic(t, end, tfprotov6.DiagnosticSeverityWarning, "Profiles That Klaviyo Refused", "Email is blocked", "3 of vip")
		if len(progress) != 2 {
			t.Fatalf("it reported %q, want how far it was and a summary", progress)
		}
		if want := "5 rows read; 3 of 3 profiles accepted in 1 job, 1 of them done"; !strings.HasPrefix(progress[0], want) {
			t.Errorf("it reported %q, want %q", progress[0], want)
		}
		summary := regexp.MustCompile(`^Exported 2 of 3 profiles to the list "VIP customers" in [0-9.]+m?s, with 1 import job. The list has 2 members.
1 row left out: an earlier row has the same email address.
1 profile refused by Klaviyo.
1 row that cannot be exported:
  - the email address is not valid: 1 row \(5 of vip\)$`)
		if !summary.MatchString(progress[1]) {
			t.Errorf("the summary is %q", progress[1])
		}
		w.wantImports(n)
	}
	w.wantMembers("ann@example.com", "bob@example.com")
}

func TestSegmentExportRunAction_refused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := newActions(w)
	good := w.exportObject(threeCSV)
	with := func(name string, value any) values {
		out := values{}
		for n, v := range good {
			out[n] = v
		}
		out[name] = value
		return out
	}

	// What is not known yet is no error of the plan.
	wantNoDiagnostics(t, a.plan(unknown))
	w.wantNoRequest()
	for _, name := range []string{"enabled", "last_run"} {
		wantDiagnostic(t, a.plan(with(name, unknown)), tfprotov6.DiagnosticSeverityWarning, "3 Profiles To Export")
	}
	wantNoDiagnostics(t, a.plan(with("segment", unknown)))
	before := len(w.Requests())

	off := with("enabled", false)
	wantDiagnostic(t, a.plan(off), tfprotov6.DiagnosticSeverityError, "Export Not Enabled")
	progress, end := a.invoke(t.Context(), off)
	wantDiagnostic(t, end, tfprotov6.DiagnosticSeverityError, "Export Not Enabled")
	if after := len(w.Requests()); after != before {
		t.Errorf("%d requests were made for an export that is not enabled", after-before)
	}

	// The plan refuses what the run would refuse.
	refused := func(export values, words ...string) {
		t.Helper()
		wantDiagnostic(t, a.plan(export), tfprotov6.DiagnosticSeverityError, words...)
		_, end = a.invoke(t.Context(), export)
		wantDiagnostic(t, end, tfprotov6.DiagnosticSeverityError, words...)
	}
	refused(with("list_id", "NoList"), "List Not Found", `"NoList"`)
	refused(with("data_matching", values{"email": "Address"}), "Column Not In Segment")
	refused(with("safeguards", values{"max_profiles": 2}), "Too Many Profiles")
	w.AddMembers(w.list.ID, "yan@example.com", "zed@example.com")
	mirror := with("sync_mode", "mirror")
	mirror["removal_scope"] = "all"
	w.AddMembers(w.list.ID, addressesIn(peopleRows(0, 300))...)
	refused(mirror, "Too Many Members Would Be Removed", "At least 299 members of the list")
	w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome series", Status: "live"})
	refused(good, "Joining The List Starts A Live Flow", "Welcome series")
	w.RevokeKey(mainKey)
	if plan := a.plan(good); len(plan) != 1 || plan[0].Summary != "API Key Refused" {
		t.Errorf("the plan with a key that was revoked says %v", plan)
	}
	_, end = a.invoke(t.Context(), good)
	if len(end) != 1 || end[0].Summary != "API Key Refused" {
		t.Errorf("a key that was revoked leads to %v", end)
	}
	if progress != nil {
		t.Errorf("it reported %q", progress)
	}
	w.wantImports(0)
}

// Ctrl-C ends the action promptly, and the error says what Klaviyo has received.
func TestSegmentExportRunAction_cancelled(t *testing.T) {
	t.Parallel()
	w := newEnvWith(t, simulator.Options{QueueDelay: time.Hour})
	a := newActions(w)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for w.sent("POST", importsPath) == 0 {
			select {
			case <-t.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
		cancel(errors.New("somebody pressed Ctrl-C"))
	}()
	started := time.Now()
	progress, end := a.invoke(ctx, w.exportObject(threeCSV))
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if len(end) != 1 || !says("Export Interrupted", "somebody pressed Ctrl-C", "3 profiles").MatchString(end[0].Summary+": "+end[0].Detail) {
		t.Errorf("it says %v", end)
	}
	if len(progress) > 0 && strings.HasPrefix(progress[len(progress)-1], "Exported") {
		t.Errorf("it was summed up as done: %q", progress)
	}
}

// A run that takes a while says now and then how far it is.
func TestSegmentExportRunAction_progress(t *testing.T) {
	t.Parallel()
	w := newEnvWith(t, simulator.Options{QueueDelay: 6 * time.Second})
	progress, end := newActions(w).invoke(t.Context(), w.exportObject(threeCSV))
	wantNoDiagnostics(t, end)
	if len(progress) < 3 || !strings.HasPrefix(progress[0], "3 rows read; 3 of 3 profiles accepted in 1 job, 0 of them done") {
		t.Errorf("it reported %q", progress)
	}
}

// An action that has lost its listener stops, and not even its
// reports keep it.
func TestSegmentExportRunAction_listenerLeaves(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	gaveUp := make(chan struct{})
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if isPoll(r) {
			<-r.Context().Done()
			once.Do(func() { close(gaveUp) })
		}
	})
	a := newActions(w)
	stream, err := a.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{
		ActionType: runAction, Config: dynamic(t, a.config, values{exportArgument: w.exportObject(threeCSV)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range stream.Events { // the first report comes while Klaviyo is asked
		break
	}
	select {
	case <-gaveUp:
	case <-time.After(50 * time.Second): // shorter than the timeout of a request
		t.Error("the run goes on")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	started := noon
	r := &export.Result{
		StartedAt: started, CompletedAt: started.Add(83*time.Second + 26*time.Millisecond), ListName: "VIP", ListProfileCount: -1,
		Survey: export.Survey{Rows: 1_000_020, Profiles: 1_000_000, Duplicates: 20}, Exported: 999_999, Withheld: 1, OptOuts: export.OptOutCounts{List: 1}, Jobs: 100,
	}
	want := `Exported 999,999 of 1,000,000 profiles to the list "VIP" in 1m23s, with 100 import jobs.
20 rows left out: an earlier row has the same email address.
1 profile withheld: 1 unsubscribed from this list.`
	if got := summary(r); got != want {
		t.Errorf("the summary is\n%s\nwant\n%s", got, want)
	}
	r.ListProfileCount = 1
	if got := summary(r); !strings.Contains(got, "with 100 import jobs. The list has 1 member.\n") {
		t.Errorf("the summary is\n%s", got)
	}
}

func TestAccSegmentExportRunAction_trigger(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "run_on_apply", "false").String() + fmt.Sprintf(`
action %q "now" {
  config {
    export = %s
  }
}

resource "terraform_data" "release" {
  input = "1"

  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.%s.now]
    }
  }
}
`, runAction, exportAddress, runAction)
	test := w.testCase(resource.TestStep{Config: config})
	test.TerraformVersionChecks = []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)}
	resource.Test(t, test)
	w.wantImports(1)
	w.wantMembers(three...)
}

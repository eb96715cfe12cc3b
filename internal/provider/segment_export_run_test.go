package provider

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// Whatever the resource has, an export that is asked to run has too, given
// rather than computed. Otherwise the resource would not convert.
func TestSegmentExportRun_takesEveryExport(t *testing.T) {
	t.Parallel()
	schema := protocolSchema(t)
	want := map[string]*tfprotov6.SchemaAttribute{}
	resource := schema.ResourceSchemas["klaviyo_segment_export"].Block
	walkBlocks("export", resource, func(at string, b *tfprotov6.SchemaBlock) {
		walkAttributes(at, b.Attributes, func(at string, a *tfprotov6.SchemaAttribute) { want[at] = a })
	})
	if len(want) < 70 {
		t.Fatalf("an export has only %d attributes", len(want))
	}
	for place, block := range map[string]*tfprotov6.SchemaBlock{
		"the data source": schema.DataSourceSchemas["klaviyo_segment_export_run"].Block,
		"the action":      schema.ActionSchemas["klaviyo_segment_export_run"].Schema.Block,
	} {
		if given := argument(t, block, exportArgument).ValueType(); !given.Equal(resource.ValueType()) {
			t.Errorf("%s takes an export as %s, not as %s", place, given, resource.ValueType())
		}
		got := map[string]*tfprotov6.SchemaAttribute{}
		walkAttributes("", argument(t, block, exportArgument).NestedType.Attributes, func(at string, a *tfprotov6.SchemaAttribute) { got["export"+at] = a })
		for at, resource := range want {
			given, ok := got[at]
			switch {
			case !ok:
				t.Errorf("%s does not take %s", place, at)
			case !given.ValueType().Equal(resource.ValueType()):
				t.Errorf("%s takes %s as %s, not as %s", place, at, given.ValueType(), resource.ValueType())
			case given.Computed || given.Required != resource.Required || given.Optional == given.Required || given.Sensitive != resource.Sensitive:
				t.Errorf("%s has %s computed %t, required %t, optional %t, sensitive %t", place, at, given.Computed, given.Required, given.Optional, given.Sensitive)
			}
		}
	}
}

func argument(t *testing.T, block *tfprotov6.SchemaBlock, name string) *tfprotov6.SchemaAttribute {
	t.Helper()
	for _, a := range block.Attributes {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// noon is when the requests below are answered.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// What a request leads to, by its time and the last run of the export.
func TestSegmentExportRun_answer(t *testing.T) {
	t.Parallel()
	const runs, answered, skipped, refusal = "runs", "answered", "skipped", "refused"
	tests := map[string]struct {
		requested time.Duration // from noon
		completed time.Duration // of the last run, which took a minute; 0 for none
		here      bool          // it was made by this process
		want      string
	}{
		"now":                                {want: runs},
		"now, after a run":                   {completed: -time.Second, want: runs},
		"in the second that a run completed": {requested: -999 * time.Millisecond, completed: -time.Second, want: answered},
		"before a run completed":             {requested: -30 * time.Second, completed: -time.Second, want: answered},
		"before a run started":               {requested: -5 * time.Minute, completed: -time.Second, want: answered},
		"after a run of this apply":          {completed: -time.Hour, here: true, want: answered},
		"old, before a run of this apply":    {requested: -time.Hour, completed: -time.Second, here: true, want: answered},
		"old enough":                         {requested: -maxRequestAge, want: runs},
		"too old":                            {requested: -maxRequestAge - time.Second, want: skipped},
		"too old, after a run":               {requested: -time.Hour, completed: -2 * time.Hour, want: skipped},
		"too old, before a run":              {requested: -time.Hour, completed: -time.Minute, want: skipped},
		"by a clock that is ahead":           {requested: maxRequestAge, want: runs},
		"of the future":                      {requested: maxRequestAge + time.Second, want: refusal},
		"of the future, with a run":          {requested: time.Hour, completed: -time.Second, here: true, want: refusal},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Without consent a run is refused before any request.
			r := &requestedExport{data: &providerData{apiKey: types.StringValue(mainKey), now: func() time.Time { return noon }}}
			r.model.Segments = types.ListUnknown(types.StringType)
			if test.completed != 0 {
				completed := noon.Add(test.completed)
				r.model.LastRun = finishedRun("first run", &export.Result{ID: "LAST", StartedAt: completed.Add(-time.Minute), CompletedAt: completed}).object()
			}
			if test.here {
				r.data.runs.add("LAST")
			}
			var diags diag.Diagnostics
			run := r.answer(t.Context(), noon.Add(test.requested).Format(time.RFC3339Nano), &diags)
			if got := outcome(run, diags); got != test.want {
				t.Errorf("the request leads to %q, want %q: %v", got, test.want, diags)
			}
			if run == nil {
				return
			}
			if id := run.text(runID).ValueString(); (id == "LAST") != (test.completed != 0) {
				t.Errorf("the answer is run %q", id)
			}
			if skippedRun := run.text(runStatus).ValueString() == runSkipped; skippedRun != (test.want == skipped) || skippedRun != (diags.WarningsCount() == 1) {
				t.Errorf("the status is %s, with the warnings %v", run.text(runStatus), diags.Warnings())
			}
		})
	}
}

// outcome is what answering came to, in a word.
func outcome(run lastRun, diags diag.Diagnostics) string {
	switch {
	case run == nil && diags.HasError():
		at := path.Empty()
		if placed, ok := diags.Errors()[0].(diag.DiagnosticWithPath); ok {
			at = placed.Path()
		}
		switch at.String() {
		case "requested_at":
			return "refused"
		case "export":
			return "runs"
		}
		return fmt.Sprintf("an error at %q", at)
	case run == nil:
		return "nothing"
	case run.text(runStatus).ValueString() == runSkipped:
		return "skipped"
	default:
		return "answered"
	}
}

// What Terraform can show of an error is the argument.
func TestAtExport(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	diags.AddAttributeError(path.Root("segment").AtListIndex(0).AtName("file").AtName("path"), "One", "")
	diags.AddAttributeWarning(path.Root("list_id"), "Two", "")
	diags.AddError("Three", "")
	want := []string{"export", "export", ""}
	for i, d := range atExport(diags) {
		got := ""
		if placed, ok := d.(diag.DiagnosticWithPath); ok {
			got = placed.Path().String()
		}
		if got != want[i] || d.Summary() != diags[i].Summary() || d.Severity() != diags[i].Severity() {
			t.Errorf("%s %s is at %q, want %q", d.Severity(), d.Summary(), got, want[i])
		}
	}
}

// Each attribute of last_run has one way to get its value.
func TestRunAttributes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range runAttributes {
		if (a.text == nil) == (a.count == nil) || seen[a.name] {
			t.Errorf("%s needs either a text or a count, once", a.name)
		}
		seen[a.name] = true
	}
}

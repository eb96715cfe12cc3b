package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// blocksNamed are blocks with nothing but names.
func blocksNamed(names ...string) types.List {
	kind := map[string]attr.Type{"name": types.StringType}
	var all []attr.Value
	for _, name := range names {
		all = append(all, types.ObjectValueMust(kind, map[string]attr.Value{"name": types.StringValue(name)}))
	}
	return types.ListValueMust(types.ObjectType{AttrTypes: kind}, all)
}

// An error of the engine is shown at the argument that is to blame.
func TestAddError_attribute(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps []string
		want  path.Path
	}{
		"list_id":                            {[]string{"list_id"}, path.Root("list_id")},
		"destination.data_privacy_consent":   {[]string{"destination", "data_privacy_consent"}, path.Root("destination").AtName("data_privacy_consent")},
		"segment":                            {[]string{"segment"}, path.Root("segment")},
		"segment vip":                        {[]string{"segment", "vip"}, path.Root("segment").AtListIndex(1).AtName("name")},
		"segment vip.file.path":              {[]string{"segment", "vip", "file", "path"}, path.Root("segment").AtListIndex(1).AtName("file").AtName("path")},
		"segment that is not there":          {[]string{"segment", "gold"}, path.Root("segment")},
		`properties["loyalty tier"]`:         {[]string{"properties", "loyalty tier", "field"}, path.Root("properties").AtMapKey("loyalty tier")},
		"property income":                    {[]string{"properties", "income", "field"}, path.Root("property").AtListIndex(0).AtName("field")},
		"attributes.location.city":           {[]string{"attributes", "location", "city"}, path.Root("attributes").AtName("location").AtName("city")},
		"data_matching.email of two at once": {[]string{"data_matching", "email"}, path.Root("data_matching").AtName("email")},
	}
	m := &segmentExportModel{Segments: blocksNamed("all", "vip"), Property: blocksNamed("income")}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := &diagnostic.Error{Attribute: test.steps, Summary: "Summary", Detail: "Detail."}
			want := diag.NewAttributeErrorDiagnostic(test.want, "Summary", "Detail.")
			for _, err := range []error{one, fmt.Errorf("wrapped: %w", one), diagnostic.Errors{one}} {
				var diags diag.Diagnostics
				m.addError(&diags, err)
				if len(diags) != 1 || !diags[0].Equal(want) {
					t.Errorf("%T became %v, want %v", err, diags, want)
				}
			}
		})
	}
}

func TestAddError_summary(t *testing.T) {
	t.Parallel()
	tests := map[string]error{
		"Interrupted":               fmt.Errorf("get_list: %w", context.Canceled),
		"Time Is Up":                fmt.Errorf("get_list: %w", context.DeadlineExceeded),
		"API Key Refused":           &klaviyo.APIError{Status: 401, Errors: []klaviyo.ErrorObject{{Detail: "no"}}},
		"Klaviyo Cannot Be Reached": &klaviyo.TransportError{Operation: "get_list", Err: errors.New("no route")},
		"Klaviyo Request Failed":    errors.New("anything else"),
	}
	for want, err := range tests {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			var diags diag.Diagnostics
			addError(&diags, err)
			if len(diags) != 1 || diags[0].Summary() != want || diags[0].Detail() == "" {
				t.Errorf("%v became %v, want the summary %q", err, diags, want)
			}
		})
	}
}

// Where the key came from is said of errors that are about the key: not where
// something else refused the request before it was looked at.
func TestAddError_key(t *testing.T) {
	t.Parallel()
	said := []klaviyo.ErrorObject{{Detail: "no"}}
	for name, test := range map[string]struct {
		err    error
		hinted bool
	}{
		"401":       {&klaviyo.APIError{Status: 401, Errors: said}, true},
		"403":       {&klaviyo.APIError{Status: 403, Errors: said}, true},
		"403, HTML": {&klaviyo.APIError{Status: 403}, false},
		"404":       {&klaviyo.APIError{Status: 404, Errors: said}, false},
	} {
		var diags diag.Diagnostics
		addError(&diags, (&access{origin: "the attic"}).blame(test.err))
		if hinted := strings.HasSuffix(diags[0].Detail(), "The key came from the attic."); hinted != test.hinted {
			t.Errorf("%s: %s", name, diags[0].Detail())
		}
	}
}

// What an operation was waiting for when it ended is said with it.
func TestAddError_interrupted(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.Inject(simulator.Fault{Path: "/api/lists", Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	w.OnRequest(func(*http.Request) { cancel() })
	c, err := klaviyo.New(klaviyo.Options{APIKey: mainKey, BaseURL: w.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.List(ctx, "x")
	var diags diag.Diagnostics
	addError(&diags, err)
	want := diag.NewErrorDiagnostic("Interrupted", "The operation was cancelled before it was complete. It was waiting for the answer to get_list. Run Terraform again to complete it.")
	if len(diags) != 1 || !diags[0].Equal(want) {
		t.Errorf("%v became %v, want %v", err, diags, want)
	}
}

// A terminal obeys what is in the texts and names of others, unless it is
// escaped.
func TestAddError_controls(t *testing.T) {
	t.Parallel()
	const wipe = "\x1b[2J"
	w := newEnvWith(t, simulator.Options{Account: simulator.Account{ID: "MainAc", OrganizationName: "North" + wipe + "wind\u202e"}})
	w.addOtherAccount()
	c := newCore(w, mainKey)
	for _, err := range []error{
		&diagnostic.Error{Summary: "S", Detail: "D" + wipe},
		diagnostic.Errors{{Summary: "S", Detail: "D" + wipe}},
		errors.New(wipe), &klaviyo.TransportError{Operation: "get_list", Err: errors.New(wipe)},
	} {
		var diags diag.Diagnostics
		addError(&diags, err)
		if len(diags) != 1 || !strings.Contains(diags[0].Detail(), `\x1b[2J`) || strings.Contains(diags[0].Detail(), "\x1b") {
			t.Errorf("%T became %q", err, diags)
		}
	}
	for kind, identity := range map[string]values{connectionKind: {"account_id": "OtherA"}, listKind: {"account_id": "OtherA", "id": w.list.ID}, exportKind: {"account_id": "OtherA", "list_id": w.list.ID}} {
		_, diags := c.importBy(kind, "", identity)
		if errs := errorsOf(diags); !strings.Contains(errs, `North\x1b[2Jwind\u202e`) || strings.ContainsAny(errs, "\x1b\u202e") {
			t.Errorf("%s is refused with %q", kind, errs)
		}
	}
}

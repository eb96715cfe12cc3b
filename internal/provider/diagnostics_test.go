package provider

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// An error of the engine is shown at the argument that is to blame.
func TestAddError_attribute(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps []string
		want  path.Path
	}{
		"list_id":                            {[]string{"list_id"}, path.Root("list_id")},
		"destination.data_privacy_consent":   {[]string{"destination", "data_privacy_consent"}, path.Root("destination").AtName("data_privacy_consent")},
		`segments["vip"]`:                    {[]string{"segments", "vip"}, path.Root("segments").AtMapKey("vip")},
		`segments["vip"].file.path`:          {[]string{"segments", "vip", "file", "path"}, path.Root("segments").AtMapKey("vip").AtName("file").AtName("path")},
		`properties["loyalty tier"].field`:   {[]string{"properties", "loyalty tier", "field"}, path.Root("properties").AtMapKey("loyalty tier").AtName("field")},
		"attributes.location.city":           {[]string{"attributes", "location", "city"}, path.Root("attributes").AtName("location").AtName("city")},
		"data_matching.email of two at once": {[]string{"data_matching", "email"}, path.Root("data_matching").AtName("email")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := &export.Error{Attribute: test.steps, Summary: "Summary", Detail: "Detail."}
			want := diag.NewAttributeErrorDiagnostic(test.want, "Summary", "Detail.")
			for _, err := range []error{one, fmt.Errorf("wrapped: %w", one), export.Errors{one}} {
				var diags diag.Diagnostics
				addError(&diags, err)
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

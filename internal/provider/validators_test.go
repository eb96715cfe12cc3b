package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// refusal is what a validator says of a value, empty if it takes it.
func refusal(t *testing.T, v validator.String, value types.String) string {
	t.Helper()
	var resp validator.StringResponse
	v.ValidateString(t.Context(), validator.StringRequest{Path: path.Root("it"), ConfigValue: value}, &resp)
	var texts []string
	for _, d := range resp.Diagnostics {
		texts = append(texts, d.Summary()+": "+d.Detail())
	}
	return strings.Join(texts, "\n")
}

// A secret that was written in place of the name of its variable is not shown.
func TestEnvironmentVariableQuotesNothing(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"pk_0123456789abcdef", "postgres://vip:hunter2@db/shop", "abC8Q~secret"} {
		if said := refusal(t, environmentVariable, types.StringValue(secret)); said == "" || strings.Contains(said, secret) {
			t.Errorf("of %q is said %q", secret, said)
		}
	}
}

func TestValidators(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		validator validator.String
		value     string
		want      string // "" if it is taken
	}{
		"variable":                          {environmentVariable, "KLAVIYO_KEY_UK", ""},
		"key in place of a variable":        {environmentVariable, "pk_0123456789abcdef", "This is not the name of an environment variable"},
		"URL in place of a variable":        {environmentVariable, "postgres://vip:secret@db/shop", "This is not the name of an environment variable"},
		"property":                          {propertyName, "Loyalty tier (2026) – naïve", ""},
		"property with $ inside":            {propertyName, "a$b", ""},
		"property of emoji":                 {propertyName, "❤️", ""},
		"property, longest":                 {propertyName, strings.Repeat("é", 255), ""},
		"property, too long":                {propertyName, strings.Repeat("é", 256), "at most 255 characters; this one has 256"},
		"property of white space":           {propertyName, " \u00a0\u200b", "A property needs a name."},
		"property with $":                   {propertyName, "$tier", `"$tier" begins with $`},
		"property with $ after a space":     {propertyName, " $tier", `" $tier" begins with $`},
		"property with $ after a mark":      {propertyName, "\ufeff$tier", `begins with $`},
		"property after a space":            {propertyName, " tier", `" tier" begins or ends with white space`},
		"property before a space":           {propertyName, "tier ", `than "tier". Remove the white space.`},
		"property before a hard space":      {propertyName, "tier\u00a0", `"tier\u00a0" begins or ends with white space`},
		"property after a byte order mark":  {propertyName, "\ufefftier", `"\ufefftier" begins or ends with white space`},
		"property with a tab at its end":    {propertyName, "tier\t", `"tier\t" contains a control character`},
		"property with a line end":          {propertyName, "tier\nname", `"tier\nname" contains a control character`},
		"property with a null":              {propertyName, "tier\x00", `contains a control character`},
		"property with a control character": {propertyName, "tier\u0085name", `contains a control character`},

		"id":              {validID, "Y6nRLr", ""},
		"id, longest":     {validID, strings.Repeat("x", 60), ""},
		"id, too long":    {validID, strings.Repeat("x", 61), "letters and digits only, at most 60"},
		"id, empty":       {validID, "", "letters and digits only"},
		"id in two lines": {validID, "Y6nRLr\n", "letters and digits only"},

		"duration":           {duration, "90s", ""},
		"duration of 1ns":    {duration, "1ns", ""},
		"duration of 0":      {duration, "0", `"0" is not a duration above zero. Write a number and its unit`},
		"duration of 0s":     {duration, "0s", `"0s" is not a duration above zero`},
		"duration below 0":   {duration, "-1h", `"-1h" is not a duration above zero`},
		"duration of no end": {duration, "9999999h", `is not a duration above zero`},

		"URL":                         {baseURL, "https://proxy.example.com/klaviyo", ""},
		"URL of this machine":         {baseURL, "http://127.0.0.1:8080", ""},
		"URL, plain":                  {baseURL, "http://proxy.example.com", "The base URL cannot be used: plain http"},
		"URL with a password":         {baseURL, "http://user:s3cret@proxy.example.com", "neither user name"},
		"URL with a password, broken": {baseURL, "https://user:s3cret/x@proxy.example.com", "not a URL of the form"},
		"URL with a query":            {baseURL, "https://proxy.example.com?token=s3cret", "neither user name, query nor fragment"},
		"URL of another scheme":       {baseURL, "ftp://s3cret.example.com", `its scheme is "ftp"`},
		"no URL":                      {baseURL, "://user:s3cret@", "not a URL of the form"},

		"environment URL":                 {environmentURL, "https://contoso.crm.dynamics.com", ""},
		"environment URL with a password": {environmentURL, "https://user:s3cret@contoso.crm.dynamics.com", "it must not hold credentials"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refusal(t, test.validator, types.StringValue(test.value))
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("it says %q, want %q", got, test.want)
			}
			if strings.Contains(got, "s3cret") {
				t.Errorf("it gives a secret away: %q", got)
			}
			for _, value := range []types.String{types.StringUnknown(), types.StringNull()} {
				if got := refusal(t, test.validator, value); got != "" {
					t.Errorf("of %s it says %q", value, got)
				}
			}
		})
	}
}

// No timeout may be zero or less, whichever there are.
func TestTimeouts_validated(t *testing.T) {
	t.Parallel()
	block := timeoutsBlock(t.Context()).(schema.SingleNestedBlock)
	if _, ok := block.CustomType.(timeouts.Type); !ok || len(block.Attributes) == 0 {
		t.Fatalf("the timeouts are %+v", block)
	}
	for name, child := range block.Attributes {
		for value, want := range map[types.String]bool{
			types.StringValue("2h"): true, types.StringValue("1ms"): true, types.StringUnknown(): true, types.StringNull(): true,
			types.StringValue("0s"): false, types.StringValue("-5m"): false, types.StringValue("5"): false, types.StringValue(""): false,
		} {
			var said string
			for _, v := range child.(schema.StringAttribute).Validators {
				said += refusal(t, v, value)
			}
			if (said == "") != want {
				t.Errorf("of %s = %s is said %q", name, value, said)
			}
			if !want && !strings.Contains(said, `such as "90s" or "10m"`) {
				t.Errorf("of %s = %s is said %q, which does not say what to write", name, value, said)
			}
		}
	}
}

package dataverse_test

import (
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

// The whole way through azidentity, which takes the authority from the
// environment.
func TestDataverseSignsIn(t *testing.T) {
	e := newEnvironment(t, "Email")
	e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
	t.Setenv("AZURE_AUTHORITY_HOST", e.URL)
	registration := func(change func(d *dataverse.Source)) dataverse.Source {
		d := dataverse.Source{EnvironmentURL: e.URL + "/", Segment: "VIP", TenantID: simulator.Tenant, ClientID: simulator.Client, ClientSecretEnv: "CONTOSO_SECRET"}
		change(&d)
		return d.With(nil, e.sleep, 0)
	}
	machine := func(d *dataverse.Source) { d.TenantID, d.ClientID, d.ClientSecretEnv = "", "", "" }
	for name, tc := range map[string]struct {
		change   func(d *dataverse.Source)
		secret   string
		argument string // empty: it works
		words    []string
	}{
		"app registration": {func(*dataverse.Source) {}, simulator.ClientSecret, "", nil},
		"environment":      {machine, simulator.ClientSecret, "", nil},
		"no secret":        {func(*dataverse.Source) {}, "", "client_secret_env", []string{`"CONTOSO_SECRET" is not set`}},
		"wrong secret":     {func(*dataverse.Source) {}, "wr0ng", "client_secret_env", []string{"AADSTS7000215: Invalid client secret provided. Use the value"}},
		"expired secret":   {func(*dataverse.Source) {}, "expired", "client_secret_env", []string{"AADSTS7000222", "create a new one"}},
		"other client":     {func(d *dataverse.Source) { d.ClientID = "nobody" }, "x", "client_id", []string{"AADSTS700016: Application with identifier 'nobody' was not found in the directory 'Contoso'."}},
		"other tenant":     {func(d *dataverse.Source) { d.TenantID = "fabrikam.example" }, "x", "tenant_id", []string{"AADSTS90002: Tenant 'fabrikam.example' not found. Check the tenant id"}},
		"no tenant":        {func(d *dataverse.Source) { d.TenantID = "a/b" }, "x", "tenant_id", []string{"cannot be used"}},
		"wrong, from env":  {machine, "wr0ng", "environment_url", []string{"AADSTS7000215"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CONTOSO_SECRET", tc.secret)
			t.Setenv("AZURE_TENANT_ID", simulator.Tenant)
			t.Setenv("AZURE_CLIENT_ID", simulator.Client)
			t.Setenv("AZURE_CLIENT_SECRET", tc.secret)
			rows, err := registration(tc.change).Open(t.Context(), []string{"email"})
			if tc.argument == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got, err := segmenttest.ReadAll(rows); len(got) != 1 || err != nil {
					t.Errorf("rows %q, %v", got, err)
				}
				rows.Close()
				return
			}
			wantBlame(t, err, tc.argument, tc.words...)
			if strings.Contains(err.Error(), "wr0ng") || strings.Contains(err.Error(), "Trace ID") {
				t.Errorf("error %q says too much", err)
			}
		})
	}
}

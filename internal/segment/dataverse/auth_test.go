package dataverse_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

// newTenant starts an environment with an authority, and returns a network that
// trusts both.
func newTenant(t *testing.T) (*simulator.Server, *http.Transport) {
	t.Helper()
	e := simulator.Start("Email")
	t.Cleanup(e.Close)
	t.Setenv("AZURE_AUTHORITY_HOST", e.AuthorityURL)
	t.Setenv("CONTOSO_SECRET", simulator.ClientSecret)
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(e.AuthorityCertificate())
	network := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}
	t.Cleanup(network.CloseIdleConnections)
	return e, network
}

func registered(e *simulator.Server) dataverse.Source {
	return dataverse.Source{EnvironmentURL: e.URL + "/", Segment: "VIP", TenantID: simulator.Tenant, ClientID: simulator.Client, ClientSecretEnv: "CONTOSO_SECRET"}
}

// Signing in through azidentity, which takes the authority from the environment.
func TestDataverseSignsIn(t *testing.T) {
	e, network := newTenant(t)
	e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
	registration := func(change func(d *dataverse.Source)) dataverse.Source {
		d := registered(e)
		change(&d)
		return d.With(nil, network, 0)
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

// forbidding answers every request with 403, as a proxy answers one to the address
// that managed identities come from.
type forbidding struct{}

func (forbidding) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusForbidden, Status: "403 Forbidden", Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: request}, nil
}

// Without any credential the variables to set are named, even if the network answers
// where managed identities come from.
func TestDataverseWithoutCredential(t *testing.T) {
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"} {
		t.Setenv(name, "") // restores it
		_ = os.Unsetenv(name)
	}
	t.Setenv("PATH", t.TempDir()) // no Azure CLI
	source := dataverse.Source{EnvironmentURL: "https://contoso.crm.dynamics.com", Segment: "VIP"}.With(nil, forbidding{}, 0)
	_, err := source.Open(t.Context(), []string{"email"})
	wantBlame(t, err, "environment_url", "There are no credentials", "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", "az login")

	t.Setenv("AZURE_TENANT_ID", simulator.Tenant)
	t.Setenv("AZURE_CLIENT_ID", simulator.Client)
	t.Setenv("AZURE_CLIENT_SECRET", "x")
	_, err = source.Open(t.Context(), []string{"email"})
	wantBlame(t, err, "environment_url", "Microsoft Entra ID gave no token.")
}

// A refused token is replaced by a new one, not by the same from azidentity's
// cache.
func TestDataverseSignsInAgain(t *testing.T) { //nolint:paralleltest // newTenant sets the environment
	e, network := newTenant(t)
	const customers = 20
	for i := range customers {
		e.Add(fmt.Sprint(i), simulator.Profile{"email": "ann@example.com"}, "VIP")
	}
	e.MaxPage = 1
	rows, err := registered(e).With(nil, network, 1).Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	e.Revoke()
	if got, err := segmenttest.ReadAll(rows); len(got) != customers || err != nil {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

package dataverse_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

func TestDataverseErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		breakIt func(e *environment)
		words   []string
	}{
		"no application user": {func(e *environment) { e.NotMember = true }, []string{"is not a user of", "Application users"}},
		"no privilege": {
			func(e *environment) { e.MissingPrivilege = "prvReadmsdynci_CustomerProfile" },
			[]string{"may not read", "the privilege prvReadmsdynci_CustomerProfile is missing", "msdynci_segmentmembership"},
		},
		"not connected": {func(e *environment) { e.NoTables = true }, []string{"does not have the tables of Customer Insights - Data", "is connected to"}},
		"throttled":     {func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 429, RetryAfter: "300"}) }, []string{"wants a wait of more than", "15m0s"}},
		"web page":      {func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 200, HTML: true}) }, []string{"is not a Dataverse environment", "is a web page"}},
		"sign-in page":  {func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 302, HTML: true}) }, []string{"is not a Dataverse environment", "302"}},
		"another API":   {func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 200, Body: `{"hello":1}`}) }, []string{"is not the JSON"}},
		"down": {func(e *environment) {
			e.Fail(simulator.Fault{Times: 1000, Status: 500, Body: `{"error":{"code":"0x80040216","message":"An unexpected error for ann@example.com. More."}}`})
		}, []string{"500 0x80040216: An unexpected error for (hidden)"}},
		"breaks off":    {func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Truncate: true}) }, []string{"cannot be read: unexpected EOF"}},
		"token refused": {func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 401, Body: "{}"}) }, []string{"does not accept the token"}},
		"page elsewhere": {func(e *environment) {
			e.Fail(simulator.Fault{Match: "segmentmemberships", Times: 1000, Status: 200, Body: `{"value":[],"@odata.nextLink":"https://evil.example/x"}`})
		}, []string{"a next page on another host"}},
		"page again": {func(e *environment) {
			e.Fail(simulator.Fault{Match: "segmentmemberships", Times: 1000, Status: 200, Body: `{"value":[],"@odata.nextLink":"` + e.URL + `/api/data/v9.2/msdynci_segmentmemberships?$skiptoken=1"}`})
		}, []string{"a next page that was read before"}},
		"signing in": {func(e *environment) { e.signInErr = errors.New("DefaultAzureCredential: failed to acquire a token") }, []string{"no credentials to sign in", "AZURE_CLIENT_SECRET", "az login"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "Email")
				e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
				tc.breakIt(e)
				_, err := e.read("VIP", "email")
				wantBlame(t, err, "environment_url", tc.words...)
				for _, secret := range []string{"tok_", "4f7d1f6e", "ann@"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("error %q contains %q", err, secret)
					}
				}
			})
		})
	}
}

// What breaks after the first page is an error, not the end of the segment.
func TestDataverseBreaksLater(t *testing.T) {
	t.Parallel()
	for name, scan := range map[string]int{"look up": 0, "scan": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "Email")
				e.MaxPage, e.maxKeptIDs = 100, scan
				e.fill(1000, "VIP")
				e.Fail(simulator.Fault{Match: "customerprofiles?$select=msdynci_customerid,msdynci_email&$", Times: 1000, Status: 500})
				_, err := e.read("VIP", "email")
				wantBlame(t, err, "environment_url", "refused to answer: 500")
			})
		})
	}
}

func TestDataverseUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "Email")
		e.URL, e.network = "http://127.0.0.1:1", &http.Transport{}
		_, err := e.read("VIP", "email")
		wantBlame(t, err, "environment_url", "cannot be read", "connect")
		if strings.Contains(err.Error(), "EntityDefinitions") {
			t.Errorf("error %q contains the address of a request", err)
		}
	})
}

func TestParseEnvironmentURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://contoso.crm.dynamics.com":                   "",
		"https://contoso.crm4.dynamics.com/\n":               "",
		"http://127.0.0.1:8080":                              "",
		"http://localhost":                                   "",
		"contoso.crm.dynamics.com":                           "must begin with https://",
		"http://contoso.crm.dynamics.com":                    "plain http",
		"https://contoso.crm.dynamics.com/main.aspx?appid=1": "use https://contoso.crm.dynamics.com",
		"https://contoso.crm.dynamics.com/api/data/v9.2/":    "use https://contoso.crm.dynamics.com",
		"https://user:secret@contoso.crm.dynamics.com":       "must not hold credentials",
		"https://user:8080/secret@contoso.crm.dynamics.com":  "must not hold credentials",
		"https://contoso.crm.dynamics.com\x7f/":              "is not a URL",
	} {
		u, err := dataverse.ParseEnvironmentURL(text)
		switch {
		case want == "" && (err != nil || strings.Contains(u.String(), " ") || u.Path != ""):
			t.Errorf("%q: %v, %v", text, u, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	_, err := dataverse.Source{EnvironmentURL: "contoso"}.Open(t.Context(), nil)
	wantBlame(t, err, "environment_url", "cannot be used")
}

package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func TestRequestChecks(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	s.AddKey("pk_revoked")
	s.RevokeKey("pk_revoked")
	s.AddKey("pk_reader", "lists:read")
	list := s.AddList(simulator.List{Name: "VIP"})
	one := "/api/lists/" + list.ID

	tests := map[string]struct {
		method, path string
		edit         func(*http.Request)
		status       int
		code, source string
	}{
		"no key":               {"GET", "/api/lists", header("Authorization", ""), 401, "not_authenticated", "/data"},
		"wrong scheme":         {"GET", "/api/lists", header("Authorization", "Bearer "+testKey), 401, "authentication_failed", "/data"},
		"unknown key":          {"GET", "/api/lists", header("Authorization", "Klaviyo-API-Key pk_x"), 401, "authentication_failed", "/data"},
		"revoked key":          {"GET", "/api/lists", header("Authorization", "Klaviyo-API-Key pk_revoked"), 401, "authentication_failed", "/data"},
		"scope missing":        {"DELETE", one, header("Authorization", "Klaviyo-API-Key pk_reader"), 403, "permission_denied", "/data"},
		"one of two missing":   {"GET", one + "/profiles", header("Authorization", "Klaviyo-API-Key pk_reader"), 403, "permission_denied", "/data"},
		"no revision":          {"GET", "/api/lists", header("revision", ""), 400, "invalid", "/data"},
		"retired revision":     {"GET", "/api/lists", header("revision", "2022-10-17"), 400, "invalid", "/data"},
		"body of another type": {"POST", "/api/lists", header("Content-Type", "text/plain"), 415, "unsupported_media_type", "/data"},
		"answer not wanted":    {"GET", "/api/lists", header("Accept", "text/html"), 406, "not_acceptable", "/data"},
		"unknown path":         {"GET", "/api/segments", func(*http.Request) {}, 404, "not_found", "/data"},
		"outside the API":      {"GET", "/lists", func(*http.Request) {}, 404, "not_found", "/data"},
		"wrong method":         {"PUT", one, func(*http.Request) {}, 405, "method_not_allowed", "/data"},
		"unknown list":         {"GET", "/api/lists/NoSuch", func(*http.Request) {}, 404, "not_found", "/data"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call(t, s, test.method, test.path, "{}", test.edit).refused(t, test.status, test.code, test.source)
		})
	}
}

func TestAcceptedVariants(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	for name, edit := range map[string]func(*http.Request){
		"plain JSON":       header("Accept", "application/json"),
		"no Accept":        header("Accept", ""),
		"any Accept":       header("Accept", "text/html, */*;q=0.1"),
		"parameters":       header("Accept", "application/vnd.api+json; charset=utf-8"),
		"trailing slash":   func(r *http.Request) { r.URL.Path += "/" },
		"key after spaces": header("Authorization", "Klaviyo-API-Key  "+testKey),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := call(t, s, "GET", "/api/lists", "", edit).want(t, 200)
			if media := answer.header.Get("Content-Type"); media != "application/vnd.api+json" {
				t.Errorf("Content-Type %q", media)
			}
		})
	}
	body := `{"data":{"type":"list","attributes":{"name":"x"}}}`
	call(t, s, "POST", "/api/lists", body, header("Content-Type", "application/json; charset=utf-8")).want(t, 201)
}

func TestMissingScopesAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	s.AddKey("pk_accounts", "accounts:read")
	as := header("Authorization", "Klaviyo-API-Key pk_accounts")
	answer := call(t, s, "POST", "/api/profile-bulk-import-jobs", "", as)
	answer.refused(t, 403, "permission_denied", "/data")
	if detail := answer.Errors[0].Detail; !strings.HasSuffix(detail, "lists:write, profiles:write") {
		t.Errorf("detail %q", detail)
	}
	call(t, s, "GET", "/api/accounts", "", as).want(t, 200)
}

func TestIncludedResourcesNeedTheirScope(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	s.AddKey("pk_lists", "lists:read")
	as := header("Authorization", "Klaviyo-API-Key pk_lists")
	call(t, s, "GET", "/api/lists", "", as).want(t, 200)
	call(t, s, "GET", "/api/lists"+encode("include", "flow-triggers"), "", as).refused(t, 403, "permission_denied", "/data")
}

func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{Account: simulator.Account{Timezone: "Europe/Madrid"}, RateLimits: true})
	other := s.AddAccount(simulator.Account{OrganizationName: "Other", TestAccount: true})
	s.AddKeyFor(other.ID, "pk_other")
	list := s.AddList(simulator.List{Name: "VIP"})
	asOther := header("Authorization", "Klaviyo-API-Key pk_other")

	mine := get(t, s, "/api/accounts").want(t, 200).all(t)
	if len(mine) != 1 || mine[0].ID != "SiMu1a" || mine[0].Attributes["timezone"] != "Europe/Madrid" {
		t.Errorf("accounts %v", mine)
	}
	// The limit is one a second and account: the other account is not held up.
	call(t, s, "GET", "/api/accounts/SiMu1a", "", asOther).refused(t, 404, "not_found", "/data")
	call(t, s, "GET", "/api/lists/"+list.ID, "", asOther).refused(t, 404, "not_found", "/data")
	theirs := call(t, s, "GET", "/api/accounts"+encode("fields[account]", "test_account,contact_information.organization_name"), "", asOther).want(t, 200).all(t)
	want := map[string]any{"test_account": true, "contact_information": map[string]any{"organization_name": "Other"}}
	if len(theirs) != 1 || theirs[0].ID != other.ID || !equal(theirs[0].Attributes, want) {
		t.Errorf("accounts %v", theirs)
	}
}

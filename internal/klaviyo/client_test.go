package klaviyo_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func TestCheckPrivateKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"pk_0123456789abcdef":        "",
		"pk_SiteID_0123456789abcdef": "",
		"0123456789abcdef":           "", // unusual, but who knows
		"pk_123":                     "", // six characters, but not an account id
		"":                           "is empty",
		"AbC123":                     "public API key",
		"pk_0123 456789":             "white space or characters",
		"pk_0123456789\n":            "white space or characters",
		" pk_0123456789":             "white space or characters",
		"pk_0123\u200b456789":        "white space or characters",
		"pk_ключ":                    "white space or characters",
		"pk_\x00\x7f":                "white space or characters",
		"AbC12\n":                    "white space or characters",
	} {
		err := klaviyo.CheckPrivateKey(key)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", key, err, want)
		}
		if err != nil && key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%q quotes the key", err)
		}
		if _, newErr := klaviyo.New(klaviyo.Options{APIKey: key}); (newErr == nil) != (err == nil) {
			t.Errorf("a client with %q: %v", key, newErr)
		}
	}
	if err := klaviyo.CheckPrivateKey("AbC123"); !errors.Is(err, klaviyo.ErrPublicKey) {
		t.Errorf("error %v", err)
	}
}

func TestParseBaseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{ // what it becomes, or why not
		"https://a.klaviyo.com":         "https://a.klaviyo.com",
		"https://a.klaviyo.com/":        "https://a.klaviyo.com",
		"HTTPS://a.klaviyo.com":         "https://a.klaviyo.com",
		"https://proxy:8443/klaviyo/":   "https://proxy:8443/klaviyo",
		"http://127.0.0.1:8080":         "http://127.0.0.1:8080",
		"http://127.8.9.10":             "http://127.8.9.10",
		"http://[::1]:8080/x":           "http://[::1]:8080/x",
		"http://localhost":              "http://localhost",
		"http://a.klaviyo.com":          "plain http would show",
		"http://192.168.0.1":            "plain http would show",
		"http://0.0.0.0":                "plain http would show",
		"http://localhost.example.com":  "plain http would show",
		"http://127.0.0.1.example.com":  "plain http would show",
		"http://2130706433":             "plain http would show",
		"ftp://a.klaviyo.com":           `its scheme is "ftp", use https`,
		"//a.klaviyo.com":               `its scheme is "", use https`,
		"":                              "not a URL of the form",
		"a.klaviyo.com":                 "not a URL of the form",
		"a.klaviyo.com:443":             "not a URL of the form",
		"https://":                      "not a URL of the form",
		"https:///api":                  "not a URL of the form",
		"https://[x":                    "not a URL of the form",
		"https://a b":                   "not a URL of the form",
		"https://me:pw@a.klaviyo.com":   "neither user name, query nor fragment",
		"https://me@a.klaviyo.com":      "neither user name, query nor fragment",
		"https://a.klaviyo.com?x=y":     "neither user name, query nor fragment",
		"https://a.klaviyo.com#x":       "neither user name, query nor fragment",
		"http://127.0.0.1@evil.example": "neither user name, query nor fragment",
	} {
		u, err := klaviyo.ParseBaseURL(raw)
		if err != nil {
			if !strings.Contains(err.Error(), want) || strings.HasPrefix(want, "http") {
				t.Errorf("%q: %v, want %q", raw, err, want)
			}
		} else if u.String() != want {
			t.Errorf("%q is %s, want %q", raw, u, want)
		}
		if _, newErr := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: raw}); (newErr == nil) != (err == nil || raw == "") {
			t.Errorf("a client of %q: %v", raw, newErr)
		}
	}
}

func TestParseBaseURLNeedsAHost(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"https://:443", "https://:443/api"} {
		if u, err := klaviyo.ParseBaseURL(raw); err == nil {
			t.Errorf("%q is taken for %s", raw, u)
		}
	}
}

func TestRequiredScopesAreThoseOfAllOperations(t *testing.T) {
	t.Parallel()
	want := []string{"accounts:read", "flows:read", "lists:read", "lists:write", "profiles:read", "profiles:write"}
	if got := klaviyo.RequiredScopes(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := klaviyo.SubscribeScopes(); !slices.Equal(got, append(want, "subscriptions:write")) {
		t.Errorf("got %q, want subscriptions:write as well", got)
	}
}

// A client that is done with leaves no connection, nor the goroutines that come
// with one.
func TestCloseClosesConnections(t *testing.T) {
	t.Parallel()
	states := make(chan http.ConnState, 10)
	server := httptest.NewUnstartedServer(answer(200, listBody))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) { states <- state }
	server.Start()
	t.Cleanup(server.Close)
	c, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a closed client can be used
		if _, err := c.List(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		c.Close()
		for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateClosed} {
			select {
			case got := <-states:
				if got != want {
					t.Fatalf("the connection is %s, want %s", got, want)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("the connection never is %s", want)
			}
		}
	}
}

package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func TestAccProvider_refused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		argument, expression string
		words                []string
	}{
		"plain http":        {"base_url", `"http://klaviyo.example.com"`, []string{"Base URL Not Allowed", "base_url =", "would show the API key", "use https"}},
		"no URL":            {"base_url", `"klaviyo"`, []string{"Base URL Not Allowed", "https://host"}},
		"URL with password": {"base_url", `"https://me:secret@a.klaviyo.com"`, []string{"Base URL Not Allowed", "user name"}},
		"public key":        {"api_key", `"MainAc"`, []string{"API Key Not Usable", "api_key =", "this is a public API key"}},
		"empty key":         {"api_key", `""`, []string{"API Key Not Usable", "is empty"}},
		"no duration":       {"request_timeout", `"90"`, []string{"Not A Duration", `"90"`, `such as "90s"`}},
		"negative duration": {"request_timeout", `"-1s"`, []string{"Not A Duration"}},
		"long retries":      {"retry_timeout", `"61m"`, []string{"Retry Timeout Not Allowed", "retry_timeout =", `to "1h"`, `it is "61m"`}},
		"negative retries":  {"retry_timeout", `"-1s"`, []string{"Retry Timeout Not Allowed", `from "0s"`}},
		"retries, a number": {"retry_timeout", `"8"`, []string{"Retry Timeout Not Allowed", `such as "5m"`}},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		plans.add(name, w, w.connection().with(providerBlock, test.argument, test.expression), test.words, w.wantNoRequest)
	}
	plans.run(t)
}

// A redirect to elsewhere would take the key along.
func TestAccProvider_redirectRefused(t *testing.T) {
	t.Parallel()
	w, elsewhere := newEnv(t), newEnv(t)
	w.Inject(simulator.Fault{RedirectTo: elsewhere.URL + "/api/accounts", Times: -1})
	w.run(refused(w.connection(), "refused to follow a redirect"))
	elsewhere.wantNoRequest()
}

// The environment stands in for every argument.
func TestAccProvider_environment(t *testing.T) {
	w := newEnv(t)
	config := w.connection().without(providerBlock, "api_key").without(providerBlock, "base_url")
	t.Setenv(envAPIKey, mainKey)
	t.Setenv(envBaseURL, w.URL)
	t.Setenv(envRetryTimeout, "0s")
	t.Setenv(envRequestTimeout, "200ms")
	busy := refused(config, "Klaviyo Fails", "get_accounts: 503")
	busy.PreConfig = func() { w.Inject(simulator.Fault{Status: http.StatusServiceUnavailable}) }
	slow := refused(config, "Klaviyo Cannot Be Reached", "no complete answer within 200ms")
	slow.PreConfig = func() { w.Inject(simulator.Fault{Delay: time.Minute}) }
	w.run(busy, slow, applied(config, inState(connectionAddress, values{"id": "MainAc"})))
}

// Arguments win over the environment, which is not even looked at.
func TestAccProvider_argumentsWin(t *testing.T) {
	w := newEnv(t)
	t.Setenv(envAPIKey, "MainAc")
	t.Setenv(envBaseURL, "http://klaviyo.example.com")
	t.Setenv(envRetryTimeout, "many")
	t.Setenv(envRequestTimeout, "soon")
	w.run(applied(w.connection().with(providerBlock, "retry_timeout", `"1s"`).with(providerBlock, "request_timeout", `"10s"`)))
}

func TestAccProvider_environmentRefused(t *testing.T) {
	tests := map[string]struct {
		variable, value string
		words           []string
	}{
		"public key":   {envAPIKey, "MainAc", []string{"API Key Not Usable", "from the environment variable KLAVIYO_API_KEY", "this is a public API key"}},
		"unknown key":  {envAPIKey, "pk_nobody", []string{"API Key Refused", "The key came from the environment variable KLAVIYO_API_KEY"}},
		"plain http":   {envBaseURL, "http://klaviyo.example.com", []string{"Base URL Not Allowed", "environment variable KLAVIYO_BASE_URL", "use https"}},
		"retries":      {envRetryTimeout, "61m", []string{"Retry Timeout Not Allowed", "KLAVIYO_RETRY_TIMEOUT", `it is "61m"`}},
		"no number":    {envRetryTimeout, "many", []string{"Retry Timeout Not Allowed", `it is "many"`}},
		"no duration":  {envRequestTimeout, "soon", []string{"Request Timeout Not A Duration", "KLAVIYO_REQUEST_TIMEOUT", `it is "soon"`}},
		"no time left": {envRequestTimeout, "0s", []string{"Request Timeout Not A Duration"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			config := w.connection().without(providerBlock, "api_key").without(providerBlock, "base_url")
			t.Setenv(envAPIKey, mainKey)
			t.Setenv(envBaseURL, w.URL)
			t.Setenv(test.variable, test.value)
			w.run(refused(config, test.words...))
			w.wantImports(0)
		})
	}
}

// What needs no Klaviyo needs no key: the provider and an export that is
// switched off.
func TestAccProvider_noKeyNeeded(t *testing.T) {
	t.Setenv(envAPIKey, "")
	w := newEnv(t)
	config := w.export(threeCSV).
		without(providerBlock, "api_key").
		with(dataBlock, "input", `"nothing of Klaviyo's"`).
		with(exportBlock, "destination", literalDestination("MainAc")).
		with(exportBlock, "enabled", "false")
	delete(config, connectionBlock)
	w.run(applied(config))
	w.wantNoRequest()
}

// A base URL may hold a password, so no error repeats it.
func TestProvider_baseURLNotShown(t *testing.T) {
	t.Setenv(envBaseURL, "https://user:s3cret@klaviyo.example.com")
	resp, err := NewServer("test")().ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
		Config: dynamic(t, protocolSchema(t).Provider.ValueType(), values{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := errorsOf(resp.Diagnostics); !says("Base URL Not Allowed", envBaseURL, "neither user name").MatchString(got) || strings.Contains(got, "s3cret") {
		t.Errorf("it says %q", got)
	}
}

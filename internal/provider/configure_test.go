package provider

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// configureAgain configures the provider with other arguments and returns the
// errors.
func (c *core) configureAgain(config values) string {
	c.t.Helper()
	schema, err := c.server.GetProviderSchema(c.t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.server.ConfigureProvider(c.t.Context(), &tfprotov6.ConfigureProviderRequest{Config: dynamic(c.t, schema.Provider.ValueType(), config)})
	if err != nil {
		c.t.Fatal(err)
	}
	return errorsOf(resp.Diagnostics)
}

// The connections of a configuration go with it, and so do the goroutines that
// serve them.
func TestConfigure_closesConnectionsOfTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	target, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan http.ConnState, 100)
	proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	proxy.Config.ConnState = func(_ net.Conn, state http.ConnState) { states <- state }
	proxy.Start()
	t.Cleanup(proxy.Close)
	w.URL = proxy.URL

	c := newCore(w, mainKey)
	for range 3 {
		_, diags := c.importBy(listKind, w.list.ID, nil)
		c.check(diags)
		if errs := c.configureAgain(values{"api_key": mainKey, "base_url": proxy.URL}); errs != "" {
			t.Fatal(errs)
		}
		opened := 0
		for closed := 0; closed == 0 || closed < opened; {
			select {
			case state := <-states:
				switch state {
				case http.StateNew:
					opened++
				case http.StateClosed:
					closed++
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("of %d connections %d were closed", opened, closed)
			}
		}
	}
}

// What is wrong with a URL is said without the URL, which may hold a password.
func TestConfigure_baseURLIsNotShown(t *testing.T) { //nolint:paralleltest // it sets the environment in a loop, where the linter does not look
	const secret = "s3cret"
	for _, bad := range []string{
		"http://user:s3cret@klaviyo.example.com", "https://user:s3cret@klaviyo.example.com/x", "https://s3cret@klaviyo.example.com",
		"https://user:s3cret@", "user:s3cret@klaviyo.example.com", "https://user:s3cret%zz@klaviyo.example.com", "https://[s3cret",
		"https://klaviyo.example.com/?key=s3cret", "https://klaviyo.example.com/#s3cret", "http://klaviyo.example.com/s3cret", "ftp://klaviyo.example.com/s3cret",
		"https://klaviyo.example.com/s3cret\x7f",
	} {
		c := newCore(newEnv(t), mainKey)
		errs := c.configureAgain(values{"base_url": bad})
		t.Setenv(envBaseURL, bad)
		errs += c.configureAgain(nil)
		if strings.Count(errs, "Base URL Not Allowed") != 2 || strings.Contains(errs, secret) || strings.Contains(errs, "user:") {
			t.Errorf("%q is refused with %q", bad, errs)
		}
	}
}

// A caller that waits for another one's request for the account can still be
// cancelled.
func TestOwnAccount_endsWaitingWithTheContext(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	asked, release := make(chan struct{}), make(chan struct{})
	w.OnRequest(func(*http.Request) {
		close(asked)
		<-release
	})
	d := &providerData{apiKey: types.StringValue(mainKey), options: klaviyo.Options{BaseURL: w.URL}}
	first, second := make(chan string, 1), make(chan string, 1)
	go func() { first <- d.account.find(t.Context(), d).String() }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go func() { second <- d.account.find(ctx, d).String() }()
	select {
	case got := <-second:
		if got != "<null>" {
			t.Errorf("the account is %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("a caller whose context has ended still waits for another's request")
	}
	close(release)
	if got := <-first; got != `"MainAc"` {
		t.Errorf("the account is %s", got)
	}
}

package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/sqlservertest"
)

// waits is a clock that only records.
type waits struct {
	total time.Duration
	count int
	then  func()
}

func (w *waits) Now() time.Time { return time.Time{}.Add(w.total) }

func (w *waits) Wait(ctx context.Context, d time.Duration, _ <-chan struct{}) error {
	w.total += d
	w.count++
	if w.then != nil {
		w.then()
	}
	return ctx.Err()
}

const oneQuery = "SELECT 1 AS n"

func answering(t *testing.T) *sqlservertest.Server {
	t.Helper()
	server := sqlservertest.Start(t)
	server.Answer(oneQuery, sqlservertest.Result{Columns: []sqlservertest.Column{{Name: "n", Type: "int"}}, Rows: sqlservertest.Rows([]any{1})})
	return server
}

// readOne reads one value.
func readOne(ctx context.Context, address string, clock *waits, options policy.ClientOptions) (string, error) {
	s, err := newSQLServer(ctx, address, clock, options)
	if err != nil {
		return "", err
	}
	defer s.close()
	cursor, err := s.query(ctx, oneQuery, nil, func([]columnInfo) error { return nil })
	if err != nil {
		return "", err
	}
	if err := cursor.next(); err != nil {
		return "", err
	}
	value, err := cursor.append(nil, 0)
	return string(value), err
}

// What is refused only because the server is busy is repeated, on a new connection.
func TestSQLServer_busy(t *testing.T) {
	t.Parallel()
	for _, number := range []int32{40613, 49918, 10928} {
		busy := sqlservertest.Error{Number: number, State: 1, Class: 20, Message: "Try again later."}
		for name, refuse := range map[string]func(*sqlservertest.Server, int){
			"login":   func(s *sqlservertest.Server, n int) { s.RefuseLogins(n, busy) },
			"request": func(s *sqlservertest.Server, n int) { s.RefuseRequests(n, busy) },
		} {
			t.Run(fmt.Sprint(name, number), func(t *testing.T) {
				t.Parallel()
				server, clock := answering(t), &waits{}
				refuse(server, 3)
				if value, err := readOne(t.Context(), server.URL(), clock, policy.ClientOptions{}); value != "1" || err != nil {
					t.Errorf("%q, %v", value, err)
				}
				if clock.count != 3 || clock.total < 7*time.Second {
					t.Errorf("%d waits, %s in all", clock.count, clock.total)
				}
				clock = &waits{}
				refuse(server, 1000)
				_, err := readOne(t.Context(), server.URL(), clock, policy.ClientOptions{})
				var e *segment.Error
				if !errors.As(err, &e) || e.Argument[0] != "url" || !strings.Contains(e.Error(), fmt.Sprintf("was busy or not available for 2m0s: Try again later (error %d, state 1).", number)) {
					t.Errorf("error %v", err)
				}
				if clock.total < maxBusy || clock.total > maxBusy+2*lastBusyDelay {
					t.Errorf("it waited for %s", clock.total)
				}
			})
		}
	}
}

// A request that the server refuses once the session has begun is repeated too, and
// Ctrl-C ends the wait.
func TestSQLServer_busyLater(t *testing.T) {
	t.Parallel()
	server, clock := answering(t), &waits{}
	s, err := newSQLServer(t.Context(), server.URL(), clock, policy.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	server.RefuseRequests(2, sqlservertest.Error{Number: 10928, State: 1, Class: 16, Message: "Busy."})
	cursor, err := s.query(t.Context(), oneQuery, nil, func([]columnInfo) error { return nil })
	if err != nil || cursor.next() != nil {
		t.Fatal(err)
	}
	if n := len(server.Logins()); n != 3 || clock.count != 2 {
		t.Errorf("%d logins, %d waits", n, clock.count)
	}
	later, err := newSQLServer(t.Context(), server.URL(), &waits{}, policy.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer later.close()
	server.RefuseRequests(1000, sqlservertest.Error{Number: 10928, State: 1, Class: 16, Message: "Busy."})
	if _, err := later.query(t.Context(), oneQuery, nil, nil); err == nil || !strings.Contains(err.Error(), "not available for 2m0s: Busy (error 10928") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	server.RefuseLogins(1000, sqlservertest.Error{Number: 40613, State: 1, Class: 14, Message: "Not available."})
	clock = &waits{then: cancel}
	if _, err := newSQLServer(ctx, server.URL(), clock, policy.ClientOptions{}); err == nil || clock.count != 1 {
		t.Errorf("error %v after %d waits", err, clock.count)
	}
}

const (
	tenant       = "11111111-2222-3333-4444-555555555555"
	client       = "66666666-7777-8888-9999-000000000000"
	clientSecret = "Hu5h~secret"
	entraGave    = "eyJ.token-of-entra.sig"
)

// entraAuthority is an authority that gives one token for databases to one client.
func entraAuthority(t *testing.T) (address string, options policy.ClientOptions) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + r.Host + "/" + r.PathValue("tenant")
		fmt.Fprintf(w, `{"token_endpoint": %q, "authorization_endpoint": %q, "issuer": %q}`, base+"/oauth2/v2.0/token", base+"/oauth2/v2.0/authorize", base+"/v2.0")
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		refuse := func(code int, text string) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "AADSTS%d: %s Trace ID: 0", "error_codes": [%d]}`, code, text, code)
		}
		switch {
		case r.PathValue("tenant") != tenant:
			refuse(90002, "Tenant not found. Check it.")
		case r.FormValue("client_id") != client || r.FormValue("client_secret") != clientSecret:
			refuse(7000215, "Invalid client secret provided. Ensure it.")
		case !strings.Contains(r.FormValue("scope"), "https://database.windows.net/.default"):
			refuse(500011, "The resource principal named "+r.FormValue("scope")+" was not found. Check it.")
		default:
			fmt.Fprintf(w, `{"token_type": "Bearer", "expires_in": 3600, "access_token": %q}`, entraGave)
		}
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, policy.ClientOptions{Transport: &http.Client{Transport: transport}}
}

// Signing in to Microsoft Entra ID: the way, the credentials, and whose tenant.
func TestSQLServer_entra(t *testing.T) {
	authority, options := entraAuthority(t)
	t.Setenv("AZURE_AUTHORITY_HOST", authority)
	server := answering(t)
	server.AcceptToken(entraGave, "https://login.example/"+tenant)
	stranger := answering(t)
	stranger.AcceptToken("another", "https://login.example/"+tenant)
	without := answering(t)
	without.AcceptToken(entraGave, "https://login.example/"+tenant)
	without.ClaimResource("https://management.azure.com/")
	service := url.UserPassword(client, clientSecret)
	all := map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": client, "AZURE_CLIENT_SECRET": clientSecret}
	for name, c := range map[string]struct {
		address string
		env     map[string]string
		words   []string // of the error; none: it works
	}{
		"default":                  {server.URLOf(nil), all, nil},
		"default, written":         {server.URLOf(nil, "fedauth=ActiveDirectoryDefault"), all, nil},
		"environment":              {server.URLOf(nil, "fedauth=ActiveDirectoryEnvironment"), all, nil},
		"service principal":        {server.URLOf(service, "fedauth=ActiveDirectoryServicePrincipal"), nil, nil},
		"with a tenant":            {server.URLOf(url.UserPassword(client+"@"+tenant, clientSecret), "fedauth=activedirectoryapplication"), nil, nil},
		"secret from environment":  {server.URLOf(url.User(client), "fedauth=ActiveDirectoryServicePrincipal"), map[string]string{"AZURE_CLIENT_SECRET": clientSecret}, nil},
		"all from environment":     {server.URLOf(nil, "fedauth=ActiveDirectoryServicePrincipal"), all, nil},
		"token":                    {server.URLOf(url.UserPassword("", entraGave), "fedauth=ActiveDirectoryServicePrincipalAccessToken"), nil, nil},
		"another service is named": {without.URLOf(service, "fedauth=ActiveDirectoryServicePrincipal"), nil, nil},
		"wrong secret":             {server.URLOf(url.UserPassword(client, "Hu5h-wrong"), "fedauth=ActiveDirectoryServicePrincipal"), nil, []string{"AADSTS7000215: Invalid client secret provided. Use the value"}},
		"no secret":                {server.URLOf(url.User(client), "fedauth=ActiveDirectoryServicePrincipal"), nil, []string{"no client secret for the application", "AZURE_CLIENT_SECRET"}},
		"wrong tenant":             {server.URLOf(url.UserPassword(client+"@elsewhere.example", clientSecret), "fedauth=ActiveDirectoryServicePrincipal"), nil, []string{"AADSTS90002"}},
		"nothing":                  {server.URLOf(nil, "fedauth=ActiveDirectoryEnvironment"), nil, []string{"There are no credentials to sign in to Microsoft Entra ID with", "az login"}},
		"unknown to the database":  {stranger.URLOf(service, "fedauth=ActiveDirectoryServicePrincipal"), nil, []string{`refuses the identity of Microsoft Entra ID on database "crm"`, "FROM EXTERNAL PROVIDER", "error 18456"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"} {
				t.Setenv(variable, c.env[variable])
			}
			value, err := readOne(t.Context(), c.address, &waits{}, options)
			if c.words == nil {
				if value != "1" || err != nil {
					t.Errorf("%q, %v", value, err)
				}
				return
			}
			var e *segment.Error
			if !errors.As(err, &e) || e.Argument[0] != "url" {
				t.Fatalf("error %v", err)
			}
			for _, word := range c.words {
				if !strings.Contains(e.Error(), word) {
					t.Errorf("%q does not say %q", e, word)
				}
			}
			if strings.Contains(e.Error(), "Hu5h") || strings.Contains(e.Error(), entraGave) {
				t.Errorf("%q says too much", e)
			}
		})
	}
}

// A managed identity, with the endpoint that Azure App Service has.
func TestSQLServer_managedIdentity(t *testing.T) {
	server := answering(t)
	server.AcceptToken(entraGave, "https://login.example/"+tenant)
	var silent atomic.Bool
	asked := make(chan struct{}, 1)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if silent.Load() {
			asked <- struct{}{}
			<-r.Context().Done()
			return
		}
		if r.Header.Get("X-Identity-Header") != "header" || r.FormValue("resource") != "https://database.windows.net" || r.FormValue("client_id") != client {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"access_token": %q, "expires_on": "%d", "resource": "https://database.windows.net", "token_type": "Bearer"}`, entraGave, time.Now().Add(time.Hour).Unix())
	}))
	t.Cleanup(endpoint.Close)
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "header")
	for _, way := range []string{"ActiveDirectoryManagedIdentity", "ActiveDirectoryMSI"} {
		if value, err := readOne(t.Context(), server.URLOf(url.User(client), "fedauth="+way), &waits{}, policy.ClientOptions{}); value != "1" || err != nil {
			t.Errorf("%s: %q, %v", way, value, err)
		}
	}
	t.Setenv("AZURE_CLIENT_ID", client)
	if value, err := readOne(t.Context(), server.URLOf(nil, "fedauth=ActiveDirectoryManagedIdentity"), &waits{}, policy.ClientOptions{}); value != "1" || err != nil {
		t.Errorf("%q, %v", value, err)
	}
	// Ctrl-C does not wait for Entra ID.
	silent.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	source := Source{URL: server.URLOf(url.User("an-identity-without-a-token-yet"), "fedauth=ActiveDirectoryManagedIdentity"), Query: oneQuery}
	if _, err := source.Open(ctx, []string{"n"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

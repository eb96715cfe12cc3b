package dataverse_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

// environment is a Dataverse of its own for one test, and the credential to
// sign in with.
type environment struct {
	*simulator.Server
	t          *testing.T
	network    http.RoundTripper
	credential azcore.TokenCredential
	lifetime   time.Duration // of new tokens
	maxKeptIDs int           // members above which all profiles are read
	signInErr  error

	mu     sync.Mutex
	tokens int
	scopes []string
}

func newEnvironment(t *testing.T, columns ...string) *environment {
	t.Helper()
	server, network := simulator.StartInMemory(columns...)
	e := &environment{Server: server, t: t, network: network, lifetime: time.Hour}
	e.credential = e
	t.Cleanup(e.close)
	return e
}

func (e *environment) close() {
	if pool, ok := e.network.(*http.Transport); ok {
		pool.CloseIdleConnections()
	}
	e.Close()
}

// GetToken implements azcore.TokenCredential.
func (e *environment) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tokens++
	e.scopes = append(e.scopes, o.Scopes...)
	if e.signInErr != nil {
		return azcore.AccessToken{}, e.signInErr
	}
	return azcore.AccessToken{Token: e.Token(e.lifetime), ExpiresOn: time.Now().Add(e.lifetime)}, ctx.Err()
}

func (e *environment) source(name string) dataverse.Source {
	return dataverse.Source{EnvironmentURL: e.URL, Segment: name}.With(e.credential, e.network, e.maxKeptIDs)
}

// read reads a whole segment.
func (e *environment) read(name string, columns ...string) ([][]string, error) {
	e.t.Helper()
	rows, err := e.source(name).Open(e.t.Context(), columns)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := rows.Close(); err != nil {
			e.t.Errorf("closing: %v", err)
		}
	}()
	return segmenttest.ReadAll(rows)
}

// mustRead reads a segment that can be read, and joins its values.
func (e *environment) mustRead(name string, columns ...string) []string {
	e.t.Helper()
	rows, err := e.read(name, columns...)
	if err != nil {
		e.t.Fatal(err)
	}
	out := []string{}
	for _, row := range rows {
		out = append(out, strings.Join(row, "|"))
	}
	return out
}

// fill adds customers, every second one to a segment.
func (e *environment) fill(customers int, name string) (emails []string) {
	for i := range customers {
		email := fmt.Sprintf("p%05d@example.com", i)
		profile := simulator.Profile{"email": email}
		if i%2 == 0 {
			e.Add(fmt.Sprintf("%032x", i), profile, "Everybody", name)
			emails = append(emails, `"`+email+`"`)
		} else {
			e.Add(fmt.Sprintf("%032x", i), profile, "Everybody")
		}
	}
	return emails
}

// countRequests counts the requests whose address contains a text.
func (e *environment) countRequests(text string) (n int) {
	for _, r := range e.Requests() {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// wantBlame checks that an error blames an argument and contains words.
func wantBlame(t *testing.T, err error, argument string, words ...string) {
	t.Helper()
	var e *segment.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T)", err, err)
	}
	if len(e.Argument) != 2 || e.Argument[0] != "dataverse" || e.Argument[1] != argument {
		t.Errorf("blames %q, want %q", e.Argument, argument)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("error %q does not say %q", e, w)
		}
	}
}

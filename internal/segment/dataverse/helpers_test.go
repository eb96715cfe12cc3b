package dataverse_test

import (
	"context"
	"errors"
	"fmt"
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

// environment is a Dataverse of its own for one test, and a way to sign in.
type environment struct {
	*simulator.Server
	t      *testing.T
	holds  time.Duration // of new tokens
	scan   int           // members above which all profiles are read
	failed error         // signing in

	mu     sync.Mutex
	tokens int
	scopes []string
	slept  []time.Duration
}

func newEnvironment(t *testing.T, columns ...string) *environment {
	t.Helper()
	e := &environment{Server: simulator.Start(columns...), t: t, holds: time.Hour}
	t.Cleanup(e.Close)
	return e
}

// GetToken implements azcore.TokenCredential.
func (e *environment) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tokens++
	e.scopes = append(e.scopes, o.Scopes...)
	if e.failed != nil {
		return azcore.AccessToken{}, e.failed
	}
	return azcore.AccessToken{Token: e.Token(e.holds), ExpiresOn: time.Now().Add(e.holds)}, ctx.Err()
}

// sleep takes note of waits instead of waiting.
func (e *environment) sleep(ctx context.Context, d time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slept = append(e.slept, d)
	return ctx.Err()
}

func (e *environment) source(name string) dataverse.Source {
	return dataverse.Source{EnvironmentURL: e.URL, Segment: name}.With(e, e.sleep, e.scan)
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

// fill adds customers, of whom every second one is in a segment.
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

// asked counts the requests whose address holds a text.
func (e *environment) asked(text string) (n int) {
	for _, r := range e.Requests() {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// wantBlame checks that an error blames an argument and holds words.
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

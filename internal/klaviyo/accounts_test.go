package klaviyo_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

const accountBody = `{"data":[{"type":"account","id":"AbC123","attributes":{"test_account":true,"timezone":"Europe/Madrid","locale":"es-ES",
	"preferred_currency":"EUR","contact_information":{"organization_name":"Acme"}}}],"links":{"next":null}}`

func TestAccountIsAskedForOnce(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, problem(401, "not_authenticated", "No.", ""), answer(200, accountBody))
	if _, err := a.Account(t.Context()); !klaviyo.IsUnauthorized(err) {
		t.Fatalf("error %v", err)
	}
	want := klaviyo.Account{
		ID: "AbC123", OrganizationName: "Acme", TestAccount: true, Timezone: "Europe/Madrid", Locale: "es-ES", PreferredCurrency: "EUR",
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			if got, err := a.Account(t.Context()); err != nil || got != want {
				t.Errorf("account %+v, %v", got, err)
			}
		})
	}
	callers.Wait()
	if got := len(a.received()); got != 2 {
		t.Errorf("%d requests: an error must be forgotten, an account kept", got)
	}
}

func TestAccountOfNobody(t *testing.T) {
	t.Parallel()
	_, err := serve(t, klaviyo.Options{}, answer(200, `{"data":[]}`)).Account(t.Context())
	if err == nil || err.Error() != "get_accounts: the answer names no account" {
		t.Errorf("error %v", err)
	}
}

// Whoever waits for another caller's request can still give up.
func TestAccountEndsWaitingWithTheContext(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		answer(200, accountBody)(w, r)
	})
	var callers sync.WaitGroup
	callers.Go(func() { _, _ = a.Account(t.Context()) })
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan error, 1)
	callers.Go(func() {
		_, err := a.Account(ctx)
		ended <- err
	})
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("a caller whose context has ended still waits for another's request")
	}
	close(release)
	callers.Wait()
}

package dataverse

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// slowCredential gives a token when the test lets it.
type slowCredential struct {
	asked   chan struct{}
	release chan struct{}
}

// GetToken implements azcore.TokenCredential.
func (c slowCredential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.asked <- struct{}{}
	<-c.release
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, ctx.Err()
}

// While one caller signs in, those who wait for it give up when their own
// contexts end.
func TestTokensWaitNoLongerThanTheCaller(t *testing.T) {
	t.Parallel()
	credential := slowCredential{make(chan struct{}, 1), make(chan struct{})}
	tokens := newTokens("scope", func() (azcore.TokenCredential, error) { return credential, nil })
	first := make(chan error, 1)
	go func() {
		_, err := tokens.get(t.Context())
		first <- err
	}()
	<-credential.asked // the first caller is signing in, and stays at it
	given, cancel := context.WithCancel(t.Context())
	cancel()
	others := make(chan error, 1)
	go func() {
		tokens.forget(given, "token")
		_, err := tokens.get(given)
		others <- err
	}()
	select {
	case err := <-others:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a caller whose context has ended waits for another one to sign in")
	}
	close(credential.release)
	if err := <-first; err != nil {
		t.Errorf("the first caller: %v", err)
	}
	if token, err := tokens.get(t.Context()); token != "token" || err != nil {
		t.Errorf("token %q, %v", token, err)
	}
	if len(credential.asked) != 0 {
		t.Error("a token that is still good was asked for again")
	}
}

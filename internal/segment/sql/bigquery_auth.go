package sql

import (
	"context"
	"errors"
	"net"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// googleTokens are access tokens by Google's application default credentials:
// https://docs.cloud.google.com/docs/authentication/application-default-credentials
type googleTokens struct{ source oauth2.TokenSource }

// googleScope covers running a job, and impersonating a service account that may.
const googleScope = "https://www.googleapis.com/auth/cloud-platform"

// token returns a token that is valid. fresh asks for another one than before. Code
// that looks for credentials may ignore its context, so it may be abandoned.
func (g *googleTokens) token(ctx context.Context, fresh bool) (string, error) {
	type result struct {
		source oauth2.TokenSource
		token  *oauth2.Token
		err    error
	}
	source := g.source
	if fresh {
		source = nil
	}
	done := make(chan result, 1)
	go func() {
		if source == nil {
			// Tokens are fetched when they are needed, which may be after this context.
			tokenCtx := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Timeout: connectTimeout})
			credentials, err := google.FindDefaultCredentials(tokenCtx, googleScope)
			if err != nil {
				done <- result{err: err}
				return
			}
			source = credentials.TokenSource
		}
		token, err := source.Token()
		done <- result{source, token, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		if r.err != nil {
			return "", googleTokenError(r.err)
		}
		g.source = r.source
		return r.token.AccessToken, nil
	}
}

// googleTokenError explains why there is no token. The cause is left out: it quotes
// files and answers.
func googleTokenError(err error) error {
	var answer *oauth2.RetrieveError
	var network net.Error
	switch {
	case errors.As(err, &answer) && answer.Response != nil && isBusy(answer.Response.StatusCode):
		return &restError{status: answer.Response.StatusCode, header: answer.Response.Header} // so that it is asked again
	case errors.As(err, &answer):
		return argumentError("url", googleCredentials, "Google refuses the credentials.")
	case errors.As(err, &network):
		return argumentError("url", "Check the network.", "Google's token server cannot be reached.")
	default:
		return argumentError("url", googleCredentials, "There are no usable credentials for BigQuery.")
	}
}

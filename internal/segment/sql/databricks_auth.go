package sql

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// databricksTokens are access tokens of a service principal.
// https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
type databricksTokens struct {
	config *databricksConfig
	client *restClient

	mu      sync.Mutex
	token   string
	expires time.Time
}

// token returns what authorizes requests: a token that is known, or tokens that are
// fetched when they are needed.
func (s *databricksSession) token() func(ctx context.Context, fresh bool) (string, error) {
	if s.config.token != "" {
		return func(context.Context, bool) (string, error) { return s.config.token, nil }
	}
	tokens := &databricksTokens{config: s.config, client: newRESTClient(nil)}
	return tokens.get
}

// get returns a token that is valid for a while. fresh asks for another one than
// before.
func (t *databricksTokens) get(ctx context.Context, fresh bool) (string, error) {
	const reserve = time.Minute
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && !fresh && t.client.clock.Now().Add(reserve).Before(t.expires) {
		return t.token, nil
	}
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	credentials := &http.Request{Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	credentials.SetBasicAuth(url.QueryEscape(t.config.clientID), url.QueryEscape(t.config.clientSecret))
	err := t.client.call(ctx, restRequest{
		method: http.MethodPost, url: t.config.endpoint.JoinPath("oidc", "v1", "token").String(), header: credentials.Header, repeatable: true,
		body: []byte("grant_type=client_credentials&scope=all-apis"),
	}, nil, &answer)
	var refused *restError
	switch {
	case errors.As(err, &refused):
		return "", t.refused(refused)
	case err != nil:
		return "", err
	case answer.Token == "":
		return "", argumentError("url", databricksExample, "The server at %s gives no token.", t.config.endpoint.Host)
	}
	t.token, t.expires = answer.Token, t.client.clock.Now().Add(time.Duration(answer.Seconds)*time.Second)
	return t.token, nil
}

func (t *databricksTokens) refused(refused *restError) *segment.Error {
	if refused.status >= http.StatusInternalServerError {
		return argumentError("url", "Plan again later.", "Databricks at %s gives no token: it answers %d.", t.config.endpoint.Host, refused.status)
	}
	return argumentError("url", "Check the client id and that the secret is one of OAuth, which has not expired, and that the service principal belongs to the workspace.",
		"Databricks at %s refuses %s.", t.config.endpoint.Host, t.config.origin)
}

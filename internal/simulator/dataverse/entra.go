package dataverse

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"time"
)

// Token issues a token without the authority.
func (s *Server) Token(lifetime time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := "tok_" + rand.Text()
	s.tokens[token] = time.Now().Add(lifetime)
	return token
}

// Revoke makes all tokens invalid.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// discover answers with the addresses of the authority.
func (s *Server) discover(w http.ResponseWriter, r *http.Request) {
	authority := "https://" + r.Host + "/" + r.PathValue("tenant")
	write(w, http.StatusOK, map[string]any{
		"token_endpoint":         authority + "/oauth2/v2.0/token",
		"authorization_endpoint": authority + "/oauth2/v2.0/authorize",
		"issuer":                 authority + "/v2.0",
	})
}

// token answers a request of the client credentials flow.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code int, text string) {
		write(w, http.StatusUnauthorized, map[string]any{
			"error":             "invalid_client",
			"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: 5a6e1f00-aaaa-bbbb-cccc-0123456789ab Correlation ID: 0 Timestamp: 2026-11-24 10:00:00Z", code, text),
			"error_codes":       []int{code},
		})
	}
	switch {
	case r.PathValue("tenant") != Tenant:
		refuse(90002, fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID.", r.PathValue("tenant")))
	case r.FormValue("client_id") != Client:
		refuse(700016, fmt.Sprintf("Application with identifier '%s' was not found in the directory 'Contoso'.", r.FormValue("client_id")))
	case r.FormValue("client_secret") == "expired":
		refuse(7000222, "The provided client secret keys for app '"+Client+"' are expired. Visit the Azure portal to create new keys for your app.")
	case r.FormValue("client_secret") != ClientSecret:
		refuse(7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '"+Client+"'.")
	case r.FormValue("grant_type") != "client_credentials" || !hasScope(r.FormValue("scope"), s.URL+"/.default"):
		refuse(500011, fmt.Sprintf("The resource principal named %s was not found in the tenant named Contoso.", r.FormValue("scope")))
	default:
		s.mu.Lock()
		lifetime := s.TokenLifetime
		s.mu.Unlock()
		write(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": int(lifetime.Seconds()), "access_token": s.Token(lifetime)})
	}
}

package simulator

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Revision is the one revision of the API that is simulated.
const Revision = "2026-07-15"

// AllScopes are the scopes the simulated operations ask for.
var AllScopes = []string{
	"accounts:read", "flows:read", "lists:read", "lists:write", "profiles:read", "profiles:write", "subscriptions:write",
}

type apiKey struct {
	account *account
	scopes  []string
}

// AddKey makes a private key of the default account valid. Without scopes it
// has all of AllScopes.
func (s *Server) AddKey(key string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addKey(s.accounts[0], key, scopes)
}

// AddKeyFor makes a private key of another account valid. It panics when there
// is no such account.
func (s *Server) AddKeyFor(accountID, key string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(accountID)
	if a == nil {
		panic("simulator: no account " + accountID)
	}
	s.addKey(a, key, scopes)
}

func (s *Server) addKey(a *account, key string, scopes []string) {
	if len(scopes) == 0 {
		scopes = AllScopes
	}
	s.keys[key] = &apiKey{account: a, scopes: slices.Clone(scopes)}
}

// RevokeKey makes a key invalid from the next request on.
func (s *Server) RevokeKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key)
}

// lookup returns the key of a request, nil if it is missing or invalid.
func (x *exchange) lookup() *apiKey {
	key, ok := strings.CutPrefix(x.request.Header.Get("Authorization"), "Klaviyo-API-Key ")
	if !ok {
		return nil
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	return x.server.keys[strings.TrimSpace(key)]
}

func (x *exchange) authenticate() *response {
	header := x.request.Header.Get("Authorization")
	if header == "" {
		return refusal(newProblem(http.StatusUnauthorized, "not_authenticated",
			"Authentication credentials were not provided.", "Missing or invalid authorization header."))
	}
	key := x.lookup()
	if key == nil {
		return refusal(newProblem(http.StatusUnauthorized, "authentication_failed",
			"Incorrect authentication credentials.", "Missing or invalid private key."))
	}
	x.account = key.account
	return nil
}

func (x *exchange) checkScopes() *response {
	key := x.lookup()
	var missing []string
	for _, scope := range append(slices.Clone(x.operation.scopes), x.includedScopes()...) {
		if key == nil || !slices.Contains(key.scopes, scope) {
			missing = append(missing, scope)
		}
	}
	if missing == nil {
		return nil
	}
	return refusal(newProblem(http.StatusForbidden, "permission_denied",
		"You do not have permission to perform this action.",
		"The API key is missing required scopes: "+strings.Join(missing, ", ")))
}

// includedScopes are the scopes for what else is to be in the answer.
func (x *exchange) includedScopes() []string {
	if slices.Contains(strings.Split(x.request.URL.Query().Get("include"), ","), "flow-triggers") {
		return []string{"flows:read"}
	}
	return nil
}

func (x *exchange) checkRevision() *response {
	switch revision := x.request.Header.Get("revision"); revision {
	case Revision:
		return nil
	case "":
		return refusal(newProblem(http.StatusBadRequest, "invalid", "Invalid input.",
			"The 'revision' header is required."))
	default:
		return refusal(newProblem(http.StatusBadRequest, "invalid", "Invalid input.",
			fmt.Sprintf("The revision %q is not available.", revision)))
	}
}

func isJSON(value string) bool {
	media, _, err := mime.ParseMediaType(value)
	return err == nil && (media == mediaType || media == "application/json")
}

func (x *exchange) checkAccept() *response {
	accept := strings.Join(x.request.Header.Values("Accept"), ",")
	if accept == "" {
		return nil
	}
	for _, choice := range strings.Split(accept, ",") {
		media, _, _ := mime.ParseMediaType(choice)
		if isJSON(choice) || media == "*/*" || media == "application/*" {
			return nil
		}
	}
	return refusal(newProblem(http.StatusNotAcceptable, "not_acceptable", "Not acceptable.",
		"Could not satisfy the request Accept header."))
}

func (x *exchange) checkContentType() *response {
	given := x.request.Header.Get("Content-Type")
	if !x.operation.body || isJSON(given) {
		return nil
	}
	return refusal(newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "Unsupported media type.",
		fmt.Sprintf("Unsupported media type %q in request.", given)))
}

func refusal(problems ...problem) *response {
	answer := refuse(problems...)
	return &answer
}

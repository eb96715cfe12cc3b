package snowflaketest

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

var isUUID = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ExpireTokens refuses each token that was used so far once more, as if it had expired.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.expired, s.seen)
}

// authorized checks the token, and answers if it is refused.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || token == "" {
		refuse(w, http.StatusUnauthorized, "390101", "Authorization header not found in the request data.")
		return false
	}
	s.mu.Lock()
	expired := s.expired[token]
	delete(s.expired, token)
	s.seen[token] = true
	s.mu.Unlock()

	kind := r.Header.Get("X-Snowflake-Authorization-Token-Type")
	if kind == "" { // the service looks at the token
		switch {
		case strings.Count(token, ".") == 2:
			kind = "KEYPAIR_JWT"
		case token == s.PAT:
			kind = "PROGRAMMATIC_ACCESS_TOKEN"
		default:
			kind = "OAUTH"
		}
	}
	const id = " [7fb87e37-2f26-4a10-9f9c-72276ea898bf]"
	switch {
	case kind == "KEYPAIR_JWT" && (expired || !s.signed(token)):
		refuse(w, http.StatusUnauthorized, "390144", "JWT token is invalid."+id)
	case kind == "OAUTH" && expired:
		refuse(w, http.StatusUnauthorized, "390318", "OAuth access token expired."+id)
	case kind == "OAUTH" && token != s.OAuthToken:
		refuse(w, http.StatusUnauthorized, "390303", "Invalid OAuth access token."+id)
	case kind == "PROGRAMMATIC_ACCESS_TOKEN" && (expired || token != s.PAT):
		refuse(w, http.StatusUnauthorized, "394400", "Programmatic access token is invalid."+id)
	case kind != "KEYPAIR_JWT" && kind != "OAUTH" && kind != "PROGRAMMATIC_ACCESS_TOKEN":
		refuse(w, http.StatusBadRequest, "391904", "Unsupported token type "+kind+".")
	default:
		return true
	}
	return false
}

// signed checks a JWT: the claims name the account, the user and the fingerprint
// of the key, and it is valid for one hour at most, whatever it says.
func (s *Server) signed(token string) bool {
	var claims struct {
		Iss, Sub string
		Iat, Exp float64
	}
	if !standin.TestKey().Verify(token, &claims) {
		return false
	}
	now := float64(time.Now().UnixNano()) / 1e9
	subject := s.Account + "." + s.User
	const clockSkew = 60
	return claims.Sub == subject && claims.Iss == subject+"."+standin.TestKey().Fingerprint &&
		claims.Iat <= now+clockSkew && now < claims.Exp && now < claims.Iat+time.Hour.Seconds()
}

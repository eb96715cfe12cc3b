package bigquerytest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

const badToken = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. " +
	"See https://developers.google.com/identity/sign-in/web/devconsole-project."

// Credentials is a service account's key file, whose token endpoint is the stand-in.
func (s *Server) Credentials() []byte {
	return mustMarshal(map[string]string{
		"type": "service_account", "project_id": s.Project, "private_key_id": "1", "private_key": standin.TestKey().PEM,
		"client_email": s.ClientEmail, "client_id": "100000000000000000001", "token_uri": s.URL + "/token",
	})
}

// UserCredentials is the file that gcloud writes for a user. Google's libraries
// know the token endpoint of such users and ask no other.
func (s *Server) UserCredentials() []byte {
	return mustMarshal(map[string]string{
		"type": "authorized_user", "client_id": "stand-in.apps.googleusercontent.com", "client_secret": "stand-in", "refresh_token": s.RefreshToken, "token_uri": s.URL + "/token",
	})
}

func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// token is the token endpoint.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		standin.JSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	scope := "https://www.googleapis.com/auth/cloud-platform"
	switch r.PostForm.Get("grant_type") {
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		var problem string
		if scope, problem = s.asserted(r.PostForm.Get("assertion")); problem != "" {
			standin.JSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": problem})
			return
		}
	case "refresh_token":
		if r.PostForm.Get("refresh_token") != s.RefreshToken || r.PostForm.Get("client_id") == "" || r.PostForm.Get("client_secret") == "" {
			standin.JSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
			return
		}
	default:
		standin.JSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	standin.JSON(w, http.StatusOK, map[string]any{"access_token": s.Mint(scope), "scope": scope, "token_type": "Bearer", "expires_in": 3600})
}

// asserted returns the scope that a service account's JWT asks for, or what is wrong with it.
func (s *Server) asserted(assertion string) (scope, problem string) {
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        float64
	}
	now := float64(time.Now().Unix())
	const clockSkew = 60
	switch {
	case !standin.TestKey().Verify(assertion, &claims):
		return "", "Invalid JWT Signature."
	case claims.Iss != s.ClientEmail:
		return "", "Invalid grant: account not found"
	case claims.Aud != s.URL+"/token":
		return "", "Invalid JWT: Failed audience check. The right audience is " + s.URL + "/token"
	case claims.Exp <= now-clockSkew || claims.Iat > now+clockSkew || claims.Exp > claims.Iat+time.Hour.Seconds():
		return "", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
	case claims.Scope == "":
		return "", "Invalid OAuth scope or ID token audience provided."
	}
	return claims.Scope, ""
}

// authorized checks the access token, and answers if it is refused.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request, scopes string) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	granted, valid := s.Scope(token)
	if !bearer || !valid {
		refuse(w, http.StatusUnauthorized, "authError", badToken)
		return false
	}
	for _, scope := range strings.Fields(granted) {
		for _, enough := range strings.Fields(scopes) {
			if scope == "https://www.googleapis.com/auth/"+enough {
				return true
			}
		}
	}
	refuse(w, http.StatusForbidden, "insufficientPermissions", "Request had insufficient authentication scopes.")
	return false
}

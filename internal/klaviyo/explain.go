package klaviyo

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// Explain says what err means to somebody who runs an export: a summary in
// title case and sentences with what happened and what to do. A cause is
// claimed only where the status proves it; Klaviyo's own words come with it.
func Explain(err error) (summary, detail string) {
	var api *APIError
	var transport *TransportError
	switch {
	case errors.As(err, &api):
		return api.explain(err)
	case errors.As(err, new(notUnderstood)):
		return "Klaviyo's Answer Is Not Understood", fmt.Sprintf("Klaviyo, or something in front of it, such as a proxy, gave an answer that does not belong to the request: %s. "+
			"Check the network between this machine and Klaviyo; if that is right, report this to the developers of the provider.%s", err, BaseURLHint(err))
	case errors.As(err, &transport):
		return explainUnreachable(err)
	default:
		return "Klaviyo Request Failed", fmt.Sprintf("The request could not be made: %s. Try again; if it fails again, report this to the developers of the provider.", redact.Text(err.Error()))
	}
}

// hintIfHTML is [BaseURLHint] for an answer that is not of Klaviyo's API.
func hintIfHTML(e *APIError, err error) string {
	if !e.IsHTML() {
		return ""
	}
	return BaseURLHint(err)
}

// waitInWords says how long Klaviyo wants to be left alone.
func (e *APIError) waitInWords() string {
	if e.RetryAfter < time.Second {
		return " Try again later."
	}
	return fmt.Sprintf(" Klaviyo asks to wait for %s.", inWords(e.RetryAfter))
}

// scopesInWords is "the scope lists:read" or "the scopes lists:write and profiles:write".
func scopesInWords(scopes []string) string {
	if len(scopes) == 1 {
		return "the scope " + scopes[0]
	}
	return "the scopes " + strings.Join(scopes, " and ")
}

func (e *APIError) explain(err error) (summary, detail string) {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "API Key Refused", fmt.Sprintf("Klaviyo does not accept the API key; it may have been revoked or copied in part. "+
			"Klaviyo's keys are under Settings > API keys. Klaviyo answered: %s.%s", err, hintIfHTML(e, err))
	case e.Status == http.StatusForbidden && e.IsHTML():
		return "Klaviyo Blocks This Address", fmt.Sprintf("The request was refused before it reached Klaviyo's API, so it is not about the scopes of the API key: %s. "+
			"Klaviyo's edge may block the address of this machine; try from another network or ask Klaviyo's support.%s", err, BaseURLHint(err))
	case e.Status == http.StatusForbidden:
		return "API Key Lacks A Scope", fmt.Sprintf("The API key may not do this: %s. It needs %s. "+
			"The scopes of a key cannot be changed: create a new private key in Klaviyo under Settings > API keys with the scopes %s, and use that.",
			err, scopesInWords(scopesOf(e.Operation)), strings.Join(scopesWith(scopesOf(e.Operation)), ", "))
	case e.Status == http.StatusTooManyRequests:
		return "Klaviyo's Rate Limit Is Used Up", fmt.Sprintf("Klaviyo does not accept more requests for now: %s.%s Whatever else uses the account takes from the same limit. Trying again is harmless. "+
			"A request waits for this limit for %[3]s, or for retry_timeout of the provider if that is longer. To let it wait longer, set retry_timeout above %[3]s; a shorter time changes nothing, except that with 0s it does not wait.",
			err, e.waitInWords(), inWords(throttledTimeout))
	case e.Status >= http.StatusInternalServerError:
		return "Klaviyo Fails", fmt.Sprintf("Klaviyo, or a proxy in front of it, had an error of its own: %s.%s https://status.klaviyo.com reports incidents.%s", err, e.waitInWords(), hintIfHTML(e, err))
	case e.IsHTML():
		return "Klaviyo's API Did Not Answer", fmt.Sprintf("Something in front of Klaviyo's API, such as a proxy, answered in its place: %s. "+
			"Check the network between this machine and Klaviyo, then try again.%s", err, BaseURLHint(err))
	case e.Status == http.StatusNotFound:
		return "Klaviyo Refused The Request", fmt.Sprintf("Klaviyo answered: %s. What the request is about may have been deleted in Klaviyo.%s", err, BaseURLHint(err))
	default:
		return "Klaviyo Refused The Request", fmt.Sprintf("Klaviyo answered: %s. Correct what it names, if that comes from the configuration or the segment; otherwise report this to the developers of the provider.", err)
	}
}

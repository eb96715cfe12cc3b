package dataverse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// statusError is an answer other than success. The text of an
// azcore.ResponseError would hold the whole answer, which may name people.
type statusError struct {
	status  int
	code    string // such as 0x80040217
	message string // empty if the body is not Dataverse's
}

func (e *statusError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("%d %s: %s", e.status, redact.Line(e.code), firstSentence(e.message))
}

// answerError is an answer that cannot be one of Dataverse.
type answerError struct {
	problem string
	err     error
}

func (e *answerError) Error() string { return "the answer " + e.problem }

func (e *answerError) Unwrap() error { return e.err }

func newStatusError(resp *http.Response) *statusError {
	e := &statusError{status: resp.StatusCode}
	var document struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body, err := runtime.Payload(resp)
	if err == nil && json.Unmarshal(body, &document) == nil {
		e.code, e.message = document.Error.Code, document.Error.Message
	}
	return e
}

// explain turns an error into one that blames an argument. It keeps errors that
// do so already, and that of an ended context.
func (c *client) explain(ctx context.Context, err error) error {
	var blamed *segment.Error
	var missing *segment.MissingColumnsError
	var signIn *signInError
	var status *statusError
	var answer *answerError
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &blamed), errors.As(err, &missing):
		return err
	case errors.As(err, &signIn):
		return c.explainSignIn(signIn.err)
	case errors.As(err, &status):
		return c.explainStatus(status)
	case errors.As(err, &answer):
		return argumentError("environment_url", "Check that it is the address of the environment itself, as the Power Platform admin center shows it.", err,
			"%s is not a Dataverse environment: %s.", c.base, answer)
	case errors.As(err, &dns) && dns.IsNotFound:
		return argumentError("environment_url", "Check the spelling, and the region: crm, crm4, crm11 and so on.", err, "There is no host %q.", c.base.Hostname())
	default:
		return argumentError("environment_url", "Check the network between Terraform and the environment.", err,
			"%s cannot be read: %s.", c.base, mask(err.Error()))
	}
}

func (c *client) explainStatus(e *statusError) error {
	switch {
	case e.status == http.StatusTooManyRequests:
		return argumentError("environment_url", "Try again later, or find out what else uses the same application user.", e,
			"Dataverse limits the number of requests and wants a wait of more than %s.", maxThrottled)
	case e.status == http.StatusUnauthorized:
		return argumentError("environment_url", "Check that the app registration belongs to the tenant of the environment.", e,
			"Dataverse does not accept the token of Microsoft Entra ID.")
	case strings.EqualFold(e.code, "0x80072560") || strings.Contains(e.message, "not a member of the organization"):
		return argumentError("environment_url", "In the Power Platform admin center, under Settings > Users + permissions > Application users, "+
			"add the app registration to the environment and give it a security role.", e, "The identity that Terraform signs in with is not a user of %s.", c.base)
	case e.status == http.StatusForbidden:
		return argumentError("environment_url", "Give its application user a security role with organization-wide read access to the tables "+
			profileTable+" and msdynci_segmentmembership.", e, "The identity that Terraform signs in with may not read in %s%s.", c.base, privilege(e.message))
	case e.status == http.StatusNotFound && e.message != "":
		return argumentError("environment_url", "Use the environment that Customer Insights - Data is connected to: in Customer Insights it is under Settings > System > About.", e,
			"%s does not have the tables of Customer Insights - Data.", c.base)
	case e.message == "" && e.status < 500:
		return argumentError("environment_url", "Check that it is the address of the environment itself, as the Power Platform admin center shows it.", e,
			"%s is not a Dataverse environment: it answers %s.", c.base, e)
	default:
		return argumentError("environment_url", "", e, "Dataverse refused to answer: %s.", strings.TrimSuffix(e.Error(), "."))
	}
}

// privilege names the missing privilege if Dataverse does.
func privilege(message string) string {
	if name := privilegeName.FindString(message); name != "" {
		return ": the privilege " + name + " is missing"
	}
	return ""
}

var privilegeName = regexp.MustCompile(`\bprv[A-Za-z_]+`)

// missingProperty returns the column that a query selects and Dataverse does not have.
func missingProperty(err error) (name string, ok bool) {
	var status *statusError
	if !errors.As(err, &status) || status.status != http.StatusBadRequest {
		return "", false
	}
	match := noProperty.FindStringSubmatch(status.message)
	if match == nil {
		return "", false
	}
	return match[1], true
}

var noProperty = regexp.MustCompile(`Could not find a property named '([^']+)'`)

// firstSentence cuts a message before the details, which may name people.
func firstSentence(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	if end := strings.Index(message, ". "); end >= 0 {
		message = message[:end+1]
	}
	return mask(message)
}

// mask hides ids and email addresses in texts from outside.
func mask(text string) string {
	return redact.Line(anyID.ReplaceAllString(redact.EmailAddress.ReplaceAllString(text, redact.Hidden), redact.Hidden))
}

var anyID = regexp.MustCompile(`\b[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\b`)

package dataverse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// statusError is an answer of Dataverse other than success.
type statusError struct {
	status     int
	code       string // 0x80040217
	message    string // empty when the body was not Dataverse's
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("%d %s: %s", e.status, redact.Line(e.code), firstSentence(e.message))
}

// connectionError means that no complete answer came.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return connectionCause(e.err).Error() }

func (e *connectionError) Unwrap() error { return e.err }

// answerError is an answer that is not one of Dataverse's.
type answerError struct {
	problem string
	err     error
}

func (e *answerError) Error() string { return "the answer " + e.problem }

func (e *answerError) Unwrap() error { return e.err }

// connectionCause leaves out the URL, which holds the ids of customers.
func connectionCause(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}

func readStatus(resp *http.Response) *statusError {
	e := &statusError{status: resp.StatusCode, retryAfter: httpx.RetryAfter(resp.Header, time.Now())}
	var document struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil && json.Unmarshal(body, &document) == nil {
		e.code, e.message = document.Error.Code, document.Error.Message
	}
	return e
}

// explain says what an error means for the declaration. Errors that say so
// already, and the caller giving up, stay as they are.
func (c *dataverseClient) explain(ctx context.Context, err error) error {
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
		return dataverseError("environment_url", "Check that it is the address of the environment itself, as the Power Platform admin center shows it.", err,
			"%s is no Dataverse environment: %s.", c.base, answer)
	case errors.As(err, &dns) && dns.IsNotFound:
		return dataverseError("environment_url", "Check the spelling, and the region: crm, crm4, crm11 and so on.", err, "There is no host %q.", c.base.Hostname())
	default:
		return dataverseError("environment_url", "Check the network between Terraform and the environment.", err,
			"%s cannot be read: %s.", c.base, mask(connectionCause(err).Error()))
	}
}

func (c *dataverseClient) explainStatus(e *statusError) error {
	switch {
	case e.status == http.StatusTooManyRequests:
		return dataverseError("environment_url", "Try again later, or find out what else uses the same application user.", e,
			"Dataverse kept limiting the requests for more than %s.", maxThrottled)
	case e.status == http.StatusUnauthorized:
		return dataverseError("environment_url", "Check that the app registration belongs to the tenant of the environment.", e,
			"Dataverse does not accept the token of Microsoft Entra ID, nor a new one.")
	case strings.EqualFold(e.code, "0x80072560") || strings.Contains(e.message, "not a member of the organization"):
		return dataverseError("environment_url", "In the Power Platform admin center, under Settings > Users + permissions > Application users, "+
			"add the app registration to the environment and give it a security role.", e, "Whom Terraform signs in as is no user of %s.", c.base)
	case e.status == http.StatusForbidden:
		return dataverseError("environment_url", "Give its application user a security role with organization-wide read access to the tables "+
			profileTable+" and msdynci_segmentmembership.", e, "Whom Terraform signs in as may not read in %s%s.", c.base, privilege(e.message))
	case e.status == http.StatusNotFound && e.message != "":
		return dataverseError("environment_url", "Use the environment that Customer Insights - Data is connected to: in Customer Insights it is under Settings > System > About.", e,
			"%s does not have the tables of Customer Insights - Data.", c.base)
	case e.message == "" && e.status < 500:
		return dataverseError("environment_url", "Check that it is the address of the environment itself, as the Power Platform admin center shows it.", e,
			"%s is no Dataverse environment: it answers %s.", c.base, e)
	default:
		return dataverseError("environment_url", "", e, "Dataverse refused to answer: %s.", strings.TrimSuffix(e.Error(), "."))
	}
}

// privilege names the privilege that is missing, where Dataverse says.
func privilege(message string) string {
	if name := privilegeName.FindString(message); name != "" {
		return ": the privilege " + name + " is missing"
	}
	return ""
}

var privilegeName = regexp.MustCompile(`\bprv[A-Za-z_]+`)

// missingProperty finds the column that a query asked for in vain.
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

// firstSentence is enough of a message, without what it may say of people.
func firstSentence(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	if end := strings.Index(message, ". "); end >= 0 {
		message = message[:end+1]
	}
	return mask(message)
}

// mask hides ids and addresses in texts from outside.
func mask(text string) string {
	return redact.Line(anyID.ReplaceAllString(redact.EmailAddress.ReplaceAllString(text, redact.Hidden), redact.Hidden))
}

var anyID = regexp.MustCompile(`\b[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\b`)

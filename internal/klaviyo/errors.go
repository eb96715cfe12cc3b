package klaviyo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// APIError is an answer of Klaviyo other than success.
type APIError struct {
	Operation  string // Klaviyo's operationId
	Status     int
	Errors     []ErrorObject // empty when the body was no JSON:API document
	RetryAfter time.Duration // 0 when not said
}

// ErrorObject is one error of a JSON:API error document. Its texts hold no
// email address: where Klaviyo quotes one, it is masked.
type ErrorObject struct {
	ID     string
	Code   string
	Title  string
	Detail string
	Source ErrorSource
}

// ErrorSource points at the part of a request that an error is about.
type ErrorSource struct {
	Pointer   string // into the body, JSON Pointer
	Parameter string // of the query
}

func (e *APIError) Error() string {
	text := fmt.Sprintf("%s: %d %s", e.Operation, e.Status, http.StatusText(e.Status))
	for i, o := range e.Errors {
		if i == 3 {
			return fmt.Sprintf("%s (and %d more errors)", text, len(e.Errors)-i)
		}
		text += ": " + o.String()
	}
	return text
}

func (o ErrorObject) String() string {
	text := o.Detail
	if text == "" {
		text = o.Title
	}
	if text == "" {
		text = "no reason given"
	}
	text = strings.TrimSuffix(text, ".")
	if o.Code != "" {
		text += " [" + o.Code + "]"
	}
	at := o.Source.Pointer + o.Source.Parameter
	if trimmed := strings.TrimRight(at, "/"); trimmed != "" && trimmed != "/data" { // the whole document says nothing
		text += " at " + at
	}
	return text
}

// IsHTML reports whether the answer carried no JSON:API document: it comes
// from a proxy in front of Klaviyo's API rather than from the API.
func (e *APIError) IsHTML() bool { return len(e.Errors) == 0 }

// TransportError means that no complete answer came, or one that cannot be
// understood.
type TransportError struct {
	Operation string
	Err       error

	text string // of Err, without the client's key
}

func (e *TransportError) Error() string {
	if e.text == "" {
		return e.Operation + ": " + redact.Text(e.Err.Error())
	}
	return e.Operation + ": " + e.text
}

func (e *TransportError) Unwrap() error { return e.Err }

// unsettledError is the end of a request of which an attempt may have been
// carried out.
type unsettledError struct{ error }

func (e unsettledError) Unwrap() error { return e.error }

// unsettled marks an error of a request that may have been carried out.
func unsettled(err error, arrived bool) error {
	if !arrived {
		return err
	}
	return unsettledError{err}
}

// MayHaveArrived reports whether a request that ended with err may have been
// carried out, by any of its attempts.
func MayHaveArrived(err error) bool { return errors.As(err, new(unsettledError)) }

// StatusOf returns the HTTP status of an [APIError], 0 for any other error.
func StatusOf(err error) int {
	var e *APIError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// IsNotFound reports whether Klaviyo itself, and no proxy in front of it,
// answered that there is no such object.
func IsNotFound(err error) bool {
	var e *APIError
	return errors.As(err, &e) && e.Status == http.StatusNotFound && !e.IsHTML()
}

// IsUnauthorized reports whether Klaviyo does not know the API key.
func IsUnauthorized(err error) bool { return StatusOf(err) == http.StatusUnauthorized }

// IsForbidden reports whether the API key lacks a scope, or the caller's
// address is blocked.
func IsForbidden(err error) bool { return StatusOf(err) == http.StatusForbidden }

// LacksScope reports whether Klaviyo itself, and no proxy in front of it, says
// that the API key may not do this.
func LacksScope(err error) bool {
	var e *APIError
	return errors.As(err, &e) && e.Status == http.StatusForbidden && !e.IsHTML()
}

// answeredByAPI reports whether an error is an answer of Klaviyo's API that is no
// failure of its own.
func answeredByAPI(err error) bool {
	var e *APIError
	return errors.As(err, &e) && !e.IsHTML() && e.Status < http.StatusInternalServerError
}

// readError makes an error of a response that is no success. The status
// counts, whatever the body is; but where the body says which part of a request
// was wrong, half of it is no answer.
func (c *Client) readError(ctx context.Context, r request, resp *http.Response) error {
	e := &APIError{
		Operation:  r.operation.id,
		Status:     resp.StatusCode,
		RetryAfter: httpx.RetryAfter(resp.Header, sentAt(resp.Header)),
	}
	body, err := readAll(resp)
	if err != nil {
		switch {
		case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == http.StatusTooManyRequests, e.Status >= 500:
			return e
		}
		return c.transportError(r, transportCause(ctx, err))
	}
	var document struct {
		Errors []struct {
			ID     lenientString `json:"id"`
			Code   lenientString `json:"code"`
			Title  lenientString `json:"title"`
			Detail lenientString `json:"detail"`
			Source struct {
				Pointer   lenientString `json:"pointer"`
				Parameter lenientString `json:"parameter"`
			} `json:"source"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &document) != nil {
		return e
	}
	for _, o := range document.Errors {
		e.Errors = append(e.Errors, ErrorObject{
			ID: c.redact(o.ID), Code: c.redact(o.Code), Title: c.redact(o.Title), Detail: c.redact(o.Detail),
			Source: ErrorSource{Pointer: c.redactPointer(o.Source.Pointer), Parameter: c.redact(o.Source.Parameter)},
		})
	}
	return e
}

// lenientString is a string of an error document. A value of another type is kept
// as it is written, since an error that reads oddly is better than none.
type lenientString string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *lenientString) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	*t = lenientString(s)
	return nil
}

// ProfileErrors sorts the errors of a refused bulk import, or of a request to
// subscribe people, by the profile they are about. ok is false unless every error is about a profile: then the
// request itself was wrong.
func (e *APIError) ProfileErrors() (byProfile map[int][]ErrorObject, ok bool) {
	if e.Status != http.StatusBadRequest || len(e.Errors) == 0 {
		return nil, false
	}
	byProfile = make(map[int][]ErrorObject, len(e.Errors))
	for _, o := range e.Errors {
		i, ok := profileIndex(o.Source.Pointer)
		if !ok {
			return nil, false
		}
		byProfile[i] = append(byProfile[i], o)
	}
	return byProfile, true
}

// profileIndex reads the position of a profile from a pointer such as
// /data/attributes/profiles/data/17/attributes/email.
func profileIndex(pointer string) (int, bool) {
	rest, ok := strings.CutPrefix(pointer, "/data/attributes/profiles/data/")
	if !ok {
		return 0, false
	}
	index, _, _ := strings.Cut(rest, "/")
	i, err := strconv.Atoi(index)
	return i, err == nil && i >= 0
}

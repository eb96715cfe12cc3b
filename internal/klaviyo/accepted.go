package klaviyo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// oddAnswer is an answer whose status tells of success and whose body is not
// what the operation answers, or is not all there.
type oddAnswer struct {
	status int
	began  time.Time // when the request left at the earliest, by the clock of the server
	ended  time.Time // when it was answered, by the same clock
	body   string    // the beginning of what was read
	err    error
}

func (e *oddAnswer) Error() string { return e.err.Error() }

func (e *oddAnswer) Unwrap() error { return e.err }

// isOdd reports whether a request ended with a success that cannot be
// understood.
func isOdd(err error) bool { return errors.As(err, new(*oddAnswer)) }

// newOddAnswer describes the answer to an attempt that started at a time. The
// clock of the server is the one that dates what it creates.
func newOddAnswer(resp *http.Response, body []byte, started time.Time, err error) *oddAnswer {
	ended := sentAt(resp.Header)
	return &oddAnswer{
		status: resp.StatusCode, began: ended.Add(-time.Since(started)), ended: ended,
		body: string(body[:min(len(body), 2*maxText)]), err: err,
	}
}

// AcceptedError means that Klaviyo answered an import with success, but that the
// answer does not tell which job it has become.
type AcceptedError struct {
	Status int

	// Began and Ended are when the import was sent and answered, by the clock of
	// whoever answered if that tells the time. The job was created in between.
	Began, Ended time.Time

	// Words are the first of the body, without personal data; empty for none.
	Words string

	err error
}

func (e *AcceptedError) Error() string {
	if e.Words == "" {
		return fmt.Sprintf("%s (status %d, no body)", e.err, e.Status)
	}
	return fmt.Sprintf(`%s (status %d, the body begins with "%s")`, e.err, e.Status, e.Words)
}

func (e *AcceptedError) Unwrap() error { return e.err }

// maxWords is how many bytes of a body are quoted.
const maxWords = 200

// accepted makes the best of an import that ended with an error: where it was
// answered with success, that is the job if the answer names it after all, and
// else an *[AcceptedError].
func (c *Client) accepted(job ImportJob, err error) (ImportJob, error) {
	var odd *oddAnswer
	if !errors.As(err, &odd) {
		return job, err
	}
	if id := idIn(odd.body); id != "" {
		return ImportJob{ID: id, TotalCount: -1, CompletedCount: -1, FailedCount: -1}, nil
	}
	words := c.redact(text(strings.Join(strings.Fields(odd.body), " "))) // before it is cut, or half an address would be left
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "") + "…"
	}
	return ImportJob{}, &AcceptedError{Status: odd.status, Began: odd.began, Ended: odd.ended, Words: words, err: err}
}

// idIn is the id of a resource in the beginning of its document, empty if it is
// not there.
func idIn(document string) (id string) {
	d := json.NewDecoder(strings.NewReader(document))
	if !enter(d, "data") || !enter(d, "id") || d.Decode(&id) != nil {
		return ""
	}
	return id
}

// enter reads the next object up to the value of a key.
func enter(d *json.Decoder, key string) bool {
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		if name == key {
			return true
		}
		if d.Decode(new(json.RawMessage)) != nil {
			return false
		}
	}
	return false
}

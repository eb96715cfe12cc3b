package klaviyo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// unusableAnswer is an answer with a status of success whose body is incomplete
// or not what the operation returns.
type unusableAnswer struct {
	status int
	began  time.Time // when the request left at the earliest, by the clock of the server
	ended  time.Time // when it was answered, by the same clock
	body   string    // the beginning of what was read
	err    error
}

func (e *unusableAnswer) Error() string { return e.err.Error() }

func (e *unusableAnswer) Unwrap() error { return e.err }

// isUnusable reports whether a request was answered with a status of success and
// a body that cannot be used.
func isUnusable(err error) bool { return errors.As(err, new(*unusableAnswer)) }

// newUnusableAnswer describes the answer to an attempt that started at a time. The
// clock of the server is the one that dates what it creates.
func newUnusableAnswer(resp *http.Response, body []byte, started time.Time, err error) *unusableAnswer {
	ended := sentAt(resp.Header)
	return &unusableAnswer{
		status: resp.StatusCode, began: ended.Add(-time.Since(started)), ended: ended,
		body: string(body[:min(len(body), 2*maxText)]), err: err,
	}
}

// AcceptedError means that Klaviyo answered an import with success, but that the
// answer does not tell which job it has become.
type AcceptedError struct {
	Status int

	// Began and Ended are when the import was sent and answered, by the clock of
	// the server if its answer is dated. The job was created in between.
	Began, Ended time.Time

	// Words are the beginning of the body, without personal data.
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

// accepted handles an import whose answer had a status of success but an unusable
// body: it returns the job if the body names it, and an *[AcceptedError] if not.
func (c *Client) accepted(job ImportJob, err error) (ImportJob, error) {
	var answer *unusableAnswer
	if !errors.As(err, &answer) {
		return job, err
	}
	if id := idIn(answer.body); id != "" {
		return ImportJob{ID: id, TotalCount: -1, CompletedCount: -1, FailedCount: -1}, nil
	}
	words := c.redact(lenientString(strings.Join(strings.Fields(answer.body), " "))) // before it is cut, or half an address would be left
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "") + "…"
	}
	return ImportJob{}, &AcceptedError{Status: answer.status, Began: answer.began, Ended: answer.ended, Words: words, err: err}
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

package klaviyo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// InterruptedError means that the context of a request ended before the request
// did. It unwraps to the error of the context alone, so that what an attempt
// ended with is not taken for how the request ended.
type InterruptedError struct {
	Operation string // Klaviyo's operationId

	waiting string // for what
	failed  int    // attempts
	last    error  // that the last of these ended with
	ended   error  // of the context
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("%s: %s, while %s", e.Operation, e.ended, e.Reason())
}

// Reason says what the request was waiting for and what had gone wrong until
// then: "waiting 12s to repeat get_list, of which 4 attempts had failed, the last
// with: get_list: 503 Service Unavailable".
func (e *InterruptedError) Reason() string {
	switch e.failed {
	case 0:
		return e.waiting
	case 1:
		return fmt.Sprintf("%s, of which 1 attempt had failed, with: %s", e.waiting, e.last)
	default:
		return fmt.Sprintf("%s, of which %d attempts had failed, the last with: %s", e.waiting, e.failed, e.last)
	}
}

// Failed reports whether an attempt of the request had failed.
func (e *InterruptedError) Failed() bool { return e.failed > 0 }

func (e *InterruptedError) Unwrap() error { return e.ended }

// endedBy is the error for a caller whose context ended, of a request that had a
// context of its own.
func (e *InterruptedError) endedBy(ctx context.Context) error {
	of := *e
	of.ended = ctx.Err()
	return &of
}

// callState is what became of the attempts of a request so far.
type callState struct {
	operation string
	failed    int   // attempts
	last      error // that the last of these ended with

	paced time.Duration // spent waiting for the limits before the latest attempt
}

func (s *callState) fail(err error) {
	s.failed++
	s.last = err
}

// interrupted is the error of a request whose context ended while it was
// waiting since a time, for what the words after "waiting" say.
func (s *callState) interrupted(ctx context.Context, words string, since time.Time) error {
	waiting := "waiting "
	if waited := time.Since(since).Round(time.Second); waited > 0 {
		waiting += waited.String() + " "
	}
	return &InterruptedError{Operation: s.operation, waiting: waiting + words, failed: s.failed, last: s.last, ended: ctx.Err()}
}

// WaitedFor says in a sentence what a request was waiting for when it was
// interrupted; it is empty for any other error.
func WaitedFor(err error) string {
	var interrupted *InterruptedError
	if !errors.As(err, &interrupted) {
		return ""
	}
	return "It was " + interrupted.Reason() + "."
}

// Package diagnostic has the errors of the engine: what went wrong, at which
// argument of the configuration, and what to do about it.
package diagnostic

import (
	"errors"
	"slices"
	"strings"
)

// Error is a failure that belongs to an argument of the configuration.
type Error struct {
	// Attribute is the path of the argument, outermost first, with the names of
	// segments and properties: {"segment", "vip", "file", "path"}. It is empty
	// if the failure belongs to no argument.
	Attribute []string
	Summary   string // in title case
	Detail    string // what happened, where, what to do
	Err       error  // the cause, may be nil
}

func (e *Error) Error() string { return e.Summary + ": " + e.Detail }

func (e *Error) Unwrap() error { return e.Err }

// Errors are several failures found at once.
type Errors []*Error

func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// AddToDetail adds a text to the detail of an [Error], or of the first of
// [Errors]. It returns any other error unchanged.
func AddToDetail(err error, text string) error {
	var one *Error
	if errors.As(err, &one) {
		return &Error{Attribute: one.Attribute, Summary: one.Summary, Detail: one.Detail + text, Err: one}
	}
	var several Errors
	if errors.As(err, &several) && len(several) > 0 {
		several = slices.Clone(several)
		first := *several[0]
		first.Detail += text
		several[0] = &first
		return several
	}
	return err
}

// Package diagnostic is how the engine says what went wrong, at which argument of
// the configuration, and what to do about it.
package diagnostic

import (
	"errors"
	"slices"
	"strings"
)

// Error is a failure that a part of the declaration is to blame for.
type Error struct {
	// Attribute is the path of the argument, outermost first, with the names
	// of segments and properties in it: {"segment", "vip", "file", "path"}.
	// Empty when no argument is to blame.
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

// AddToDetail returns an error of the declaration with a text added to its
// detail, to that of the first if there are several. Any other error it returns
// as it is.
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

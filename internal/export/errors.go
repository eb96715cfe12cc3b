package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
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

// UnreadError says which segment was being read when the context ended.
type UnreadError struct {
	Segment string
	Err     error // of the context
}

func (e *UnreadError) Error() string {
	return fmt.Sprintf("segment %q was still being read: %s", e.Segment, e.Err)
}

func (e *UnreadError) Unwrap() error { return e.Err }

// Errors are several failures found at once.
type Errors []*Error

func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// addToDetail returns an error of the declaration with a text added to its
// detail, to that of the first if there are several. Any other error it returns
// as it is.
func addToDetail(err error, text string) error {
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

// nothingSent adds to an error of before anything is sent that it is so.
func nothingSent(err error) error { return addToDetail(err, " Nothing was sent.") }

// targetAttribute is where configuration maps a target.
func targetAttribute(t profile.Target) []string {
	if t.Group == profile.GroupLocation {
		return []string{profile.GroupAttributes, "location", t.Name}
	}
	return []string{t.Group, t.Name}
}

// sourceError explains why a segment cannot be read, unless the caller has given
// up: a timeout of a connection looks the same as that.
func (e *Export) sourceError(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return &UnreadError{Segment: name, Err: ctx.Err()}
	}
	var missing *segment.MissingColumnsError
	if errors.As(err, &missing) {
		return e.columnErrors(name, missing)
	}
	out := &Error{Attribute: []string{"segment", name}, Summary: "Segment Cannot Be Read", Err: err}
	out.Detail = fmt.Sprintf("Segment %q: %s", name, err)
	var blamed *segment.Error
	if errors.As(err, &blamed) {
		out.Attribute = append(out.Attribute, blamed.Argument...)
	}
	return out
}

// columnErrors puts each missing column where it is mapped.
func (e *Export) columnErrors(name string, err *segment.MissingColumnsError) error {
	var out Errors
	for _, column := range err.Missing {
		for _, target := range e.Mapping.Targets(column) {
			out = append(out, columnError(name, target, &segment.MissingColumnsError{
				Missing: []string{column}, Available: err.Available, AnyCase: err.AnyCase,
			}))
		}
	}
	return out
}

func columnError(name string, t profile.Target, err *segment.MissingColumnsError) *Error {
	e := &Error{Attribute: targetAttribute(t), Summary: "Column Not In Segment", Err: err}
	rule := " Names are compared letter by letter."
	if err.AnyCase {
		rule = ""
	}
	e.Detail = fmt.Sprintf("%s is to come from a column that segment %q does not have: %s.%s", t, name, err, rule)
	if t.Group == profile.GroupProperties {
		e.Attribute = append(e.Attribute, "field")
	}
	return e
}

// ListError explains why a list cannot be read. nil stays nil.
func ListError(listID string, err error) error {
	if err == nil || !klaviyo.IsNotFound(err) {
		return err
	}
	return &Error{
		Attribute: []string{"list_id"},
		Summary:   "List Not Found",
		Detail: fmt.Sprintf("There is no list %q in the account that the API key belongs to. It may have been deleted, or belong to another account. "+
			"In Klaviyo the id of a list is at the end of its address: https://www.klaviyo.com/list/<id>.%s", listID, klaviyo.BaseURLHint(err)),
		Err: err,
	}
}

package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// UnreadError says which segment was being read when the context ended.
type UnreadError struct {
	Segment string
	Err     error // of the context
}

func (e *UnreadError) Error() string {
	return fmt.Sprintf("segment %q was still being read: %s", e.Segment, e.Err)
}

func (e *UnreadError) Unwrap() error { return e.Err }

// nothingSent adds to an error of before anything is sent that it is so.
func nothingSent(err error) error { return diagnostic.AddToDetail(err, " Nothing was sent.") }

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
	out := &diagnostic.Error{Attribute: []string{"segment", name}, Summary: "Segment Cannot Be Read", Err: err}
	out.Detail = fmt.Sprintf("Segment %q: %s", name, err)
	var blamed *segment.Error
	if errors.As(err, &blamed) {
		out.Attribute = append(out.Attribute, blamed.Argument...)
	}
	return out
}

// columnErrors puts each missing column where it is mapped.
func (e *Export) columnErrors(name string, err *segment.MissingColumnsError) error {
	var out diagnostic.Errors
	for _, column := range err.Missing {
		for _, target := range e.Mapping.Targets(column) {
			out = append(out, columnError(name, target, &segment.MissingColumnsError{
				Missing: []string{column}, Available: err.Available, AnyCase: err.AnyCase,
			}))
		}
	}
	return out
}

func columnError(name string, t profile.Target, err *segment.MissingColumnsError) *diagnostic.Error {
	e := &diagnostic.Error{Attribute: targetAttribute(t), Summary: "Column Not In Segment", Err: err}
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
	return &diagnostic.Error{
		Attribute: []string{"list_id"},
		Summary:   "List Not Found",
		Detail: fmt.Sprintf("There is no list %q in the account that the API key belongs to. It may have been deleted, or belong to another account. "+
			"In Klaviyo the id of a list is at the end of its address: https://www.klaviyo.com/list/<id>.%s", listID, klaviyo.BaseURLHint(err)),
		Err: err,
	}
}

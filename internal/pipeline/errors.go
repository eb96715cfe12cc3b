package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
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

// sourceError explains why a segment cannot be read, unless the caller has given
// up: a timeout of a connection looks the same as that.
func (p *Pipeline) sourceError(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return &UnreadError{Segment: name, Err: ctx.Err()}
	}
	var missing *segment.MissingColumnsError
	if errors.As(err, &missing) {
		return p.columnErrors(name, missing)
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
func (p *Pipeline) columnErrors(name string, err *segment.MissingColumnsError) error {
	var out diagnostic.Errors
	for _, column := range err.Missing {
		for _, target := range p.Mapping.Targets(column) {
			out = append(out, columnError(name, target, &segment.MissingColumnsError{
				Missing: []string{column}, Available: err.Available, AnyCase: err.AnyCase,
			}))
		}
	}
	return out
}

func columnError(name string, t profile.Target, err *segment.MissingColumnsError) *diagnostic.Error {
	e := &diagnostic.Error{Attribute: t.Attribute(), Summary: "Column Not In Segment", Err: err}
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

func (p *Pipeline) emptySegment(ctx context.Context, name string, rows segment.Rows) error {
	if source, ok := rows.(segment.Explainer); ok {
		if err := source.WhyEmpty(); err != nil {
			return p.sourceError(ctx, name, err)
		}
	}
	return &diagnostic.Error{
		Attribute: []string{"segment", name},
		Summary:   "Segment Is Empty",
		Detail: "Segment \"" + name + "\" has no rows. An empty segment usually means that what produces it failed. " +
			"If nobody is in the segment for now, set safeguards.allow_empty_segment = true.",
	}
}

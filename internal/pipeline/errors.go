package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
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
func (p *Pipeline) sourceError(ctx context.Context, from *Segment, err error) error {
	if ctx.Err() != nil {
		return &UnreadError{Segment: from.Name, Err: ctx.Err()}
	}
	var missing *segment.MissingColumnsError
	if errors.As(err, &missing) {
		return p.columnErrors(from, missing)
	}
	out := &diagnostic.Error{Attribute: []string{"segment", from.Name}, Summary: "Segment Cannot Be Read", Err: err}
	out.Detail = fmt.Sprintf("Segment %q: %s", from.Name, err)
	var blamed *segment.Error
	if errors.As(err, &blamed) {
		out.Attribute = append(out.Attribute, blamed.Argument...)
	}
	return out
}

// columnErrors puts each missing column at the arguments that name it.
func (p *Pipeline) columnErrors(from *Segment, err *segment.MissingColumnsError) error {
	var out diagnostic.Errors
	for _, column := range err.Missing {
		one := &segment.MissingColumnsError{Missing: []string{column}, Available: err.Available, AnyCase: err.AnyCase}
		for _, target := range p.Mapping.Targets(column) {
			attribute := target.Attribute()
			if target.Group == profile.GroupProperties {
				attribute = append(attribute, "field")
			}
			out = append(out, columnError(from.Name, attribute, target.String()+" is to come from", one))
		}
		if _, ok := from.Where[column]; ok {
			out = append(out, columnError(from.Name, []string{"segment", from.Name, WhereArgument, column}, WhereArgument+" names", one))
		}
	}
	return out
}

// columnError says that a segment lacks a column. use begins the sentence.
func columnError(name string, attribute []string, use string, err *segment.MissingColumnsError) *diagnostic.Error {
	rule := " Names are compared letter by letter."
	if err.AnyCase {
		rule = ""
	}
	return &diagnostic.Error{
		Attribute: attribute,
		Summary:   "Column Not In Segment",
		Detail:    fmt.Sprintf("%s a column that segment %q does not have: %s.%s", use, name, err, rule),
		Err:       err,
	}
}

// emptySegment is the error of a segment without rows. filtered is how many its source
// has.
func (p *Pipeline) emptySegment(ctx context.Context, from *Segment, rows segment.Rows, filtered int64) error {
	if filtered > 0 {
		return &diagnostic.Error{
			Attribute: []string{"segment", from.Name, WhereArgument},
			Summary:   "Segment Is Empty",
			Detail: fmt.Sprintf("Segment %q is empty because of its filter: where leaves out all of the %s of its source, none of which has one of the values in %s. "+
				"Values are compared letter by letter, and upper and lower case differ: correct them, or what produces the segment. "+
				"If nobody is in the segment for now, set safeguards.allow_empty_segment = true.",
				from.Name, tally.Count(filtered, "row"), from.whereColumns()),
		}
	}
	if source, ok := rows.(segment.Explainer); ok {
		if err := source.WhyEmpty(); err != nil {
			return p.sourceError(ctx, from, err)
		}
	}
	return &diagnostic.Error{
		Attribute: []string{"segment", from.Name},
		Summary:   "Segment Is Empty",
		Detail: "Segment \"" + from.Name + "\" has no rows. An empty segment usually means that what produces it failed. " +
			"If nobody is in the segment for now, set safeguards.allow_empty_segment = true.",
	}
}

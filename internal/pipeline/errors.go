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

// columnUse is an argument that names a column.
type columnUse struct {
	column    string
	attribute []string
	words     string // the beginning of a sentence
}

// columnErrors reports the missing columns, a single one at the argument that names it.
func (p *Pipeline) columnErrors(from *Segment, err *segment.MissingColumnsError) error {
	var uses []columnUse
	for _, column := range err.Missing {
		for _, target := range p.Mapping.Targets(column) {
			attribute := target.Attribute()
			if target.Group == profile.GroupProperties {
				attribute = append(attribute, "field")
			}
			uses = append(uses, columnUse{column, attribute, target.String() + " is to come from"})
		}
		if _, ok := from.Where[column]; ok {
			uses = append(uses, columnUse{column, []string{"segment", from.Name, WhereArgument, column}, WhereArgument + " names"})
		}
	}
	out := &diagnostic.Error{Attribute: []string{"segment", from.Name}, Summary: "Column Not In Segment", Err: err}
	if len(uses) == 1 {
		out.Attribute = uses[0].attribute
		out.Detail = fmt.Sprintf("%s a column that segment %q does not have: %s.", uses[0].words, from.Name, err)
	} else {
		out.Summary = "Columns Not In Segment"
		out.Detail = fmt.Sprintf("Segment %q does not have %d of the columns that are named:\n", from.Name, len(err.Missing))
		for _, use := range uses {
			out.Detail += fmt.Sprintf("- %s %q\n", use.words, use.column)
		}
		if len(err.Available) > 0 {
			out.Detail += "The columns are " + segment.Quoted(err.Available) + "."
		}
	}
	if !err.AnyCase {
		out.Detail += " Names are compared letter by letter."
	}
	return out
}

// emptySegment is the error of a segment without rows. filtered is how many its source
// has.
func (p *Pipeline) emptySegment(ctx context.Context, from *Segment, rows segment.Rows, filtered int64) error {
	if filtered > 0 {
		return &diagnostic.Error{
			Attribute: []string{"segment", from.Name, WhereArgument},
			Summary:   "Segment Is Empty",
			Detail: fmt.Sprintf("Segment %q is empty because where leaves out all of the %s of its source: none of them has one of the values in %s. "+
				"Values are compared letter by letter, and upper and lower case differ. Correct the values, or what produces the segment. "+
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

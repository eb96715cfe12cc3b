package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// WhereArgument is the name of the argument of a segment that holds [Segment.Where].
const WhereArgument = "where"

// filter decides which rows of a source belong to a segment: those that meet all
// conditions. nil takes all rows.
type filter []condition

// condition is that a column has one of some values.
type condition struct {
	column string
	cell   int
	json   bool // the cells are JSON texts
	values map[string]struct{}
}

// columns are those that the rows of a segment are made of: the mapped ones, followed
// by those that only its filter needs.
func (p *Pipeline) columns(s *Segment) []string {
	columns := p.Mapping.Columns()
	for _, column := range slices.Sorted(maps.Keys(s.Where)) {
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns
}

// newFilter returns the filter of a segment whose rows have the given columns. json says
// for each column whether its cells are JSON texts; nil means that none are.
func newFilter(s *Segment, columns []string, json []bool) (f filter) {
	for _, column := range slices.Sorted(maps.Keys(s.Where)) {
		c := condition{column: column, cell: slices.Index(columns, column), values: map[string]struct{}{}}
		c.json = len(json) > 0 && json[c.cell]
		for _, value := range s.Where[column] {
			value, _ = profile.CellText(value, false)
			c.values[value] = struct{}{}
			if c.json {
				c.values[profile.NumberText(value)] = struct{}{}
			}
		}
		f = append(f, c)
	}
	return f
}

// match reports whether a row has one of the values in each column. The error is about
// a row of which that cannot be told.
func (f filter) match(row []string) (bool, *segment.RowError) {
	var bad *condition
	for i := range f {
		c := &f[i]
		text, ok := profile.CellText(row[c.cell], c.json)
		if !ok {
			bad = c
			continue
		}
		if _, ok := c.values[text]; !ok {
			return false, nil
		}
	}
	if bad != nil {
		return false, &segment.RowError{
			Code:    segment.CodeUnreadableValue,
			Problem: fmt.Sprintf("has in the column %q a list or an object, which %s cannot compare with a value", bad.column, WhereArgument),
		}
	}
	return true, nil
}

// excludes reports whether a row that cannot be read is certainly in no segment: whether a
// value can be read that a column must not have.
func (f filter) excludes(row []string) bool {
	return slices.ContainsFunc(f, func(c condition) bool {
		text, ok := profile.CellText(row[c.cell], c.json)
		readable := ok && text != "" && utf8.ValidString(text) && !strings.ContainsRune(text, utf8.RuneError) && !segment.HasNUL(text, false)
		_, wanted := c.values[text]
		return readable && !wanted
	})
}

// whereColumns names the columns of the filter for a message.
func (s *Segment) whereColumns() string {
	columns := slices.Sorted(maps.Keys(s.Where))
	if len(columns) == 1 {
		return fmt.Sprintf("the column %q", columns[0])
	}
	return "each of the columns " + segment.Quoted(columns)
}

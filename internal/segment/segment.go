// Package segment is the contract between the sources of customer segments and
// those who read them: every kind of source is a [Source], one streaming
// interface, whatever is behind it. The sources are packages below this one.
package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Source is a segment as it was declared. It may be opened any number of
// times, each time from the first row.
type Source interface {
	// Open begins to read the given columns, each of which is named once. It
	// and Version return promptly once ctx has ended, whatever they wait for;
	// the rows obey the same ctx. The
	// error is a *[MissingColumnsError] where the segment does not have all of
	// them, and an *[Error] where an argument of the source is to blame.
	Open(ctx context.Context, columns []string) (Rows, error)

	// Version tells what the segment holds without reading it: the same
	// version, the same rows. Empty where that cannot be told.
	Version(ctx context.Context) (string, error)
}

// ChangeTeller is a source whose versions can be relied on for longer than a
// plan and its apply.
type ChangeTeller interface {
	Source

	// TellsChanges reports whether that is so of this segment.
	TellsChanges() bool
}

// Rows is an open segment. It is not safe for concurrent use. Its methods return
// promptly once the context that Open was given has ended, even while a file
// system or a server does not answer, and Close does not wait for what hangs.
type Rows interface {
	// JSON tells of each column whether its values are JSON texts, which have
	// types, rather than plain texts. nil: none is. An empty value is none at
	// all in either.
	JSON() []bool

	// Next appends the values of the next row to dst, in the order of the
	// columns that Open was given, and returns the extended slice. After the
	// last row the error is io.EOF. A *[RowError] condemns only this row, and
	// reading may go on; any other error ends the stream. An error leaves dst
	// as it was. Once the context has ended, the error is that of the context
	// at the latest when what is in memory has been read.
	Next(dst []string) ([]string, error)

	Close() error
}

// Explainer are rows of a source that cannot tell for sure whether a segment
// without rows is empty or not there.
type Explainer interface {
	// WhyEmpty says what is known once there were no rows; nil if nothing is.
	WhyEmpty() error
}

// RowError says why a single row cannot be read.
type RowError struct {
	Code    string // for programs, one of those below
	Problem string // "does not have the 11 fields that the header has"
}

// Codes of a [RowError].
const (
	CodeMalformedRow    = "malformed_row"    // another number of fields than the header has
	CodeUnreadableValue = "unreadable_value" // a value that has no text
	CodeMissingProfile  = "missing_profile"  // a member of a segment whose profile is not there
)

func (e *RowError) Error() string { return "the row " + e.Problem }

// MissingColumnsError says which columns a segment does not have.
type MissingColumnsError struct {
	Missing   []string
	Available []string // the columns that there are, in the order of the segment; nil if that is not known
	AnyCase   bool     // names are found whatever their case
}

func (e *MissingColumnsError) Error() string {
	if e.Available == nil {
		return "no column " + Quoted(e.Missing)
	}
	return fmt.Sprintf("no column %s; the columns are %s", Quoted(e.Missing), Quoted(e.Available))
}

// Quoted lists column names for a message, cut where a very wide table would
// drown it.
func Quoted(names []string) string {
	const most = 60
	var list []string
	for _, name := range names[:min(len(names), most)] {
		list = append(list, fmt.Sprintf("%q", name))
	}
	s := strings.Join(list, ", ")
	if rest := len(names) - most; rest > 0 {
		s += fmt.Sprintf(" and %d more", rest)
	}
	return s
}

// FindColumns finds columns among those that there are.
func FindColumns(columns, available []string) ([]int, error) {
	at := make([]int, len(columns))
	var missing []string
	for i, name := range columns {
		if at[i] = slices.Index(available, name); at[i] < 0 {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, &MissingColumnsError{Missing: missing, Available: available}
	}
	return at, nil
}

// Error says why a segment cannot be read and what to do about it.
type Error struct {
	Argument []string // path of the argument that is to blame: {"file", "path"}
	Problem  string   // what is wrong, a full sentence
	Remedy   string   // what to do, a full sentence, may be empty
	Err      error    // the cause, may be nil
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Problem
	}
	return e.Problem + " " + e.Remedy
}

func (e *Error) Unwrap() error { return e.Err }

// Cause is an error without the path that os puts in front.
func Cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

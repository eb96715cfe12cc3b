// Package segment reads the rows of customer segments from where they live.
// Every kind of source is a [Source]: one streaming interface, whatever is
// behind it.
package segment

import (
	"context"
	"fmt"
)

// Source is a segment as it was declared. It may be opened any number of
// times, each time from the first row.
type Source interface {
	// Open reads as far as the columns. The error is an *[Error] where an
	// argument of the source is to blame.
	Open(ctx context.Context) (Rows, error)

	// Version tells what the segment holds without reading it: the same
	// version, the same rows. Empty where that cannot be told.
	Version(ctx context.Context) (string, error)
}

// Rows is an open segment. It is not safe for concurrent use.
type Rows interface {
	// Columns returns the names of the columns, without duplicates.
	Columns() []string

	// Next returns the next row, a value a column. The slice is valid until
	// the next call, its strings for good. After the last row the error is
	// io.EOF. A *[RowError] condemns only this row, and reading may go on;
	// any other error ends the stream.
	Next() ([]string, error)

	// Fraction tells how much of the segment has been read, 0 to 1; 0 where
	// that is not known. It is an estimate.
	Fraction() float64

	Close() error
}

// RowError says why a single row cannot be read.
type RowError struct {
	Problem string // "does not have the 11 fields that the header has"
}

func (e *RowError) Error() string { return "the row " + e.Problem }

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

// fileError blames the path of a file.
func fileError(remedy string, cause error, format string, args ...any) *Error {
	return &Error{Argument: []string{"file", "path"}, Problem: fmt.Sprintf(format, args...), Remedy: remedy, Err: cause}
}

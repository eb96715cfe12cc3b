// Package segment is the contract between sources of customer segments and their
// readers: every source implements [Source], one streaming interface. The
// sources are packages below this one.
package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Source is a declared segment. It can be opened any number of times, each time
// from the first row.
type Source interface {
	// Open starts reading the given columns, which have no duplicates. Open and
	// Version return promptly once ctx has ended, whatever they wait for, and so
	// do the rows. The error is a *[MissingColumnsError] if the segment lacks
	// columns, and an *[Error] if an argument of the source is wrong.
	Open(ctx context.Context, columns []string) (Rows, error)

	// Version identifies the content of the segment without reading it: the same
	// version means the same rows. It is empty if the source has no versions.
	Version(ctx context.Context) (string, error)
}

// ChangeTeller is a source whose versions can be compared for longer than from a
// plan to its apply.
type ChangeTeller interface {
	Source

	// TellsChanges reports whether that is true of this segment.
	TellsChanges() bool
}

// Rows is an open segment. It is not safe for concurrent use. Its methods return
// promptly once the context that Open was given has ended, even while a file
// system or a server does not answer, and Close does not wait for what hangs.
type Rows interface {
	// JSON reports for each column whether its values are JSON, which has types,
	// or plain text. nil means plain text for all columns. An empty string means
	// that there is no value, in both.
	JSON() []bool

	// Next appends the values of the next row to dst, in the order of the
	// columns of Open, and returns the extended slice. After the last row it
	// returns io.EOF. After a *[RowError], which is about one row, reading can
	// go on; any other error is final. dst does not change with an error. Once
	// the context has ended, Next returns its error, at the latest after the
	// rows in memory.
	Next(dst []string) ([]string, error)

	Close() error
}

// Explainer are rows of a source that cannot distinguish an empty segment from
// one that does not exist.
type Explainer interface {
	// WhyEmpty explains the end of rows without a single one; nil if there is
	// nothing to explain.
	WhyEmpty() error
}

// Lister are rows of a source whose columns may be lists by their type.
type Lister interface {
	// Lists reports for each column whether its values are lists: texts whose items
	// are separated by commas and have none in them.
	Lists() []bool
}

// Noticer are rows of a source that may have chosen or read what was not meant.
type Noticer interface {
	// Notices are what whoever reads a plan should know of the rows read so far: full
	// sentences, the same after each reading of the same rows.
	Notices() []string
}

// Locator are rows of files.
type Locator interface {
	// Position is where the row of the last Next begins: the number of the file, and
	// the line from 1; 0 if the file has no lines.
	Position() (file int, line int64)

	// File is the name of a file.
	File(n int) string
}

// RowError explains why a single row cannot be read.
type RowError struct {
	Code    string // one of the codes below
	Problem string // "does not have the 11 fields that the header has"

	// Cells are those that Next would have appended, as far as they can be told, and empty
	// otherwise. They tell whose row it is. nil if it cannot be split into cells. They are
	// valid until the next call of Next.
	Cells []string

	// Text is a row that cannot be split into cells, with a line end in the place of each
	// delimiter. The addresses in it tell whose row it may be. No message has it.
	Text string
}

// With returns the error with the cells of the row.
func (e *RowError) With(cells []string) *RowError {
	e.Cells = cells
	return e
}

// Codes of a [RowError].
const (
	CodeMalformedRow    = "malformed_row"    // it cannot be split into the fields that the header has
	CodeUnreadableValue = "unreadable_value" // a value cannot be represented
	CodeMissingProfile  = "missing_profile"  // the profile of a member does not exist
)

func (e *RowError) Error() string { return "the row " + e.Problem }

// MissingColumnsError reports columns that a segment does not have.
type MissingColumnsError struct {
	Missing   []string
	Available []string // all columns, in the order of the segment; nil if unknown
	AnyCase   bool     // case does not matter in names
}

func (e *MissingColumnsError) Error() string {
	if e.Available == nil {
		return "no column " + Quoted(e.Missing)
	}
	return fmt.Sprintf("no column %s; the columns are %s", Quoted(e.Missing), Quoted(e.Available))
}

// Quoted lists names for a message, up to a number that a message can hold.
func Quoted(names []string) string {
	const maxNames = 60
	var list []string
	for _, name := range names[:min(len(names), maxNames)] {
		list = append(list, fmt.Sprintf("%q", name))
	}
	s := strings.Join(list, ", ")
	if rest := len(names) - maxNames; rest > 0 {
		s += fmt.Sprintf(" and %d more", rest)
	}
	return s
}

// FindColumns returns the indexes of columns among the available ones.
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

// Error explains why a segment cannot be read and what to do about it.
type Error struct {
	Argument []string // path of the wrong argument, relative to the segment: {"file", "path"}
	Problem  string   // what is wrong, a full sentence
	Remedy   string   // what to do, full sentences, may be empty
	Err      error    // the cause, may be nil
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Problem
	}
	return e.Problem + " " + e.Remedy
}

func (e *Error) Unwrap() error { return e.Err }

// Cause strips the path that package os adds to an error.
func Cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

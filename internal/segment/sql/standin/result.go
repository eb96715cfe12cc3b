package standin

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
)

// Result is what a statement yields.
type Result struct {
	// Query is text that the statement must contain, so that a statement that
	// wraps or describes the query finds the same result. Match, if set, must
	// agree too.
	Query string
	Match func(statement string) bool

	Columns []Column
	Rows    int
	Row     func(i int) []any // the i-th row, one value for each column; nil is NULL

	PageRows   int   // rows of a page, partition or chunk; 1,000 if it is 0
	EmptyPages []int // the pages, counted from 0, that have no rows although more follow

	Polls   int  // how often a client must ask before the statement has ended
	Endless bool // it runs until it is cancelled

	Args int // how many arguments the statement takes

	// Kind is the statement's first word, SELECT if it is empty. One of another
	// kind writes, unless the service is asked to refuse that. BigQuery calls it
	// statementType.
	Kind      string
	Bytes     int64 // BigQuery: how much data the statement reads
	Truncated bool  // Databricks: the result is cut off at the service's limit

	Fail   *Failure // the statement is refused or fails before it yields anything
	FailAt *FailAt  // it fails later
}

// Column is a column of a result. Type is the vendor's own name of the type, with
// precision, scale or length in parentheses where there are any.
type Column struct {
	Name, Type string
	Repeated   bool     // BigQuery: an array
	Fields     []Column // BigQuery: of a RECORD
}

// Failure is an error of a service. Which fields it shows depends on the service.
type Failure struct {
	Status       int    // of HTTP; 0 means what the service answers for a failed statement
	Code         string // Snowflake's and Databricks' code, Trino's number
	State        string // SQLSTATE
	Name         string // Trino's errorName, BigQuery's reason
	Type         string // Trino's errorType
	Message      string
	Line, Column int // Trino's errorLocation
}

// FailAt is a failure of a statement that has yielded some pages.
type FailAt struct {
	Page int // counted from 0: the first page that is not had
	Failure
}

// Page is a run of rows.
type Page struct{ First, Rows int }

// Pages cuts the rows into pages. There is at least one.
func (r *Result) Pages() []Page {
	var pages []Page
	for first := 0; first < r.Rows || len(pages) == 0; {
		for r.IsEmpty(len(pages)) {
			pages = append(pages, Page{first, 0})
		}
		rows := min(r.Size(), r.Rows-first)
		pages = append(pages, Page{first, rows})
		first += rows
	}
	for r.IsEmpty(len(pages)) {
		pages = append(pages, Page{r.Rows, 0})
	}
	return pages
}

// Writes reports whether the statement changes something.
func (r *Result) Writes() bool { return r.Kind != "" && r.Kind != "SELECT" }

// IsEmpty reports whether a page, counted from 0, was registered as empty.
func (r *Result) IsEmpty(page int) bool { return slices.Contains(r.EmptyPages, page) }

// Size is the number of rows of a full page.
func (r *Result) Size() int {
	if r.PageRows == 0 {
		return 1000
	}
	return r.PageRows
}

// WriteRows writes the rows of a page as a JSON array, one row in memory at a
// time. The function encode turns a row into its form in the protocol; nil
// leaves it as it is, an array of values.
func (r *Result) WriteRows(w io.Writer, page Page, encode func(row []any) any) error {
	out := bufio.NewWriterSize(w, 64<<10) // it keeps the first error
	separator := "["
	for i := range page.Rows {
		var row any = r.Row(page.First + i)
		if encode != nil {
			row = encode(row.([]any))
		}
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if _, err := out.WriteString(separator); err != nil {
			return err // the client is gone
		}
		_, _ = out.Write(text)
		separator = ",\n"
	}
	if page.Rows == 0 {
		_, _ = out.WriteString(separator)
	}
	_, _ = out.WriteString("]")
	return out.Flush()
}

// Rows returns a function for [Result.Row] of rows that are all known.
func Rows(rows ...[]any) func(i int) []any {
	return func(i int) []any { return rows[i] }
}

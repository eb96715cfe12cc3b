package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// where is the filter of a segment.
type where = map[string][]string

// table is a segment in memory. A row that is nil cannot be read.
type table struct {
	columns []string
	json    []bool // nil: all text
	rows    [][]string
	torn    []string // texts of the rows that cannot be read, in order; they may be left out

	at   []int
	next int
}

func (s table) Open(_ context.Context, columns []string) (segment.Rows, error) {
	var err error
	s.at, err = segment.FindColumns(columns, s.columns)
	return &s, err
}

func (table) Version(context.Context) (string, error) { return "", nil }

func (s *table) JSON() []bool {
	if s.json == nil {
		return nil
	}
	out := make([]bool, len(s.at))
	for i, at := range s.at {
		out[i] = s.json[at]
	}
	return out
}

func (s *table) Next(dst []string) ([]string, error) {
	if s.next == len(s.rows) {
		return dst, io.EOF
	}
	row := s.rows[s.next]
	s.next++
	if row == nil {
		bad := &segment.RowError{Code: segment.CodeMalformedRow, Problem: "is torn"}
		if len(s.torn) > 0 {
			bad.Text, s.torn = s.torn[0], s.torn[1:]
		}
		return dst, bad
	}
	for _, at := range s.at {
		dst = append(dst, row[at])
	}
	return dst, nil
}

func (*table) Close() error { return nil }

// people are rows of an address and the given cell.
func people(cells ...string) [][]string {
	rows := make([][]string, len(cells))
	for i, cell := range cells {
		rows[i] = []string{fmt.Sprintf("p%d@example.com", i+1), cell}
	}
	return rows
}

// filtered is a pipeline of one segment with a filter, of which only the address is
// exported.
func filtered(source segment.Source, w where) *Pipeline {
	return &Pipeline{Segments: []Segment{{Name: "s", Source: source, Where: w}}, Mapping: profile.Mapping{Email: "email"}}
}

// rowsOf are the numbers of the rows that become profiles.
func rowsOf(t *testing.T, p *Pipeline) (rows []int64, s *Survey) {
	t.Helper()
	s, err := p.NewReader().Read(t.Context(), func(p *Profile) error {
		rows = append(rows, p.Row.Number)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, s
}

// Which cells are one of the values, in columns of text and of JSON.
func TestWhere_cells(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		json   bool
		values []string
		cells  []string
		want   []int64
	}{
		"text":                     {false, []string{"yes", "TRUE"}, []string{"yes", "TRUE", "Yes", "true", "", "yes!", "y", "no"}, []int64{1, 2}},
		"white space":              {false, []string{" yes\t"}, []string{"yes", "  yes", "yes\u00a0", "y es", "\u200byes"}, []int64{1, 2, 3, 5}},
		"nothing":                  {false, []string{""}, []string{"", "  ", "NULL", "no"}, []int64{1, 2}},
		"quotes of a spreadsheet":  {false, []string{"yes"}, []string{`"yes"`, "'yes", "yes"}, []int64{3}},
		"digits of a text":         {false, []string{"12"}, []string{"12", "12.0", "012", "+12"}, []int64{1}},
		"booleans":                 {true, []string{"true"}, []string{"true", "false", `"true"`, "null", "1"}, []int64{1, 3}},
		"numbers":                  {true, []string{"12"}, []string{"12", "12.0", "12.00", "1.2E1", "12.5", `"12"`, `"12.0"`}, []int64{1, 2, 3, 4, 6}},
		"a number with a fraction": {true, []string{"12.50"}, []string{"12.5", "12.50", "12.500", "12", "125"}, []int64{1, 2, 3}},
		"strings":                  {true, []string{`say "hi"`, "yes"}, []string{`"yes"`, `" yes "`, `"y\u0065s"`, `"say \"hi\""`, `"Yes"`, "true"}, []int64{1, 2, 3, 4}},
		"nothing in JSON":          {true, []string{""}, []string{"", "null", `""`, `" "`, `"null"`, "0", "false"}, []int64{1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := table{columns: []string{"email", "x"}, rows: people(test.cells...)}
			if test.json {
				source.json = []bool{false, true}
			}
			rows, s := rowsOf(t, filtered(source, where{"x": test.values}))
			if !slices.Equal(rows, test.want) {
				t.Errorf("the rows %v are in the segment, want %v", rows, test.want)
			}
			if left := int64(len(test.cells) - len(test.want)); s.Filtered != left || s.Rows != int64(len(test.want)) {
				t.Errorf("%d rows and %d filtered, want %d and %d", s.Rows, s.Filtered, len(test.want), left)
			}
		})
	}
}

// A row must have one of the values in each column, whether the column is mapped or not.
func TestWhere_columns(t *testing.T) {
	t.Parallel()
	source := table{columns: []string{"country", "email", "consent", "name"}, rows: [][]string{
		{"DE", "a@example.com", "yes", "Ann"},
		{"DE", "b@example.com", "no", "Bob"},
		{"FR", "c@example.com", "yes", "Cas"},
		{"AT", "d@example.com", "TRUE", "Dan"},
		{"AT", "e@example.com", "", "Eve"},
	}}
	p := filtered(source, where{"consent": {"yes", "TRUE"}, "country": {"DE", "AT"}})
	p.Mapping.Attributes = map[string]string{"first_name": "name"}
	p.Mapping.Properties = map[string]profile.Property{"land": {Column: "country"}}
	var got []string
	s, err := p.NewReader().Read(t.Context(), func(p *Profile) error {
		got = append(got, string(p.JSON))
		return nil
	})
	want := []string{
		`{"type":"profile","attributes":{"email":"a@example.com","first_name":"Ann","properties":{"land":"DE"}}}`,
		`{"type":"profile","attributes":{"email":"d@example.com","first_name":"Dan","properties":{"land":"AT"}}}`,
	}
	if err != nil || !slices.Equal(got, want) || s.Rows != 2 || s.Filtered != 3 {
		t.Errorf("%+v, %v:\n%s\nwant\n%s", s, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A row keeps its number, whatever is left out before it, over many chunks; rows that
// cannot be read, and those that are rejected, are told from those that are left out.
func TestWhere_rowNumbers(t *testing.T) {
	t.Parallel()
	const rows = 5*chunkRows + 3
	source := table{columns: []string{"email", "x"}}
	var want []int64
	var torn, invalid, left int64
	skipped := map[int64]string{}
	for i := int64(1); i <= rows; i++ {
		row := []string{fmt.Sprintf("p%d@example.com", i), "no"}
		switch {
		case i > 2*chunkRows && i <= 4*chunkRows: // two chunks of which nothing stays
			left++
		case i%7 == 0:
			row, skipped[i] = nil, segment.CodeMalformedRow
			torn++
		case i%11 == 0:
			row, skipped[i] = []string{"nobody", "yes"}, "invalid_email"
			invalid++
		case i%13 == 0:
			row[0] = "nobody" // left out, and so not rejected
			left++
		case i%3 == 0:
			row[1] = "yes"
			want = append(want, i)
		default:
			left++
		}
		source.rows = append(source.rows, row)
	}
	r := filtered(source, where{"x": {"yes"}}).NewReader()
	var read int64
	r.OnRows = func(n int64) { read = n }
	r.OnSkip = func(row tally.Row, code, _ string) {
		if skipped[row.Number] != code {
			t.Errorf("row %d is skipped as %s, want %q", row.Number, code, skipped[row.Number])
		}
		delete(skipped, row.Number)
	}
	for range 2 { // the second pass counts the same
		var got []int64
		s, err := r.Read(t.Context(), func(p *Profile) error {
			got = append(got, p.Row.Number)
			return nil
		})
		if err != nil || !slices.Equal(got, want) || len(skipped) != 0 {
			t.Errorf("%v, %d rows became profiles, want %d; not skipped: %v", err, len(got), len(want), skipped)
		}
		if s.Filtered != left || s.Rejected.Total != torn+invalid || s.Rows != int64(len(want))+torn+invalid || read != rows {
			t.Errorf("%d rows, %d rejected, %d filtered, %d read; want %d, %d, %d and %d",
				s.Rows, s.Rejected.Total, s.Filtered, read, int64(len(want))+torn+invalid, torn+invalid, left, rows)
		}
		r.OnSkip = nil
	}
}

// Lists and objects cannot be compared. A row with one is rejected, unless another
// column leaves it out.
func TestWhere_lists(t *testing.T) {
	t.Parallel()
	source := table{columns: []string{"email", "x", "y"}, json: []bool{false, true, true}, rows: [][]string{
		{"a@example.com", `["yes"]`, `"b"`},
		{"b@example.com", `{"yes":1}`, `"b"`},
		{"c@example.com", `["yes"]`, `"c"`},
		{"d@example.com", `"yes"`, `"b"`},
	}}
	rows, s := rowsOf(t, filtered(source, where{"x": {"yes"}, "y": {"b"}}))
	reasons := s.Rejected.Reasons()
	if !slices.Equal(rows, []int64{4}) || s.Rows != 3 || s.Filtered != 1 || len(reasons) != 1 || reasons[0].Count != 2 || reasons[0].Code != segment.CodeUnreadableValue ||
		!strings.Contains(reasons[0].Words, `in the column "x" a list or an object, which where cannot compare`) {
		t.Errorf("the rows %v: %+v", rows, s)
	}
}

// Each segment has its own filter, and a row that is left out is no duplicate of
// another.
func TestWhere_severalSegments(t *testing.T) {
	t.Parallel()
	source := table{columns: []string{"email", "x"}, rows: people("yes", "no", "maybe")}
	p := filtered(source, where{"x": {"no"}})
	p.Segments = append(p.Segments, Segment{Name: "t", Source: source, Where: where{"x": {"no", "yes"}}})
	p.SegmentProperty = "in"
	r := p.NewReader()
	if _, err := r.Read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	s, err := r.Read(t.Context(), func(p *Profile) error {
		got = append(got, string(p.JSON))
		return nil
	})
	text := strings.Join(got, "\n")
	if err != nil || s.Profiles != 2 || s.Duplicates != 1 || s.Filtered != 3 || s.Rows != 3 ||
		!strings.Contains(text, `p2@example.com","properties":{"in":["s","t"]}`) || !strings.Contains(text, `p1@example.com","properties":{"in":["t"]}`) {
		t.Errorf("%+v, %v\n%s", s, err, text)
	}
}

// A segment of which nothing stays is empty, also if another has rows, unless that is
// allowed. A row that cannot be read may be one of it.
func TestWhere_leavesNothing(t *testing.T) {
	t.Parallel()
	source := table{columns: []string{"email", "x"}, rows: people(slices.Repeat([]string{"no"}, chunkRows)...)}
	p := filtered(source, where{"x": {"yes"}, "email": {"p1@example.com"}})
	p.Segments = append(p.Segments, Segment{Name: "t", Source: source})
	_, err := p.NewReader().Read(t.Context(), nil)
	var e *diagnostic.Error
	if !errors.As(err, &e) || e.Summary != "Segment Is Empty" || !slices.Equal(e.Attribute, []string{"segment", "s", "where"}) ||
		!strings.Contains(e.Detail, `where leaves out all of the 512 rows of its source`) || !strings.Contains(e.Detail, `each of the columns "email", "x"`) || strings.Contains(e.Detail, "@") {
		t.Errorf("%+v", err)
	}
	p.AllowEmpty = true
	if s, err := p.NewReader().Read(t.Context(), nil); err != nil || s.Filtered != chunkRows || s.Profiles != chunkRows {
		t.Errorf("%+v, %v", s, err)
	}
	source.rows = [][]string{nil, source.rows[0]}
	if s, err := filtered(source, where{"x": {"yes"}}).NewReader().Read(t.Context(), nil); err != nil || s.Filtered != 1 || s.Rejected.Total != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A column that the segment does not have is an error at each argument that names it.
func TestWhere_missingColumn(t *testing.T) {
	t.Parallel()
	const rule = "Names are compared letter by letter."
	for _, tc := range []struct {
		first      string // the column of first_name
		where      where
		at, detail string
	}{
		{"", where{"email": {"b"}, "other": {"c"}}, "segment/s/where/other", `where names a column that segment "s" does not have: no column "other"; the columns are "email". ` + rule},
		{
			"first",
			where{"first": {"a"}, "email": {"b"}, "other": {"c"}},
			"segment/s",
			"Segment \"s\" does not have 2 of the columns that are named:\n- attributes.first_name is to come from \"first\"\n- where names \"first\"\n" +
				"- where names \"other\"\nThe columns are \"email\". " + rule,
		},
	} {
		p := filtered(table{columns: []string{"email"}, rows: people("")}, tc.where)
		if tc.first != "" {
			p.Mapping.Attributes = map[string]string{"first_name": tc.first}
		}
		_, err := p.NewReader().Read(t.Context(), nil)
		var e *diagnostic.Error
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		if at := strings.Join(e.Attribute, "/"); at != tc.at || e.Detail != tc.detail {
			t.Errorf("the error at %s is\n%s\nwant at %s\n%s", at, e.Detail, tc.at, tc.detail)
		}
	}
}

// cycle repeats one row.
type cycle struct {
	row  []string
	rows int
	next int
}

func (*cycle) JSON() []bool { return nil }

func (*cycle) Close() error { return nil }

func (c *cycle) Next(dst []string) ([]string, error) {
	if c.next == c.rows {
		return dst, io.EOF
	}
	c.next++
	return append(dst, c.row...), nil
}

// A filter takes no memory for a row, and does not keep the cells alive that nobody
// needs any more.
func TestWhere_memory(t *testing.T) { //nolint:paralleltest // counts allocations
	for cell, json := range map[string]bool{
		"yes": false, "no": false, " yes ": false, "No Longer Than It Must Be": false, `"yes"`: true, "false": true, "12.50": true,
	} {
		f := newFilter(&Segment{Where: where{"x": {"yes", "TRUE"}}}, []string{"email", "x"}, []bool{false, json})
		c := &chunk{}
		fill := func() {
			*c = chunk{cells: c.cells[:0], skipped: c.skipped[:0]}
			if err := c.fill(&cycle{row: []string{"a@example.com", cell}, rows: 2 * chunkRows}, nil, f); err != nil || c.rows != chunkRows {
				t.Fatal(c.rows, err)
			}
		}
		fill()
		if n := testing.AllocsPerRun(10, fill); n > 2 { // the source and its row
			t.Errorf("%q: %v allocations for %d rows", cell, n, c.rows)
		}
		for _, rest := range c.cells[len(c.cells):cap(c.cells)] {
			if rest != "" {
				t.Fatalf("%q: the cell %q is kept", cell, rest)
			}
		}
	}
}

// BenchmarkWhere is the cost of reading a row without a filter, and with one that takes
// half of the rows, in columns of text and of JSON.
func BenchmarkWhere(b *testing.B) {
	for name, w := range map[string]where{
		"none": nil,
		"one":  {"x": {"yes", "TRUE"}},
		"two":  {"x": {"yes", "TRUE"}, "y": {"DE", "AT", "CH", "FR", "IT", "ES", "PT", "NL", "BE", "LU"}},
	} {
		for _, json := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/json=%t", name, json), func(b *testing.B) {
				s := &Segment{Where: w}
				columns := []string{"email", "x", "y"}
				f := newFilter(s, columns, []bool{false, json, json})
				rows := [][]string{{"a@example.com", "yes", "ES"}, {"a@example.com", "no", "ES"}}
				if json {
					rows = [][]string{{"a@example.com", `"yes"`, `"ES"`}, {"a@example.com", "false", `"ES"`}}
				}
				c := &chunk{}
				b.ReportAllocs()
				for i := 0; b.Loop(); i += chunkRows {
					*c = chunk{cells: c.cells[:0], skipped: c.skipped[:0]}
					source := cycle{row: rows[i/chunkRows%2], rows: chunkRows}
					if err := c.fill(&source, nil, f); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunkRows, "ns/row")
			})
		}
	}
}

package file

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// csvRows reads the records of CSV or TSV. Rows of nothing but empty cells are no
// rows, and cells that are missing at the end of a row are empty: spreadsheets
// write the former and leave out the latter.
type csvRows struct {
	ctx      context.Context
	in       *textReader
	lines    *lines
	splitter splitter
	record   record
	opener   *csvOpener

	delimiter string

	header  []string
	columns []int    // indexes of the mapped fields; -1 for a constant
	values  []string // the constants, from the folders of the path
	first   int      // index of the first mapped field
	needed  int      // number of cells that hold all mapped columns
	nulls   nullValues
	comment []byte // begins lines to skip; empty: there are none

	read  int    // records
	line  int64  // of the record that was read last
	text  []byte // of a cell with escapes
	cells cellBuffer
}

// checkEvery is how many rows are read between two checks of the context.
const checkEvery = 1024

// csvOpener opens files of CSV and TSV.
type csvOpener struct {
	Source

	format  Format
	columns []string

	unquoted      bool // quotes are text
	mayHaveHeader bool // a first row that holds the names of Columns is no row

	quoted int64  // cells of TSV in quotes
	guess  string // the encoding of text that is not UTF-8
}

func (*csvOpener) end() error { return io.EOF }

func (f *csvOpener) notices() []string {
	if f.quoted == 0 {
		return nil
	}
	return []string{fmt.Sprintf("In TSV a quote is text, so values in quotes are exported with their quotes (cells of mapped columns: %d). "+
		"If a spreadsheet or a program other than a database wrote the file, set format = \"csv\" and delimiter = \"\\t\".", f.quoted)}
}

func (f *csvOpener) open(ctx context.Context, content storage.Content, at place) (fileRows, error) {
	in, err := openText(ctx, content, at, f.format, f.Encoding)
	if err != nil {
		return nil, err
	}
	rows := &csvRows{ctx: ctx, in: in, opener: f, lines: newLines(&lineEnds{in: in.Reader}), nulls: newNullValues(f.NullValues, f.format), comment: []byte(f.Comment)}
	if err := rows.begin(at); err != nil {
		_ = in.closeDecompressor()
		return nil, err
	}
	return rows, nil
}

// begin reads what is before the rows.
func (r *csvRows) begin(at place) error {
	declared, err := r.skipTitle()
	if err != nil {
		return r.failure(err)
	}
	r.delimiter = r.opener.delimiter(declared)
	r.splitter = r.opener.splitter(r.delimiter)
	if r.opener.Columns != nil {
		err = r.checkColumns()
	} else {
		err = r.readHeader()
	}
	if err != nil {
		return err
	}
	return r.findColumns(at)
}

// delimiter returns the delimiter of a file that declares one, or none.
func (f *csvOpener) delimiter(declared string) string {
	switch {
	case f.format == TSV:
		return "\t"
	case f.Delimiter != 0:
		return string(f.Delimiter)
	default:
		return cmp.Or(declared, ",")
	}
}

func (f *csvOpener) splitter(delimiter string) splitter {
	switch {
	case f.format == TSV:
		return tsvSplitter{}
	case f.unquoted:
		return plainSplitter(delimiter)
	default:
		return &csvSplitter{delimiter: []byte(delimiter)}
	}
}

// skipTitle skips as many lines as the source says, and the line sep=; in which
// Excel keeps the delimiter, which it returns.
func (r *csvRows) skipTitle() (delimiter string, err error) {
	for skipped := 0; ; skipped++ {
		end, next, err := r.lines.line(0)
		if errors.Is(err, io.EOF) {
			return delimiter, nil
		}
		if err != nil {
			return "", err
		}
		separator := separatorLine(r.lines.bytes(0, end))
		if separator != "" {
			delimiter = separator
		}
		if separator == "" && skipped >= r.opener.SkipLines {
			return delimiter, nil
		}
		r.lines.skip(next, 1)
	}
}

// separatorLine returns the delimiter that a line of Excel declares.
func separatorLine(line []byte) string {
	text := strings.Trim(string(line[:min(len(line), len(`"sep=;"`)+utf8.UTFMax)]), `"`)
	if len(text) < len("sep=;") || !strings.EqualFold(text[:len("sep=")], "sep=") {
		return ""
	}
	delimiter, size := utf8.DecodeRuneInString(text[len("sep="):])
	if rest := text[len("sep=")+size:]; rest != "" || delimiter == utf8.RuneError {
		return ""
	}
	return string(delimiter)
}

// next splits the next record that is neither an empty line nor a comment.
func (r *csvRows) next() error {
	for {
		if len(r.comment) > 0 {
			if err := r.skipComments(); err != nil {
				return err
			}
		}
		r.line = r.lines.number
		err := r.splitter.split(r.lines, &r.record, len(r.header))
		if err != nil || len(r.record.cells) > 1 || len(r.record.text) > 0 {
			return err
		}
		r.skip()
	}
}

// skip ends the record that was split last.
func (r *csvRows) skip() { r.lines.skip(r.record.next, r.record.lines) }

// firstRecord splits the first record of the file.
func (r *csvRows) firstRecord() ([]string, error) {
	err := r.next()
	var bad *splitError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		return nil, emptyFile(r.in.name)
	case errors.As(err, &bad):
		return nil, storage.PathErrorf("A quote that begins a field is closed by another one; a quote in the field is written twice.", bad, "The first row of %q, in line %d, %s.", r.in.name, r.line, bad.problem)
	default:
		return nil, r.failure(err)
	}
	cells := make([]string, len(r.record.cells))
	for i := range cells {
		text := r.record.cell(i)
		if r.record.escaped {
			text = appendUnescaped(nil, text)
		}
		cells[i] = string(text)
	}
	return cells, nil
}

func (r *csvRows) readHeader() error {
	cells, err := r.firstRecord()
	if err != nil {
		return err
	}
	if r.header, err = columnNames(cells, r.opener.columns, r.in.name, r.line, r.lines.buffered()); err != nil {
		return err
	}
	r.skip()
	return nil
}

// checkColumns compares the first row of a file without a header with the names
// that are configured for it.
func (r *csvRows) checkColumns() error {
	names := r.opener.Columns
	first, err := r.firstRecord()
	if err != nil {
		return err
	}
	for len(first) > len(names) && first[len(first)-1] == "" {
		first = first[:len(first)-1]
	}
	if len(first) != len(names) {
		return argumentError("columns", fmt.Sprintf("The number of names in columns (%d) differs from the number of cells in the first row of %q (%d).", len(names), r.in.name, len(first)),
			"Name every column of the file, in the order of the file, or check the delimiter.")
	}
	same := true
	for i, name := range names {
		same = same && strings.TrimSpace(first[i]) == name
	}
	if same && r.opener.mayHaveHeader {
		r.skip()
	} else if same {
		return argumentError("columns", fmt.Sprintf("The first row of %q is a header: it holds the names that are in the argument columns.", r.in.name),
			"Leave columns out, since the file has a header.")
	}
	r.header = names
	return nil
}

// findColumns finds the mapped columns, in the file or in the folders of its path.
func (r *csvRows) findColumns(at place) error {
	r.columns = make([]int, len(r.opener.columns))
	r.values = make([]string, len(r.opener.columns))
	r.first = len(r.header)
	var missing []string
	for i, name := range r.opener.columns {
		value, inPath := at.folders[name]
		if r.columns[i] = slices.Index(r.header, name); r.columns[i] >= 0 {
			r.first, r.needed = min(r.first, r.columns[i]), max(r.needed, r.columns[i]+1)
		} else if inPath {
			r.values[i] = value
		} else {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return nil
	}
	if err := r.explainMissing(); err != nil {
		return err
	}
	return &segment.MissingColumnsError{Missing: missing, Available: withoutBlank(append(r.header[:len(r.header):len(r.header)], at.names()...))}
}

func (r *csvRows) names() []string { return r.header }

// JSON implements [segment.Rows].
func (*csvRows) JSON() []bool { return nil }

// Next implements [segment.Rows].
func (r *csvRows) Next(dst []string) ([]string, error) {
	for {
		if r.read++; r.read%checkEvery == 0 {
			if err := r.ctx.Err(); err != nil {
				return dst, err
			}
		}
		if err := r.next(); err != nil {
			return dst, r.recordError(err)
		}
		problem := r.checkRecord()
		r.skip() // what was split stays valid until the next record
		switch {
		case r.mayBeBlank() && r.isBlank():
		case problem != nil:
			return dst, problem
		default:
			return r.appendRow(dst)
		}
	}
}

// mayBeBlank reports whether the record may be blank. It is quick to tell that most
// are not.
func (r *csvRows) mayBeBlank() bool {
	if len(r.record.cells) == 1 || r.first >= len(r.record.cells) {
		return true
	}
	cell := r.record.cell(r.first)
	return len(cell) == 0 || cell[0] <= ' ' || cell[0] >= utf8.RuneSelf
}

// recordError is the error of [csvRows.Next] after one of splitting.
func (r *csvRows) recordError(err error) error {
	var bad *splitError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &bad):
		defer r.skip()
		return r.malformed(bad.problem)
	default:
		return r.failure(err)
	}
}

// malformed is the error of the record at hand, before it is skipped.
func (r *csvRows) malformed(problem string) *segment.RowError {
	text := string(r.lines.bytes(0, r.record.next))
	return &segment.RowError{Code: segment.CodeMalformedRow, Problem: problem, Text: strings.ReplaceAll(text, r.delimiter, "\n")}
}

// isBlank reports whether the record is no row: all cells are blank, or it is the
// end mark of PostgreSQL or of DOS.
func (r *csvRows) isBlank() bool {
	text := bytes.TrimSpace(r.record.text)
	if len(r.record.cells) == 1 && (string(text) == "\x1a" || r.record.escaped && string(text) == `\.`) {
		return true
	}
	for i := range r.record.cells {
		if len(bytes.TrimSpace(r.record.cell(i))) > 0 {
			return false
		}
	}
	return true
}

// checkRecord checks the number of cells.
func (r *csvRows) checkRecord() error {
	n := len(r.record.cells)
	for i := len(r.header); i < n; i++ {
		if len(bytes.TrimSpace(r.record.cell(i))) > 0 {
			return r.malformed(fmt.Sprintf("has more than the %d fields that the header has", len(r.header)))
		}
	}
	if n < r.needed && bytes.IndexByte(r.record.text, '@') < 0 {
		return r.malformed("has too few fields for the mapped columns and no email address; it looks like a footer or a note, not like a row")
	}
	return nil
}

// appendRow appends the mapped cells of the record.
func (r *csvRows) appendRow(dst []string) ([]string, error) {
	if text, start, ok := r.takeSpan(); ok {
		return r.appendSpan(dst, text, start), nil
	}
	before := dst
	var bad *segment.RowError
	for i, at := range r.columns {
		switch {
		case at < 0:
			dst = append(dst, r.values[i])
		case at >= len(r.record.cells):
			dst = append(dst, "")
		default:
			cell := r.takeCell(r.record.cell(at))
			if bad == nil {
				bad = r.checkText(cell)
			}
			dst = append(dst, cell)
		}
	}
	if bad != nil {
		return before, bad.With(dst[len(before):])
	}
	return dst, nil
}

// takeCell copies a mapped cell.
func (r *csvRows) takeCell(cell []byte) string {
	if r.nulls.has(cell) {
		return ""
	}
	if r.opener.format == TSV && len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
		r.opener.quoted++
	}
	if r.record.escaped {
		r.text = appendUnescaped(r.text[:0], cell)
		cell = r.text
	}
	return r.cells.add(cell)
}

// maxGap is how many bytes between mapped cells are copied with them, for each
// mapped column.
const maxGap = 16

// takeSpan copies all mapped cells at once, with what is between them; start is the
// position of the text in the record. Copying and checking them one by one takes
// twice as long (BenchmarkReadCSV). ok is false if there is too much between them,
// or if the text cannot be used as it stands.
func (r *csvRows) takeSpan() (text string, start int, ok bool) {
	cells := r.record.cells
	if r.record.escaped || r.needed == 0 || r.needed > len(cells) {
		return "", 0, false
	}
	start, end := cells[r.first].start, cells[r.needed-1].end
	size := maxGap * len(r.columns)
	for _, at := range r.columns {
		if at >= 0 {
			size += cells[at].end - cells[at].start
		}
	}
	if end-start > size {
		return "", 0, false
	}
	span := r.record.text[start:end]
	if r.opener.format == TSV && bytes.IndexByte(span, '"') >= 0 {
		return "", 0, false
	}
	text = r.cells.add(span)
	return text, start, r.isText(text)
}

// appendSpan appends the mapped cells of a text that begins at a position of the
// record.
func (r *csvRows) appendSpan(dst []string, text string, start int) []string {
	for i, at := range r.columns {
		if at < 0 {
			dst = append(dst, r.values[i])
			continue
		}
		cell := text[r.record.cells[at].start-start : r.record.cells[at].end-start]
		if len(cell) <= r.nulls.longest && r.nulls.has(r.record.cell(at)) {
			cell = ""
		}
		dst = append(dst, cell)
	}
	return dst
}

// isText reports whether a text can be sent as it is.
func (r *csvRows) isText(text string) bool {
	return strings.IndexByte(text, 0) < 0 && utf8.ValidString(text) && isDecoded(text, r.opener.Encoding)
}

// checkText refuses text that cannot be sent as it is.
func (r *csvRows) checkText(text string) *segment.RowError {
	switch {
	case r.isText(text):
		return nil
	case strings.IndexByte(text, 0) >= 0:
		return segment.NULError()
	case !utf8.ValidString(text):
		return notUTF8Error(r.likelyEncoding(text))
	default:
		return notDecodedError(r.opener.Encoding)
	}
}

// likelyEncoding guesses the encoding of the file at the first text that is not
// UTF-8.
func (r *csvRows) likelyEncoding(text string) string {
	if r.opener.guess == "" {
		r.opener.guess = guessEncoding([]byte(text), r.lines.buffered())
	}
	return r.opener.guess
}

// position implements [fileRows].
func (r *csvRows) position() int64 { return r.line }

// Close implements [segment.Rows].
func (r *csvRows) Close() error { return r.in.Close() }

// failure explains an error that ends the segment.
func (r *csvRows) failure(err error) error {
	if errors.Is(err, errLongRecord) {
		return storage.PathErrorf("Each row must end with a line end.", errLongRecord,
			"In %q the row that begins in line %d is longer than %d MiB.", r.in.name, r.lines.number, maxRecord>>20)
	}
	return readFailure(r.in.name, err)
}

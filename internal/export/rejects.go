package export

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// rejectsHeader names the columns of a rejects file, and rejectsHeaderLine is
// its first line, which distinguishes such a file from any other.
var (
	rejectsHeader     = []string{"segment", "row", "reason", "code", "file", "line"}
	rejectsHeaderLine = strings.Join(rejectsHeader, ",") + "\n"
)

// earlierRejectsHeaderLine is the first line of files that earlier versions wrote.
const earlierRejectsHeaderLine = "segment,row,reason,code\n"

// maxReasons bounds the distinct reasons that are kept in words. Klaviyo may
// put a value into its words, and then there are as many as rows.
const maxReasons = 5000

// rejects collects the rows that are not exported, for the file that lists
// them. A nil one collects nothing.
type rejects struct {
	export *Export
	place  string   // where the path leads; empty until the file is open
	file   *os.File // beside the place, and moved there in the end
	reader *pipeline.Reader

	mu      sync.Mutex
	rows    []rejectedRow
	known   map[rejectKey]int32 // positions of the reasons
	reasons []rejectKey
	order   map[string]int // positions of the segments
}

// rejectedRow is a row, by the position of its segment, and the position of
// its reason. Its 16 bytes are all that a further rejected row takes.
type rejectedRow struct {
	number          int64
	segment, reason int32
}

type rejectKey struct{ code, words string }

// newRejects collects for the export's rejects file, which it does not create
// yet. Without a path it returns nil.
func (e *Export) newRejects() *rejects {
	if e.RejectsPath == "" {
		return nil
	}
	r := &rejects{export: e, known: map[rejectKey]int32{}, order: map[string]int{}}
	for i, s := range e.Segments {
		r.order[s.Name] = i
	}
	return r
}

// openRejects is newRejects for a run: it creates the file, so that it is known
// before anything is sent that it can be written.
func (e *Export) openRejects() (*rejects, error) {
	r := e.newRejects()
	if r == nil {
		return nil, nil
	}
	if err := r.open(); err != nil {
		return nil, rejectsError(e.RejectsPath, err, "Nothing was sent.")
	}
	return r, nil
}

func (r *rejects) open() (err error) {
	if r.file != nil {
		return nil
	}
	if r.place, err = r.export.rejectsPlace(r.export.RejectsPath); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.place), 0o750); err != nil {
		return err
	}
	r.file, err = openTemporary(temporaryName(r.place))
	return err
}

// follow makes the places of rows those of a reader, and returns what it calls for
// each row that is not handed on.
func (r *rejects) follow(reader *pipeline.Reader) func(row tally.Row, code, words string) {
	if r != nil {
		r.reader = reader
		reader.KeepPlaces()
	}
	return r.add
}

// placeOf is the file of a row and the line in it, empty where they are not known.
func (r *rejects) placeOf(segment string, row int64) (file, line string) {
	if r.reader == nil {
		return "", ""
	}
	place := r.reader.Place(segment, row)
	if place.Line > 0 {
		line = strconv.FormatInt(place.Line, 10)
	}
	return place.File, line
}

// add records a row with its reason in words.
func (r *rejects) add(row tally.Row, code, words string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from := int32(-1) // which row it was is not known
	if row.Number > 0 {
		from = int32(r.order[row.Segment])
	}
	r.rows = append(r.rows, rejectedRow{row.Number, from, r.reason(rejectKey{code, words})})
}

// reason returns the position of a reason. Once there are too many, a new one
// is its code alone.
func (r *rejects) reason(key rejectKey) int32 {
	at, ok := r.known[key]
	if !ok && len(r.reasons) >= maxReasons {
		key.words = key.code
		at, ok = r.known[key]
	}
	if !ok {
		at = int32(len(r.reasons))
		r.known[key] = at
		r.reasons = append(r.reasons, key)
	}
	return at
}

// empty removes the rows, because the segments will be read again.
func (r *rejects) empty() {
	if r != nil {
		r.rows = r.rows[:0]
	}
}

// list writes the file of an export that is refused because of the rows in it,
// and returns the error with where they are listed.
func (r *rejects) list(refused error) error {
	if r == nil {
		return refused
	}
	path := r.export.RejectsPath
	defer r.discard() // of what a survey opened
	err := r.open()
	if err == nil {
		err = r.write()
	}
	if err != nil {
		return diagnostic.AddToDetail(refused, fmt.Sprintf(" The rows could not be listed in %q: %s.", path, segment.Cause(err)))
	}
	return diagnostic.AddToDetail(refused, fmt.Sprintf(" The rows that are not exported are listed in %q, each with its reason.", path))
}

// write completes the file, with a line a row in the order of the rows, and
// moves it into its place.
func (r *rejects) write() error {
	if r == nil {
		return nil
	}
	slices.SortStableFunc(r.rows, func(a, b rejectedRow) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.number, b.number))
	})
	w := csv.NewWriter(r.file)
	for _, row := range r.rows {
		name, number, file, line := "", "", "", ""
		if row.segment >= 0 {
			name, number = r.export.Segments[row.segment].Name, strconv.FormatInt(row.number, 10)
			file, line = r.placeOf(name, row.number)
		}
		reason := r.reasons[row.reason]
		_ = w.Write([]string{inert(name), number, inert(reason.words), inert(reason.code), inert(file), line}) // an error stays until Flush
	}
	w.Flush()
	err := errors.Join(w.Error(), r.file.Sync())
	if err == nil {
		err = checkReplaceable(r.place) // something may have been put there in the meantime
	}
	if err == nil {
		err = moveTemporary(r.file, r.place)
	}
	if err != nil {
		return err
	}
	r.file = nil
	return nil
}

// inert makes a cell of a text from outside harmless: control characters are
// escaped, and spreadsheets, which run a cell that begins like a formula, take it
// for text because of the apostrophe before it.
func inert(cell string) string {
	cell = redact.Controls(cell)
	first, _ := utf8.DecodeRuneInString(cell)
	if cell != "" && strings.ContainsRune("=+-@＝＋－＠\t\n", first) { // Controls has escaped a CR
		return "'" + cell
	}
	return cell
}

// discard removes the file unless it is in its place.
func (r *rejects) discard() {
	if r != nil && r.file != nil {
		removeTemporary(r.file)
		r.file = nil
	}
}

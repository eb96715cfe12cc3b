package export

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// rejectsHeader names the columns of a file of rejects.
var rejectsHeader = []string{"segment", "row", "reason", "code"}

// rejects collects the rows of a run that are not exported, for the file that
// lists them. A nil one collects nothing.
type rejects struct {
	path  string
	place string   // of the file: where the path leads to if it is a link
	file  *os.File // beside the place, and takes it in the end

	mu      sync.Mutex
	rows    []rejectedRow
	known   map[rejectKey]int32 // positions of the reasons
	reasons []rejectKey
	order   map[string]int // positions of the segments
}

// rejectedRow is a row, by the position of its segment, and the position of
// its reason.
type rejectedRow struct {
	number          int64
	segment, reason int32
}

type rejectKey struct{ code, words string }

// newRejects makes the file, so that it is known before anything is sent that
// it can be written. Without a path it returns nil.
func (e *Export) newRejects(path string) (*rejects, error) {
	if path == "" {
		return nil, nil
	}
	place, err := placeOfRejects(path)
	if err != nil {
		return nil, rejectsError(path, err, "Nothing was sent.")
	}
	file, err := os.CreateTemp(filepath.Dir(place), "."+filepath.Base(place)+".*") // mode 0600
	if err != nil {
		return nil, rejectsError(path, err, "Nothing was sent.")
	}
	r := &rejects{path: path, place: place, file: file, known: map[rejectKey]int32{}, order: map[string]int{}}
	for i, s := range e.Segments {
		r.order[s.Name] = i
	}
	return r, nil
}

// placeOfRejects is where the file is to be. A link stays one: what it leads to
// is replaced.
func placeOfRejects(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a file could not, or must not, take its place
		return "", errNoFile
	}
	info, err := os.Lstat(path)
	if link := err == nil && info.Mode()&fs.ModeSymlink != 0; !link {
		return path, nil
	}
	place, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errNowhere
	}
	return place, err
}

func (r *rejects) add(row Row, code, words string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := rejectKey{code, words}
	reason, ok := r.known[key]
	if !ok {
		reason = int32(len(r.reasons))
		r.known[key] = reason
		r.reasons = append(r.reasons, key)
	}
	from := int32(-1) // which row it was is not known
	if row.Number > 0 {
		from = int32(r.order[row.Segment])
	}
	r.rows = append(r.rows, rejectedRow{row.Number, from, reason})
}

// write puts the file into its place, with a line a row in the order of the
// rows.
func (r *rejects) write(segments []Segment) error {
	if r == nil {
		return nil
	}
	slices.SortStableFunc(r.rows, func(a, b rejectedRow) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.number, b.number))
	})
	w := csv.NewWriter(r.file)
	_ = w.Write(rejectsHeader) // an error stays until Flush
	for _, row := range r.rows {
		name, number := "", ""
		if row.segment >= 0 {
			name, number = segments[row.segment].Name, strconv.FormatInt(row.number, 10)
		}
		reason := r.reasons[row.reason]
		_ = w.Write([]string{name, number, reason.words, reason.code})
	}
	w.Flush()
	err := errors.Join(w.Error(), r.file.Sync(), r.file.Close())
	if err == nil {
		err = os.Rename(r.file.Name(), r.place)
	}
	if err != nil {
		return rejectsError(r.path, err, "All profiles were sent and Klaviyo has finished with them, only the list of rejected rows is missing: the next apply sends everything once more, which changes nothing, and makes the list.")
	}
	r.file = nil
	return nil
}

// discard takes the file away unless it is in its place.
func (r *rejects) discard() {
	if r == nil || r.file == nil {
		return
	}
	_ = r.file.Close() // it may be closed
	_ = os.Remove(r.file.Name())
}

var (
	errNoFile  = errors.New("there is something else than a file")
	errNowhere = errors.New("there is a link that leads to nothing")
)

// rejectsError also says what has become of the profiles.
func rejectsError(path string, err error, profiles string) error {
	return &Error{
		Attribute: []string{"rejects_path"},
		Summary:   "Rejects File Cannot Be Written",
		Detail:    fmt.Sprintf("The rows that are not exported are to be listed in %q, which cannot be written: %s. Name a file, in a directory that exists and may be written to. %s", path, segment.Cause(err), profiles),
		Err:       err,
	}
}

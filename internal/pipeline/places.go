package pipeline

import (
	"cmp"
	"slices"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Place is where a row is in a file.
type Place struct {
	File string // empty if it is not known
	Line int64  // 0 if it is not known, or if the file has no lines
}

// places knows where the rows of segments begin. Most rows are one line, so it keeps
// only those whose line is not the one after that of the row before. It is written by
// the goroutine that reads.
type places struct {
	mu       sync.Mutex
	segments map[string][]placeRun
	runs     int // of all segments
}

// placeRun are rows of a segment, a line each, in one file.
type placeRun struct {
	row, line int64 // of the first one; line 0: not known from here on
	file      string
}

// maxPlaceRuns bounds the memory. Rows after them have no place.
const maxPlaceRuns = 100_000

// placeNoter notes the places of the rows of one segment.
type placeNoter struct {
	places  *places
	segment string
	rows    segment.Locator
	file    int
	line    int64 // of the row before
}

// noter returns nil if there is nothing to note.
func (p *places) noter(name string, rows segment.Rows) *placeNoter {
	locator, ok := rows.(segment.Locator)
	if p == nil || !ok {
		return nil
	}
	return &placeNoter{places: p, segment: name, rows: locator, file: -1}
}

// note notes the row that was read last.
func (n *placeNoter) note(row int64) {
	if n == nil {
		return
	}
	file, line := n.rows.Position()
	if file != n.file || line != n.line+1 && line != 0 {
		n.places.begin(n.segment, placeRun{row, line, n.rows.File(file)})
	}
	n.file, n.line = file, line
}

func (p *places) begin(segment string, run placeRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.runs++; {
	case p.runs < maxPlaceRuns:
	case p.runs == maxPlaceRuns:
		run.line, run.file = 0, ""
	default:
		return
	}
	p.segments[segment] = append(p.segments[segment], run)
}

func (p *places) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.segments, p.runs = map[string][]placeRun{}, 0
}

func (p *places) find(segment string, row int64) Place {
	if p == nil {
		return Place{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	runs := p.segments[segment]
	at, exact := slices.BinarySearchFunc(runs, row, func(run placeRun, row int64) int { return cmp.Compare(run.row, row) })
	if !exact {
		at--
	}
	if at < 0 {
		return Place{}
	}
	run := runs[at]
	if run.line == 0 {
		return Place{File: run.file}
	}
	return Place{run.file, run.line + row - run.row}
}

// KeepPlaces lets [Reader.Place] know where rows are, from the next pass on.
func (r *Reader) KeepPlaces() {
	if r.places == nil {
		r.places = &places{}
	}
}

// Place is where a row of the last pass is.
func (r *Reader) Place(segment string, row int64) Place { return r.places.find(segment, row) }

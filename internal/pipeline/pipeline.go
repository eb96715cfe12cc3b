// Package pipeline turns the rows of segments into profiles: it reads, encodes,
// finds duplicates and counts. It knows nothing of Klaviyo's API.
//
// One goroutine reads rows and cuts them into chunks. The caller's goroutine owns
// everything else: it takes the chunks in their order, encodes the rows, finds
// duplicates, counts, and hands on each profile. At most a few chunks are between the two, so
// memory does not grow with a segment, except for the hashes that find
// duplicates.
package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Pipeline is which rows become profiles, and how.
type Pipeline struct {
	Segments []Segment // their union is read, in this order
	Mapping  profile.Mapping

	// SegmentProperty is a custom property that receives the names of the
	// segments that a profile is in; empty for none.
	SegmentProperty string

	// AllowEmpty takes a segment without rows for what it is, rather than for a
	// failure of what produces it.
	AllowEmpty bool

	// Now is when the rows are read: dates of consent are before it. It is needed if the
	// mapping has such a column.
	Now time.Time
}

// Segment is a named source.
type Segment struct {
	Name         string
	Source       segment.Source
	DecimalComma bool // numbers in its texts have a decimal comma

	// Where limits the segment to the rows that have, in each of these columns, one of
	// these values. White space around them and around cells does not count. nil takes
	// all rows.
	Where map[string][]string
}

// Survey is what one pass over the segments tells.
type Survey struct {
	Version     string // of the segments before they were read; empty if a source has no version
	Fingerprint string // of the profiles, whatever their order
	Rows        int64  // of the segments: Profiles + Duplicates + Rejected.Total + Unconsented
	Filtered    int64  `json:",omitempty"` // further rows, which are not in a segment because of its Where
	Profiles    int64
	Duplicates  int64       // rows whose address an earlier row has
	Rejected    tally.Tally // rows that cannot become a profile

	// RejectedPeople are how many people have an address in rejected rows alone. They are
	// in the segments, and are not sent.
	RejectedPeople int64    `json:",omitempty"`
	rejected       []uint64 // the lower halves of the hashes of their addresses

	Dropped  tally.Tally // values left out of profiles
	Doubtful tally.Tally // values that are exported, but look wrong

	// Unconsented are rows that do not say yes to marketing, where only those who do
	// become profiles; later rows with the address of such a row are duplicates.
	Unconsented int64 `json:",omitempty"`

	// Shared are the identifiers left out of profiles because several addresses have
	// them. It is complete if SharedKnown is set.
	Shared      tally.Tally
	SharedKnown bool `json:",omitempty"`

	// Notices are what the sources say of what they chose and read, full sentences.
	Notices []string `json:",omitempty"`

	// Changes are how the profiles differ from those of an earlier sketch; nil if
	// there was none, or if there are too many.
	Changes *Changes `json:",omitempty"`

	// Consents are who agrees to marketing; nil if the mapping does not tell.
	Consents *Consents `json:",omitempty"`
}

// Profile is a row that became a profile, the first with its address.
type Profile struct {
	Row     tally.Row
	Email   profile.Hash     // of the address
	Content profile.Hash     // of the JSON, without the property that tells the segments, and of the consent
	Key     uint64           // in the sketch of the reader; 0 if it has none
	JSON    []byte           // a JSON:API resource object; valid until the next profile
	Consent *profile.Consent // nil if the mapping has none; valid until the next profile
}

// TellsChanges reports whether the versions of all segments can be relied on
// from one plan to the next.
func (p *Pipeline) TellsChanges() bool {
	for _, s := range p.Segments {
		if source, ok := s.Source.(segment.ChangeTeller); !ok || !source.TellsChanges() {
			return false
		}
	}
	return true
}

// Version identifies what the segments hold; it is empty if a source has no version.
func (p *Pipeline) Version(ctx context.Context) string {
	var b strings.Builder
	for _, s := range p.Segments {
		version, err := s.Source.Version(ctx)
		if err != nil || version == "" {
			return ""
		}
		fmt.Fprintf(&b, "%q: %q; ", s.Name, version)
	}
	return b.String()
}

// Reader reads the segments of a pipeline, once or several times. It is not safe
// for concurrent use.
type Reader struct {
	// OnRows is called with the number of rows read so far, the filtered ones included,
	// unless it is nil.
	OnRows func(rows int64)

	// OnSkip is called for each row that is not handed on, unless it is nil: those that
	// are rejected, those without consent, and duplicates.
	OnSkip func(row tally.Row, code, reason string)

	// Sketch is added each profile of a pass, if it is set. It must be empty when
	// the pass begins.
	Sketch *sketch.Sketch

	// ConsentSketch is added the consent of each profile that can be subscribed, if it
	// is set. It must be empty when the pass begins.
	ConsentSketch *sketch.Sketch

	// ConsentsBefore is an earlier ConsentSketch of the same salt and size, if it is set,
	// for [Consents.Begun].
	ConsentsBefore *sketch.Sketch

	pipeline *Pipeline
	segments *segmentIndex    // nil unless a property tells who is in which
	seen     hashset.Set      // addresses of this pass
	shared   *identifierIndex // nil unless FindShared was called

	rejected *hashset.Set // valid addresses of the rejected rows of this pass; nil while there are none
	refusing *hashset.Set // those of them that do not say yes to marketing; nil while there are none

	unconsented *hashset.Set // addresses of this pass that are no profiles; nil unless only those who say yes are

	places  *places  // nil unless KeepPlaces was called
	notices []string // of this pass; written by the goroutine that reads

	counts      Survey
	fingerprint profile.Fingerprint
	addresses   profile.Fingerprint

	noted      profile.Note // the last one
	notedWords string       // of it

	// Of the chunk at hand.
	encoded []encoded
	json    []byte
}

// NewReader returns a reader that has read nothing yet.
func (p *Pipeline) NewReader() *Reader {
	return &Reader{pipeline: p, segments: newSegmentIndex(p)}
}

// NeedsTwoPasses reports whether the segments must be read once before the
// profiles are complete: which segments somebody is in is known only then.
func (r *Reader) NeedsTwoPasses() bool { return r.segments.incomplete() }

// Has reports whether the last pass came across an address.
func (r *Reader) Has(email profile.Hash) bool { return r.seen.Has(email) }

// Addresses is the fingerprint of the addresses that the last pass came across.
func (r *Reader) Addresses() profile.Fingerprint { return r.addresses }

// Counts is what the pass under way has found so far.
func (r *Reader) Counts() *Survey {
	s := r.counts
	s.Fingerprint = r.fingerprint.String()
	return &s
}

// Read makes a pass over the segments and hands each profile to visit, in the
// order of the rows, if visit is not nil. The error is a [*diagnostic.Error],
// [diagnostic.Errors], an [*UnreadError] or what visit returned.
func (r *Reader) Read(ctx context.Context, visit func(*Profile) error) (*Survey, error) {
	r.counts, r.fingerprint, r.addresses = Survey{}, profile.Fingerprint{}, profile.Fingerprint{}
	r.seen.Clear()
	for _, s := range []*hashset.Set{r.rejected, r.refusing} {
		if s != nil {
			s.Clear()
		}
	}
	r.beginConsents()
	r.notices = nil
	r.places.clear()
	version := r.pipeline.Version(ctx)
	g, ctx := errgroup.WithContext(ctx)
	s := newStream()
	g.Go(func() error { return r.readAll(ctx, s) })
	g.Go(func() error {
		for c := range s.full {
			if err := r.take(c, visit); err != nil {
				return err
			}
			s.free <- c
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if r.segments != nil {
		r.segments.complete = true
	}
	r.shared.finish()
	r.countRejectedPeople()
	r.counts.SharedKnown = r.shared != nil
	r.counts.Version = version
	r.counts.Notices = r.notices
	return r.Counts(), nil
}

// take encodes and counts the rows of a chunk, and hands on the profiles. It looks
// for the duplicates of a chunk at once: then the processor waits for many
// lookups together rather than for one after the other, which takes a fifth off a
// survey of a million rows.
func (r *Reader) take(c *chunk, visit func(*Profile) error) error {
	r.counts.Rows += int64(c.rows - c.filtered)
	r.counts.Filtered += int64(c.filtered)
	if r.OnRows != nil {
		r.OnRows(r.counts.Rows + r.counts.Filtered)
	}
	r.encode(c)
	if r.unconsented != nil {
		r.decide(c.segment)
	} else {
		for i := range r.encoded {
			e := &r.encoded[i]
			e.first = r.seen.Add(e.info.Email)
		}
	}
	r.shared.note(r)
	p := Profile{Row: tally.Row{Segment: c.segment}}
	for i := range r.encoded {
		e := &r.encoded[i]
		p.Row.Number = e.row
		if r.count(p.Row, c.index, e); !e.first || visit == nil {
			continue
		}
		p.Email, p.Content, p.Key, p.JSON = e.info.Email, e.info.Profile, e.key, r.json[e.start:e.end:e.end]
		p.Consent = e.info.Consent
		if err := visit(&p); err != nil {
			return err
		}
	}
	return nil
}

// encoded is a profile of the chunk at hand.
type encoded struct {
	row        int64
	start, end int // in the reader's json
	info       profile.Info
	first      bool // no earlier row has its address

	unconsented bool   // there is no JSON, since the row does not say yes
	key         uint64 // of the address in the sketch
}

// encode encodes the rows of a chunk.
func (r *Reader) encode(c *chunk) {
	r.encoded, r.json = r.encoded[:0], r.json[:0]
	cells, skipped := c.cells, c.skipped
	width := len(cells) / max(c.rows-len(skipped), 1)
	for i := range c.rows {
		row := tally.Row{Segment: c.segment, Number: c.first + int64(i)}
		if len(skipped) > 0 && skipped[0].index == i {
			if err := skipped[0].err; err != nil {
				for _, email := range skipped[0].emails {
					r.noteRejected(email, skipped[0].refuses)
				}
				r.reject(row, err.Code, profile.Target{}, err.Error())
			}
			skipped = skipped[1:]
			continue
		}
		r.encoded = slices.Grow(r.encoded, 1)[:len(r.encoded)+1]
		e := &r.encoded[len(r.encoded)-1]
		start := len(r.json)
		var rejection *profile.Rejection
		r.json, rejection = c.encoder.Append(r.json, cells[:width], &e.info)
		cells = cells[width:]
		e.unconsented = rejection != nil && rejection.Code == profile.Unconsented
		if rejection != nil && !e.unconsented {
			r.encoded = r.encoded[:len(r.encoded)-1]
			r.noteRejected(e.info.Email, e.info.Consent != nil && !e.info.Consent.Given)
			r.reject(row, string(rejection.Code), rejection.Target, rejection.Reason())
			continue
		}
		r.heedRefusal(e)
		if e.unconsented {
			r.json = r.json[:start]
		}
		e.row, e.start, e.end = row.Number, start, len(r.json)
	}
	clear(c.cells) // lets go of the rows, which the garbage collector would look at
}

func (r *Reader) reject(row tally.Row, code string, target profile.Target, reason string) {
	r.counts.Rejected.Add(row, code, target, reason)
	if r.OnSkip != nil {
		r.OnSkip(row, code, reason)
	}
}

func (r *Reader) countDuplicate(row tally.Row) {
	r.counts.Duplicates++
	if r.OnSkip != nil {
		r.OnSkip(row, "duplicate", "an earlier row has the same email address")
	}
}

// count counts an encoded row of a segment.
func (r *Reader) count(row tally.Row, segment int, e *encoded) {
	info := &e.info
	if r.Sketch != nil {
		e.key = KeyOf(r.Sketch, info.Email.Lo)
	}
	r.segments.note(r, segment, e)
	if !e.first {
		r.countDuplicate(row)
		return
	}
	r.counts.Profiles++
	r.fingerprint.Add(info.Profile)
	r.addresses.Add(info.Email)
	if r.Sketch != nil {
		r.Sketch.Add(e.key, info.Profile.Lo|ofProfile)
	}
	if info.Consent != nil && info.Consent.Given {
		r.countConsent(row, info)
	}
	for _, n := range info.Notes {
		of := &r.counts.Dropped
		if n.Exported() {
			of = &r.counts.Doubtful
		}
		of.Add(row, string(n.Code), n.Target, r.wordsOf(n))
	}
	for _, i := range profile.Identifiers {
		if info.Omitted[i] {
			r.counts.Shared.Add(row, CodeShared, i.Target(), i.Target().String()+" is the same for several email addresses")
		}
	}
}

// wordsOf returns a note in words. Most notes are like the one before, and making
// the words costs as much as the rest of counting.
func (r *Reader) wordsOf(n profile.Note) string {
	if n != r.noted {
		r.noted, r.notedWords = n, n.Words()
	}
	return r.notedWords
}

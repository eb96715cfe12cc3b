package export

import (
	"context"
	"fmt"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Survey is what reading the segments tells, before anything is sent.
type Survey struct {
	Version     string // of the segments before they were read; empty if they do not tell
	Fingerprint string // of the profiles that would be sent
	Rows        int64  // = Profiles + Duplicates + Rejected.Total
	Profiles    int64
	Duplicates  int64       // rows whose address an earlier row has
	Rejected    tally.Tally // rows that cannot be exported
	Dropped     tally.Tally // values left out of profiles that are exported
}

// Survey reads the segments once. The error is an *[Error] or [Errors] unless
// the context ended. If it is about rows that cannot be exported, those are in
// the rejects file.
func (e *Export) Survey(ctx context.Context) (*Survey, error) {
	return e.count(ctx, &counter{rejects: e.newRejects(), roster: e.newRoster()}, nothing)
}

// nothing is to be done with a profile.
func nothing(*encoded) error { return nil }

// count reads the segments once, without keeping their profiles. Afterwards the
// counter's roster is complete if it has one.
func (e *Export) count(ctx context.Context, c *counter, each func(*encoded) error) (*Survey, error) {
	defer limitGarbage()()
	version := e.version(ctx)
	if err := e.encodeSegments(ctx, reading{roster: c.roster}, func(_ context.Context, chunk *chunk) error {
		return c.take(chunk, each)
	}); err != nil {
		return nil, nothingSent(err)
	}
	if c.roster != nil {
		c.roster.complete = true
	}
	s := c.survey()
	s.Version = version
	if err := e.checkRejected(s); err != nil {
		return s, nothingSent(c.rejects.list(err))
	}
	return s, nothingSent(e.checkSize(s.Profiles, true))
}

// TellsChanges reports whether the versions of all segments can be relied on
// from one plan to the next.
func (e *Export) TellsChanges() bool {
	for _, s := range e.Segments {
		if source, ok := s.Source.(segment.ChangeTeller); !ok || !source.TellsChanges() {
			return false
		}
	}
	return true
}

// SurveyUnless is Survey, unless the segments say that they are what they were
// at the last one, which may be nil.
func (e *Export) SurveyUnless(ctx context.Context, last *Survey) (*Survey, error) {
	if last != nil && last.Version != "" && !e.listsRows(last) && e.TellsChanges() && e.version(ctx) == last.Version {
		return last, e.CheckSurvey(last)
	}
	return e.Survey(ctx)
}

// listsRows reports whether a survey is refused because of rows that are to be
// listed, for which they must be read.
func (e *Export) listsRows(s *Survey) bool { return e.RejectsPath != "" && e.checkRejected(s) != nil }

// version identifies what the segments hold, empty where one does not tell.
func (e *Export) version(ctx context.Context) string {
	var b strings.Builder
	for _, s := range e.Segments {
		version, err := s.Source.Version(ctx)
		if err != nil || version == "" {
			return ""
		}
		fmt.Fprintf(&b, "%q: %q; ", s.Name, version)
	}
	return b.String()
}

// counter makes a Survey chunk by chunk.
type counter struct {
	read        func(rows int64) // is told how many, if it is there
	rejects     *rejects
	counts      Survey
	fingerprint profile.Fingerprint
	seen        hashSet // addresses
	roster      *roster // nil unless who is in which segments is to be told
}

// take counts the rows of a chunk and passes on each profile that is the first
// with its address.
func (c *counter) take(from *chunk, emit func(*encoded) error) error {
	c.expect(from)
	c.counts.Rows += int64(from.rows)
	if c.read != nil {
		c.read(c.counts.Rows)
	}
	for _, r := range from.rejects {
		row := tally.Row{Segment: from.segment, Number: r.row}
		c.counts.Rejected.Add(row, r.code, r.target, r.reason)
		c.rejects.add(row, r.code, r.reason)
	}
	c.seen.warm(from.profiles)
	for i := range from.profiles {
		p := &from.profiles[i]
		first := c.seen.add(p.info.Email)
		c.note(from.index, p.info.Email, first)
		if !first {
			c.counts.Duplicates++
			c.rejects.add(tally.Row{Segment: from.segment, Number: p.row}, "duplicate", "an earlier row has the same email address")
			continue
		}
		c.counts.Profiles++
		c.fingerprint.Add(p.info.Profile)
		if p.info.Dropped != 0 {
			c.drop(tally.Row{Segment: from.segment, Number: p.row}, p.info.Dropped)
		}
		if err := emit(p); err != nil {
			return err
		}
	}
	return nil
}

// drop counts the values that were left out of a profile.
func (c *counter) drop(row tally.Row, dropped profile.Dropped) {
	for t := range dropped.Targets() {
		c.counts.Dropped.Add(row, tally.CodeDropped, t, profile.DroppedBecause(t))
	}
}

// note takes into the fingerprint which segments a person is in. first says
// that no earlier row had the address.
func (c *counter) note(segment int, email profile.Hash, first bool) {
	switch r := c.roster; {
	case r == nil:
	case r.sparse():
		if r.add(segment, email) {
			c.fingerprint.Add(r.fact(segment, email))
		}
	case first:
		for i := range r.names {
			if r.in(i, segment, email) {
				c.fingerprint.Add(r.fact(i, email))
			}
		}
	}
}

// mostExpected bounds the room that is made on the strength of an estimate.
const mostExpected = 8_000_000

// expect makes room for the rows of a segment, judging by its first chunk.
func (c *counter) expect(from *chunk) {
	if from.first == 1 && from.fraction > 0 && from.fraction < 1 {
		c.seen.reserve(min(c.counts.Rows+int64(float64(from.rows)/from.fraction), mostExpected))
	}
}

func (c *counter) survey() *Survey {
	s := c.counts
	s.Fingerprint = c.fingerprint.String()
	return &s
}

package export

import (
	"context"
	"fmt"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Survey is what reading the segments tells, before anything is sent.
type Survey struct {
	Version     string // of the segments before they were read; empty if they do not tell
	Fingerprint string // of the profiles that would be sent
	Rows        int64  // = Profiles + Duplicates + Rejected.Total
	Profiles    int64
	Duplicates  int64 // rows whose address an earlier row has
	Rejected    Tally // rows that cannot be exported
	Dropped     Tally // values left out of profiles that are exported
}

// Survey reads the segments once. The error is an *[Error] or [Errors] unless
// the context ended.
func (e *Export) Survey(ctx context.Context) (*Survey, error) {
	var c counter
	version := e.version(ctx)
	if err := e.encodeSegments(ctx, false, func(_ context.Context, chunk *chunk) error {
		return c.take(chunk, func(encoded) error { return nil })
	}); err != nil {
		return nil, err
	}
	s := c.survey()
	s.Version = version
	return s, e.CheckSurvey(s)
}

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
	rejects     *rejects
	counts      Survey
	fingerprint profile.Fingerprint
	seen        hashSet // addresses
}

// take counts the rows of a chunk and passes on each profile that is the first
// with its address.
func (c *counter) take(from *chunk, emit func(encoded) error) error {
	c.expect(from)
	c.counts.Rows += int64(from.rows)
	for _, r := range from.rejects {
		row := Row{from.segment, r.row}
		c.counts.Rejected.add(row, r.code, r.target, r.reason)
		c.rejects.add(row, r.code, r.reason)
	}
	c.seen.warm(from.profiles)
	for _, p := range from.profiles {
		if !c.seen.add(p.info.Email) {
			c.counts.Duplicates++
			c.rejects.add(Row{from.segment, p.row}, "duplicate", "an earlier row has the same email address")
			continue
		}
		c.counts.Profiles++
		c.fingerprint.Add(p.info.Profile)
		for t := range p.info.Dropped.Targets() {
			c.counts.Dropped.add(Row{from.segment, p.row}, codeDropped, t, profile.DroppedBecause(t))
		}
		if err := emit(p); err != nil {
			return err
		}
	}
	return nil
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

package export

import (
	"context"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// Survey is what reading the segments tells, before anything is sent.
type Survey = pipeline.Survey

func (e *Export) pipeline() *pipeline.Pipeline {
	return &pipeline.Pipeline{
		Segments: e.Segments, Mapping: e.mapping(), SegmentProperty: e.SegmentProperty, AllowEmpty: e.Safeguards.AllowEmptySegment,
		Now: e.clock().Now(),
	}
}

// mapping is the mapping with what the channels need.
func (e *Export) mapping() profile.Mapping {
	m := e.Mapping
	if e.Subscription != nil && m.Consent != nil {
		c := *m.Consent
		c.UsesPhone = slices.ContainsFunc(e.Subscription.Channels, klaviyo.Channel.NeedsPhone)
		c.NeedsPhone = !slices.Contains(e.Subscription.Channels, klaviyo.ChannelEmail)
		m.Consent = &c
	}
	return m
}

// Survey reads the segments once. The error is a [*diagnostic.Error] or
// [diagnostic.Errors] unless the context ended. If it is about rows that cannot
// be exported, those are in the rejects file.
func (e *Export) Survey(ctx context.Context) (*Survey, error) {
	return e.survey(ctx, e.pipeline().NewReader(), e.newRejects())
}

// survey reads the segments with a reader, twice if identifiers are shared, and refuses what must not lead to
// a run.
func (e *Export) survey(ctx context.Context, r *pipeline.Reader, rejects *rejects) (*Survey, error) {
	return e.surveySampled(ctx, r, rejects, nil)
}

// surveySampled is survey, which also takes a sample of the people unless that is nil.
func (e *Export) surveySampled(ctx context.Context, r *pipeline.Reader, rejects *rejects, sample *Sample) (*Survey, error) {
	defer limitGarbage()()
	r.FindShared()
	s, err := e.read(ctx, r, rejects, sample)
	if err == nil && r.FoundShared() { // where they are left out is known only now
		rejects.empty()
		s, err = e.read(ctx, r, rejects, sample)
	}
	if err != nil {
		return nil, nothingSent(err)
	}
	e.compareConsents(s, r.ConsentSketch)
	if e.Acknowledged != nil {
		s.Changes, _ = pipeline.Compare(e.Acknowledged, r.Sketch)
		e.addLeft(s.Changes)
		s.Changes.KeepRejected(s, e.Acknowledged)
	}
	if err := e.checkRejected(s); err != nil {
		return s, nothingSent(rejects.list(err))
	}
	return s, nothingSent(e.checkSize(s.Profiles, true))
}

// read makes a pass of a survey.
func (e *Export) read(ctx context.Context, r *pipeline.Reader, rejects *rejects, sample *Sample) (*Survey, error) {
	r.OnSkip = rejects.follow(r)
	if e.Acknowledged != nil {
		r.Sketch = sketch.NewLike(e.Acknowledged)
	}
	if e.Subscribed != nil {
		r.ConsentSketch, r.ConsentsBefore = sketch.NewLike(e.Subscribed), e.Subscribed
	}
	if sample == nil {
		return r.Read(ctx, nil)
	}
	sample.people = sample.people[:0]
	return r.Read(ctx, func(p *pipeline.Profile) error {
		sample.add(p, false)
		return nil
	})
}

// SurveyUnless is Survey, unless the segments say that they are what they were
// at the last one, which may be nil.
func (e *Export) SurveyUnless(ctx context.Context, last *Survey) (*Survey, error) {
	p := e.pipeline()
	if last != nil && last.Version != "" && !e.listsRows(last) && e.knowsChanges(last) && e.knowsConsents(last) && e.knowsShared(last) && p.TellsChanges() && p.Version(ctx) == last.Version {
		return last, e.CheckSurvey(last)
	}
	return e.Survey(ctx)
}

// addLeft adds to changes who has left of those who may have joined: they would be
// among the added if they were in the segments.
func (e *Export) addLeft(c *pipeline.Changes) {
	if c == nil {
		return
	}
	for _, key := range e.MayHaveJoined {
		if !c.Added.Has(key) {
			c.Removed = append(c.Removed, key)
		}
	}
	slices.Sort(c.Removed)
}

// TellsChanges reports whether the versions of all segments can be relied on
// from one plan to the next.
func (e *Export) TellsChanges() bool { return e.pipeline().TellsChanges() }

// listsRows reports whether a survey is refused because of rows that are to be
// listed, for which they must be read.
func (e *Export) listsRows(s *Survey) bool { return e.RejectsPath != "" && e.checkRejected(s) != nil }

// knowsShared reports whether a survey tells which identifiers several addresses
// have.
func (e *Export) knowsShared(s *Survey) bool {
	return s.SharedKnown || !slices.ContainsFunc(profile.Identifiers[:], func(i profile.Identifier) bool { return i.Mapped(e.Mapping) })
}

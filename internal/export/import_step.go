package export

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// importStep sends the profiles of the segments to Klaviyo and adds them to the
// list.
type importStep struct {
	export  *Export
	reader  *pipeline.Reader
	imports *bulk.Import
	rejects *rejects
	optOuts *hashset.Set // addresses not to be sent

	surveyed *Survey // what the segments held before
	pinned   string  // the fingerprint that the segments must have; empty for any

	sent            *Survey // what the segments held as they were sent; nil until all were read
	withheld        int64
	rejectedTooMany bool
	rows            atomic.Int64 // read
	done            atomic.Bool
}

func (e *Export) importStep(client *klaviyo.Client, before prepared, rejects *rejects, o RunOptions) *importStep {
	s := &importStep{
		export: e, reader: before.reader, rejects: rejects, optOuts: before.optOuts,
		surveyed: before.survey, pinned: o.Fingerprint,
		imports: bulk.New(client, bulk.Options{ListID: e.ListID, Limits: e.limits, OnReject: rejects.add, Clock: e.clock()}),
	}
	s.reader.OnRows, s.reader.OnSkip = s.rows.Store, rejects.add
	return s
}

func (s *importStep) run(ctx context.Context) error {
	err := s.imports.Run(ctx, s.add)
	s.done.Store(err == nil)
	return err
}

// add adds all profiles that are to be sent.
func (s *importStep) add(ctx context.Context, p *bulk.Packer) error {
	profiles := int64(0)
	sent, err := s.reader.Read(ctx, func(profile *pipeline.Profile) error {
		profiles++
		if err := s.export.checkSize(profiles, false); err != nil {
			return err
		}
		if s.optOuts.Has(profile.Email) {
			s.withheld++
			s.rejects.add(profile.Row, "withheld", "the person unsubscribed from the list")
			return nil
		}
		return p.Add(ctx, profile.Row, profile.Email, profile.JSON)
	})
	if err != nil {
		return err
	}
	s.sent = sent
	return s.check(sent)
}

// check holds what the segments turned out to be, now that all of it is read for
// sending, against what was allowed: a source may change after it was surveyed.
// The last batch, of a small export the only one, is not sent yet.
func (s *importStep) check(sent *Survey) error {
	if s.pinned != "" && sent.Fingerprint != s.pinned {
		return changedSincePlan()
	}
	if err := s.export.checkRejected(sent); err != nil {
		s.rejectedTooMany = true
		return err
	}
	return s.export.checkSize(sent.Profiles, true)
}

// explain says why the import ended early and what Klaviyo has of it.
func (s *importStep) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx, s.imports.HeldUp(), s.imports.Explain(ctx, "Apply again"))
	}
	var one *diagnostic.Error
	var several diagnostic.Errors
	advice := "Apply again"
	switch {
	case errors.As(err, &several), errors.As(err, &one) && one.Attribute != nil:
		advice = "Once this is put right, apply again"
	case one == nil:
		summary, detail := klaviyo.Explain(err)
		err = &diagnostic.Error{Summary: summary, Detail: detail, Err: err}
	}
	err = diagnostic.AddToDetail(err, "\n\n"+s.imports.Explain(ctx, advice))
	if s.rejectedTooMany {
		err = s.rejects.list(err)
	}
	return err
}

// progress is how far the import is now.
func (s *importStep) progress(now time.Time) Progress {
	expected := s.surveyed.Profiles
	if s.done.Load() {
		expected = 0 // some may have been withheld or refused, but there will be no more
	}
	return newProgress(now.Sub(s.imports.Started()), s.rows.Load(), expected, s.imports.Progress())
}

func (s *importStep) fill(result *Result) {
	result.Survey = *s.sent
	result.Version = ""
	if s.sent.Fingerprint == s.surveyed.Fingerprint { // else it is the version of something else
		result.Version = s.surveyed.Version
	}
	report := &s.imports.Report
	result.Refused, result.Unwanted, result.Unconfirmed = report.Refused, report.Unwanted, report.Unconfirmed
	result.Withheld = s.withheld
	result.Exported = s.imports.Exported()
	result.Jobs = s.imports.Progress().Finished
}

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
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// importStep sends the profiles of the segments to Klaviyo and adds them to the
// list.
type importStep struct {
	export  *Export
	reader  *pipeline.Reader
	imports *bulk.Import
	rejects *rejects
	client  *klaviyo.Client
	optOuts *optOutSet // nil if people are looked up as they are sent
	retries retries
	omitted idSet // people who were sent without identifiers that other profiles have
	sending *sending

	subscribing *subscribing // nil if nobody is subscribed

	surveyed *Survey // what the segments held before
	pinned   string  // the fingerprint that the segments must have; empty for any
	sample   *Sample // of the people who are read; nil for none

	sent            *Survey             // what the segments held as they were sent; nil until all were read
	addresses       profile.Fingerprint // whose addresses these were
	withheld        OptOutCounts
	lookedUp        hashset.Set // people who were looked up and are withheld
	consented       hashset.Set // people of optOuts who are not withheld, since they consented later
	rejectedTooMany bool
	rows            atomic.Int64 // read
	done            atomic.Bool
}

func (e *Export) importStep(client *klaviyo.Client, before prepared, rejects *rejects, o RunOptions) *importStep {
	s := &importStep{
		export: e, reader: before.reader, rejects: rejects, client: client, optOuts: before.optOuts,
		surveyed: before.survey, pinned: o.Fingerprint, sample: o.Sample,
		retries: retries{rounds: len(retryWaits)}, sending: e.newSending(before.survey),
		subscribing: e.newSubscribing(before.survey),
	}
	s.imports = bulk.New(client, bulk.Options{ListID: e.ListID, Limits: e.limits, OnReject: rejects.add, OnFailure: s.failed, Clock: e.clock()})
	s.reader.OnRows, s.reader.OnSkip, s.reader.Sketch, s.reader.ConsentSketch = s.rows.Store, rejects.follow(s.reader), s.sending.read, nil
	return s
}

// failed takes a profile that Klaviyo did not import and reports whether it will be
// sent again.
func (s *importStep) failed(f bulk.Failure) (again bool) {
	s.sending.fail(f.ID)
	return s.retries.failed(f)
}

func (s *importStep) run(ctx context.Context) error {
	err := s.imports.Run(ctx, s.add)
	for err == nil {
		round, before := s.retries.begin()
		if round == nil {
			s.done.Store(true)
			return nil
		}
		logging.Warn(ctx, "Profiles that Klaviyo did not import are sent again", logging.Fields{"profiles": round.len(), "wait": before.String()})
		if err = s.export.clock().Wait(ctx, before, nil); err == nil {
			err = s.sendAgain(ctx, round)
		}
	}
	return err
}

// sendAgain sends the profiles of a round, as the segments hold them by now.
func (s *importStep) sendAgain(ctx context.Context, round *idSet) error {
	s.reader.OnRows, s.reader.OnSkip, s.reader.Sketch = nil, nil, nil // the rows were counted the first time
	left := round.len()
	err := s.imports.Run(ctx, func(ctx context.Context, p *bulk.Packer) error {
		_, err := s.reader.Read(ctx, func(profile *pipeline.Profile) error {
			if !round.has(profile.Email.Lo) {
				return nil
			}
			left--
			s.sending.sentAgain(idOf(profile))
			return p.Add(ctx, profile.Row, idOf(profile), s.mended(profile))
		})
		return err
	})
	if err == nil {
		s.imports.RejectGone(left)
	}
	return err
}

// mended is a profile without the identifiers that belong to another profile in
// Klaviyo.
func (s *importStep) mended(p *pipeline.Profile) []byte {
	if !s.retries.isShared(p.Email.Lo) {
		return p.JSON
	}
	without := profile.WithoutIdentifiers(p.JSON)
	if without == nil {
		return p.JSON
	}
	if s.omitted.add(p.Email.Lo) { // a profile may be sent several times
		s.imports.Report.Omit(p.Row, identifiers, "they belong to another profile in Klaviyo")
	}
	return without
}

// identifiers stand for the phone number and the external id of a profile.
var identifiers = profile.Target{Group: "klaviyo", Name: "phone_number, external_id"}

func idOf(p *pipeline.Profile) bulk.ID { return bulk.ID{Email: p.Email.Lo, Content: p.Content.Lo} }

// optedOut reports whether it is known that somebody opted out.
func (s *importStep) optedOut(email profile.Hash) bool {
	if s.optOuts == nil {
		return s.lookedUp.Has(email)
	}
	return s.optOuts.of(email) != noOptOut && !s.consented.Has(email)
}

// add adds all profiles that are to be sent.
func (s *importStep) add(ctx context.Context, p *bulk.Packer) error {
	send := func(profile *pipeline.Profile, why optOut) error {
		if why != noOptOut {
			s.withheld.add(why)
			s.rejects.add(profile.Row, "withheld", optOutReasons[why])
			return nil
		}
		return p.Add(ctx, profile.Row, idOf(profile), profile.JSON)
	}
	ask := lookUpSuppressions(s.client, func(profile *pipeline.Profile, all []klaviyo.Suppression) error {
		why := s.stillOptedOut(profile, all)
		return send(profile, why)
	})
	return ask.run(ctx, func(ctx context.Context) error { return s.read(ctx, ask, send) })
}

// stillOptedOut is how somebody opted out who was looked up, unless it was before the
// consent that the row gives.
func (s *importStep) stillOptedOut(p *pipeline.Profile, all []klaviyo.Suppression) optOut {
	var since time.Time
	if s.export.overrides(p) {
		since = s.export.consentedAt(p)
	}
	why := s.export.optOutOf(all, since)
	switch {
	case why != noOptOut:
		s.lookedUp.Add(p.Email)
		s.sending.withhold(p)
	case s.optOuts != nil:
		s.consented.Add(p.Email)
	}
	return why
}

// read reads the segments and sends the profiles that are to be sent, those who are to
// be looked up through ask.
func (s *importStep) read(ctx context.Context, ask *lookup[[]klaviyo.Suppression], send func(*pipeline.Profile, optOut) error) error {
	profiles := int64(0)
	sent, err := s.reader.Read(ctx, func(profile *pipeline.Profile) error {
		profiles++
		if err := s.export.checkSize(profiles, false); err != nil {
			return err
		}
		s.sending.note(profile)
		s.subscribing.note(profile)
		takes := s.sending.takes(profile)
		s.sample.add(profile, !takes)
		why, asks := noOptOut, s.optOuts == nil
		if s.optOuts != nil {
			why = s.optOuts.of(profile.Email)
			asks = why != noOptOut && s.export.overrides(profile)
		}
		if why != noOptOut && !(takes && asks) {
			s.sending.withhold(profile)
		}
		switch {
		case !takes:
			return nil
		case asks:
			return ask.add(ctx, profile)
		default:
			return send(profile, why)
		}
	})
	if err != nil {
		return err
	}
	s.sent, s.addresses = sent, s.reader.Addresses()
	if err := s.check(sent); err != nil {
		return err
	}
	return ask.finish(ctx)
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
	expected := s.sending.expected(s.surveyed)
	if s.done.Load() {
		expected = 0 // some may have been withheld or refused, but there will be no more
	}
	return newProgress(now.Sub(s.imports.Started()), s.rows.Load(), expected, s.imports.Progress())
}

func (s *importStep) fill(result *Result) {
	report := &s.imports.Report
	s.sending.unknown = s.sending.unknown || report.Unconfirmed.Total() > 0
	version := ""
	if s.sent.Fingerprint == s.surveyed.Fingerprint { // else it is the version of something else
		version = s.surveyed.Version
	}
	s.sending.finish(s.sent, s.surveyed)
	result.Survey, result.Sent = *s.sent, s.sending.Sent
	result.Version, result.SharedKnown = version, s.surveyed.SharedKnown
	result.Refused, result.Untaken, result.Unwanted, result.Unconfirmed = report.Refused, report.Untaken, report.Unwanted, report.Unconfirmed
	result.Withheld, result.OptOuts = s.withheld.Total(), s.withheld
	result.Exported = s.imports.Exported()
	result.Jobs = s.imports.Progress().Finished
}

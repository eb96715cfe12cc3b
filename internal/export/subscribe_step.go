package export

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// subscribeStep subscribes the people who say yes and whose consent is news, unless they
// opted out after that. It reads the segments again, if there is anybody. Nobody is ever
// unsubscribed.
type subscribeStep struct {
	export  *Export
	client  *klaviyo.Client
	list    klaviyo.List
	imports *importStep // is over
	news    *subscribing

	request klaviyo.SubscribeRequest
	people  []pipeline.Profile // of the request, without their JSON

	outcome  Subscriptions
	denied   bool  // the key may not subscribe anybody
	selected int64 // profiles in the second pass whose consent is to be passed on
	passed   bool  // there was a second pass, and it is complete
	over     bool  // it did not fail
	started  time.Time
	settled  atomic.Int64
	total    atomic.Int64
}

func (e *Export) subscribeStep(client *klaviyo.Client, list klaviyo.List, imported *importStep) *subscribeStep {
	return &subscribeStep{
		export: e, client: client, list: list, imports: imported, news: imported.subscribing, started: e.clock().Now(),
		request: klaviyo.SubscribeRequest{
			ListID: e.ListID, CustomSource: e.Subscription.CustomSource, Historical: e.historical(), Confirms: e.Confirms(list),
		},
	}
}

func (s *subscribeStep) run(ctx context.Context) error {
	s.outcome.News = s.news.find()
	s.total.Store(s.outcome.News)
	if s.outcome.News == 0 {
		return nil
	}
	if err := s.check(ctx); err != nil {
		s.outcome.Left = s.outcome.News
		s.news.leave()
		return err
	}
	ask := lookup[consenting]{find: s.lookUpConsents, take: func(p *pipeline.Profile, v consenting) error { return s.take(ctx, p, v) }}
	err := ask.run(ctx, func(ctx context.Context) error { return s.pass(ctx, &ask) })
	if err == nil {
		s.passed, s.outcome.News = true, s.selected
	}
	s.outcome.Left = max(s.outcome.News-s.settled.Load(), 0)
	return err
}

// check repeats for the consents that the import has read what was checked for those that
// the survey had found: a source may change after it was surveyed.
func (s *subscribeStep) check(ctx context.Context) error {
	if s.request.Confirms && s.news.unknown() {
		return s.unknown()
	}
	if err := s.export.checkConfirmations(s.list, s.outcome.News, subscribedNobody); err != nil {
		return err
	}
	if s.export.historical() || s.outcome.News <= s.export.Subscribes(s.imports.surveyed) {
		return nil
	}
	return s.export.checkFlows(ctx, s.client, s.outcome.News, subscribedNobody)
}

// unknown is the error of a run that does not know whom Klaviyo has asked before.
func (s *subscribeStep) unknown() error {
	return diagnostic.AddToDetail(notKnownWhoWasAsked(s.list, s.outcome.News), "\n\n"+subscribedNobody)
}

// pass reads the segments to the end, even if the key may not subscribe: the removal that
// follows must know everybody in them.
func (s *subscribeStep) pass(ctx context.Context, ask *lookup[consenting]) error {
	err := s.read(ctx, ask)
	if errors.Is(err, errOthersFirst) {
		if s.request.Confirms {
			return s.unknown()
		}
		s.outcome.News = s.news.findAll() // which asks nobody again, whoever was dealt with before
		s.total.Store(s.outcome.News)
		err = s.read(ctx, ask)
	}
	if err != nil {
		return err
	}
	if err := ask.finish(ctx); err != nil {
		return err
	}
	return s.flush(ctx)
}

// read reads the segments and takes in whose consent is to be passed on.
func (s *subscribeStep) read(ctx context.Context, ask *lookup[consenting]) error {
	reader := s.imports.reader
	reader.OnRows, reader.OnSkip, reader.Sketch = nil, nil, nil // the rows were counted when they were sent
	_, err := reader.Read(ctx, func(p *pipeline.Profile) error {
		takes, err := s.news.takes(p)
		if err != nil || !takes {
			return err
		}
		s.selected++
		if s.denied {
			return nil
		}
		return ask.add(ctx, p)
	})
	return err
}

// take adds somebody to the next request, unless nothing is to be passed on.
func (s *subscribeStep) take(ctx context.Context, p *pipeline.Profile, v consenting) error {
	switch {
	case s.denied:
		return nil
	case v.noChannel:
		s.outcome.Refused.Add(p.Row, codeForeignPhone, profile.IdentifierPhone.Target(), "the phone number belongs to another profile in Klaviyo")
		s.settle(p)
	case len(v.subscriber.Channels) > 0:
		s.request.People, s.people = append(s.request.People, v.subscriber), append(s.people, pipeline.Profile{Row: p.Row, Email: p.Email, Consent: p.Consent})
	case v.optedOut:
		s.outcome.OptedOut++
		s.settle(p)
	default:
		s.outcome.Already++
		s.settle(p)
	}
	if len(s.people) < klaviyo.MaxSubscribers {
		return nil
	}
	return s.flush(ctx)
}

// codeForeignPhone marks people who are not subscribed since their phone number belongs
// to another profile.
const codeForeignPhone = "foreign_phone_number"

// settle takes in that the consent of somebody is dealt with.
func (s *subscribeStep) settle(p *pipeline.Profile) {
	s.news.settle(p, len(s.people) == 0)
	s.settled.Add(1)
}

// flush sends the request.
func (s *subscribeStep) flush(ctx context.Context) error {
	if len(s.people) == 0 || s.denied {
		return nil
	}
	done, err := bulk.Subscribe(ctx, s.client, s.request)
	left := s.refuse(done.Refusals)
	s.noteDropped(done.Dropped)
	count := &s.outcome.Subscribed
	switch {
	case err == nil && s.request.Confirms:
		count = &s.outcome.Pending
	case err == nil:
	case s.request.Confirms && klaviyo.MayHaveArrived(err):
		logging.Warn(ctx, "Whether Klaviyo has got a request to subscribe is not known, and it is not repeated", logging.Fields{"profiles": len(left), "reason": err.Error()})
		count = &s.outcome.Unconfirmed
	case klaviyo.LacksScope(err):
		s.denied, s.outcome.Denied = true, explained(err)
		return nil
	default:
		return ListError(s.export.ListID, err)
	}
	for _, p := range left {
		*count++
		s.settle(p)
	}
	s.request.People, s.people = nil, nil
	s.news.settleLater()
	return ctx.Err()
}

// refuse takes in whom Klaviyo refuses on all their channels, or on some, and returns the
// people of the request whom it does not refuse altogether.
func (s *subscribeStep) refuse(refusals []bulk.Refusal) (left []*pipeline.Profile) {
	lost := make(map[int]int, len(refusals)) // channels, by position
	last := make(map[int]bulk.Refusal, len(refusals))
	for _, r := range refusals {
		lost[r.Position] += len(r.Channels)
		last[r.Position] = r
	}
	for i := range s.people {
		p := &s.people[i]
		r, refused := last[i]
		of := &s.outcome.Partly
		if refused && lost[i] == len(s.request.People[i].Channels) {
			of = &s.outcome.Refused
			s.settle(p)
		} else {
			left = append(left, p)
		}
		if refused {
			of.Add(p.Row, r.Code, profile.Target{}, r.Reason)
		}
	}
	return left
}

func (s *subscribeStep) noteDropped(fields []string) {
	for _, field := range fields {
		if s.outcome.Dropped == nil {
			s.outcome.Dropped = map[string]int64{}
		}
		s.outcome.Dropped[field]++
	}
}

// dealtWith are the consents that are dealt with by now, for the next run.
func (s *subscribeStep) dealtWith() *sketch.Sketch {
	all := s.outcome.Left == 0 && (s.passed || s.outcome.News == 0)
	return s.news.finish(all, s.passed)
}

// explain says what was passed on by the time the step failed. What was sent is
// acknowledged, so that it need not be sent again; a mirror still has to find who left.
func (s *subscribeStep) explain(ctx context.Context, err error) error {
	done := fmt.Sprintf("All profiles were sent and Klaviyo had finished with them. The consents of %s were dealt with by then, and %s left. "+
		"%s: the others are passed on then.", tally.Count(s.settled.Load(), "profile"), tally.CountWith(s.outcome.Left, "profile", "is", "are"), applyAgain(err))
	if ctx.Err() != nil {
		err = interrupted(ctx, klaviyo.WaitedFor(err), done)
	} else {
		err = diagnostic.AddToDetail(explained(err), "\n\n"+done)
	}
	failed := s.partly(err)
	sending := s.imports.sending
	if removal := s.export.removeStep(s.client, s.imports); s.export.Mirror == MirrorExported && removal.leavers() != nil {
		failed.Err = removal.unfinished(err)
	} else if sending.Unsure == nil {
		failed.Acknowledged, failed.AcknowledgedKeys = sending.Acknowledged, sending.AcknowledgedKeys
	}
	return failed
}

// partlySubscribed adds to the error of a run that failed after this step what became of
// the consents. A nil step adds nothing.
func (s *subscribeStep) partlySubscribed(err error) error {
	if s == nil || !s.over || errors.As(err, new(*PartlySubscribed)) {
		return err
	}
	return s.partly(err)
}

// partly adds to the error of a run what became of the consents.
func (s *subscribeStep) partly(err error) *PartlySubscribed {
	return &PartlySubscribed{Err: err, Subscribed: s.dealtWith(), Subscriptions: s.outcome}
}

func (s *subscribeStep) progress(now time.Time) Progress {
	return Progress{Subscribing: true, Subscribed: s.settled.Load(), ToSubscribe: max(s.total.Load(), s.settled.Load()), Elapsed: now.Sub(s.started)}
}

func (s *subscribeStep) fill(result *Result) {
	if s.denied {
		s.outcome.Denied = diagnostic.AddToDetail(s.outcome.Denied, fmt.Sprintf("\n\nAll profiles were sent. The consents of %s were not passed on: to pass them on, apply with such a key.",
			tally.Count(s.outcome.Left, "profile")))
	}
	s.over = true
	result.Subscriptions, result.Subscribed = s.outcome, s.dealtWith()
	result.Consents = s.news.compare(result.Consents, result.Subscribed)
}

package export

import (
	"cmp"
	"errors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// subscribing decides whose consents a run passes on and remembers which of them it
// has dealt with. The import notes all consents; then find tells whose are news; the
// pass that subscribes notes all consents once more, since they may have changed.
type subscribing struct {
	before *sketch.Sketch // dealt with before the run; nil if that is not known

	given    int64          // usable consents of the import
	imported *sketch.Sketch // the same; nil if no sketches are kept
	likeOld  *sketch.Sketch // the same, comparable with before; nil unless imported is of another size
	again    *sketch.Sketch // usable consents of the second pass

	only  map[sketch.Entry]bool // the news; nil if they are all but the first begun
	begun int64                 // consents of the import that are just those in before; 0 if it has others
	first *sketch.Sketch        // the first begun consents of the second pass, as far as it has met them

	dealt *sketch.Sketch // dealt with before and by now; without before if all are news
	later *sketch.Sketch // dealt with by now out of turn, unless only is set; see settle
}

// newSubscribing returns nil for an export that subscribes nobody.
func (e *Export) newSubscribing(surveyed *Survey) *subscribing {
	if e.Subscription == nil || surveyed.Consents == nil {
		return nil
	}
	s := &subscribing{}
	if !e.TrackChanges {
		return s
	}
	s.before = e.Subscribed
	cells := e.consentCells(surveyed.Consents.Given)
	switch {
	case s.before == nil:
		s.imported = sketch.New(e.newSalt(), cells)
	case s.before.Cells() > 2*cells || cells > 2*s.before.Cells():
		s.imported, s.likeOld = sketch.New(e.newSalt(), cells), sketch.NewLike(s.before)
	default:
		s.imported = sketch.NewLike(s.before)
	}
	s.again = sketch.NewLike(s.imported)
	return s
}

// consentCells is how many cells a sketch of so many consents has. Without dates it lists
// more news than usual, about a fifth of the consents, since it may be what keeps Klaviyo
// from asking the same people again. Larger, it would show single entries by itself.
func (e *Export) consentCells(consents int64) int {
	if e.historical() {
		return sketch.CellsFor(int(consents))
	}
	return sketch.CellsFor(int(consents * 5 / 2))
}

// comparable is what the import has read, as a sketch that can be compared with before.
func (s *subscribing) comparable() *sketch.Sketch { return cmp.Or(s.likeOld, s.imported) }

// unknown reports whether it is not known which of the consents were dealt with before.
func (s *subscribing) unknown() bool {
	return s.before != nil && s.before.Count() > 0 && s.only == nil && s.begun == 0
}

// note takes in the consent of a profile as the import reads it.
func (s *subscribing) note(p *pipeline.Profile) {
	if s == nil || !p.Consent.Usable() {
		return
	}
	s.given++
	addConsent(s.imported, p)
	addConsent(s.likeOld, p)
	if pipeline.SameSet(s.comparable(), s.before) {
		s.begun = s.given
	}
}

// addConsent adds the consent of a profile to a sketch, which may be nil.
func addConsent(s *sketch.Sketch, p *pipeline.Profile) {
	if s != nil {
		e := pipeline.ConsentEntryOf(s, p.Email.Lo, p.Consent)
		s.Add(e.Key, e.Value)
	}
}

// find finds out whose consents are news, once all are read, and returns how many.
func (s *subscribing) find() int64 {
	if s.before != nil {
		if news, ok := onlyIn(s.comparable(), s.before); ok {
			s.only = make(map[sketch.Entry]bool, len(news))
			for _, e := range news {
				s.only[e] = true
			}
			s.dealt = clone(s.before)
			return int64(len(news))
		}
	}
	if s.imported == nil || s.begun == 0 {
		return s.findAll()
	}
	s.first, s.dealt, s.later = sketch.NewLike(s.before), clone(s.before), sketch.NewLike(s.before)
	return s.given - s.begun
}

// findAll takes all consents of the import for news, and returns how many they are. The
// second pass may begin once more then.
func (s *subscribing) findAll() int64 {
	if s.imported != nil {
		s.begun = 0
		s.again, s.dealt, s.later = sketch.NewLike(s.imported), sketch.NewLike(s.imported), sketch.NewLike(s.imported)
	}
	return s.given
}

// leave takes in that none of the news is passed on.
func (s *subscribing) leave() {
	if s.before != nil {
		s.dealt = clone(s.before)
	}
}

// errOthersFirst says that the first consents of the second pass are not those that are
// dealt with, so that these cannot be told from the others. None has been passed on by then.
var errOthersFirst = errors.New("the first consents are not those dealt with")

// takes notes the consent of a profile in the second pass, and reports whether it is to
// be passed on.
func (s *subscribing) takes(p *pipeline.Profile) (bool, error) {
	if !p.Consent.Usable() {
		return false, nil
	}
	addConsent(s.again, p)
	switch {
	case s.only != nil:
		return s.only[pipeline.ConsentEntryOf(s.before, p.Email.Lo, p.Consent)], nil
	case s.begun == 0 || s.first.Count() == s.begun:
		return true, nil
	}
	addConsent(s.first, p)
	if s.first.Count() == s.begun && !pipeline.SameSet(s.first, s.before) {
		return false, errOthersFirst
	}
	return false, nil
}

// settle takes in a profile whose consent is dealt with. inTurn says that those of all
// profiles before it are, too. If a run fails, the next one cannot list the news when
// they are too many, but it recognizes the first consents if exactly these are dealt with.
// So those that are not in turn wait until settleLater is called.
func (s *subscribing) settle(p *pipeline.Profile, inTurn bool) {
	if inTurn || s.later == nil {
		addConsent(s.dealt, p)
	} else {
		addConsent(s.later, p)
	}
}

// settleLater takes in that all consents so far are dealt with.
func (s *subscribing) settleLater() {
	if s.later != nil && s.later.Count() > 0 {
		none := sketch.NewLike(s.later)
		s.dealt, s.later = without(s.dealt, without(none, s.later)), none
	}
}

// finish returns the consents that are dealt with, for the next run. all says that none
// is left and, if there was a second pass, that it was complete.
func (s *subscribing) finish(all, passed bool) *sketch.Sketch {
	switch {
	case s.imported == nil:
		return nil
	case all && (!passed || pipeline.SameSet(s.again, s.imported)):
		return s.imported
	default:
		return s.dealt
	}
}

// compare adds to what the import has read whose consents are news to the next run.
func (s *subscribing) compare(c *pipeline.Consents, dealt *sketch.Sketch) *pipeline.Consents {
	out := *c
	out.Since, out.News, out.New, out.Begun = "", false, nil, 0
	if dealt == nil {
		return &out
	}
	out.Since = dealt.Identity()
	if s.later != nil && pipeline.SameSet(s.again, s.imported) {
		out.Begun = dealt.Count()
	}
	for _, read := range []*sketch.Sketch{s.imported, s.comparable()} { // dealt is like one of them
		if news, ok := onlyIn(read, dealt); ok {
			out.News, out.New = true, keysOf(news)
		}
	}
	return &out
}

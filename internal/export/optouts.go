package export

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// OptOuts is which people are withheld because they do not want email.
type OptOuts int

// What an export does about opt-outs.
const (
	WithholdOptOuts     OptOuts = iota // withhold who opted out of the list or of everything
	WithholdListOptOuts                // withhold who opted out of the list
	IgnoreOptOuts                      // withhold nobody
)

// optOut is how somebody opted out. Who did so in several ways is counted by the
// first of them, in this order.
type optOut int

const (
	noOptOut optOut = iota
	unsubscribedFromList
	unsubscribedFromAll
	complained
	suppressedByHand
	optOutKinds // is their number
)

// before reports whether an opt-out counts rather than another one of the same person.
func (o optOut) before(other optOut) bool { return o != noOptOut && (other == noOptOut || o < other) }

// optOutReasons are for the file of rejects.
var optOutReasons = [optOutKinds]string{
	unsubscribedFromList: "the person unsubscribed from the list",
	unsubscribedFromAll:  "the person unsubscribed from everything",
	complained:           "the person complained of spam",
	suppressedByHand:     "the person was suppressed by hand",
}

// optOutFor is the opt-out that the reason of a suppression of everything stands for.
// Klaviyo's documents name complaints in two ways. A reason that is not known counts
// as an opt-out: sending too little can be made good, sending too much cannot.
func optOutFor(reason string) optOut {
	switch strings.ToUpper(reason) {
	case "HARD_BOUNCE", "INVALID_EMAIL": // from mail servers, whatever the person wants
		return noOptOut
	case "SPAM_COMPLAINT", "SPAM_REPORT":
		return complained
	case "USER_SUPPRESSED":
		return suppressedByHand
	default:
		return unsubscribedFromAll
	}
}

// optOutOf is how somebody with these suppressions opted out of what counts for the
// export, not before a moment.
func (e *Export) optOutOf(all []klaviyo.Suppression, since time.Time) optOut {
	found := noOptOut
	for _, s := range all {
		why := noOptOut
		switch {
		case e.OptOuts == IgnoreOptOuts || !s.At.IsZero() && s.At.Before(since):
		case s.ListID == e.ListID:
			why = unsubscribedFromList
		case s.ListID == "" && e.OptOuts == WithholdOptOuts:
			why = optOutFor(s.Reason)
		}
		if why.before(found) {
			found = why
		}
	}
	return found
}

// OptOutCounts are people who opted out, each counted once.
type OptOutCounts struct {
	List       int64 // who unsubscribed from the list
	Everything int64 // who unsubscribed from everything
	Complaints int64 // who complained of spam
	ByHand     int64 // whom somebody has suppressed in Klaviyo
}

func (c *OptOutCounts) add(why optOut) {
	switch why {
	case unsubscribedFromList:
		c.List++
	case unsubscribedFromAll:
		c.Everything++
	case complained:
		c.Complaints++
	case suppressedByHand:
		c.ByHand++
	}
}

// Total is how many people these are.
func (c OptOutCounts) Total() int64 { return c.List + c.Everything + c.Complaints + c.ByHand }

// String lists the counts: "7 unsubscribed from this list, 4 from everything".
func (c OptOutCounts) String() string {
	var parts []string
	part := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, tally.Thousands(n)+" "+what)
		}
	}
	part(c.List, "unsubscribed from this list")
	if c.List > 0 {
		part(c.Everything, "from everything")
	} else {
		part(c.Everything, "unsubscribed from everything")
	}
	part(c.Complaints, "complained of spam")
	if c.ByHand == 1 {
		part(c.ByHand, "was suppressed by hand")
	} else {
		part(c.ByHand, "were suppressed by hand")
	}
	return strings.Join(parts, ", ")
}

// optOutSet is the addresses of people who opted out.
type optOutSet [optOutKinds]hashset.Set

func (s *optOutSet) add(h profile.Hash, why optOut) { s[why].Add(h) }

func (s *optOutSet) of(h profile.Hash) optOut {
	for why := noOptOut + 1; why < optOutKinds; why++ {
		if s[why].Has(h) {
			return why
		}
	}
	return noOptOut
}

// Klaviyo takes more than a second for a page of opt-outs, so windows are cut early.
const (
	optOutsInARow   = 400
	minOptOutWindow = 10 * time.Second
	optOutsInAPage  = 100
)

// readOptOuts reads everybody who opted out, unless looking up so many people takes
// fewer requests: then it returns nil. How many opted out is known only once they
// are read, so reading is given up when it has taken as many requests as looking
// people up. That takes at most twice the requests of the cheaper way, and no more
// memory than there are people to send.
func (e *Export) readOptOuts(ctx context.Context, client *klaviyo.Client, people int64) (*optOutSet, error) {
	set := &optOutSet{}
	if e.OptOuts == IgnoreOptOuts {
		return set, nil
	}
	sources := e.optOutSources(client)
	needed := lookups(people)
	if e.RemovalUnfinished { // the removal needs everybody who opted out
		needed = math.MaxInt64
	}
	if needed <= int64(len(sources)) { // a request for each is the least
		return nil, nil
	}
	allowed := newAllowance(needed)
	for _, s := range sources {
		err := e.eachOptOut(ctx, s.within(allowed), time.Time{}, func(p optedOut) error {
			set.add(p.hash, p.why)
			return nil
		})
		switch {
		case errors.Is(err, errNotAllowed):
			logging.Debug(ctx, "More people opted out than are to be sent, so those to be sent are looked up", logging.Fields{"people": people})
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	return set, nil
}

// optedOut is somebody who opted out, by the hash of the address.
type optedOut struct {
	hash profile.Hash
	why  optOut
}

// optOutSource yields people who opted out during a time range, perhaps more than
// once, and others without an opt-out.
type optOutSource func(context.Context, klaviyo.TimeRange) iter.Seq2[optedOut, error]

// optOutSources are those of the opt-outs that count for the export.
func (e *Export) optOutSources(client *klaviyo.Client) []optOutSource {
	switch e.OptOuts {
	case IgnoreOptOuts:
		return nil
	case WithholdListOptOuts:
		return []optOutSource{e.fromList(client)}
	default:
		return []optOutSource{e.fromList(client), e.fromEverything(client)}
	}
}

func (e *Export) fromList(client *klaviyo.Client) optOutSource {
	return func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[optedOut, error] {
		return func(yield func(optedOut, error) bool) {
			for email, err := range client.OptOuts(ctx, e.ListID, during) {
				if !yield(optedOut{profile.HashOfAddress(email), unsubscribedFromList}, err) {
					return
				}
			}
		}
	}
}

func (e *Export) fromEverything(client *klaviyo.Client) optOutSource {
	return func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[optedOut, error] {
		return func(yield func(optedOut, error) bool) {
			for p, err := range client.Suppressed(ctx, during) {
				if !yield(optedOut{profile.HashOfAddress(p.Email), e.optOutOf(p.Suppressions, during.From)}, err) {
					return
				}
			}
		}
	}
}

// errNotAllowed means that an allowance is used up.
var errNotAllowed = errors.New("no more requests are allowed")

// allowance is how many requests may still be made.
type allowance struct{ left atomic.Int64 }

func newAllowance(requests int64) *allowance {
	a := &allowance{}
	a.left.Store(requests)
	return a
}

func (a *allowance) use() bool { return a.left.Add(-1) >= 0 }

// within is the source, ended with errNotAllowed once its requests are used up.
func (s optOutSource) within(allowed *allowance) optOutSource {
	return func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[optedOut, error] {
		return func(yield func(optedOut, error) bool) {
			if !allowed.use() {
				yield(optedOut{}, errNotAllowed)
				return
			}
			read := 0
			for p, err := range s(ctx, during) {
				if !yield(p, err) || err != nil {
					return
				}
				if read++; read%optOutsInAPage == 0 && !allowed.use() {
					yield(optedOut{}, errNotAllowed)
					return
				}
			}
		}
	}
}

// eachOptOut takes everybody of a source who opted out since a moment, perhaps more
// than once. An error of take ends it.
func (e *Export) eachOptOut(ctx context.Context, source optOutSource, since time.Time, take func(optedOut) error) error {
	w := windows[optedOut]{now: e.clock().Now(), inARow: optOutsInARow, minLength: minOptOutWindow}
	w.take = func(p optedOut) error {
		if p.why == noOptOut {
			return nil
		}
		return take(p)
	}
	w.read = func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[optedOut], error] {
		return func(yield func(dated[optedOut], error) bool) {
			for p, err := range source(ctx, during) {
				if !yield(dated[optedOut]{who: p}, err) {
					return
				}
			}
		}
	}
	return w.all(ctx, klaviyo.TimeRange{From: since})
}

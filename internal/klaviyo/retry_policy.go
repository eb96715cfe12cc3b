package klaviyo

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// For how long a request is repeated where the client's retry timeout does not
// apply.
const (
	throttledTimeout = 8 * time.Minute  // at least, for answers 429
	noAnswerTimeout  = 20 * time.Second // without any answer, at most
	afterLossTimeout = 5 * time.Second  // after another has given up, at most
)

// retryPolicy decides for how long one request is repeated.
//
// A request with a transient failure is repeated for the retry timeout of
// the client, counted from its first failure, attempts included. Waiting for
// rate limits is not counted: a 429 says that other users of the account were
// faster, not that something fails, and has a budget of its own.
//
// Without a network, waiting that long is pointless. So a request that gets no
// answer is repeated for noAnswerTimeout only as long as the client has
// had no answer of Klaviyo's API at all. And once a request has used up its time,
// those that begin later are repeated for afterLossTimeout only, until the API
// answers one of them.
type retryPolicy struct {
	client    *Client
	timeout   time.Duration
	throttled time.Duration // what is left for 429s
	started   time.Time     // of the first attempt that was to be repeated, at its end; zero before
	failed    time.Time     // the same without those that were throttled
	excused   time.Duration // of the time since then
	reached   bool          // an attempt was answered, whatever the answer
}

func (c *Client) newRetryPolicy() retryPolicy {
	p := retryPolicy{client: c, timeout: c.retryTimeout}
	if p.timeout > 0 {
		p.throttled = p.throttledBudget()
	}
	if c.contact.load() == contactLost {
		p.timeout = min(p.timeout, afterLossTimeout)
	}
	return p
}

// allows reports whether to try again once more, and after how long; else the
// error says how long that went on.
func (p *retryPolicy) allows(err error, wait time.Duration, state *callState) (time.Duration, bool, error) {
	now := p.client.now()
	if p.started.IsZero() {
		p.started = now
	}
	p.excused += state.paced
	wait, ok := p.left(err, wait, now)
	if !ok && state.failed > 1 {
		err = fmt.Errorf("gave up after %d attempts%s: %w", state.failed, inTime(now.Sub(p.started)), err)
	}
	return wait, ok, err
}

// left reports whether there is time to try again. The wait is shortened to what
// is left, unless Klaviyo asks for it.
func (p *retryPolicy) left(err error, wait time.Duration, now time.Time) (time.Duration, bool) {
	if asked, _ := throttledFor(err); asked > 0 {
		allowed := p.throttled > 0
		p.throttled -= wait
		p.excused += wait
		return wait, allowed
	}
	if p.timeout <= 0 || isUnknownHost(err) && p.client.contact.load() == contactNone {
		return 0, false
	}
	if p.failed.IsZero() {
		p.failed, p.excused = now, 0
	}
	p.reached = p.reached || StatusOf(err) != 0
	left := p.budget(err) - (now.Sub(p.failed) - p.excused)
	if left <= 0 || askedFor(err) > left {
		p.client.contact.lost()
		return 0, false
	}
	return min(wait, left), true
}

// describe describes the request that is about to be repeated.
func (p *retryPolicy) describe(err error, operation string) retrying {
	return retrying{operation: operation, err: err, since: p.started, limit: p.budget(err), now: p.client.now}
}

func (p *retryPolicy) throttledBudget() time.Duration {
	return max(throttledTimeout, p.client.retryTimeout)
}

// budget is for how long a request that failed with err is repeated.
func (p *retryPolicy) budget(err error) time.Duration {
	if asked, _ := throttledFor(err); asked > 0 {
		return p.throttledBudget()
	}
	if !p.reached && p.client.contact.load() == contactNone {
		return min(p.timeout, noAnswerTimeout)
	}
	return p.timeout
}

// contact is whether Klaviyo's API answers a client. An answer that asks to try
// again, such as a 503, does not count.
type contact struct{ state atomic.Int32 }

const (
	contactNone = iota // no answer so far
	contactMade        // the API has answered
	contactLost        // a request has given up since
)

func (k *contact) load() int32 { return k.state.Load() }
func (k *contact) answered()   { k.state.Store(contactMade) }
func (k *contact) lost()       { k.state.Store(contactLost) }

// inTime says how long something took, nothing for less than a second.
func inTime(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return " in " + inWords(d)
}

// inWords is a duration without the units that are zero: "5m", not "5m0s".
func inWords(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

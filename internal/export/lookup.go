package export

import (
	"bytes"
	"context"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

const (
	// lookupsAtOnce is how many requests are under way at a time.
	lookupsAtOnce = 8

	// maxLookupBytes is how long the addresses of one request may be. Most servers
	// accept URLs up to 8 KiB, and what surrounds each address takes 12 bytes.
	maxLookupBytes = 5000
)

// lookups is how many requests it takes to look people up.
func lookups(people int64) int64 { return (people + klaviyo.MaxLookup - 1) / klaviyo.MaxLookup }

// lookup asks Klaviyo whether people opted out, and hands them on with the answer, in
// their order. It holds no more people than the requests under way are about.
type lookup struct {
	export *Export
	client *klaviyo.Client
	take   func(p *pipeline.Profile, why optOut) error

	next     inquiry
	underway []*inquiry // oldest first
}

// inquiry is the people that one request asks about.
type inquiry struct {
	people    []pipeline.Profile
	addresses []string // of the people, in all spellings
	length    int      // of the addresses

	done    chan struct{} // is closed once these are known:
	optOuts map[profile.Hash]optOut
	err     error
}

// run makes a pass over people that calls add for them.
func (l *lookup) run(ctx context.Context, pass func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.wait()
	defer cancel()
	return pass(ctx)
}

// wait waits for the requests under way.
func (l *lookup) wait() {
	for _, q := range l.underway {
		<-q.done
	}
}

// add takes somebody in. take is called later.
func (l *lookup) add(ctx context.Context, p *pipeline.Profile) error {
	spellings := profile.Spellings(p.JSON)
	length := 0
	for _, s := range spellings {
		length += len(s)
	}
	if len(l.next.addresses)+len(spellings) > klaviyo.MaxLookup || l.next.length+length > maxLookupBytes {
		if err := l.ask(ctx); err != nil {
			return err
		}
	}
	q, kept := &l.next, *p
	kept.JSON = bytes.Clone(p.JSON)
	q.people, q.addresses, q.length = append(q.people, kept), append(q.addresses, spellings...), q.length+length
	return nil
}

// ask begins the next request.
func (l *lookup) ask(ctx context.Context) error {
	if len(l.underway) == lookupsAtOnce {
		if err := l.settle(ctx); err != nil {
			return err
		}
	}
	q := l.next
	q.done = make(chan struct{})
	l.next = inquiry{}
	l.underway = append(l.underway, &q)
	go func() {
		defer close(q.done)
		q.optOuts, q.err = l.export.lookUp(ctx, l.client, q.addresses)
	}()
	return nil
}

// settle hands on the people of the oldest request.
func (l *lookup) settle(ctx context.Context) error {
	q := l.underway[0]
	select {
	case <-q.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.underway = l.underway[1:]
	if q.err != nil {
		return q.err
	}
	for i := range q.people {
		if err := l.take(&q.people[i], q.optOuts[q.people[i].Email]); err != nil {
			return err
		}
	}
	return nil
}

// finish hands on everybody who is left.
func (l *lookup) finish(ctx context.Context) error {
	if len(l.next.people) > 0 {
		if err := l.ask(ctx); err != nil {
			return err
		}
	}
	for len(l.underway) > 0 {
		if err := l.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lookUp returns how people opted out, of those who did, by the hash of the address.
func (e *Export) lookUp(ctx context.Context, client *klaviyo.Client, addresses []string) (map[profile.Hash]optOut, error) {
	people, err := client.Suppressions(ctx, addresses)
	if err != nil {
		return nil, err
	}
	found := map[profile.Hash]optOut{}
	for _, p := range people {
		h := profile.HashOfAddress(p.Email)
		if why := e.optOutOf(p.Suppressions, time.Time{}); why.before(found[h]) {
			found[h] = why
		}
	}
	return found, nil
}

package export

import (
	"bytes"
	"context"
	"slices"

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

// lookup asks Klaviyo about people, and hands them on with the answer, in their order.
// It holds no more people than the requests under way are about.
type lookup[T any] struct {
	// find returns what Klaviyo knows of some people, by the hash of the address. addresses
	// are theirs, in all spellings. It is called concurrently.
	find func(ctx context.Context, people []pipeline.Profile, addresses []string) (map[profile.Hash]T, error)

	// take is called for each, with the zero value for people whom find did not find.
	take func(p *pipeline.Profile, known T) error

	next     inquiry[T]
	underway []*inquiry[T] // oldest first
}

// inquiry is the people that one request asks about.
type inquiry[T any] struct {
	people    []pipeline.Profile
	addresses []string // of the people, in all spellings
	length    int      // of the addresses

	done  chan struct{} // is closed once these are known:
	found map[profile.Hash]T
	err   error
}

// run makes a pass over people that calls add for them.
func (l *lookup[T]) run(ctx context.Context, pass func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.wait()
	defer cancel()
	return pass(ctx)
}

// wait waits for the requests under way.
func (l *lookup[T]) wait() {
	for _, q := range l.underway {
		<-q.done
	}
}

// add takes somebody in. take is called later.
func (l *lookup[T]) add(ctx context.Context, p *pipeline.Profile) error {
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
	if p.Consent != nil {
		consent := *p.Consent
		kept.Consent = &consent
	}
	q.people, q.addresses, q.length = append(q.people, kept), append(q.addresses, spellings...), q.length+length
	return nil
}

// ask begins the next request.
func (l *lookup[T]) ask(ctx context.Context) error {
	if len(l.underway) == lookupsAtOnce {
		if err := l.settle(ctx); err != nil {
			return err
		}
	}
	q := l.next
	q.done = make(chan struct{})
	l.next = inquiry[T]{}
	l.underway = append(l.underway, &q)
	go func() {
		defer close(q.done)
		q.found, q.err = l.find(ctx, q.people, q.addresses)
	}()
	return nil
}

// settle hands on the people of the oldest request.
func (l *lookup[T]) settle(ctx context.Context) error {
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
		if err := l.take(&q.people[i], q.found[q.people[i].Email]); err != nil {
			return err
		}
	}
	return nil
}

// finish hands on everybody who is left.
func (l *lookup[T]) finish(ctx context.Context) error {
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

// lookUpSuppressions returns a lookup of the suppressions that people have.
func lookUpSuppressions(client *klaviyo.Client, take func(*pipeline.Profile, []klaviyo.Suppression) error) *lookup[[]klaviyo.Suppression] {
	find := func(ctx context.Context, _ []pipeline.Profile, addresses []string) (map[profile.Hash][]klaviyo.Suppression, error) {
		return suppressionsOf(ctx, client, addresses)
	}
	return &lookup[[]klaviyo.Suppression]{find: find, take: take}
}

// suppressionsOf returns the suppressions of the people with some addresses, by the hash
// of the address.
func suppressionsOf(ctx context.Context, client *klaviyo.Client, addresses []string) (map[profile.Hash][]klaviyo.Suppression, error) {
	ask := func(ctx context.Context, some []string) (map[profile.Hash][]klaviyo.Suppression, error) {
		people, err := client.Suppressions(ctx, some)
		found := make(map[profile.Hash][]klaviyo.Suppression, len(people))
		for _, p := range people {
			h := profile.HashOfAddress(p.Email)
			found[h] = append(found[h], p.Suppressions...)
		}
		return found, err
	}
	answers, err := askFor(ctx, addresses, profile.HashOfAddress, ask, false)
	found := make(map[profile.Hash][]klaviyo.Suppression, len(answers))
	for h, all := range answers {
		found[h] = slices.Concat(all...)
	}
	return found, err
}

// askFor asks Klaviyo about profiles by values that name them, such as addresses, and
// returns what it knows by the keys of these. ask returns the answers by the keys of what
// Klaviyo shows. That is another address than the one asked for where two profiles were
// merged; whose it is turns out by asking for fewer. Only a thorough search finds merged
// profiles whose other address is asked for, too: it asks once more for whoever is missing.
func askFor[K comparable, T any](ctx context.Context, wanted []string, key func(string) K, ask func(context.Context, []string) (map[K]T, error), thorough bool) (map[K][]T, error) {
	all := make(map[K][]T, len(wanted))
	pending := [][]string{wanted}
	for len(pending) > 0 {
		some := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		found, err := ask(ctx, some)
		if err != nil {
			return nil, err
		}
		if len(some) == 1 {
			for _, answer := range found {
				all[key(some[0])] = append(all[key(some[0])], answer)
			}
			continue
		}
		var missing []string
		known := make(map[K]bool, len(some))
		for _, value := range some {
			k := key(value)
			answer, ok := found[k]
			switch {
			case !ok:
				missing = append(missing, value)
			case !known[k]: // of two spellings of an address, one is enough
				known[k] = true
				all[k] = append(all[k], answer)
			}
		}
		switch half := len(missing) / 2; {
		case len(missing) == 0 || len(found) == 0 || !thorough && len(known) == len(found):
		case len(missing) < len(some):
			pending = append(pending, missing)
		default:
			pending = append(pending, missing[:half], missing[half:])
		}
	}
	return all, nil
}

package export

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Reading a page of members is fast, and an import makes thousands of them join in
// one second. So a window is only cut beyond ten pages. membersInARow is one less
// than ten pages hold, because one more member must be read to see that there are
// more.
const (
	membersInARow   = 999
	minMemberWindow = time.Second
)

// Membership is how the list and the segments compare.
type Membership struct {
	Members   int64 // of the list
	Missing   int64 // profiles of the segments that are not on the list, opt-outs aside
	Strangers int64 // members that are in none of the segments

	// OptOuts are the profiles of the segments that are not on the list since the
	// people opted out.
	OptOuts OptOutCounts

	// Listed says that the changes of the survey list who is missing.
	Listed bool

	// MissingFingerprint differs, most likely, if other addresses are missing, whatever
	// their order. No address can be told from it.
	MissingFingerprint string
}

// Compare surveys the segments and walks the list, which for a large one takes
// minutes. It sends nothing.
func (e *Export) Compare(ctx context.Context, client *klaviyo.Client) (*Survey, *Membership, error) {
	reader := e.pipeline().NewReader()
	s, err := e.survey(ctx, reader, nil)
	if err != nil {
		return s, nil, err
	}
	missing := reader.Addresses() // until they are found
	m := &Membership{Missing: s.Profiles}
	found := func(h profile.Hash) {
		m.Missing--
		missing.Remove(h)
	}
	var members, excused hashset.Set
	if err := e.eachMember(ctx, client, func(who member) {
		h := who.hash
		if !members.Add(h) {
			return
		}
		m.Members++
		switch {
		case reader.Has(h):
			found(h)
		case !reader.OnlyRejected(h):
			m.Strangers++
		}
	}); err != nil {
		return s, nil, ListError(e.ListID, err)
	}
	absent := func(h profile.Hash) bool { return reader.Has(h) && !members.Has(h) && !excused.Has(h) }
	// After the list, or who opts out in between would be missing.
	if err := e.findOptedOut(ctx, client, &m.Missing, absent, func(p optedOut) error {
		if absent(p.hash) {
			excused.Add(p.hash)
			m.OptOuts.add(p.why)
			found(p.hash)
		}
		return nil
	}); err != nil {
		return s, nil, err
	}
	m.Listed, err = e.listMissing(ctx, s, m.Missing, absent, found)
	m.MissingFingerprint = abridged(missing)
	return s, m, err
}

// abridged is the beginning of a fingerprint: enough to see that others are missing, and
// too little to tell from the state who the only missing one is.
func abridged(f profile.Fingerprint) string { return f.String()[:4] }

// maxListed is how many missing profiles are listed at most. If there are more,
// everything is sent.
const maxListed = 5000

// listMissing adds the absent profiles to the changes of a survey, if there are any
// and not too many, and reports whether it did. Profiles that are new are not missing:
// they are taken for found. It reads the segments again: of the absent only a
// fingerprint is known.
func (e *Export) listMissing(ctx context.Context, s *Survey, missing int64, absent func(profile.Hash) bool, found func(profile.Hash)) (bool, error) {
	if missing == 0 || missing > maxListed || s.Changes == nil {
		return false, nil
	}
	_, err := e.pipeline().NewReader().Read(ctx, func(p *pipeline.Profile) error {
		if !absent(p.Email) {
			return nil
		}
		key := pipeline.KeyOf(e.Acknowledged, p.Email.Lo)
		if s.Changes.Added.Has(key) {
			found(p.Email)
		} else {
			s.Changes.Missing = append(s.Changes.Missing, key)
		}
		return nil
	})
	slices.Sort(s.Changes.Missing)
	return err == nil, nothingSent(err)
}

// fewRequests are less effort than reading the segments once more.
const fewRequests = 10

// findOptedOut takes who opted out, perhaps more than once, and at least all who are
// absent from the list. missing is how many are absent and not yet taken. As long as
// there are any, opt-outs of everything are read, unless there are so many that
// looking up who is absent takes fewer requests. For that the segments are read
// again, since of the absent only hashes are known.
func (e *Export) findOptedOut(ctx context.Context, client *klaviyo.Client, missing *int64, absent func(profile.Hash) bool, take func(optedOut) error) error {
	for _, source := range e.optOutSources(client) {
		if *missing == 0 {
			return nil
		}
		allowed := newAllowance(lookups(*missing) + fewRequests)
		err := e.eachOptOut(ctx, source.within(allowed), time.Time{}, take)
		if errors.Is(err, errNotAllowed) {
			return e.lookUpAbsent(ctx, client, absent, take)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lookUpAbsent looks up who is absent from the list and takes those who opted out.
func (e *Export) lookUpAbsent(ctx context.Context, client *klaviyo.Client, absent func(profile.Hash) bool, take func(optedOut) error) error {
	ask := lookUpSuppressions(client, func(p *pipeline.Profile, all []klaviyo.Suppression) error {
		why := e.optOutOf(all, time.Time{})
		if why == noOptOut {
			return nil
		}
		return take(optedOut{p.Email, why})
	})
	return ask.run(ctx, func(ctx context.Context) error {
		if _, err := e.pipeline().NewReader().Read(ctx, func(p *pipeline.Profile) error {
			if !absent(p.Email) {
				return nil
			}
			return ask.add(ctx, p)
		}); err != nil {
			return err
		}
		return ask.finish(ctx)
	})
}

// member is a profile on the list: its id, and the hash of its address. A profile
// without one has the hash of its id, which is nobody's address.
type member struct {
	id          string
	hash        profile.Hash
	joined      time.Time // zero if that is not known
	beyondASCII bool      // the address has such letters, which no export sends
}

// eachMember takes everybody on the list, perhaps more than once. Of two members with one
// mailbox, whose host name is written in two ways, it takes the one first whom an export
// may have added.
func (e *Export) eachMember(ctx context.Context, client *klaviyo.Client, take func(member)) error {
	w := windows[member]{now: e.clock().Now(), inARow: membersInARow, minLength: minMemberWindow}
	var last []member
	w.take = func(m member) error {
		if m.beyondASCII {
			last = append(last, m)
		} else {
			take(m)
		}
		return nil
	}
	w.read = func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[member], error] {
		return func(yield func(dated[member], error) bool) {
			for m, err := range client.Members(ctx, e.ListID, during) {
				p := dated[member]{member{m.ID, profile.HashOfAddress(m.Email), m.JoinedAt, isBeyondASCII(m.Email)}, m.JoinedAt}
				if m.Email == "" {
					p.who.hash = profile.HashOf([]byte(m.ID))
				}
				if !yield(p, err) {
					return
				}
			}
		}
	}
	if err := w.all(ctx, klaviyo.TimeRange{}); err != nil {
		return err
	}
	slices.SortFunc(last, func(a, b member) int { return cmp.Compare(a.id, b.id) })
	for _, m := range slices.CompactFunc(last, func(a, b member) bool { return a.id == b.id }) {
		take(m)
	}
	return nil
}

func isBeyondASCII(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

package export

import (
	"context"
	"iter"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
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
	OptedOut  int64 // profiles of the segments that unsubscribed from the list
	Strangers int64 // members that are in none of the segments

	// MissingFingerprint identifies the addresses that are missing, whatever
	// their order.
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
	var members, optOuts hashset.Set
	if err := e.eachMember(ctx, client, func(who member) {
		h := who.hash
		if !members.Add(h) {
			return
		}
		m.Members++
		if !reader.Has(h) {
			m.Strangers++
			return
		}
		found(h)
	}); err != nil {
		return s, nil, ListError(e.ListID, err)
	}
	// After the list, or who unsubscribes in between would be missing.
	if err := e.eachOptOut(ctx, client, func(h profile.Hash) {
		if !optOuts.Add(h) || !reader.Has(h) {
			return
		}
		m.OptedOut++
		if !members.Has(h) {
			found(h)
		}
	}); err != nil {
		return s, nil, err
	}
	m.MissingFingerprint = missing.String()
	return s, m, nil
}

// member is a profile on the list: its id, and the hash of its address. A profile
// without one has the hash of its id, which is nobody's address.
type member struct {
	id     string
	hash   profile.Hash
	joined time.Time // zero if that is not known
}

// eachMember takes everybody on the list, perhaps more than once.
func (e *Export) eachMember(ctx context.Context, client *klaviyo.Client, take func(member)) error {
	w := windows[member]{now: e.clock().Now(), take: take, inARow: membersInARow, minLength: minMemberWindow}
	w.read = func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[member], error] {
		return func(yield func(dated[member], error) bool) {
			for m, err := range client.Members(ctx, e.ListID, during) {
				p := dated[member]{member{m.ID, profile.HashOfAddress(m.Email), m.JoinedAt}, m.JoinedAt}
				if m.Email == "" {
					p.who.hash = profile.HashOf([]byte(m.ID))
				}
				if !yield(p, err) {
					return
				}
			}
		}
	}
	return w.all(ctx)
}

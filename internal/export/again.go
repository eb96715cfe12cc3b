package export

import (
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// retryWaits are the waits before profiles are sent again that Klaviyo did not
// import although nothing is wrong with them: its servers are in trouble, so each
// wait is longer than the one before.
var retryWaits = []time.Duration{2 * time.Second, 8 * time.Second, 30 * time.Second}

// retries decide which profiles that Klaviyo did not import are sent again in the
// same run. They hold the addresses by hash only: what is sent again is read from
// the segments again. Safe for concurrent use.
type retries struct {
	rounds int // that may follow

	mu      sync.Mutex
	next    idSet // to be sent in the next round
	shared  idSet // to be sent without the identifiers that other profiles have
	waiting int   // of those in next, the ones that need a wait before
}

// failed takes a profile that Klaviyo did not import and reports whether it is to
// be sent again.
func (r *retries) failed(f bulk.Failure) (again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := f.ID != bulk.ID{}
	switch {
	case f.Kind == bulk.Taken && known && r.shared.add(f.ID.Email):
		r.next.add(f.ID.Email)
		return true
	case f.Kind != bulk.Transient && f.Kind != bulk.Unexplained:
		return false
	case known && r.rounds > 0:
		r.next.add(f.ID.Email)
		r.waiting++
		return true
	}
	return false
}

// begin starts the next round: it returns the profiles to be sent in it, nil if
// there are none, and how long to wait before.
func (r *retries) begin() (round *idSet, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next.len() == 0 {
		return nil, 0
	}
	if r.waiting > 0 {
		wait = retryWaits[len(retryWaits)-r.rounds]
		r.rounds--
	}
	next := r.next
	r.next, r.waiting = idSet{}, 0
	return &next, wait
}

// isShared reports whether a profile is to be sent without its identifiers.
func (r *retries) isShared(email uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shared.has(email)
}

// idSet is a set of addresses, by the hash that a [bulk.ID] has.
type idSet struct{ set hashset.Set }

func (s *idSet) add(email uint64) bool { return s.set.Add(profile.Hash{Hi: email, Lo: email}) }

func (s *idSet) has(email uint64) bool { return s.set.Has(profile.Hash{Hi: email, Lo: email}) }

func (s *idSet) len() int { return s.set.Len() }

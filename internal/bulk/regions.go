package bulk

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// numbersToRefuse is how many phone numbers of a region Klaviyo must have
// refused before the other numbers of the region are taken to share their outcome.
const numbersToRefuse = 10

// regions learns from refusals of phone numbers which regions the account does
// not support, so that Klaviyo need not name each number. All uploaders share it.
type regions struct {
	mu       sync.Mutex
	suspects map[refusedRegion]int // how many numbers were refused

	refused atomic.Pointer[[]refusedRegion] // grows only; nil while it is empty
}

// refusedRegion is a region and why Klaviyo refuses its numbers.
type refusedRegion struct {
	region profile.PhoneRegion
	target profile.Target
	words  string
}

// known lists the regions that are refused.
func (r *regions) known() []refusedRegion {
	if all := r.refused.Load(); all != nil {
		return *all
	}
	return nil
}

// learn takes in what Klaviyo named in a batch. A number may be refused for its
// region by mistake, Klaviyo's or ours, among others of the region that are
// not. Profiles are checked in their order, so if a number of the region comes
// before the last one that was named and was not named itself, the region is
// supported.
func (r *regions) learn(ctx context.Context, b *batch, named map[int][]klaviyo.ErrorObject) {
	found, last := map[refusedRegion]int{}, map[profile.PhoneRegion]int{}
	for i, errs := range named {
		if f, ok := regionRefused(b.object(b.profiles[i]), errs); ok {
			found[f]++
			last[f.region] = max(last[f.region], i)
		}
	}
	if len(found) == 0 {
		return
	}
	supported := b.passedOver(last, named)
	r.mu.Lock()
	defer r.mu.Unlock()
	for f, numbers := range found {
		if supported[f.region] {
			delete(r.suspects, f)
			continue
		}
		if r.suspects == nil {
			r.suspects = map[refusedRegion]int{}
		}
		before := r.suspects[f]
		r.suspects[f] += numbers
		if before < numbersToRefuse && before+numbers >= numbersToRefuse {
			r.refuse(ctx, f)
		}
	}
}

func (r *regions) refuse(ctx context.Context, f refusedRegion) {
	all := r.known()
	all = append(all[:len(all):len(all)], f)
	r.refused.Store(&all)
	logging.Warn(ctx, "All phone numbers of a region are left out from now on", logging.Fields{
		"region": f.region.Name, "calling_code": f.region.Code, "reason": f.words,
	})
}

// passedOver returns the regions of which a number that was not named comes
// before the last one that was.
func (b *batch) passedOver(last map[profile.PhoneRegion]int, named map[int][]klaviyo.ErrorObject) map[profile.PhoneRegion]bool {
	passed := map[profile.PhoneRegion]bool{}
	for i, p := range b.profiles {
		if len(named[i]) > 0 {
			continue
		}
		number := profile.PhoneNumber(b.object(p))
		for region, end := range last {
			if i < end && !passed[region] && isOf(number, region) {
				passed[region] = true
			}
		}
	}
	return passed
}

// regionRefused returns the region of a profile's phone number if that is what
// Klaviyo refuses.
func regionRefused(json []byte, found []klaviyo.ErrorObject) (refusedRegion, bool) {
	f := refusedRegion{target: target(found[0].Source.Pointer), words: words(found[0].Title, found[0].Detail)}
	if !isAboutPhone(found) || !isAboutRegion(f.words) {
		return f, false
	}
	var ok bool
	f.region, ok = profile.PhoneRegionOf(profile.PhoneNumber(json))
	return f, ok
}

// isAboutRegion reports whether Klaviyo's words are about the region of a phone
// number rather than about the number, as in "Phone number is valid but is not
// in a supported region for this account."
func isAboutRegion(words string) bool {
	words = strings.ToLower(words)
	return strings.Contains(words, "region") || strings.Contains(words, "countr")
}

// isOf reports whether a phone number is of a region. Comparing calling
// codes decides most cases, and is much faster than looking up the number's region.
func isOf(number []byte, region profile.PhoneRegion) bool {
	if len(number) < len(region.Code) || string(number[:len(region.Code)]) != region.Code {
		return false
	}
	own, ok := profile.PhoneRegionOf(number)
	return ok && own == region
}

// omitPhones takes the phone numbers of the regions that are refused out of a
// batch.
func (im *Import) omitPhones(b *batch) {
	all := im.regions.known()
	if b.omitted == len(all) {
		return
	}
	added := all[b.omitted:]
	b.omitted = len(all)
	b.edit(func(_ int, p sent, json []byte) []byte {
		number := profile.PhoneNumber(json)
		for _, f := range added {
			if isOf(number, f.region) {
				im.omit(b.row(p), f.target, f.words)
				return profile.WithoutPhoneNumber(json)
			}
		}
		return json
	})
}

package export

import (
	"context"
	"iter"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Klaviyo takes more than a second for a page of opt-outs, so windows are cut early.
const (
	optOutsInARow   = 400
	minOptOutWindow = 10 * time.Second
)

// optOuts reads who must not be put back on the list, by the hash of the
// address: one request if there is nobody.
func (e *Export) optOuts(ctx context.Context, client *klaviyo.Client) (*hashset.Set, error) {
	hashes := &hashset.Set{}
	return hashes, e.eachOptOut(ctx, client, func(h profile.Hash) { hashes.Add(h) })
}

// eachOptOut takes everybody who unsubscribed from the list, perhaps more than
// once, and nobody if that is to be ignored.
func (e *Export) eachOptOut(ctx context.Context, client *klaviyo.Client, take func(profile.Hash)) error {
	if e.IgnoreOptOuts {
		return nil
	}
	w := windows[profile.Hash]{now: e.clock().Now(), take: take, inARow: optOutsInARow, minLength: minOptOutWindow}
	w.read = func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[profile.Hash], error] {
		return func(yield func(dated[profile.Hash], error) bool) {
			for email, err := range client.OptOuts(ctx, e.ListID, during) {
				if !yield(dated[profile.Hash]{who: profile.HashOfAddress(email)}, err) {
					return
				}
			}
		}
	}
	return w.all(ctx)
}

package export

import (
	"context"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Lost is how many members a list has lost since a run, without those who
// unsubscribed. before is the number of members after that run, and now the present
// one. It makes no request unless there are fewer now.
func (e *Export) Lost(ctx context.Context, client *klaviyo.Client, before, now int64, since time.Time) (int64, error) {
	if now >= before {
		return 0, nil
	}
	lost := before - now
	if e.IgnoreOptOuts {
		return lost, nil
	}
	var left hashset.Set
	for p, err := range client.OptOuts(ctx, e.ListID, klaviyo.TimeRange{From: since}) {
		if err != nil {
			return 0, err
		}
		if left.Add(profile.HashOfAddress(p)) {
			lost--
		}
		if lost == 0 {
			break
		}
	}
	return lost, nil
}

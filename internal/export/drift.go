package export

import (
	"context"
	"errors"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// errEnough ends reading before everybody was read.
var errEnough = errors.New("enough people were read")

// Lost is how many members a list has lost since a run, without those who opted out
// since then. before is the number of members after that run, and now the present
// one. It makes no request unless there are fewer now, and reads no more opt-outs
// than account for the loss. Who opted out of everything is taken for somebody who
// was on the list: with numbers alone that is not known.
func (e *Export) Lost(ctx context.Context, client *klaviyo.Client, before, now int64, since time.Time) (int64, error) {
	if now >= before {
		return 0, nil
	}
	lost := before - now
	var left hashset.Set
	for _, source := range e.optOutSources(client) {
		err := e.eachOptOut(ctx, source, since, func(p optedOut) error {
			if left.Add(p.hash) {
				lost--
			}
			if lost == 0 {
				return errEnough
			}
			return nil
		})
		switch {
		case errors.Is(err, errEnough):
			return 0, nil
		case err != nil:
			return 0, err
		}
	}
	return lost, nil
}

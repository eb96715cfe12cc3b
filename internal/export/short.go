package export

import (
	"context"
	"errors"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// maxShortRequests is how many requests may be made to find out whether opt-outs are
// why a list is short.
const maxShortRequests = 50

// short is how many fewer members the list has after a run than Klaviyo has
// acknowledged profiles, opt-outs aside. It is 0 if that is not known. Profiles that
// were not sent because they are unchanged may belong to people who have opted out
// since they were sent, so opt-outs are read, but only if the list is short.
func (e *Export) short(ctx context.Context, client *klaviyo.Client, r *Result, reader *pipeline.Reader) (int64, error) {
	short := r.Exported + r.Unchanged - r.ListProfileCount
	if r.ListProfileCount < 0 || short <= 0 {
		return 0, nil
	}
	if r.Unchanged == 0 {
		return short, nil
	}
	short += r.Withheld // are among the opt-outs, too
	allowed := newAllowance(maxShortRequests)
	var seen hashset.Set
	for _, source := range e.optOutSources(client) {
		err := e.eachOptOut(ctx, source.within(allowed), time.Time{}, func(p optedOut) error {
			if reader.Has(p.hash) && seen.Add(p.hash) {
				short--
			}
			if short == 0 {
				return errEnough
			}
			return nil
		})
		switch {
		case errors.Is(err, errEnough), errors.Is(err, errNotAllowed):
			return 0, nil
		case err != nil:
			return 0, err
		}
	}
	return short, nil
}

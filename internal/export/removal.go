package export

import (
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// removers is how many removals are under way at once, enough for the 150 a minute
// that Klaviyo allows.
const removers = 4

// leaver is a member who is to be removed from the list.
type leaver struct {
	id    string
	email uint64 // the lower half of the hash of the address
}

// removal takes members off a list, as many as one request may, and knows who is left
// when it fails.
type removal struct {
	client *klaviyo.Client
	listID string

	requests []removalRequest
	removed  atomic.Int64
}

type removalRequest struct {
	leavers     []leaver
	begun, done bool
}

// plan sets who is to be removed.
func (r *removal) plan(leavers []leaver) {
	for some := range slices.Chunk(leavers, klaviyo.MaxRemovedMembers) {
		r.requests = append(r.requests, removalRequest{leavers: some})
	}
}

func (r *removal) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(removers)
	for i := range r.requests {
		request := &r.requests[i]
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			request.begun = true
			ids := make([]string, len(request.leavers))
			for i, l := range request.leavers {
				ids[i] = l.id
			}
			if err := r.client.RemoveMembers(ctx, r.listID, ids); err != nil {
				return err
			}
			r.removed.Add(int64(len(ids)))
			request.done = true
			return nil
		})
	}
	return g.Wait()
}

// left returns the members who were not removed, unless run is under way. Of those in
// doubt the request was cut off, so that they may have been removed.
func (r *removal) left() (left, doubtful []leaver) {
	for _, request := range r.requests {
		switch {
		case request.done:
		case request.begun:
			doubtful = append(doubtful, request.leavers...)
		default:
			left = append(left, request.leavers...)
		}
	}
	return left, doubtful
}

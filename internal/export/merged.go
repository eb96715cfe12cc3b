package export

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// keepMerged leaves out those to whom an address of the segments leads: Klaviyo may
// have merged two profiles, and then shows the profile that is left with the other
// address. It looks up the addresses of the segments that are not on the list, up to a hundred
// a request, and for that reads the segments again.
func (s *removeStep) keepMerged(ctx context.Context, leavers []leaver) ([]leaver, error) {
	sent := s.imports.sent.Profiles - s.imports.withheld.Total()
	if len(leavers) == 0 || s.met >= sent {
		return leavers, nil
	}
	stays := make(map[string]bool, len(leavers))
	for _, l := range leavers {
		stays[l.id] = false
	}
	var mu sync.Mutex
	err := s.lookUpMissing(ctx, func(ids []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			if _, leaves := stays[id]; leaves {
				stays[id] = true
			}
		}
	})
	return slices.DeleteFunc(leavers, func(l leaver) bool { return stays[l.id] }), err
}

// lookUpMissing looks up the addresses of the segments that are not on the list, without
// those that are withheld. take is called concurrently, with ids of profiles.
func (s *removeStep) lookUpMissing(ctx context.Context, take func(ids []string)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookupsAtOnce)
	var emails []string
	length := 0 // of the emails
	lookUp := func() {
		some := emails
		emails, length = nil, 0
		g.Go(func() error {
			ids, err := s.client.ProfileIDs(ctx, some)
			take(ids)
			return err
		})
	}
	s.reader.OnRows, s.reader.OnSkip, s.reader.Sketch = nil, nil, nil // the rows were counted when they were sent
	_, err := s.reader.Read(ctx, func(p *pipeline.Profile) error {
		if s.seen.Has(p.Email) || s.imports.optedOut(p.Email) {
			return nil
		}
		email := profile.AddressOf(p.JSON)
		if len(emails) == klaviyo.MaxLookup || length+len(email) > maxLookupBytes {
			lookUp()
		}
		emails, length = append(emails, email), length+len(email)
		return nil
	})
	lookUp()
	if failed := g.Wait(); failed != nil { // it ends the reading, too
		return failed
	}
	return err
}

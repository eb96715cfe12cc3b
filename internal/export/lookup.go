package export

import (
	"bytes"
	"context"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// maxLookupBytes is how long the addresses of one request may be. Most servers
// accept addresses of requests up to 8 KiB, and what surrounds each takes 12 bytes.
const maxLookupBytes = 5000

// lookup asks Klaviyo whether people opted out, for many of them at a time, and
// hands them on with the answer, in their order.
type lookup struct {
	export *Export
	client *klaviyo.Client
	take   func(p *pipeline.Profile, why optOut) error

	waiting   []pipeline.Profile
	addresses []string // of those who wait, in all spellings
	length    int      // of the addresses
}

// add takes somebody in. take is called later.
func (l *lookup) add(ctx context.Context, p *pipeline.Profile) error {
	spellings := profile.Spellings(p.JSON)
	length := 0
	for _, s := range spellings {
		length += len(s)
	}
	if len(l.addresses)+len(spellings) > klaviyo.MaxLookup || l.length+length > maxLookupBytes {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	kept := *p
	kept.JSON = bytes.Clone(p.JSON)
	l.waiting, l.addresses, l.length = append(l.waiting, kept), append(l.addresses, spellings...), l.length+length
	return nil
}

// flush asks about everybody who waits and hands them on.
func (l *lookup) flush(ctx context.Context) error {
	found, err := l.client.Suppressions(ctx, l.addresses)
	if err != nil {
		return err
	}
	optOuts := make(map[profile.Hash]optOut, len(found))
	for _, p := range found {
		h := profile.HashOfAddress(p.Email)
		if why := l.export.optOutOf(p.Suppressions, time.Time{}); why != noOptOut && (optOuts[h] == noOptOut || why < optOuts[h]) {
			optOuts[h] = why
		}
	}
	for i := range l.waiting {
		if err := l.take(&l.waiting[i], optOuts[l.waiting[i].Email]); err != nil {
			return err
		}
	}
	l.waiting, l.addresses, l.length = l.waiting[:0], l.addresses[:0], 0
	return nil
}

package export

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// A page of opt-outs takes Klaviyo more than a second, and one cursor reads
// them one page after the other. So when they are many, they are read in
// windows of time side by side, and a window that turns out to hold many is cut
// again.
const (
	optOutsInARow  = 400              // read by one cursor before a window is cut
	optOutCuts     = 4                // parts that a window is cut into
	optOutReaders  = 16               // windows that are read at once
	shortestWindow = 10 * time.Second // not worth cutting
)

// firstOptOut is earlier than anybody can have unsubscribed: Klaviyo was
// founded that year.
var firstOptOut = time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)

// optOuts collects who unsubscribed from the list, by the hash of the address.
type optOuts struct {
	client *klaviyo.Client
	listID string
	turn   chan struct{} // a token a reader

	mu     sync.Mutex
	hashes *hashSet
}

// optOuts reads who must not be put back on the list: one request if there is
// nobody.
func (e *Export) optOuts(ctx context.Context, client *klaviyo.Client) (*hashSet, error) {
	hashes := &hashSet{}
	if e.IgnoreOptOuts {
		return hashes, nil
	}
	o := &optOuts{client: client, listID: e.ListID, turn: make(chan struct{}, optOutReaders), hashes: hashes}
	all, err := o.read(ctx, klaviyo.TimeRange{}, optOutsInARow)
	if err != nil || all {
		return hashes, err
	}
	g, ctx := errgroup.WithContext(ctx)
	o.cut(ctx, g, klaviyo.TimeRange{From: firstOptOut, To: time.Now().Add(24 * time.Hour)}) // clocks differ
	return hashes, g.Wait()
}

// cut reads a window in parts, side by side.
func (o *optOuts) cut(ctx context.Context, g *errgroup.Group, window klaviyo.TimeRange) {
	step := window.To.Sub(window.From) / optOutCuts
	for i := range optOutCuts {
		part := klaviyo.TimeRange{From: window.From.Add(time.Duration(i) * step).Truncate(time.Second), To: window.To}
		if i+1 < optOutCuts {
			part.To = window.From.Add(time.Duration(i+1) * step).Truncate(time.Second)
		}
		g.Go(func() error { return o.window(ctx, g, part) })
	}
}

// window reads a window, and cuts it if there is more in it than one reader
// should do alone.
func (o *optOuts) window(ctx context.Context, g *errgroup.Group, w klaviyo.TimeRange) error {
	most := optOutsInARow
	if w.To.Sub(w.From) <= shortestWindow {
		most = 0
	}
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	all, err := o.read(ctx, w, most)
	<-o.turn
	if err == nil && !all {
		o.cut(ctx, g, w)
	}
	return err
}

// read collects the opt-outs of a window, at most so many unless most is 0. It
// reports whether these were all.
func (o *optOuts) read(ctx context.Context, w klaviyo.TimeRange, most int) (all bool, err error) {
	count := 0
	for email, err := range o.client.OptOuts(ctx, o.listID, w) {
		if err != nil {
			return false, err
		}
		if count++; most > 0 && count > most {
			return false, nil
		}
		hash := profile.HashOf([]byte(strings.ToLower(email)))
		o.mu.Lock()
		o.hashes.add(hash)
		o.mu.Unlock()
	}
	return true, nil
}

package klaviyo

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// listLookups gather the lists that callers want to look up at the same time, so that
// one request serves up to MaxLists of them. While a request is under way the next
// lookups gather. A lookup is never answered by a request that was sent before it.
type listLookups struct {
	noFlows atomic.Bool // the key may not read flows

	mu        sync.Mutex
	gathering *listBatch // is sent next; nil if nobody waits
	underWay  int        // requests
}

// listBatch are lookups that one request answers.
type listBatch struct {
	ids     []string
	callers int // that wait for the answer
	cancel  context.CancelFunc
	sent    bool

	done     chan struct{} // is closed once what follows is set
	lists    map[string]ListWithFlows
	err      error
	waited   time.Duration // for the rate limits
	answered time.Time
}

// LookUpList is List, by a request that answers the lookups of up to MaxLists callers.
// Scope: lists:read; with flows:read as well requests are shared.
//
// https://developers.klaviyo.com/en/reference/get_lists
func (c *Client) LookUpList(ctx context.Context, id string) (List, error) {
	found, ok, err := c.lookUp(ctx, id)
	if ok || err != nil {
		return found.List, err
	}
	return c.List(ctx, id)
}

// LookUpFlows returns the flows that start for a profile when it joins a list, by a
// request that answers the lookups of up to MaxLists callers. Scopes: flows:read,
// lists:read.
//
// https://developers.klaviyo.com/en/reference/get_lists
func (c *Client) LookUpFlows(ctx context.Context, listID string) ([]Flow, error) {
	found, ok, err := c.lookUp(ctx, listID)
	if ok && found.FlowsKnown || err != nil {
		return found.Flows, err
	}
	var flows []Flow
	for flow, err := range c.FlowTriggers(ctx, listID) {
		if err != nil {
			return nil, err
		}
		flows = append(flows, flow)
	}
	return flows, nil
}

// lookUp looks a list up with those of other callers. It reports false if the list is
// to be asked for by itself: the answer did not have it, or all of the request was
// refused, perhaps because of another list in it.
func (c *Client) lookUp(ctx context.Context, id string) (found ListWithFlows, ok bool, err error) {
	l := &c.lookups
	if l.noFlows.Load() {
		return found, false, nil
	}
	started := time.Now()
	b := l.join(ctx, c, id)
	select {
	case <-b.done:
		addWaiting(ctx, b.answered, b.waited)
		found, ok = b.lists[id]
		if refusesBatch(b.err) {
			return found, false, nil
		}
		return found, ok, b.err
	case <-ctx.Done():
	}
	if cause := l.leave(b); cause != nil {
		return found, false, cause.endedBy(ctx)
	}
	return found, false, (&callState{operation: getLists.id}).interrupted(ctx, "for the answer to "+getLists.id, started)
}

// refusesBatch reports whether a request for several lists was refused as a whole, by
// Klaviyo or by something in front of it.
func refusesBatch(err error) bool {
	switch StatusOf(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return true
	default:
		return false
	}
}

// join adds a lookup to the batch that is sent next.
func (l *listLookups) join(ctx context.Context, c *Client, id string) *listBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.gathering
	if b == nil {
		b = &listBatch{done: make(chan struct{})}
		l.gathering = b
	}
	b.callers++
	if !slices.Contains(b.ids, id) {
		b.ids = append(b.ids, id)
	}
	if l.underWay == 0 || len(b.ids) == MaxLists {
		l.send(ctx, c, b)
	}
	return b
}

// send sends a batch. The request does not end with the context of the caller that
// happens to send it, but when no caller waits for it any more.
func (l *listLookups) send(ctx context.Context, c *Client, b *listBatch) {
	ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.sent, l.gathering = true, nil
	l.underWay++
	go func() {
		defer b.cancel()
		ctx, waiting := WithWaiting(ctx)
		b.lists, b.err = c.Lists(ctx, b.ids)
		b.waited, b.answered = waiting.Total(), c.now()
		if LacksScope(b.err) {
			l.noFlows.Store(true) // a key keeps its scopes for life
		}
		close(b.done)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.underWay--
		if next := l.gathering; next != nil && l.underWay == 0 {
			l.send(ctx, c, next)
		}
	}()
}

// leave takes back a lookup. If nobody waits for the batch any more, its request ends,
// and what that was waiting for is returned.
func (l *listLookups) leave(b *listBatch) *InterruptedError {
	l.mu.Lock()
	b.callers--
	abandoned := b.callers == 0
	if abandoned && !b.sent {
		l.gathering = nil
	}
	cancel := b.cancel
	l.mu.Unlock()
	if !abandoned || cancel == nil {
		return nil
	}
	cancel()
	<-b.done
	var interrupted *InterruptedError
	errors.As(b.err, &interrupted)
	return interrupted
}

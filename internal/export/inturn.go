package export

import "sync"

// inTurn has chunks consumed one at a time and in their order, by those who
// bring them in any order.
type inTurn struct {
	consume func(*chunk) error

	mu      sync.Mutex
	waiting []*chunk // brought and not due yet; found by their turns
	turn    int      // of the next to be consumed
	busy    bool     // somebody is consuming; for good once that failed
}

// newInTurn makes one for chunks of which at most so many are under way.
func newInTurn(most int, consume func(*chunk) error) *inTurn {
	return &inTurn{consume: consume, waiting: make([]*chunk, most)}
}

// take brings a chunk and consumes what is due, whoever brought it. It never
// waits for another caller: a chunk that is not due, or comes while another
// consumes, is left to who gets to it. After an error nothing more is consumed.
func (t *inTurn) take(c *chunk) error {
	for due := t.bring(c); due != nil; due = t.next() {
		if err := t.consume(due); err != nil {
			return err
		}
	}
	return nil
}

// bring adds a chunk, and returns the one to be consumed by the caller, nil if
// there is none.
func (t *inTurn) bring(c *chunk) *chunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting[c.turn%len(t.waiting)] = c
	if t.busy {
		return nil
	}
	return t.due()
}

// next returns what is to be consumed by the caller, who has consumed the one
// before, nil if there is nothing.
func (t *inTurn) next() *chunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.due()
}

func (t *inTurn) due() *chunk {
	at := t.turn % len(t.waiting)
	c := t.waiting[at]
	if t.busy = c != nil; t.busy {
		t.waiting[at] = nil
		t.turn++
	}
	return c
}

package export

import "sync"

// inTurn has chunks consumed one at a time and in their order, by those who
// bring them in any order.
type inTurn struct {
	consume func(*chunk) error

	sync.Mutex
	waiting []*chunk // until it is their turn, by which they are found
	turn    int
	busy    bool // somebody is consuming, or has failed
}

// newInTurn makes one for chunks of which at most so many are under way.
func newInTurn(most int, consume func(*chunk) error) *inTurn {
	return &inTurn{consume: consume, waiting: make([]*chunk, most)}
}

// take consumes the chunk and what waited for it. A chunk whose turn has not
// come is left to who brings the one before, and so is what comes while another
// consumes. After an error nothing more is consumed.
func (t *inTurn) take(c *chunk) error {
	t.Lock()
	defer t.Unlock()
	t.waiting[c.turn%len(t.waiting)] = c
	for !t.busy {
		at := t.turn % len(t.waiting)
		next := t.waiting[at]
		if next == nil {
			return nil
		}
		t.waiting[at] = nil
		t.turn++
		t.busy = true
		t.Unlock()
		err := t.consume(next)
		t.Lock()
		if err != nil {
			return err
		}
		t.busy = false
	}
	return nil
}

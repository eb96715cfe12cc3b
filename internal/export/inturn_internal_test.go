package export

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// Chunks are consumed in their order and one at a time, whoever brings them and
// when.
func TestInTurnKeepsTheOrder(t *testing.T) {
	t.Parallel()
	const most, rounds, takers = 16, 200, 4
	r := rand.New(rand.NewPCG(5, 5))
	var consumed []int
	var consuming atomic.Int32
	order := newInTurn(most, func(c *chunk) error {
		if consuming.Add(1) > 1 {
			t.Error("two chunks are consumed at once")
		}
		consumed = append(consumed, c.turn)
		consuming.Add(-1)
		return nil
	})
	for round := range rounds {
		brought := make(chan *chunk, most)
		for _, i := range r.Perm(most) {
			brought <- &chunk{turn: round*most + i}
		}
		close(brought)
		var done sync.WaitGroup
		for range takers {
			done.Go(func() {
				for c := range brought {
					if err := order.take(c); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		if len(consumed) != (round+1)*most {
			t.Fatalf("%d chunks consumed of the %d that were brought", len(consumed), (round+1)*most)
		}
	}
	if !slices.IsSorted(consumed) {
		t.Errorf("out of order: %v", consumed)
	}
}

// Who brings a chunk while another is consumed does not wait for that, and the
// other consumes it when it is due, also where the turns begin anew in the ring.
func TestInTurnHandsOver(t *testing.T) {
	t.Parallel()
	const most = 4
	var consumed []int
	entered, leave := make(chan struct{}), make(chan struct{})
	order := newInTurn(most, func(c *chunk) error {
		if c.turn == most-2 {
			close(entered)
			<-leave
		}
		consumed = append(consumed, c.turn)
		return nil
	})
	bring := func(turn int) {
		if err := order.take(&chunk{turn: turn}); err != nil {
			t.Error(err)
		}
	}
	for turn := range most - 2 {
		bring(turn)
	}
	var first sync.WaitGroup
	first.Go(func() { bring(most - 2) })
	<-entered
	for _, turn := range []int{most + 1, most - 1, most} { // would wait for ever
		bring(turn)
	}
	if want := []int{0, 1}; !slices.Equal(consumed, want) {
		t.Errorf("consumed %v while %d was, want %v", consumed, most-2, want)
	}
	close(leave)
	first.Wait()
	if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(consumed, want) {
		t.Errorf("consumed %v, want %v", consumed, want)
	}
}

// Nothing is consumed after a chunk that could not be.
func TestInTurnEndsWithAnError(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	var consumed []int
	order := newInTurn(4, func(c *chunk) error {
		consumed = append(consumed, c.turn)
		if c.turn == 1 {
			return full
		}
		return nil
	})
	for _, turn := range []int{2, 0} {
		if err := order.take(&chunk{turn: turn}); err != nil {
			t.Fatal(err)
		}
	}
	if err := order.take(&chunk{turn: 1}); !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
	if err := order.take(&chunk{turn: 3}); err != nil {
		t.Errorf("the error comes again: %v", err)
	}
	if want := []int{0, 1}; !slices.Equal(consumed, want) {
		t.Errorf("consumed %v, want %v", consumed, want)
	}
}

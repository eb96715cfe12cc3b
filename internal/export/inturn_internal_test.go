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

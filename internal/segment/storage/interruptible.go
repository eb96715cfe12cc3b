package storage

import "context"

// interruptible makes a call that may never return, such as one to a dead
// network mount, and stops waiting for it once the context ends. What an
// abandoned call still returns goes to discard, which may be nil.
func interruptible[T any](ctx context.Context, call func() (T, error), discard func(T)) (zero T, err error) {
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	type result struct {
		value T
		err   error
	}
	returned := make(chan result)
	go func() {
		value, err := call()
		select {
		case returned <- result{value, err}:
		case <-ctx.Done():
			if err == nil && discard != nil {
				discard(value)
			}
		}
	}()
	select {
	case r := <-returned:
		return r.value, r.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

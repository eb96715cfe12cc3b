package storage

import (
	"slices"
	"sync"
)

// Formats with parts read a few bytes here and there. What is asked for is a
// block around them, and so many blocks are kept as columns that are read side
// by side.
const (
	blockSize = 1 << 20
	mostKept  = 24
)

// blocks are those of a file that were read last.
type blocks struct {
	mu   sync.Mutex // held by the user
	kept []block    // the one used last comes last
}

type block struct {
	number int64
	bytes  []byte
}

// get returns a block, fetched if it is not there.
func (b *blocks) get(number int64, fetch func(int64) ([]byte, error)) ([]byte, error) {
	at := slices.IndexFunc(b.kept, func(k block) bool { return k.number == number })
	if at < 0 {
		bytes, err := fetch(number)
		if err != nil {
			return nil, err
		}
		if len(b.kept) == mostKept {
			b.kept = slices.Delete(b.kept, 0, 1)
		}
		b.kept = append(b.kept, block{number, bytes})
		return bytes, nil
	}
	found := b.kept[at]
	b.kept = append(slices.Delete(b.kept, at, at+1), found)
	return found.bytes, nil
}

package storage

import (
	"slices"
	"sync"
)

// Readers of formats with an index read a few bytes here and there. Each read
// fetches an aligned range around them; as many ranges are kept as there may
// be columns that are read side by side.
const (
	cachedRangeSize = 1 << 20
	maxCachedRanges = 24
)

// rangeCache holds the ranges of a file that were used last.
type rangeCache struct {
	mu     sync.Mutex    // held by the caller of get
	ranges []cachedRange // the one used last comes last
}

type cachedRange struct {
	index int64 // its offset divided by cachedRangeSize
	bytes []byte
}

// get returns a range, fetched if it is not cached.
func (c *rangeCache) get(index int64, fetch func(int64) ([]byte, error)) ([]byte, error) {
	at := slices.IndexFunc(c.ranges, func(r cachedRange) bool { return r.index == index })
	if at < 0 {
		bytes, err := fetch(index)
		if err != nil {
			return nil, err
		}
		if len(c.ranges) == maxCachedRanges {
			c.ranges = slices.Delete(c.ranges, 0, 1)
		}
		c.ranges = append(c.ranges, cachedRange{index, bytes})
		return bytes, nil
	}
	found := c.ranges[at]
	c.ranges = append(slices.Delete(c.ranges, at, at+1), found)
	return found.bytes, nil
}

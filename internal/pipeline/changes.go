package pipeline

import (
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// A profile is an entry of a sketch: the key is of its address, the value a hash of
// its content. Where a property tells who is in which segments, each membership is
// a further entry with the same key. The lowest bit of the value tells which of the
// two an entry is.
const ofProfile = 1

// Values of entries that stand for a profile that was sent and that Klaviyo has not
// acknowledged. Only earlier sketches have them.
const (
	// NeverAcknowledged is the value if Klaviyo has none of the profile. It is needed
	// only where memberships are entries, too: without it, those that are left over once
	// the person has left would look like a change.
	NeverAcknowledged = 0

	// AcknowledgedOtherwise is the value if Klaviyo has the profile with other values,
	// which are not known any more.
	AcknowledgedOtherwise = ofProfile

	// Unsure is the value of a further entry of a profile that Klaviyo has acknowledged
	// and that may have been sent with other values since. It counts as a membership
	// that has ended, so that the profile counts as updated.
	Unsure = 2
)

// EntryOf is the entry of a profile in a sketch, from the lower halves of the hashes
// of its address and its content.
func EntryOf(s *sketch.Sketch, email, content uint64) sketch.Entry {
	return sketch.Entry{Key: KeyOf(s, email), Value: content | ofProfile}
}

// KeyOf is the key of an address in a sketch, from the lower half of its hash.
func KeyOf(s *sketch.Sketch, email uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], email)
	return s.Key(b[:])
}

// Changes are the profiles that differ between two sketches, by the keys of their
// addresses.
type Changes struct {
	Since   string `json:"since"`   // identifies the earlier sketch
	Added   Keys   `json:"added"`   // only in the later sketch
	Updated Keys   `json:"updated"` // in both, with other values or in other segments
	Removed Keys   `json:"removed"` // only in the earlier sketch

	// Rejected are only in the earlier sketch, too, but have not left the segments: their
	// rows are rejected. Comparing sketches does not tell them from the removed.
	Rejected Keys `json:"rejected,omitempty"`

	// Missing are profiles of both sketches, updated or the same, that are to be sent
	// since the list lacks them. Comparing sketches does not find them.
	Missing Keys `json:"missing,omitempty"`
}

// Resent is how many profiles of both sketches are to be sent, each counted once.
func (c *Changes) Resent() int64 {
	n := len(c.Updated) + len(c.Missing)
	for _, key := range c.Missing {
		if c.Updated.Has(key) {
			n--
		}
	}
	return int64(n)
}

// Keys are keys in ascending order. In JSON they are a text in base64, eight bytes
// each.
type Keys []uint64

// Has reports whether a key is one of them.
func (k Keys) Has(key uint64) bool {
	_, found := slices.BinarySearch(k, key)
	return found
}

// MarshalText implements [encoding.TextMarshaler].
func (k Keys) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 8*len(k))
	for _, key := range k {
		b = binary.BigEndian.AppendUint64(b, key)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *Keys) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	*k = nil
	for ; len(b) >= 8; b = b[8:] {
		*k = append(*k, binary.BigEndian.Uint64(b))
	}
	return nil
}

// Compare lists the changes from one sketch to a later one. It reports false if
// there are too many, or if the sketches cannot be compared.
func Compare(before, after *sketch.Sketch) (*Changes, bool) {
	difference, err := after.Subtract(before)
	if err != nil {
		return nil, false
	}
	added, removed, ok := difference.Peel()
	if !ok {
		return nil, false
	}
	seen := make(map[uint64]change, len(added)+len(removed))
	for _, e := range added {
		seen[e.Key] |= changeOf(e, came)
	}
	for _, e := range removed {
		seen[e.Key] |= changeOf(e, went)
	}
	c := &Changes{Since: before.Identity()}
	for key, what := range seen {
		switch {
		case what&(came|went) == came:
			c.Added = append(c.Added, key)
		case what&(came|went) == went:
			c.Removed = append(c.Removed, key)
		case what&neverAcknowledged == 0:
			c.Updated = append(c.Updated, key)
		}
	}
	for _, keys := range []Keys{c.Added, c.Updated, c.Removed} {
		slices.Sort(keys)
	}
	return c, true
}

// change is what the entries of a key say together.
type change int

const (
	came              change = 1 << iota // the profile is in the later sketch
	went                                 // it is in the earlier one
	moved                                // the memberships differ
	neverAcknowledged                    // the profile was sent before and not acknowledged
)

// changeOf is what an entry says that is in one sketch and not in the other.
// ofProfiles is what that means of a profile.
func changeOf(e sketch.Entry, ofProfiles change) change {
	switch {
	case e.Value == NeverAcknowledged:
		return neverAcknowledged
	case e.Value&ofProfile != 0:
		return ofProfiles
	default:
		return moved
	}
}

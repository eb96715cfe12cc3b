package pipeline

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// someone is a profile and its memberships, as two sketches have them.
type someone struct {
	key           uint64
	content       uint64
	in            [3]bool // segments
	before, after bool    // whether a sketch has the profile
	sent          uint64  // if not 0, what stands in the earlier sketch for a profile that was not acknowledged, plus 1
}

func (s *someone) add(k *sketch.Sketch, value uint64) {
	k.Add(s.key, value)
	for i, in := range s.in {
		if in {
			k.Add(s.key, (s.key+uint64(i)+1)*0x9e3779b97f4a7c15&^ofProfile)
		}
	}
}

// Whatever was acknowledged and whatever has changed since, the changes are exact or
// too many, and the same after they were stored.
func TestCompareIsExactOrRefused(t *testing.T) {
	t.Parallel()
	told, refused := 0, 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 21))
		like := sketch.New(sketch.Salt{byte(seed)}, r.IntN(300))
		before, after := sketch.NewLike(like), sketch.NewLike(like)
		changedIn := []int{1 << 30, 50, 10, 2}[r.IntN(4)] // one in so many
		var want Changes
		for range r.IntN(400) {
			s := someone{key: r.Uint64(), content: r.Uint64() | ofProfile, before: true, after: true}
			for i := range s.in {
				s.in[i] = r.IntN(2) == 0
			}
			if r.IntN(changedIn) == 0 {
				s.before, s.after = r.IntN(3) > 0, r.IntN(3) > 0
				s.sent = []uint64{0, NeverAcknowledged + 1, AcknowledgedOtherwise + 1}[r.IntN(3)]
			}
			if s.before {
				value := s.content
				if s.sent > 0 {
					value = s.sent - 1
				}
				s.add(before, value)
			}
			known := s.before && s.sent != NeverAcknowledged+1
			updated := known && s.sent > 0
			if s.after && r.IntN(changedIn) == 0 {
				i := r.IntN(len(s.in) + 1)
				if i < len(s.in) {
					s.in[i] = !s.in[i]
				} else {
					s.content += 2
				}
				updated = true
			}
			if s.after {
				s.add(after, s.content)
			}
			switch {
			case s.after && !known:
				want.Added = append(want.Added, s.key)
			case s.after && updated:
				want.Updated = append(want.Updated, s.key)
			case !s.after && known:
				want.Removed = append(want.Removed, s.key)
			}
		}
		got, ok := Compare(before, after)
		if !ok {
			refused++
			continue
		}
		told++
		want.Since = before.Identity()
		for _, keys := range []Keys{want.Added, want.Updated, want.Removed} {
			slices.Sort(keys)
		}
		if !reflect.DeepEqual(*got, want) {
			t.Fatalf("seed %d: +%d ~%d -%d, want +%d ~%d -%d, or other keys", seed,
				len(got.Added), len(got.Updated), len(got.Removed), len(want.Added), len(want.Updated), len(want.Removed))
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var stored Changes
		if err := json.Unmarshal(text, &stored); err != nil || !reflect.DeepEqual(stored, *got) {
			t.Fatalf("seed %d: stored as %s, %v", seed, text, err)
		}
	}
	if told < 500 || refused < 200 {
		t.Errorf("%d told and %d refused: the test covers too few of one kind", told, refused)
	}
	t.Logf("%d told, %d refused", told, refused)
}

// Sketches of another salt or size are not compared.
func TestCompareNeedsAlike(t *testing.T) {
	t.Parallel()
	s := sketch.New(sketch.Salt{1}, 96)
	for _, other := range []*sketch.Sketch{sketch.New(sketch.Salt{2}, 96), sketch.New(sketch.Salt{1}, 97)} {
		if c, ok := Compare(s, other); ok || c != nil {
			t.Errorf("compared: %+v", c)
		}
	}
}

// A key is found wherever it stands, and no other.
func TestKeysHas(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		keys Keys
		key  uint64
		want bool
	}{
		"none":           {nil, 0, false},
		"the only one":   {Keys{7}, 7, true},
		"first":          {Keys{0, 7, 9}, 0, true},
		"between others": {Keys{0, 7, 9}, 7, true},
		"last":           {Keys{0, 7, 1<<64 - 1}, 1<<64 - 1, true},
		"below all":      {Keys{7, 9}, 6, false},
		"in a gap":       {Keys{7, 9}, 8, false},
		"above all":      {Keys{7, 9}, 10, false},
	} {
		if got := tc.keys.Has(tc.key); got != tc.want {
			t.Errorf("%s: %v has %d: %t", name, tc.keys, tc.key, got)
		}
	}
}

// Who has changed and is missing from the list as well is sent once.
func TestResent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		updated, missing Keys
		want             int64
	}{
		"nobody":       {nil, nil, 0},
		"updated":      {Keys{1, 2}, nil, 2},
		"missing":      {nil, Keys{1, 2, 3}, 3},
		"others":       {Keys{1, 3}, Keys{2, 4}, 4},
		"one of both":  {Keys{1, 3}, Keys{3, 5}, 3},
		"all the same": {Keys{1, 3}, Keys{1, 3}, 2},
	} {
		c := Changes{Added: Keys{8}, Updated: tc.updated, Missing: tc.missing, Removed: Keys{9}, Rejected: Keys{10}}
		if got := c.Resent(); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// filled is a batch of n profiles, in blocks of three.
func filled(n int) *batch {
	b := &batch{room: importRoom}
	b.begin(1)
	pool := &blockPool{}
	var in *block
	for i := range n {
		if i%3 == 0 {
			in = pool.get()
			in.json = make([]byte, 0, 36) // or the batch would rather have copies
		}
		start := len(in.json)
		in.json = fmt.Appendf(in.json, `{"i":%d},`, i)
		b.add(tally.Row{Segment: "s", Number: int64(i + 1)}, profile.Hash{Lo: uint64(i)}, in, int32(start), int32(len(in.json)-1))
	}
	return b
}

// contents checks that a batch is sound and returns its profiles.
func contents(t *testing.T, b *batch) (texts []string) {
	t.Helper()
	body := slices.Concat(b.body...)
	if !json.Valid(slices.Concat([]byte("["), body, []byte("]"))) {
		t.Errorf("%s is not JSON", body)
	}
	for _, p := range b.profiles {
		text := string(b.json(p))
		if want := fmt.Sprintf(`{"i":%d`, p.email); !strings.HasPrefix(text, want) || b.row(p) != (tally.Row{Segment: "s", Number: int64(p.email) + 1}) {
			t.Errorf("row %v has %s", b.row(p), text)
		}
		texts = append(texts, text)
	}
	if joined := strings.Join(texts, ","); joined != string(body) || b.size != len(body) {
		t.Errorf("%s of %d bytes, want %s", body, b.size, joined)
	}
	return texts
}

func TestBatchEdit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mend func(i int, row tally.Row, json []byte) []byte
		want []string
	}{
		"all":  {func(_ int, _ tally.Row, json []byte) []byte { return json }, []string{`{"i":0}`, `{"i":1}`, `{"i":2}`, `{"i":3}`}},
		"none": {func(int, tally.Row, []byte) []byte { return nil }, nil},
		"odd":  {func(i int, _ tally.Row, json []byte) []byte { return [][]byte{nil, json}[i%2] }, []string{`{"i":1}`, `{"i":3}`}},
		"longer": {func(i int, _ tally.Row, json []byte) []byte {
			return bytes.Replace(json, []byte("}"), []byte(`,"x":"longer"}`), i%2)
		}, []string{`{"i":0}`, `{"i":1,"x":"longer"}`, `{"i":2}`, `{"i":3,"x":"longer"}`}},
	} {
		b := filled(4)
		m := newManifest(b)
		b.edit(tc.mend)
		if got := contents(t, b); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if m.profiles() != 4 || m.row(3) != (tally.Row{Segment: "s", Number: 4}) {
			t.Errorf("%s: the manifest has changed: %+v", name, m)
		}
	}
}

func TestBatchHalves(t *testing.T) {
	t.Parallel()
	for n := 2; n < 8; n++ {
		b := filled(n)
		whole := contents(t, b)
		first, second := b.halves()
		if got := slices.Concat(contents(t, first), contents(t, second)); !slices.Equal(got, whole) {
			t.Errorf("%d: %q, want %q", n, got, whole)
		}
		if d := len(second.profiles) - len(first.profiles); d < 0 || d > 1 {
			t.Errorf("%d: %d and %d", n, len(first.profiles), len(second.profiles))
		}
	}
}

// A batch knows which regions are left out of it, as its halves do, but not of
// the one that it was before.
func TestBatchKnowsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	b := filled(4)
	b.omitted = 2
	if first, second := b.halves(); first.omitted != 2 || second.omitted != 2 {
		t.Errorf("halves know of %d and %d regions", first.omitted, second.omitted)
	}
	if b.begin(2); b.omitted != 0 {
		t.Errorf("a batch that was begun again knows of %d regions", b.omitted)
	}
}

func TestBatchFits(t *testing.T) {
	t.Parallel()
	if b := filled(klaviyo.MaxImportProfiles - 1); !b.fits(10) {
		t.Error("the last profile does not fit")
	}
	if b := filled(klaviyo.MaxImportProfiles); b.fits(10) {
		t.Error("a profile too many fits")
	}
	b := &batch{room: importRoom}
	b.add(tally.Row{}, profile.Hash{}, &block{json: make([]byte, 1000)}, 0, 1000)
	room := importRoom.bytes - 1000 - 1 // the comma
	if !b.fits(room) || b.fits(room+1) {
		t.Errorf("room for %d bytes is not seen", room)
	}
	b.begin(2)
	if len(b.profiles) != 0 || !b.fits(importRoom.bytes-1) {
		t.Error("a batch that was begun again is not empty")
	}
}

// A batch is sent in as many parts as it has blocks, and gives them back.
func TestBatchHoldsItsBlocks(t *testing.T) {
	t.Parallel()
	b := filled(8)
	if len(b.body) != 5 || len(b.blocks) != 3 {
		t.Errorf("%d parts of %d blocks, want three and two commas", len(b.body), len(b.blocks))
	}
	pool := b.blocks[0].pool
	for _, in := range b.blocks {
		in.release() // as the chunks do
	}
	if len(pool.back) != 0 {
		t.Error("a block is free that the batch holds")
	}
	b.release()
	if len(pool.back) != 3 || len(b.profiles) != 0 || len(b.blocks) != 0 {
		t.Errorf("%d blocks are free, want 3", len(pool.back))
	}
	if in := pool.get(); len(pool.back) != 2 || len(in.json) != 0 || in.holds.Load() != 1 {
		t.Errorf("a block with %q and %d holds", in.json, in.holds.Load())
	}
}

// A batch holds about as much as it sends, however few of the rows it is from,
// and gives back what it does not need.
func TestBatchLeavesBlocksThatAreMostlyNotItsOwn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ rows, each, chunks int }{
		"one of many": {chunkRows, 1, 30}, "a tenth": {chunkRows, 51, 60}, "nearly half": {chunkRows, 250, 90}, "most": {chunkRows, 400, 90},
		"one, the others rejected": {1, 1, 30},
	} {
		pool := &blockPool{}
		b := &batch{room: importRoom}
		b.begin(1)
		n, chunks := 0, map[*block]bool{}
		for b.fits(1000) {
			in := pool.get()
			chunks[in] = true
			for i := range tc.rows {
				start := len(in.json)
				in.json = fmt.Appendf(in.json, `{"i":%d,"x":"%0300d"},`, n, i)
				if i < tc.each && b.fits(1000) {
					b.add(tally.Row{Segment: "s", Number: int64(n + 1)}, profile.Hash{Lo: uint64(n)}, in, int32(start), int32(len(in.json)-1))
					n++
				}
			}
			in.release() // as the chunk does
		}
		held := 0
		for _, in := range b.blocks {
			if in != nil {
				held += cap(in.json)
			}
		}
		if most := 2*b.size + 2*blockBytes; held > most {
			t.Errorf("%s: %d bytes are held for %d", name, held, b.size)
		}
		if all := len(contents(t, b)); all != n {
			t.Errorf("%s: %d profiles, want %d", name, all, n)
		}
		b.release()
		free := map[*block]bool{}
		for _, in := range pool.back {
			free[in] = true
		}
		if len(free) != len(pool.back) {
			t.Errorf("%s: a block came back twice", name)
		}
		if len(chunks) > tc.chunks {
			t.Errorf("%s: %d blocks were in use for chunks", name, len(chunks))
		}
	}
}

func TestTargetOfAPointer(t *testing.T) {
	t.Parallel()
	const rows = "/data/attributes/profiles/data/"
	for pointer, want := range map[string]profile.Target{
		rows + "17/attributes/email":             {Group: "klaviyo", Name: "email"},
		rows + "17/attributes/location/latitude": {Group: "klaviyo", Name: "location/latitude"},
		rows + "17":                              {Group: "klaviyo"},
		"/data":                                  {},
		"":                                       {},
		"/data/attributes/email":                 {},
		rows + "1/attributes/properties/attributes": {Group: "klaviyo", Name: "properties/attributes"},
	} {
		if got := target(pointer); got != want {
			t.Errorf("%s is %+v, want %+v", pointer, got, want)
		}
	}
	if got := words("Title.", "Detail."); got != "Klaviyo: Detail." {
		t.Errorf("words %q", got)
	}
	if got := words("Title.", ""); got != "Klaviyo: Title." {
		t.Errorf("words %q", got)
	}
}

package bulk

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

// filled is a batch of n profiles.
func filled(n int) *batch {
	b := &batch{limits: importLimits}
	b.begin(1)
	for i := range n {
		b.add(tally.Row{Segment: "s", Number: int64(i + 1)}, ID{Email: uint64(i)}, fmt.Appendf(nil, `{"i":%d }`, i))
	}
	return b
}

// contents checks that a batch is sound and returns its profiles.
func contents(t *testing.T, b *batch) (texts []string) {
	t.Helper()
	body := slices.Concat(b.json)
	if !json.Valid(slices.Concat([]byte("["), body, []byte("]"))) {
		t.Errorf("%s is not JSON", body)
	}
	for _, p := range b.profiles {
		text := string(b.object(p))
		if want := fmt.Sprintf(`{"i":%d`, p.id.Email); !strings.HasPrefix(text, want) || b.row(p) != (tally.Row{Segment: "s", Number: int64(p.id.Email) + 1}) {
			t.Errorf("row %v has %s", b.row(p), text)
		}
		texts = append(texts, text)
	}
	if joined := strings.Join(texts, ","); joined != string(body) || len(b.json) != len(body) {
		t.Errorf("%s of %d bytes, want %s", body, len(b.json), joined)
	}
	return texts
}

func TestBatchEdit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mend func(i int, p sent, json []byte) []byte
		want []string
	}{
		"all":  {func(_ int, _ sent, json []byte) []byte { return json }, []string{`{"i":0 }`, `{"i":1 }`, `{"i":2 }`, `{"i":3 }`}},
		"none": {func(int, sent, []byte) []byte { return nil }, nil},
		"odd":  {func(i int, _ sent, json []byte) []byte { return [][]byte{nil, json}[i%2] }, []string{`{"i":1 }`, `{"i":3 }`}},
		"shorter": {func(i int, _ sent, json []byte) []byte {
			return bytes.Replace(json, []byte(" "), nil, i%2)
		}, []string{`{"i":0 }`, `{"i":1}`, `{"i":2 }`, `{"i":3}`}},
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
	b := &batch{limits: importLimits}
	b.add(tally.Row{}, ID{}, make([]byte, 1000))
	room := importLimits.Bytes - 1000 - 1 // the comma
	if !b.fits(room) || b.fits(room+1) {
		t.Errorf("room for %d bytes is not seen", room)
	}
	b.begin(2)
	if len(b.profiles) != 0 || !b.fits(importLimits.Bytes-1) {
		t.Error("a batch that was begun again is not empty")
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

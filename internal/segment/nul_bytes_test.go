package segment_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

func TestHasNUL(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]struct{ text, json bool }{
		"":                        {},
		"Ann":                     {},
		"A\x00n":                  {true, true},
		"\x00":                    {true, true},
		`"A\u0000n"`:              {false, true},
		`"\\u0000"`:               {},
		`"\\\u0000"`:              {false, true},
		`"\\u0000 and \u0000"`:    {false, true},
		`{"a":["\\\\u0000","x"]}`: {},
		`"\u00001"`:               {false, true},
		`"\u0001"`:                {},
	} {
		if got := segment.HasNUL(value, false); got != want.text {
			t.Errorf("text %q: %v", value, got)
		}
		if got := segment.HasNUL(value, true); got != want.json {
			t.Errorf("JSON %q: %v", value, got)
		}
		if want.json && !segment.MayHaveNUL(value, true) || want.text && !segment.MayHaveNUL(value, false) {
			t.Errorf("%q may have none", value)
		}
	}
}

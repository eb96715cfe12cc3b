package tally_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part, whole int64
		want        string
	}{
		{0, 7, "0 %"},
		{7, 7, "100 %"},
		{1, 4, "25 %"},
		{1, 200, "0.5 %"},
		{4, 1_000, "0.4 %"},
		{4, 7, "57.1 %"},
		{2, 3, "66.7 %"},
		{995, 1_000, "99.5 %"},
		{996, 1_000, "99.6 %"},
		{999, 1_000, "99.9 %"},
		{9_999, 10_000, "less than 100 %"},
		{1, 10_000, "more than 0 %"},
		{1, 1_000_000_000, "more than 0 %"},
		{50_001, 100_000, "more than 50 %"},
		{49_999, 100_000, "less than 50 %"},
		{1_000_000_000_001, 2_000_000_000_000, "more than 50 %"},
	} {
		if got := tally.Percent(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d is %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}

package tally_test

import (
	"math"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 10_250: "10,250", 999_999: "999,999", 1_000_000: "1,000,000", 1_234_567_890: "1,234,567,890",
		-1: "-1", -999: "-999", -1000: "-1,000", -123_456: "-123,456", math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := tally.Thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 rows", 1: "1 row", 2: "2 rows", 1000: "1,000 rows"} {
		if got := tally.Count(n, "row"); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 minutes", 61 * time.Second: "1 minute", 15*time.Minute + 31*time.Second: "16 minutes", 119 * time.Minute: "119 minutes",
		2*time.Hour - time.Second: "2 hours", 2 * time.Hour: "2 hours", 47 * time.Hour: "47 hours",
		48*time.Hour - time.Second: "2 days", 48 * time.Hour: "2 days", 807*time.Hour + 50*time.Minute: "34 days", 60560*time.Hour + 9*time.Minute: "2,523 days",
	} {
		if got := tally.Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestCountWith(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 rows are", 1: "1 row is", 2: "2 rows are", 1000: "1,000 rows are"} {
		if got := tally.CountWith(n, "row", "is", "are"); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

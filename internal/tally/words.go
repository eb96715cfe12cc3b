package tally

import (
	"fmt"
	"strings"
	"time"
)

// Count is a number with its noun, thousands separated: "10,250 profiles".
func Count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + noun + "s"
}

// CountWith is Count followed by what agrees with the number: "1 row is" or
// "12 rows are".
func CountWith(n int64, noun, one, many string) string {
	if n == 1 {
		return Count(n, noun) + " " + one
	}
	return Count(n, noun) + " " + many
}

// Span is a time between two moments in its largest useful unit: "45 minutes",
// "33 hours", "2,523 days".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d.Round(time.Minute) < 2*time.Hour:
		return Count(int64(d.Round(time.Minute)/time.Minute), "minute")
	case d.Round(time.Hour) < 2*day:
		return Count(int64(d.Round(time.Hour)/time.Hour), "hour")
	default:
		return Count(int64(d.Round(day)/day), "day")
	}
}

// Thousands writes a number with its thousands separated by commas.
func Thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Abridged lists the first few of many names.
func Abridged(names []string) string {
	const maxListed = 20
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more, which the log names", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
}

// Percent is a part of a whole in words, to a tenth: "51 %", "0.4 %". A number
// that rounding would make whole is not shown as that number, which may be a
// limit, 0 or 100: "more than 50 %", "less than 100 %". whole is at least 1.
func Percent(part, whole int64) string {
	tenths := (part*1000 + whole/2) / whole
	switch rest := part*1000 - tenths*whole; {
	case tenths%10 != 0:
		return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
	case rest > 0:
		return fmt.Sprintf("more than %d %%", tenths/10)
	case rest < 0:
		return fmt.Sprintf("less than %d %%", tenths/10)
	default:
		return fmt.Sprintf("%d %%", tenths/10)
	}
}

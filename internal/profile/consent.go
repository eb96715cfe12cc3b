package profile

import (
	"slices"
	"strings"
	"time"
)

// consentWords are the texts that say yes, in any case.
var consentWords = []string{"true", "yes", "y", "1", "t", "on", "subscribed", "opt-in"}

// ConsentWords lists the texts of a consent column that say yes. Anything else
// says no.
func ConsentWords() []string { return slices.Clone(consentWords) }

// GivesConsent reports whether a cell of a consent column says yes. json says
// whether the cell is a JSON text, of which true and the number 1 say yes too.
func GivesConsent(cell string, json bool) bool {
	value, structure := readCell(cell, json)
	if structure {
		return value == "true" || isOne(value)
	}
	const longest = len("subscribed")
	if len(value) > longest {
		return false
	}
	// Other letters than ASCII stay as they are: to strings.EqualFold, a long s is an s.
	var lower [longest]byte
	for i := range len(value) {
		lower[i] = value[i]
		if 'A' <= value[i] && value[i] <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	return slices.Contains(consentWords, string(lower[:len(value)]))
}

// isOne reports whether a JSON number is 1, with any number of decimals, as
// columns of decimal numbers have them.
func isOne(number string) bool {
	whole, fraction, _ := strings.Cut(number, ".")
	return whole == "1" && strings.Trim(fraction, "0") == ""
}

func readCell(cell string, json bool) (value string, structure bool) {
	f := field{json: json}
	return f.read(cell)
}

// ConsentTime is when somebody gave consent.
type ConsentTime struct {
	At  time.Time // in UTC; the beginning of the day where only that is known
	Day bool      // only the day is known, and not where on earth
}

// Earliest returns the earliest instant at which the consent may have been given,
// for comparing it with an opt-out: a day begins first where clocks are 14 hours
// ahead of UTC.
func (c ConsentTime) Earliest() time.Time {
	if c.Day {
		return c.At.Add(-14 * time.Hour)
	}
	return c.At
}

// ConsentFault is why a consent is of no use, so that nobody is subscribed on its
// account, mostly because of its date. It is empty for a consent that is of use.
type ConsentFault string

// The faults of a consent.
const (
	ConsentUndated   ConsentFault = "consent_undated"
	ConsentNoDate    ConsentFault = "consent_date_invalid"
	ConsentAmbiguous ConsentFault = "consent_date_ambiguous"
	ConsentTooEarly  ConsentFault = "consent_date_too_early"
	ConsentInFuture  ConsentFault = "consent_date_in_future"
	ConsentNoPhone   ConsentFault = "consent_without_phone_number"
)

// Reason returns the fault in words, without the date.
func (f ConsentFault) Reason() string {
	switch f {
	case ConsentUndated:
		return "the date of the consent is empty"
	case ConsentNoDate:
		return "the date of the consent is not a date such as 2026-11-23, 2026-11-23T06:00:00Z or 2026-11-23 06:00:00+02:00"
	case ConsentAmbiguous:
		return "the date of the consent can be read in more than one way: a time needs its offset from UTC (2026-11-23T06:00:00Z), and a date the order year, month, day (2026-11-23)"
	case ConsentTooEarly:
		return "the date of the consent is before 1971, which stands for an unknown date"
	case ConsentInFuture:
		return "the date of the consent is in the future"
	case ConsentNoPhone:
		return "there is no valid phone number, which every channel of marketing_consent needs"
	default:
		return string(f)
	}
}

// minConsentYear is the year of the first email. Earlier dates are what systems
// write for none: the years 1, 1900 and 1970.
const minConsentYear = 1971

// ReadConsentTime reads a cell of a column with dates of consent: a date, or a
// point in time with its offset from UTC, in the past as of now, in any way that a
// property of the type datetime may be written in and that can be read in one way
// only. json says whether the cell is a JSON text, whose numbers are seconds or
// milliseconds since 1970.
func ReadConsentTime(cell string, json bool, now time.Time) (ConsentTime, ConsentFault) {
	value, structure := readCell(cell, json)
	if value == "" {
		return ConsentTime{}, ConsentUndated
	}
	c, fault := parseConsentTime(value, structure)
	switch {
	case fault != "":
		return ConsentTime{}, fault
	case c.At.Year() < minConsentYear:
		return ConsentTime{}, ConsentTooEarly
	case !c.At.Before(now):
		return ConsentTime{}, ConsentInFuture
	default:
		return c, ""
	}
}

// parseConsentTime reads a text, or with number a JSON value other than one.
func parseConsentTime(s string, number bool) (ConsentTime, ConsentFault) {
	if number {
		if at, ok := readEpoch(s); ok {
			return ConsentTime{At: at}, ""
		}
	} else if m, ok := readMoment(s, false); ok {
		switch {
		case m.yearEnd, m.timed && !m.zoned:
			return ConsentTime{}, ConsentAmbiguous
		case m.year < minConsentYear:
			return ConsentTime{}, ConsentTooEarly
		case !m.exists():
			return ConsentTime{}, ConsentNoDate
		}
		return ConsentTime{At: m.time(), Day: !m.timed}, ""
	}
	if _, ok := appendNumber(nil, s); ok || looksSlashed(s) {
		return ConsentTime{}, ConsentAmbiguous
	}
	return ConsentTime{}, ConsentNoDate
}

// looksSlashed reports whether a text begins like a date with slashes, of which
// nobody knows whether the day or the month comes first.
func looksSlashed(s string) bool {
	first, rest := cutDigits(s)
	if first == "" || rest == "" || rest[0] != '/' {
		return false
	}
	second, rest := cutDigits(rest[1:])
	return second != "" && strings.HasPrefix(rest, "/")
}

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
		return "the date of the consent is not a date (2026-11-23, 2026-11-23T06:00:00Z, 2026-11-23 06:00:00+02:00)"
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
// point in time with its offset from UTC, in the past as of now. json says whether
// the cell is a JSON text; its numbers are ambiguous, since their unit is not known.
func ReadConsentTime(cell string, json bool, now time.Time) (ConsentTime, ConsentFault) {
	value, structure := readCell(cell, json)
	if value == "" {
		return ConsentTime{}, ConsentUndated
	}
	if structure {
		if _, ok := appendNumber(nil, value); ok {
			return ConsentTime{}, ConsentAmbiguous
		}
		return ConsentTime{}, ConsentNoDate
	}
	c, fault := parseConsentTime(value)
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

// The layouts of points in time with an offset from UTC, as databases and programs
// write them. time.Parse accepts fractions of a second in any of them.
var (
	instantsT     = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05-07"}
	instantsSpace = []string{
		"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07", "2006-01-02 15:04:05 UTC",
		"2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 Z0700",
	}
	instantsMail = []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC1123Z}
)

// instants returns the few layouts that a text can have.
func instants(s string) []string {
	switch at := len(time.DateOnly); {
	case len(s) <= at:
		return nil
	case s[at] == 'T':
		return instantsT
	case s[at] == ' ':
		return instantsSpace
	default:
		return instantsMail
	}
}

// parseConsentTime differs from what a property of the type datetime takes: nothing
// that can be read in more than one way, and more ways to write an offset.
func parseConsentTime(s string) (ConsentTime, ConsentFault) {
	if len(s) == len(time.DateOnly) {
		if at, err := time.Parse(time.DateOnly, s); err == nil {
			return ConsentTime{At: at, Day: true}, ""
		}
	}
	for _, layout := range instants(s) {
		if at, err := time.Parse(layout, s); err == nil {
			return ConsentTime{At: at.UTC()}, ""
		}
	}
	if _, number := appendNumber(nil, s); number || looksSlashed(s) {
		return ConsentTime{}, ConsentAmbiguous
	}
	if _, local := appendDatetime(nil, s, false); local {
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

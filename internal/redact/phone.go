package redact

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// minDigits is the minimum number of digits of a phone number with its area code.
// Numbers with a plus may have fewer.
const minDigits = 8

var (
	internationalPattern = regexp.MustCompile(`(?:\+|%2B)[1-9](?:[\p{Zs}\p{Pd}().·/]{0,3}\p{Nd}){6,}`)

	// numberPattern matches digits with the usual separators of phone numbers. A
	// comma is not one of them, because of 10,000,000.
	numberPattern = regexp.MustCompile(`\p{Nd}(?:[\p{Zs}\p{Pd}().·/]{0,3}\p{Nd})+`)

	// harmlessPattern matches UUIDs, and dates and times of ISO 8601.
	harmlessPattern = regexp.MustCompile(`\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b` +
		`|\b[12][0-9]{3}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-2][0-9]:?[0-5][0-9])?)?\b`)

	// extensionPattern matches the start of an extension, as in 600111222x12.
	extensionPattern = regexp.MustCompile(`^(?i:x|ext)\.? ?[0-9]`)
)

// maskPhones masks phone numbers in international and national form.
func maskPhones(s string) string {
	s = internationalPattern.ReplaceAllString(s, "***")
	var b strings.Builder
	from := 0
	for _, span := range harmlessPattern.FindAllStringIndex(s, -1) {
		maskNumbers(&b, s[from:span[0]])
		b.WriteString(s[span[0]:span[1]])
		from = span[1]
	}
	maskNumbers(&b, s[from:])
	return b.String()
}

func maskNumbers(b *strings.Builder, s string) {
	from := 0
	for _, span := range numberPattern.FindAllStringIndex(s, -1) {
		if isPhone(s, span[0], span[1]) {
			b.WriteString(s[from:span[0]])
			b.WriteString("***")
			from = span[1]
		}
	}
	b.WriteString(s[from:])
}

// isPhone reports whether digits, with or without separators, are a phone number
// and not an IP address, a part of an id or a number with a unit. The last two
// have letters next to them.
func isPhone(s string, begin, end int) bool {
	digits, separators := 0, 0
	for _, r := range s[begin:end] {
		if unicode.IsDigit(r) {
			digits++
		} else {
			separators++
		}
	}
	switch {
	case digits < minDigits || isAddress(s[begin:end]):
		return false
	case separators > 0 && !isDecimal(s[begin:end]) || extensionPattern.MatchString(s[end:]):
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s[:begin])
	after, _ := utf8.DecodeRuneInString(s[end:])
	return !isIDRune(before) && !isIDRune(after)
}

// isAddress reports whether a text is an IP address or a range of addresses.
func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	if err != nil {
		_, err = netip.ParsePrefix(s)
	}
	return err == nil
}

// isDecimal reports whether a text is a decimal number, as in 12.345678901s.
func isDecimal(s string) bool {
	whole, fraction, ok := strings.Cut(s, ".")
	return ok && !strings.ContainsFunc(whole+fraction, func(r rune) bool { return r < '0' || r > '9' })
}

func isIDRune(r rune) bool { return unicode.IsLetter(r) || r == '_' }

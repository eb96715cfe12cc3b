package profile

import (
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxAddressText limits the text in which an address is looked for.
const maxAddressText = 4096

// addressIn finds the address in a text that is not one, as people and programs
// write it: Ann <ann@example.com>, mailto:ann@example.com, "ann@example.com". Where
// there is none, or several, it returns the reason the row is rejected.
func addressIn(text string) (string, *Rejection) {
	if !utf8.ValidString(text) {
		return "", &Rejection{Code: NotUTF8}
	}
	if !strings.ContainsAny(text, "@%") {
		return "", &Rejection{Code: emailCode(text)}
	}
	found, alone := addressesIn(text)
	if len(found) > 1 {
		return "", &Rejection{Code: SeveralEmails}
	}
	inner := unwrapped(text)
	if alone { // perhaps more than once
		inner = found[0]
	}
	if _, code := appendEmail(nil, inner); code == "" {
		return inner, nil
	}
	if r, ok := invisibleIn(inner); ok {
		return "", &Rejection{Code: InvisibleInEmail, Rune: r}
	}
	return "", &Rejection{Code: emailCode(inner)}
}

// addressesIn lists the different addresses among the words of a text. alone says
// that there is nothing else but what separates them.
func addressesIn(text string) (found []string, alone bool) {
	if len(text) > maxAddressText {
		return nil, false
	}
	alone = !strings.ContainsAny(text, `<>()[]{}"`)
	for address := range addressWords(text) {
		switch {
		case address == nil:
			alone = false
		case !slices.Contains(found, string(address)):
			found = append(found, string(address))
		}
	}
	return found, alone && len(found) > 0
}

// HashesOfAddressesIn hashes the email addresses among the words of a text, such as a row
// that cannot be split into cells, to the Info.Email of their profiles. An address that
// occurs more than once may be there more than once.
func HashesOfAddressesIn(text string) (found []Hash) {
	for address := range addressWords(text) {
		if address != nil {
			found = append(found, HashOf(address))
		}
	}
	return found
}

// addressWords are the words of a text as addresses of profiles; nil for each that is no
// address. An address is valid until the next one.
func addressWords(text string) iter.Seq[[]byte] {
	separates := func(r rune) bool { return strings.ContainsRune(" \t\r\n\u00a0,;|/<>()[]{}\"", r) || isInvisible(r) }
	return func(yield func([]byte) bool) {
		var quoted []byte
		for word := range strings.FieldsFuncSeq(text, separates) {
			var address []byte
			var code Code
			if quoted, code = appendEmail(quoted[:0], withoutScheme(word)); code == "" {
				address = quoted[1 : len(quoted)-1]
			}
			if !yield(address) {
				return
			}
		}
	}
}

// unwrapped takes off a text what is written around an address: a name and angle
// brackets, quotes, a scheme, a comment or a separator behind it.
func unwrapped(s string) string {
	s = trim(strings.TrimRight(s, ",; \t"))
	if at := strings.LastIndexByte(s, '<'); at >= 0 && strings.HasSuffix(s, ">") {
		s = trim(s[at+1 : len(s)-1])
	}
	if at := strings.LastIndexByte(s, '('); at > 0 && strings.HasSuffix(s, ")") && s[at-1] == ' ' {
		s = trim(s[:at])
	}
	for _, quote := range []string{`"`, `'`} {
		if inner, ok := strings.CutPrefix(s, quote); ok && strings.HasSuffix(inner, quote) {
			s = trim(inner[:len(inner)-1])
		}
	}
	return trim(withoutScheme(s))
}

// withoutScheme returns the address of a mailto link (RFC 6068), and any other text
// unchanged.
func withoutScheme(s string) string {
	const scheme = "mailto:"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return s
	}
	s, _, _ = strings.Cut(s[len(scheme):], "?")
	if address, err := url.PathUnescape(s); err == nil {
		return address
	}
	return s
}

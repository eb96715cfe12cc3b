package profile

import (
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
	separates := func(r rune) bool { return strings.ContainsRune(" \t\r\n\u00a0,;|/<>()[]{}\"", r) || isInvisible(r) }
	alone = !strings.ContainsAny(text, `<>()[]{}"`)
	for word := range strings.FieldsFuncSeq(text, separates) {
		quoted, code := appendEmail(nil, withoutScheme(word))
		if code != "" {
			alone = false
			continue
		}
		if address := string(quoted[1 : len(quoted)-1]); !slices.Contains(found, address) {
			found = append(found, address)
		}
	}
	return found, alone && len(found) > 0
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

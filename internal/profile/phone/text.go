package phone

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// maxText limits the bytes of a text.
const maxText = 250

// The parts of a written number by libphonenumber, for use in regular expressions.
const (
	plusSigns   = "+\uFF0B"
	punctuation = `\-x/\[\]().~ \x{A0}\x{AD}\x{200B}\x{2010}-\x{2015}\x{2053}\x{2060}\x{2212}\x{223C}\x{3000}\x{30FC}\x{FF08}\x{FF09}\x{FF0D}-\x{FF0F}\x{FF3B}\x{FF3D}\x{FF5E}`

	// An extension after a number: a label and digits, of which more are allowed the
	// clearer the label is.
	blank     = `[ \x{A0}\t]*`
	separator = `[ \x{A0}\t,]*`
	label     = `(?:e?xt(?:ensi(?:o\x{301}?|ó))?n?|\x{FF45}?\x{FF58}\x{FF54}\x{FF4E}?|доб|anexo)`
	shortMark = `(?:[x\x{FF58}#\x{FF03}~\x{FF5E}]|int|\x{FF49}\x{FF4E}\x{FF54})`
	afterMark = `[:.\x{FF0E}]?[ \x{A0}\t,-]*`
	extension = `(?:` +
		`;ext=\p{Nd}{1,20}|` +
		separator + label + afterMark + `\p{Nd}{1,20}#?|` +
		separator + shortMark + afterMark + `\p{Nd}{1,9}#?|` +
		`[- ]+\p{Nd}{1,6}#|` +
		blank + `(?:,,|;)` + afterMark + `\p{Nd}{1,15}#?|` +
		blank + `,+` + afterMark + `\p{Nd}{1,9}#?)`
)

// patterns are compiled at their first use: the fast path does without.
var patterns = sync.OnceValue(func() *textPatterns {
	return &textPatterns{
		start:     regexp.MustCompile(`[` + plusSigns + `\p{Nd}]`),
		second:    regexp.MustCompile(`[\\/] *x`),
		extension: regexp.MustCompile(`(?i)` + extension + `$`),
		viable: regexp.MustCompile(`(?i)^(?:\p{Nd}{2}|[` + plusSigns + `]*(?:[` + punctuation + `*]*\p{Nd}){3,}[` +
			punctuation + `*a-z\p{Nd}]*` + extension + `?)$`),
		context: regexp.MustCompile(`^\+[-.()\p{Nd}]*\p{Nd}[-.()\p{Nd}]*$|` +
			`^(?:[a-zA-Z\p{Nd}]+(?:-+[a-zA-Z\p{Nd}]+)*\.)*[a-zA-Z]+(?:-*[a-zA-Z\p{Nd}]+)*\.?$`),
	}
})

type textPatterns struct {
	start     *regexp.Regexp // the first character of a number
	second    *regexp.Regexp // what begins a second number
	extension *regexp.Regexp
	viable    *regexp.Regexp // a whole number, with or without an extension
	context   *regexp.Regexp // the phone-context of RFC 3966: the beginning of a number, or a domain
}

// extract returns the number that is written in a text, without an extension.
// It reports false if there is none.
func extract(text string) (string, bool) {
	if len(text) > maxText {
		return "", false
	}
	p := patterns()
	text, ok := p.candidate(text)
	if !ok || !p.isViable(text) {
		return "", false
	}
	if at := p.extension.FindStringIndex(text); len(at) > 0 && p.isViable(text[:at[0]]) {
		text = text[:at[0]]
	}
	return text, true
}

func (p *textPatterns) isViable(text string) bool {
	return len(text) >= minNational && p.viable.MatchString(text)
}

// candidate returns the part of a text that may be a number: by RFC 3966, or all
// from the first digit or plus sign on.
func (p *textPatterns) candidate(text string) (string, bool) {
	before, after, found := strings.Cut(text, ";phone-context=")
	context, _, _ := strings.Cut(after, ";")
	if found && !p.context.MatchString(context) {
		return "", false
	}
	if found && before != "" {
		if _, number, ok := strings.Cut(before, "tel:"); ok {
			before = number
		}
		if strings.HasPrefix(context, "+") {
			before = context + before
		}
		text = before
	} else {
		at := p.start.FindStringIndex(text)
		if at == nil {
			return "", false
		}
		text = text[at[0]:]
		if at := p.second.FindStringIndex(text); at != nil {
			text = text[:at[0]]
		}
	}
	if at := strings.Index(text, ";isub="); at > 0 {
		text = text[:at]
	}
	return text, true
}

// keypad is the digit of each letter from A on.
const keypad = "22233344455566677778889999"

// digitsOf returns the digits of a number as 0 to 9; with spelled, each letter is its
// digit on a keypad. It reports false for digits of another script than those of
// digitOf.
func digitsOf(text string, spelled bool) ([]byte, bool) {
	var digits []byte
	for _, c := range text {
		switch {
		case spelled && isLetter(c):
			digits = append(digits, keypad[unicode.ToUpper(c)-'A'])
		case unicode.IsDigit(c):
			digit, ok := digitOf(c)
			if !ok {
				return nil, false
			}
			digits = append(digits, digit)
		}
	}
	return digits, true
}

// minSpelled is how many letters a number has at least that is spelled with them.
const minSpelled = 3

func spellsDigits(text string) bool {
	letters := 0
	for i := range len(text) {
		if c := text[i] | 0x20; 'a' <= c && c <= 'z' {
			letters++
		}
	}
	return letters >= minSpelled
}

// isLetter reports whether a letter is on a keypad.
func isLetter(c rune) bool {
	c = unicode.ToUpper(c)
	return 'A' <= c && c <= 'Z'
}

func isSlash(c rune) bool { return c == '/' || c == '\uFF0F' }

// digitOf reads a digit in Latin, full-width or Arabic script.
func digitOf(c rune) (byte, bool) {
	for _, zero := range [...]rune{'0', '\uFF10', '\u0660', '\u06F0'} {
		if zero <= c && c <= zero+9 {
			return byte('0' + c - zero), true
		}
	}
	return 0, false
}

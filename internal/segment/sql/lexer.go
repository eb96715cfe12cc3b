package sql

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

type sqlKind int

const (
	sqlEnd    sqlKind = iota
	sqlWord           // a keyword, a name or a number
	sqlSymbol         // one character of anything else
	sqlQuoted         // a string, or a quoted name
)

// sqlToken is a part of a statement. Comments and spaces are none.
type sqlToken struct {
	kind sqlKind
	text string // words in upper case; empty for what is quoted
}

// sqlLexer divides a text in MySQL's dialect. It ends early, with a reason, at
// what servers understand in different ways.
type sqlLexer struct {
	text    string
	refused string // what the text has, in the words of a message
	remedy  string
}

func (l *sqlLexer) refuse(what, remedy string) sqlToken {
	l.refused, l.remedy, l.text = what, remedy, ""
	return sqlToken{}
}

func (l *sqlLexer) next() sqlToken {
	for l.skipBlank() {
	}
	if l.text == "" {
		return sqlToken{}
	}
	switch c := l.text[0]; {
	case c == '\'' || c == '"' || c == '`':
		return l.quoted(c)
	case isWordByte(c):
		end := 1
		for end < len(l.text) && isWordByte(l.text[end]) {
			end++
		}
		return sqlToken{sqlWord, strings.ToUpper(l.take(end))}
	default:
		return sqlToken{sqlSymbol, l.take(1)}
	}
}

func (l *sqlLexer) take(n int) string {
	taken := l.text[:n]
	l.text = l.text[n:]
	return taken
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isSpaceByte(c byte) bool { return c <= ' ' }

// skipBlank skips spaces or one comment, and reports whether there was any.
func (l *sqlLexer) skipBlank() bool {
	switch {
	case l.text == "":
		return false
	case isSpaceByte(l.text[0]):
		l.text = strings.TrimLeftFunc(l.text, func(r rune) bool { return r <= ' ' })
	case l.text[0] == '#':
		l.skipLine()
	case strings.HasPrefix(l.text, "--"):
		if len(l.text) > 2 && !isSpaceByte(l.text[2]) {
			l.refuse("-- without a space after it, which is a comment for some servers and two minus signs for others", "Write a space after it, or between the two.")
			return false
		}
		l.skipLine()
	case executableComment.MatchString(l.text):
		l.refuse("an executable comment, /*! ... */, which some servers run and others skip", "Write what is in it as part of the query, or take it out.")
		return false
	case strings.HasPrefix(l.text, "/*"):
		end := strings.Index(l.text[2:], "*/")
		if end < 0 {
			l.refuse("a comment without an end", "Close it with */.")
			return false
		}
		l.text = l.text[2+end+2:]
	default:
		return false
	}
	return true
}

// executableComment matches /*! of MySQL, /*M! of MariaDB, /*T! of TiDB.
var executableComment = regexp.MustCompile(`^/\*[A-Za-z]*!`)

func (l *sqlLexer) skipLine() {
	_, l.text, _ = strings.Cut(l.text, "\n")
}

// quoted takes a string or a quoted name. A quote in it is doubled; in a string
// it may come after a backslash, too.
func (l *sqlLexer) quoted(quote byte) sqlToken {
	for i := 1; i < len(l.text); i++ {
		switch {
		case l.text[i] == '\\' && quote != '`':
			i++
		case l.text[i] == quote && i+1 < len(l.text) && l.text[i+1] == quote:
			i++
		case l.text[i] == quote:
			l.take(i + 1)
			return sqlToken{kind: sqlQuoted}
		}
	}
	return l.refuse("a quotation without an end, "+string(quote), "Close it; a quote within a string is doubled.")
}

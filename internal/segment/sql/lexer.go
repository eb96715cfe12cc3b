package sql

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	endToken    tokenKind = iota
	wordToken             // a keyword, a name or a number
	symbolToken           // one character of anything else
	quotedToken           // a string, or a quoted name
)

// token is a part of a statement other than comments and white space.
type token struct {
	kind tokenKind
	text string // words in upper case; empty for quoted text
}

// syntax is what dialects of SQL write in different ways. The zero value is standard
// SQL: 'text' and "name" with doubled quotes, -- and /* */ comments.
type syntax struct {
	mysql           bool   // # comments; -- needs a space; executable comments and those without are refused
	backslashes     string // the quotes within which a backslash escapes
	slashComments   bool   // a comment may begin with //
	dollarQuotes    bool   // $$text$$
	hashComments    bool   // a comment may begin with #
	tripleQuotes    bool   // '''text''' and """text""", with single quotes in it
	withExpressions bool   // WITH may be followed by expressions: WITH 1 AS one SELECT
	transact        bool   // Transact-SQL: [names], nested comments, no backquotes
}

var mysqlSyntax = syntax{mysql: true, backslashes: `'"`}

// lexer splits text into tokens. It stops at constructs that servers understand in
// different ways and sets refused.
type lexer struct {
	syntax
	text    string
	refused string // the construct, for a message
	remedy  string
}

func (l *lexer) refuse(what, remedy string) token {
	l.refused, l.remedy, l.text = what, remedy, ""
	return token{}
}

func (l *lexer) next() token {
	for l.skipBlank() {
	}
	if l.text == "" {
		return token{}
	}
	if l.transact {
		return l.nextTransact()
	}
	switch c := l.text[0]; {
	case c == '\'' || c == '"' || c == '`':
		return l.quoted(c)
	case l.dollarQuotes && strings.HasPrefix(l.text, "$$"):
		end := strings.Index(l.text[2:], "$$")
		if end < 0 {
			return l.refuse("a quotation without an end, $$", "Close it with $$.")
		}
		l.take(2 + end + 2)
		return token{kind: quotedToken}
	case isWordByte(c):
		end := 1
		for end < len(l.text) && isWordByte(l.text[end]) {
			end++
		}
		return token{wordToken, strings.ToUpper(l.take(end))}
	default:
		return token{symbolToken, l.take(1)}
	}
}

func (l *lexer) take(n int) string {
	taken := l.text[:n]
	l.text = l.text[n:]
	return taken
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isSpaceByte(c byte) bool { return c <= ' ' }

// skipBlank skips white space or one comment and reports whether there was any.
func (l *lexer) skipBlank() bool {
	switch {
	case l.text == "":
		return false
	case isSpaceByte(l.text[0]):
		l.text = strings.TrimLeftFunc(l.text, func(r rune) bool { return r <= ' ' })
	case (l.mysql || l.hashComments) && l.text[0] == '#', l.slashComments && strings.HasPrefix(l.text, "//"):
		l.skipLine()
	case strings.HasPrefix(l.text, "--"):
		if l.mysql && len(l.text) > 2 && !isSpaceByte(l.text[2]) {
			l.refuse("-- without a space after it, which is a comment for some servers and two minus signs for others", "Write a space after it, or between the two.")
			return false
		}
		if l.transact {
			return l.skipTransactLine()
		}
		l.skipLine()
	case l.mysql && executableComment.MatchString(l.text):
		l.refuse("an executable comment, /*! ... */, which some servers run and others skip", "Write what is in it as part of the query, or take it out.")
		return false
	case strings.HasPrefix(l.text, "/*"):
		end := l.endOfComment()
		if end < 0 {
			l.refuse("a comment without an end", "Close it with */.")
			return false
		}
		l.text = l.text[end:]
	default:
		return false
	}
	return true
}

// endOfComment returns the length of the comment at the start of the text, -1 if it
// has no end.
func (l *lexer) endOfComment() int {
	for at, depth := 2, 1; at+1 < len(l.text); at++ {
		switch l.text[at : at+2] {
		case "*/":
			if depth--; depth == 0 {
				return at + 2
			}
			at++
		case "/*":
			if l.transact { // where comments nest
				depth++
				at++
			}
		}
	}
	return -1
}

// executableComment matches /*! of MySQL, /*M! of MariaDB, /*T! of TiDB.
var executableComment = regexp.MustCompile(`^/\*[A-Za-z]*!`)

func (l *lexer) skipLine() {
	_, l.text, _ = strings.Cut(l.text, "\n")
}

// quoted takes a string or a quoted name. Quotes in it are doubled, or follow a
// backslash where that escapes.
func (l *lexer) quoted(quote byte) token {
	if triple := strings.Repeat(string(quote), 3); l.tripleQuotes && quote != '`' && strings.HasPrefix(l.text, triple) {
		return l.tripleQuoted(triple)
	}
	for i := 1; i < len(l.text); i++ {
		switch {
		case l.text[i] == '\\' && strings.IndexByte(l.backslashes, quote) >= 0:
			i++
		case l.text[i] == quote && i+1 < len(l.text) && l.text[i+1] == quote:
			i++
		case l.text[i] == quote:
			l.take(i + 1)
			return token{kind: quotedToken}
		}
	}
	return l.refuse("a quotation without an end, "+string(quote), "Close it; a quote within a string is doubled.")
}

// tripleQuoted takes a string between three quotes.
func (l *lexer) tripleQuoted(triple string) token {
	for i := len(triple); i < len(l.text); i++ {
		switch {
		case l.text[i] == '\\':
			i++
		case strings.HasPrefix(l.text[i:], triple):
			l.take(i + len(triple))
			return token{kind: quotedToken}
		}
	}
	return l.refuse("a quotation without an end, "+triple, "Close it with "+triple+".")
}

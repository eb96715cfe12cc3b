package sql

import (
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// onlyReads refuses a text for a server of MySQL's protocol that is anything
// but one statement that reads. Many such servers accept SET SESSION
// TRANSACTION READ ONLY and then write nevertheless, and the protocol does not
// describe a statement before it runs, so the text is judged before it is sent.
//
// It is a lexer and no parser: what follows the first word is the server's
// to understand, in whatever dialect it has.
func onlyReads(query string) *segment.Error {
	l := &sqlLexer{text: query}
	var tokens []sqlToken
	for t := l.next(); t.kind != sqlEnd; t = l.next() {
		tokens = append(tokens, t)
	}
	if l.refused != "" {
		return unreadable("The query has "+l.refused+".", l.remedy)
	}
	if end := indexOf(tokens, ";"); end >= 0 {
		if slices.ContainsFunc(tokens[end:], func(t sqlToken) bool { return t.text != ";" }) {
			return unreadable("The query has more than one statement.", "Leave one, without a semicolon in it.")
		}
		tokens = tokens[:end]
	}
	statement := statementOf(tokens)
	switch {
	case len(statement) == 0 || statement[0].kind != sqlWord:
		return unreadable("The query has no statement that could be recognized.", readingRemedy)
	case !reads(statement[0]):
		return unreadable("The statement of the query begins with "+shortened(statement[0].text)+", and segments are only read.", readingRemedy)
	}
	return noEffects(tokens)
}

// readingWords begin the statements that only read. CALL is none of them: a
// procedure may end the mode in which the server refuses to write. EXPLAIN is
// none: with ANALYZE it runs what it explains.
var readingWords = []string{"SELECT", "TABLE", "VALUES", "SHOW"}

func reads(first sqlToken) bool { return slices.Contains(readingWords, first.text) }

const readingRemedy = "Write one statement that begins with SELECT, WITH ... SELECT, TABLE, VALUES or SHOW."

func unreadable(problem, remedy string) *segment.Error {
	return sqlError("query", remedy, "%s It was not sent to the database.", problem)
}

// shortened is a word for a message.
func shortened(word string) string {
	const most = 32
	if len(word) > most {
		return strings.ToValidUTF8(word[:most], "") + "..."
	}
	return word
}

// statementOf leaves out the parentheses and common table expressions with
// which a statement begins.
func statementOf(tokens []sqlToken) []sqlToken {
	for {
		tokens = withinParentheses(tokens)
		if len(tokens) == 0 || tokens[0].text != "WITH" {
			return tokens
		}
		tokens = afterCTEs(tokens[1:])
	}
}

func withinParentheses(tokens []sqlToken) []sqlToken {
	for len(tokens) > 0 && tokens[0].text == "(" {
		tokens = tokens[1:]
	}
	return tokens
}

// afterCTEs is what follows name AS (...), name AS (...) after WITH, or one of
// the expressions if it does not read. In one that is written otherwise, no
// statement is recognized.
func afterCTEs(tokens []sqlToken) []sqlToken {
	for {
		as := indexOf(tokens, "AS")
		if as < 0 || as+1 == len(tokens) || tokens[as+1].text != "(" {
			return nil
		}
		tokens = tokens[as+1:]
		if body := withinParentheses(tokens); len(body) > 0 && body[0].text != "WITH" && !reads(body[0]) {
			return body
		}
		tokens = afterParenthesis(tokens)
		if len(tokens) > 0 && tokens[0].text == "CYCLE" { // CYCLE columns RESTRICT, of MariaDB
			tokens = tokens[indexOf(tokens, "RESTRICT")+1:]
		}
		if len(tokens) == 0 || tokens[0].text != "," {
			return tokens
		}
		tokens = tokens[1:]
	}
}

func indexOf(tokens []sqlToken, text string) int {
	return slices.IndexFunc(tokens, func(t sqlToken) bool { return t.text == text })
}

// afterParenthesis is what follows the parenthesis that closes the first token.
func afterParenthesis(tokens []sqlToken) []sqlToken {
	depth := 0
	for i, t := range tokens {
		switch t.text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return tokens[i+1:]
			}
		}
	}
	return nil
}

// noEffects refuses a SELECT that does more than read: INTO makes a file on the
// server or sets variables, and locks stop others from writing. These words
// are reserved, so they name a column only when quoted or after a dot.
func noEffects(tokens []sqlToken) *segment.Error {
	for i, t := range tokens {
		if i > 0 && tokens[i-1].text == "." {
			continue
		}
		following := ""
		if i+1 < len(tokens) {
			following = tokens[i+1].text
		}
		switch {
		case t.text == "INTO":
			return unreadable("The query writes what it reads somewhere: it has INTO.", "Take INTO and what belongs to it out of the query.")
		case t.text == "FOR" && (following == "UPDATE" || following == "SHARE"), t.text == "LOCK" && following == "IN":
			return unreadable("The query locks the rows that it reads: it has "+t.text+" "+following+".", "Take it out of the query.")
		}
	}
	return nil
}

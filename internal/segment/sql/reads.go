package sql

import (
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// checkReadOnly refuses a query, for a server that speaks MySQL's protocol, that
// is not exactly one reading statement. Many such servers accept SET SESSION
// TRANSACTION READ ONLY and write nevertheless, and the protocol cannot describe
// a statement before it runs, so the text is checked before it is sent.
func checkReadOnly(query string) *segment.Error { return mysqlSyntax.checkReadOnly(query) }

// checkReadOnly does that for a dialect of SQL. It has a lexer but no parser, since
// dialects differ after the first word.
func (s syntax) checkReadOnly(query string) *segment.Error {
	tokens, refused := s.tokens(query)
	if refused != nil {
		return refused
	}
	if end := indexOf(tokens, ";"); end >= 0 {
		if slices.ContainsFunc(tokens[end:], func(t token) bool { return t.text != ";" }) {
			return unreadable("The query has more than one statement.", "Keep one of them, without a semicolon.")
		}
		tokens = tokens[:end]
	}
	statement := statementOf(tokens)
	switch {
	case len(statement) == 0 || statement[0].kind != wordToken:
		return unreadable("The query has no recognizable statement.", readingRemedy)
	case !reads(statement[0]):
		return unreadable("The statement of the query begins with "+shortened(statement[0].text)+", and segments are only read.", readingRemedy)
	}
	return checkSideEffects(tokens)
}

// tokens splits a query, unless it has a construct that the lexer refuses.
func (s syntax) tokens(query string) ([]token, *segment.Error) {
	l := &lexer{syntax: s, text: query}
	var tokens []token
	for t := l.next(); t.kind != endToken; t = l.next() {
		tokens = append(tokens, t)
	}
	if l.refused != "" {
		return nil, unreadable("The query has "+l.refused+".", l.remedy)
	}
	return tokens, nil
}

// statement returns the statement of a query that checkReadOnly accepts, without
// the semicolon at its end and what follows, and how many parameters (?) it has.
func (s syntax) statement(query string) (text string, parameters int) {
	l := &lexer{syntax: s, text: query}
	for t := l.next(); t.kind != endToken; t = l.next() {
		switch t.text {
		case ";":
			return query[:len(query)-len(l.text)-1], parameters
		case "?":
			parameters++
		}
	}
	return query, parameters
}

// readingWords are the first words of statements that only read. CALL is missing
// since a procedure can end the read-only mode, and EXPLAIN since EXPLAIN ANALYZE
// runs the statement.
var readingWords = []string{"SELECT", "TABLE", "VALUES", "SHOW"}

func reads(first token) bool { return slices.Contains(readingWords, first.text) }

const readingRemedy = "Write one statement that begins with SELECT, WITH ... SELECT, TABLE, VALUES or SHOW."

func unreadable(problem, remedy string) *segment.Error {
	return argumentError("query", remedy, "%s It was not sent to the database.", problem)
}

// shortened cuts a word for a message.
func shortened(word string) string {
	const maxLength = 32
	if len(word) > maxLength {
		return strings.ToValidUTF8(word[:maxLength], "") + "..."
	}
	return word
}

// statementOf skips the parentheses and common table expressions at the start of
// a statement.
func statementOf(tokens []token) []token {
	for {
		tokens = skipParentheses(tokens)
		if len(tokens) == 0 || tokens[0].text != "WITH" {
			return tokens
		}
		tokens = skipCTEs(tokens[1:])
	}
}

func skipParentheses(tokens []token) []token {
	for len(tokens) > 0 && tokens[0].text == "(" {
		tokens = tokens[1:]
	}
	return tokens
}

// skipCTEs skips name AS (...), name AS (...) after WITH. It returns the body of
// an expression that does not read, and nil for any other syntax.
func skipCTEs(tokens []token) []token {
	for {
		as := indexOf(tokens, "AS")
		if as < 0 || as+1 == len(tokens) || tokens[as+1].text != "(" {
			return nil
		}
		tokens = tokens[as+1:]
		if body := skipParentheses(tokens); len(body) > 0 && body[0].text != "WITH" && !reads(body[0]) {
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

func indexOf(tokens []token, text string) int {
	return slices.IndexFunc(tokens, func(t token) bool { return t.text == text })
}

// afterParenthesis returns the tokens after the parenthesis that closes the first
// one.
func afterParenthesis(tokens []token) []token {
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

// checkSideEffects refuses a SELECT that does more than read: INTO writes a file
// on the server or sets variables, and locks stop others from writing. These
// words are reserved, so they are a column only if quoted or after a dot.
func checkSideEffects(tokens []token) *segment.Error {
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
			return unreadable("The query writes its result somewhere: it has INTO.", "Remove INTO and its target from the query.")
		case t.text == "FOR" && (following == "UPDATE" || following == "SHARE"), t.text == "LOCK" && following == "IN":
			return unreadable("The query locks the rows that it reads: it has "+t.text+" "+following+".", "Remove the lock from the query.")
		}
	}
	return nil
}

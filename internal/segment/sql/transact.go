package sql

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// transactSyntax is that of SQL Server. A backslash escapes nothing.
var transactSyntax = syntax{transact: true}

// nextTransact takes a token of Transact-SQL, where names may be in brackets and
// begin with @ or #. What servers might split in another way is refused, since a
// statement of a batch needs no separator before it: SELECT 1DELETE FROM people are
// two statements.
func (l *lexer) nextTransact() token {
	switch c := l.text[0]; {
	case c == '\'' || c == '"':
		return l.quoted(c)
	case c == '[':
		return l.quoted(']')
	case '0' <= c && c <= '9', c == '.' && len(l.text) > 1 && '0' <= l.text[1] && l.text[1] <= '9':
		return l.number()
	case isTransactByte(c):
		end := 1
		for end < len(l.text) && isTransactByte(l.text[end]) {
			end++
		}
		return l.transactWord(l.take(end))
	default:
		return token{symbolToken, l.take(1)}
	}
}

// isTransactByte reports whether a byte is one of a word. $ is one within a word
// only: by itself it is an amount of money, of no digits even.
func isTransactByte(c byte) bool { return c == '@' || c == '#' || isWordByte(c) && c != '$' }

func (l *lexer) transactWord(word string) token {
	for _, r := range word {
		if r >= utf8.RuneSelf && (!unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) || r >= fullWidth) {
			return l.refuse("the character "+strconv.QuoteRuneToASCII(r)+" outside of quotation marks", "Write an ordinary blank, letter or quotation mark, or put the name in brackets.")
		}
	}
	return token{wordToken, strings.ToUpper(word)}
}

// fullWidth is where Unicode has the forms of letters that servers may take for
// ordinary ones.
const fullWidth = '\uff00'

// numberPattern matches a number.
var numberPattern = regexp.MustCompile(`^(?:0[xX][0-9A-Fa-f]*|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]*)?)`)

func (l *lexer) number() token {
	number := l.take(len(numberPattern.FindString(l.text)))
	if l.text != "" && isTransactByte(l.text[0]) {
		return l.refuse("a number with letters right after it, "+strconv.QuoteToASCII(shortened(number)), "Write a blank between the two.")
	}
	return token{wordToken, number}
}

// skipTransactLine skips a comment to the end of its line. Only an ordinary end is
// sure to be one for the server as well.
func (l *lexer) skipTransactLine() bool {
	comment, rest, _ := strings.Cut(l.text, "\n")
	if strings.ContainsAny(strings.TrimSuffix(comment, "\r"), "\r\v\f\u0085\u2028\u2029") {
		l.refuse("a comment with an unusual end of line in it", "End the line with a line feed, or write the comment as /* ... */.")
		return false
	}
	l.text = rest
	return true
}

// startingWords are the reserved words with which a statement other than SELECT
// begins. None of them is a name or part of a SELECT, but for those below.
var startingWords = strings.Fields(`ALTER BACKUP BEGIN BREAK CHECKPOINT CLOSE COMMIT CONTINUE CREATE DBCC DEALLOCATE DECLARE
	DELETE DENY DROP DUMP EXEC EXECUTE GOTO GRANT IF INSERT KILL LOAD MERGE OPEN PRINT RAISERROR READTEXT RECONFIGURE
	RESTORE RETURN REVERT REVOKE ROLLBACK SAVE SET SETUSER SHUTDOWN TRUNCATE UPDATE UPDATETEXT USE WAITFOR WHILE WRITETEXT`)

// sideEffects are reserved words of a SELECT that does more than read, or reads what
// another server is told to do.
var sideEffects = []string{"INTO", "OPENDATASOURCE", "OPENQUERY"}

// lockHints are hints that keep others from writing.
var lockHints = []string{"TABLOCKX", "UPDLOCK", "XLOCK"}

const transactRemedy = "Write one statement that begins with SELECT or WITH ... SELECT. A name that is a keyword goes into brackets, as in [delete]."

// checkTransact refuses a batch that is not exactly one SELECT.
func checkTransact(query string) *segment.Error {
	tokens, refused := transactSyntax.tokens(query)
	if refused != nil {
		return refused
	}
	isSemicolon := func(t token) bool { return t.text == ";" }
	for len(tokens) > 0 && isSemicolon(tokens[0]) { // ;WITH is a habit of many
		tokens = tokens[1:]
	}
	if end := slices.IndexFunc(tokens, isSemicolon); end >= 0 {
		if slices.ContainsFunc(tokens[end:], func(t token) bool { return !isSemicolon(t) }) {
			return unreadable("The query has more than one statement.", "Keep one of them, without a semicolon.")
		}
		tokens = tokens[:end]
	}
	statement := transactSyntax.statementOf(tokens)
	switch {
	case len(statement) == 0 || statement[0].kind != wordToken:
		return unreadable("The query has no recognizable statement.", transactRemedy)
	case statement[0].text != "SELECT":
		return unreadable("The statement of the query begins with "+shortened(statement[0].text)+", and segments are only read.", transactRemedy)
	}
	return checkTransactWords(tokens)
}

// checkTransactWords refuses words that begin another statement, or write, or lock.
func checkTransactWords(tokens []token) *segment.Error {
	at := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return tokens[i].text
	}
	for i, t := range tokens {
		following := at(i + 1)
		switch {
		case t.kind != wordToken:
		case t.text == "MERGE" && (following == "JOIN" || following == "UNION"), t.text == "USE" && (following == "HINT" || following == "PLAN"): // hints
		case slices.Contains(startingWords, t.text):
			return unreadable("The query has "+t.text+", which begins another statement, and segments are only read.", transactRemedy)
		case slices.Contains(sideEffects, t.text), t.text == "OPENROWSET" && at(i+2) != "BULK":
			return unreadable("The query may do more than read: it has "+t.text+".", "Remove it from the query.")
		case t.text == "NEXT" && following == "VALUE" && at(i+2) == "FOR":
			return unreadable("The query takes a number from a sequence: it has NEXT VALUE FOR.", "Remove it from the query.")
		case slices.Contains(lockHints, t.text) && at(i-1) != ".":
			return unreadable("The query locks what it reads: it has "+t.text+".", "Remove the lock from the query.")
		}
	}
	return nil
}

// transactParameter matches a parameter, in upper case.
var transactParameter = regexp.MustCompile(`^@P([1-9][0-9]{0,3})$`)

// transactParameters returns the highest number of the parameters @p1, @p2 and so on
// of a query.
func transactParameters(query string) (highest int) {
	tokens, _ := transactSyntax.tokens(query)
	for _, t := range tokens {
		if match := transactParameter.FindStringSubmatch(t.text); match != nil {
			n, _ := strconv.Atoi(match[1])
			highest = max(highest, n)
		}
	}
	return highest
}

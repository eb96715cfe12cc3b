package trinotest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

// command is a statement other than a query.
var command = regexp.MustCompile(`(?is)^\s*(START\s+TRANSACTION|COMMIT|ROLLBACK|PREPARE|DEALLOCATE\s+PREPARE|DESCRIBE\s+INPUT|DESCRIBE\s+OUTPUT|EXECUTE)\b\s*(.*)$`)

// named splits what follows the first words of a statement: a name and the rest.
var named = regexp.MustCompile(`(?is)^("(?:[^"]|"")+"|\w+)\s*(.*)$`)

func (s *Server) submit(w http.ResponseWriter, r *http.Request) {
	if !s.admitted(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	text := string(body)
	prepared, valid := pairs(r, "X-Trino-Prepared-Statement")
	session, validSession := pairs(r, "X-Trino-Session")
	switch {
	case err != nil || strings.TrimSpace(text) == "":
		refuse(w, http.StatusBadRequest, "SQL statement is empty")
		return
	case !valid:
		refuse(w, http.StatusBadRequest, "Invalid X-Trino-Prepared-Statement header")
		return
	case !validSession:
		refuse(w, http.StatusBadRequest, "Invalid X-Trino-Session header")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.queries) + 1
	q := &query{
		id: fmt.Sprintf("20261128_040000_%05d_stdin", n), slug: fmt.Sprintf("y%031x", n), header: http.Header{},
		transaction: r.Header.Get("X-Trino-Transaction-Id"), Result: &Result{},
	}
	statement := Statement{ID: q.id, Text: text, Options: options(r, session)}
	if strings.HasSuffix(strings.TrimSpace(text), ";") {
		q.fail = &Failure{Name: "SYNTAX_ERROR", Code: "1", Type: "USER_ERROR", Line: 1, Column: len(text), Message: "line 1: mismatched input ';'. Expecting: <EOF>"}
	} else if problem := s.usable(q.transaction, text); problem != nil {
		q.fail = problem
	} else {
		s.run(q, &statement, prepared)
	}
	if q.fail != nil && s.transactions[q.transaction] != nil {
		s.transactions[q.transaction].failed = true
	}
	q.polls = q.Polls
	s.queries[q.id] = q
	s.Submitted(statement)
	standin.JSON(w, http.StatusOK, q.document(s, "QUEUED", s.uri(q, "queued", 1)))
}

// options are the settings of a request, by the names of their headers.
func options(r *http.Request, session map[string]string) map[string]string {
	found := map[string]string{}
	for _, name := range headers {
		if value := r.Header.Get("X-Trino-" + name); value != "" && name != "Session" && name != "Prepared-Statement" {
			found[strings.ToLower(name)] = value
		}
	}
	for name, value := range session {
		found["session."+name] = value
	}
	return found
}

// usable returns what is wrong with the transaction of a statement.
func (s *Server) usable(id, text string) *Failure {
	if id == "" || strings.EqualFold(id, "NONE") {
		return nil
	}
	t := s.transactions[id]
	isRollback := regexp.MustCompile(`(?i)^\s*ROLLBACK\b`).MatchString(text)
	switch {
	case t == nil:
		return &Failure{Name: "UNKNOWN_TRANSACTION", Code: "20", Type: "USER_ERROR", Message: "Unknown transaction ID: " + id + ". Possibly expired? Commands ignored until end of transaction block"}
	case t.failed && !isRollback:
		return &Failure{Name: "TRANSACTION_ALREADY_ABORTED", Code: "22", Type: "USER_ERROR", Message: "Current transaction is aborted, commands ignored until end of transaction block"}
	}
	return nil
}

// run decides what a statement does.
func (s *Server) run(q *query, statement *Statement, prepared map[string]string) {
	parts := command.FindStringSubmatch(statement.Text)
	if parts == nil {
		s.execute(q, statement.Text, 0)
		return
	}
	verb, rest := strings.ToUpper(strings.Join(strings.Fields(parts[1]), " ")), parts[2]
	switch verb {
	case "START TRANSACTION", "COMMIT", "ROLLBACK":
		s.transact(q, verb, rest)
		return
	}
	name := named.FindStringSubmatch(rest)
	if name == nil {
		q.fail = &Failure{Name: "SYNTAX_ERROR", Code: "1", Type: "USER_ERROR", Message: "line 1:1: an identifier is missing"}
		return
	}
	key := strings.ToLower(name[1])
	if unquoted, quoted := strings.CutPrefix(name[1], `"`); quoted {
		key = strings.ReplaceAll(strings.TrimSuffix(unquoted, `"`), `""`, `"`)
	}
	if verb == "PREPARE" {
		s.prepare(q, key, name[2])
		return
	}
	value, exists := prepared[key]
	if !exists {
		q.fail = &Failure{Name: "NOT_FOUND", Code: "5", Type: "USER_ERROR", Message: "Prepared statement not found: " + key}
		return
	}
	text, err := unpack(value)
	if err != nil {
		q.fail = &Failure{Name: "GENERIC_INTERNAL_ERROR", Code: "65536", Type: "INTERNAL_ERROR", Message: "Invalid prepared statement"}
		return
	}
	statement.Options["prepared"] = text
	switch verb {
	case "DEALLOCATE PREPARE":
		q.update = "DEALLOCATE"
		q.header.Set("X-Trino-Deallocated-Prepare", url.QueryEscape(key))
	case "EXECUTE":
		statement.Args = arguments(name[2])
		s.execute(q, text, len(statement.Args))
	default:
		s.describe(q, verb, text)
	}
}

func (s *Server) transact(q *query, verb, rest string) {
	q.update = verb
	_, within := s.transactions[q.transaction]
	switch {
	case verb == "START TRANSACTION" && q.transaction == "":
		q.fail = &Failure{Name: "INCOMPATIBLE_CLIENT", Code: "27", Type: "USER_ERROR", Message: "Client does not support transactions"}
	case verb == "START TRANSACTION" && within:
		q.fail = &Failure{Name: "NOT_SUPPORTED", Code: "13", Type: "USER_ERROR", Message: "Nested transactions not supported"}
	case verb == "START TRANSACTION":
		id := fmt.Sprintf("d5b5dc5e-5a1b-4a3b-9c1e-%012x", len(s.queries)+1)
		s.transactions[id] = &transaction{readOnly: strings.Contains(strings.ToUpper(rest), "READ ONLY")}
		q.header.Set("X-Trino-Started-Transaction-Id", id)
	case !within:
		q.fail = &Failure{Name: "NOT_IN_TRANSACTION", Code: "21", Type: "USER_ERROR", Message: "No transaction in progress"}
	default:
		delete(s.transactions, q.transaction)
		q.header.Set("X-Trino-Clear-Transaction-Id", "true")
	}
}

// prepare parses a statement, so a syntax error comes from here.
func (s *Server) prepare(q *query, name, rest string) {
	text, is := cutWord(rest, "FROM")
	if !is {
		q.fail = &Failure{Name: "SYNTAX_ERROR", Code: "1", Type: "USER_ERROR", Message: "line 1:1: mismatched input. Expecting: 'FROM'"}
		return
	}
	if result, found := s.Find(text); found && result.Fail != nil && result.Fail.Name == "SYNTAX_ERROR" {
		q.fail = result.Fail
		return
	}
	q.update = "PREPARE"
	q.header.Set("X-Trino-Added-Prepare", url.QueryEscape(name)+"="+url.QueryEscape(pack(text)))
}

// cutWord cuts a word and the space around it from the front of a text.
func cutWord(text, word string) (rest string, found bool) {
	text = strings.TrimLeft(text, " \t\r\n")
	if len(text) < len(word) || !strings.EqualFold(text[:len(word)], word) {
		return text, false
	}
	return strings.TrimLeft(text[len(word):], " \t\r\n"), true
}

// pack makes the value of a prepared statement. A long one is compressed: clients
// must treat the value as opaque, so here it is only encoded.
func pack(text string) string {
	const threshold = 2048
	if len(text) < threshold {
		return text
	}
	return "$zstd:" + base64.RawURLEncoding.EncodeToString([]byte(text))
}

func unpack(value string) (string, error) {
	packed, is := strings.CutPrefix(value, "$zstd:")
	if !is {
		return value, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(packed)
	return string(text), err
}

// arguments are the literals after USING, as they were written.
func arguments(text string) []Arg {
	text, using := cutWord(text, "USING")
	if !using {
		return nil
	}
	var args []Arg
	start, depth, quoted := 0, 0, false
	for i, c := range text {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			args = append(args, Arg{Value: strings.TrimSpace(text[start:i])})
			start = i + 1
		}
	}
	return append(args, Arg{Value: strings.TrimSpace(text[start:])})
}

// execute runs a query with so many arguments.
func (s *Server) execute(q *query, text string, args int) {
	result, problem := s.analyze(text)
	if problem != nil {
		q.fail = problem
		return
	}
	if args != result.Args {
		q.fail = &Failure{
			Name: "INVALID_PARAMETER_USAGE", Code: "71", Type: "USER_ERROR", Line: 1, Column: 1,
			Message: fmt.Sprintf("line 1:1: Incorrect number of parameters: expected %d but found %d", result.Args, args),
		}
		return
	}
	if result.Writes() {
		if t := s.transactions[q.transaction]; t != nil && t.readOnly {
			q.fail = &Failure{Name: "READ_ONLY_VIOLATION", Code: "23", Type: "USER_ERROR", Message: "Cannot execute write in a read-only transaction"}
			return
		}
		q.update = result.Kind
		s.written++
	}
	q.Result, q.runs = result, true
}

// analyze finds the result of a query.
func (s *Server) analyze(text string) (*Result, *Failure) {
	result, found := s.Find(text)
	if !found {
		return nil, &Failure{Name: "TABLE_NOT_FOUND", Code: "46", Type: "USER_ERROR", Line: 1, Column: 1, Message: "line 1:1: no result is registered for this statement"}
	}
	return result, result.Fail
}

// describe answers DESCRIBE INPUT and DESCRIBE OUTPUT.
func (s *Server) describe(q *query, verb, text string) {
	result, problem := s.analyze(text)
	if problem != nil {
		q.fail = problem
		return
	}
	var rows [][]any
	var columns []Column
	if verb == "DESCRIBE INPUT" {
		columns = []Column{{Name: "Position", Type: "bigint"}, {Name: "Type", Type: "varchar"}}
		for i := range result.Args {
			rows = append(rows, []any{i, "unknown"})
		}
	} else {
		columns = []Column{
			{Name: "Column Name", Type: "varchar"},
			{Name: "Catalog", Type: "varchar"},
			{Name: "Schema", Type: "varchar"},
			{Name: "Table", Type: "varchar"},
			{Name: "Type", Type: "varchar"},
			{Name: "Type Size", Type: "bigint"},
			{Name: "Aliased", Type: "boolean"},
		}
		for _, c := range result.Columns {
			rows = append(rows, []any{c.Name, "", "", "", c.Type, 0, false})
		}
	}
	q.Result = &Result{Columns: columns, Rows: len(rows), Row: standin.Rows(rows...)}
}

package sql

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Codes of ClickHouse's errors.
// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
const (
	clickhouseReadOnly = 164
	clickhouseBusy     = 202
	clickhouseNetwork  = 210
	clickhouseAllTries = 279 // to reach a server of the cluster have failed, for causes that follow

	// Errors of the libraries that the server uses, and not of its own.
	clickhousePoco    = 1000
	clickhouseStd     = 1001
	clickhouseUnknown = 1002
)

// clickhouseFailure is an error of the server.
type clickhouseFailure struct {
	status  int // of the answer; 0 if it came in the middle of a result
	code    int // 0 if the text is not an error of ClickHouse
	message string
}

func (f *clickhouseFailure) Error() string { return fmt.Sprintf("code %d of ClickHouse", f.code) }

var (
	// clickhouseText matches "Code: 60. DB::Exception: words (NAME) (version ...)" and
	// what versions before 20 write: "Code: 60, e.displayText() = DB::Exception: words, e.what() = ...".
	// Those of libraries are "Poco::Exception. Code: 1000, e.code() = 104, words (version ...)" and
	// "std::exception. Code: 1001, type: std::bad_alloc, e.what() = words, version = ...".
	clickhouseText     = regexp.MustCompile(`(?s)Code: (\d+)[.,] (?:(?:e\.displayText\(\) = )?\w+(?:::\w+)*: |e\.code\(\) = -?\d+, (?:e\.displayText\(\) = )?)(.*)`)
	clickhouseEnd      = regexp.MustCompile(`(?s)(, e\.what\(\) = | \(version |: While executing |: while executing ).*$`)
	clickhousePosition = regexp.MustCompile(`\(line (\d+), col (\d+)\)`)
	clickhouseOffset   = regexp.MustCompile(` at position \d+`)
)

func clickhouseFailureOf(text []byte) *clickhouseFailure {
	match := clickhouseText.FindSubmatch(text)
	if match == nil {
		return &clickhouseFailure{message: string(text)}
	}
	code, _ := strconv.Atoi(string(match[1]))
	return &clickhouseFailure{code: code, message: clickhouseEnd.ReplaceAllString(string(match[2]), "")}
}

// failureIn returns the error that is a field of a result, which has ended early then;
// nil if there is none. The form of its text need not be known.
func (s *clickhouseSession) failureIn(fields map[string]json.RawMessage) error {
	raw := fields["exception"]
	if raw == nil || isNull(raw) {
		return nil
	}
	text, err := unquoted(raw)
	if failure := clickhouseFailureOf(text); err == nil && failure.code != 0 {
		return failure
	}
	return brokenError(s.config.endpoint.Host)
}

// clickhouseStep is what a session was doing when an error came.
type clickhouseStep int

const (
	clickhouseGreeting    clickhouseStep = iota
	clickhouseDescription                // of the query: nothing was read, so the error is about the statement
	clickhouseQuery
)

// said is the error in the server's words, without values of rows.
func (f *clickhouseFailure) said(step clickhouseStep) string {
	message, where := f.message, ""
	if at := clickhousePosition.FindStringSubmatch(message); at != nil {
		line, _ := strconv.Atoi(at[1])
		if step == clickhouseDescription {
			line = max(line-strings.Count(clickhouseDescribe, "\n"), 1)
		}
		where = fmt.Sprintf(", at line %d, column %s", line, at[2])
	}
	message = clickhouseOffset.ReplaceAllString(clickhousePosition.ReplaceAllString(message, ""), "")
	if before, _, found := strings.Cut(message, "Expected one of"); found { // a list of all that would do
		message = before
	}
	message = strings.Join(strings.Fields(message), " ")
	aboutStatement := step != clickhouseQuery || f.code == clickhouseAllTries // and not about values of rows
	return fmt.Sprintf("%s (code %d)", maskMessage(message, aboutStatement), f.code) + where
}

// explained explains the error of a statement.
func (s *clickhouseSession) explained(err error, step clickhouseStep) error {
	var f *clickhouseFailure
	if !errors.As(err, &f) {
		return err
	}
	host := s.config.endpoint.Host
	if f.code == 0 {
		return argumentError("url", clickhouseExample+" The port is that of the HTTP interface, mostly 8123, or 8443 with TLS.",
			"The server at %s answers %d, and not as ClickHouse does.", host, f.status)
	}
	said := f.said(step)
	switch f.code {
	case 192, 193, 194, 195, 516:
		return s.config.loginError(said)
	case 81:
		if step == clickhouseGreeting {
			return argumentError("url", "Check the database in the URL, and that the user may read it.", "The server at %s has no database %q for the user: %s.", host, s.config.database, said)
		}
	case 291, 497:
		return argumentError("query", "Grant it: GRANT SELECT on what the query reads is enough.", "The user of the URL may not do what the query does: %s.", said)
	case clickhouseReadOnly:
		return argumentError("query", "Use a query that only selects, without SETTINGS.", "The query does more than read, and segments are only read: %s.", said)
	case 159, 394:
		return argumentError("query", "Make the query faster, or raise statement_timeout of the URL or max_execution_time of the user.", "The server ended the query: %s.", said)
	case 158, 160, 241, 307, 396:
		return argumentError("query", "Let the query read less, or raise the limit for the user.", "The query exceeds a limit of the server: %s.", said)
	case 201:
		return argumentError("url", "Plan again when the quota begins anew, or raise it.", "The quota of the user is used up: %s.", said)
	case clickhouseBusy:
		return argumentError("url", "Plan again later, or run fewer queries at once.", "The server at %s runs too many queries: %s.", host, said)
	case 209, clickhouseNetwork, clickhouseAllTries:
		return argumentError("url", "Check that all servers of the cluster run and have the table. Plan again.", "The server at %s cannot read from another server of its cluster: %s.", host, said)
	case clickhousePoco, clickhouseStd, clickhouseUnknown:
		return argumentError("url", "Plan again. If the error returns, the log of the server has its cause.", "The server at %s has failed to run the query: %s.", host, said)
	case 456, 457:
		return argumentError("args", "Write the parameters of the query as {p1:Type}, {p2:Type} and so on, and give one value for each; {p1:Nullable(Type)} takes null.", "A parameter of the query has no value of its type: %s.", said)
	}
	remedy := ""
	if f.code == 62 {
		remedy = "The query must be one SELECT, without FORMAT."
	}
	return argumentError("query", remedy, "The server refuses the query: %s.", said)
}

func (c *clickhouseConfig) loginError(said string) *segment.Error {
	return argumentError("url", "Check user and password; special characters in the URL must be percent-encoded.", "The server at %s refuses %s: %s.", c.endpoint.Host, c.origin, said)
}

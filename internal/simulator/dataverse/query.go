package dataverse

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query holds the options of a request for records.
type query struct {
	selected []string
	matches  func(values map[string]any) bool
	top      int
	skip     int    // records before the page, from the cookie
	without  string // the query without the cookie, still escaped
}

// parseQuery parses the options that the client needs. problem is Dataverse's
// answer to any other.
func parseQuery(raw string) (q query, problem string) {
	q.matches = func(map[string]any) bool { return true }
	var rest []string
	for _, option := range strings.Split(raw, "&") {
		name, value, _ := strings.Cut(option, "=")
		text, err := url.PathUnescape(value) // a plus is not a space here
		if err != nil {
			return q, "The query is malformed."
		}
		name = unescaped(name)
		if name != "$skiptoken" {
			rest = append(rest, option)
		}
		switch name {
		case "$select":
			q.selected = strings.Split(text, ",")
		case "$top":
			q.top, _ = strconv.Atoi(text)
		case "$filter":
			q.matches, problem = parseFilter(text)
		case "$skiptoken":
			q.skip, problem = page(text)
		case "$skip":
			problem = "Skip Clause is not supported in CRM"
		default:
			problem = fmt.Sprintf("The query parameter %s is not supported.", name)
		}
		if problem != "" {
			return q, problem
		}
	}
	if q.selected == nil {
		return q, "Select columns: this stand-in has no default."
	}
	q.without = strings.Join(rest, "&")
	return q, ""
}

// parseFilter parses exactly the two filters that the client needs.
func parseFilter(text string) (func(map[string]any) bool, string) {
	if inner, ok := between(text, "contains(msdynci_segments,'", "')"); ok {
		literal := strings.ReplaceAll(inner, "''", "\x00")
		if strings.Contains(literal, "'") {
			return nil, "There is an unterminated string literal."
		}
		part := strings.ToLower(strings.ReplaceAll(literal, "\x00", "'")) // as the database compares
		return func(values map[string]any) bool {
			segments, _ := values["msdynci_segments"].(string)
			return strings.Contains(strings.ToLower(segments), part)
		}, ""
	}
	if inner, ok := between(text, "Microsoft.Dynamics.CRM.In(PropertyName='msdynci_customerid',PropertyValues=", ")"); ok {
		var ids []string
		if json.Unmarshal([]byte(inner), &ids) != nil || len(ids) == 0 {
			return nil, "The parameter PropertyValues is not a list of strings."
		}
		return func(values map[string]any) bool {
			id, _ := values["msdynci_customerid"].(string)
			return slices.Contains(ids, id)
		}, ""
	}
	return nil, "The filter has a syntax error."
}

func between(text, prefix, suffix string) (string, bool) {
	text, begins := strings.CutPrefix(text, prefix)
	text, ends := strings.CutSuffix(text, suffix)
	return text, begins && ends
}

// cookie returns the token of the page that begins after skip records.
func cookie(skip int) string {
	return url.QueryEscape(fmt.Sprintf(`<cookie pagenumber="2" after="%d" istracking="False" />`, skip))
}

func page(cookie string) (skip int, problem string) {
	cookie = strings.ReplaceAll(cookie, "+", " ")
	if _, err := fmt.Sscanf(cookie, `<cookie pagenumber="2" after="%d"`, &skip); err != nil {
		return 0, "Malformed XML in the Paging Cookie"
	}
	return skip, ""
}

// unescaped returns a part of an address without percent-encoding.
func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// encode encodes a list as Customer Insights does.
func encode(list []string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(list) // strings can always be encoded
	return strings.TrimSpace(b.String())
}

func hasScope(scopes, want string) bool { return slices.Contains(strings.Fields(scopes), want) }

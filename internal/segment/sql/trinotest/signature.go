package trinotest

import (
	"strconv"
	"strings"
)

// signature is ClientTypeSignature, the type of a column in parts.
func signature(text string) map[string]any {
	text = strings.TrimSpace(text)
	before, inner, after := parenthesized(text)
	name := strings.ToLower(strings.TrimSpace(before + after)) // as timestamp(3) with time zone
	arguments := []any{}
	for _, part := range commas(inner) {
		arguments = append(arguments, argument(name, part))
	}
	return map[string]any{"rawType": name, "arguments": arguments}
}

func argument(outer, text string) map[string]any {
	if n, err := strconv.Atoi(text); err == nil {
		return map[string]any{"kind": "LONG", "value": n}
	}
	if outer != "row" {
		return map[string]any{"kind": "TYPE", "value": signature(text)}
	}
	value := map[string]any{}
	name, kind, named := strings.Cut(text, " ")
	if named {
		value["fieldName"] = map[string]any{"name": strings.Trim(name, `"`)}
	} else {
		kind = text
	}
	value["typeSignature"] = signature(kind)
	return map[string]any{"kind": "NAMED_TYPE", "value": value}
}

// parenthesized splits a text at its outermost parentheses.
func parenthesized(text string) (before, inner, after string) {
	start, end := strings.Index(text, "("), strings.LastIndex(text, ")")
	if start < 0 || end < start {
		return text, "", ""
	}
	return text[:start], text[start+1 : end], text[end+1:]
}

// commas splits a text at the commas that are in no parentheses.
func commas(text string) []string {
	if text == "" {
		return nil
	}
	var parts []string
	start, depth := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(text[start:]))
}

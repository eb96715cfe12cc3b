package file

import (
	"encoding/json"
	"strings"
)

// nullValues are the texts that stand for no value.
type nullValues struct {
	texts   []string
	longest int
}

// newNullValues returns those of a format, unless others are configured.
func newNullValues(configured []string, format Format) nullValues {
	texts := configured
	if texts == nil && format == TSV {
		texts = []string{`\N`, "NULL"}
	}
	n := nullValues{texts: texts}
	for _, text := range texts {
		n.longest = max(n.longest, len(text))
	}
	return n
}

// jsonNullValues are the texts as JSON strings, and as they are, for numbers.
func jsonNullValues(configured []string) nullValues {
	var texts []string
	for _, text := range configured {
		texts = append(texts, text, jsonText(text))
	}
	return newNullValues(texts, NDJSON)
}

// jsonText is a text as a JSON string, with no more escapes than it needs.
func jsonText(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

func (n *nullValues) has(cell []byte) bool {
	if len(cell) > n.longest {
		return false
	}
	for _, text := range n.texts {
		if string(cell) == text {
			return true
		}
	}
	return false
}

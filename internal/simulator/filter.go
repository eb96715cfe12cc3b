package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxFilterValues is how many values any(...) takes.
const maxFilterValues = 100

// filterField is a field that an operation filters on.
type filterField struct {
	name      string
	operators []string
	moment    bool     // its value is a datetime, else a string
	enum      []string // the only values there are, when set
}

var (
	lookups     = []string{"equals", "any"}
	comparisons = []string{"greater-than", "greater-or-equal", "less-than", "less-or-equal"}
)

// condition is one comparison of a filter; all of a filter's must hold.
type condition struct {
	field    string
	operator string
	texts    []string
	moment   time.Time
}

func (c condition) holdsText(value string) bool {
	return value != "" && slices.Contains(c.texts, value)
}

func (c condition) holdsTime(value time.Time) bool {
	switch order := value.Compare(c.moment); c.operator {
	case "greater-than":
		return order > 0
	case "greater-or-equal":
		return order >= 0
	case "less-than":
		return order < 0
	default:
		return order <= 0
	}
}

// filterParser reads Klaviyo's filter language:
//
//	any(email,["a@example.com","b@example.com"]),greater-than(created,2026-01-01T00:00:00Z)
type filterParser struct {
	text   string
	fields []filterField
	found  []condition
}

// parseFilter returns the conditions, or what is wrong with the text.
func parseFilter(text string, fields []filterField) (found []condition, detail string) {
	p := &filterParser{text: strings.TrimSpace(text), fields: fields}
	if err := p.conditions(); err != nil {
		return nil, "Invalid filter: " + err.Error() + "."
	}
	if p.text != "" {
		return nil, fmt.Sprintf("Invalid filter: unexpected %q.", p.text)
	}
	return p.found, ""
}

func (p *filterParser) space() { p.text = strings.TrimLeft(p.text, " ") }

func (p *filterParser) take(mark string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.text, mark)
	if ok {
		p.text = rest
	}
	return ok
}

func (p *filterParser) word() string {
	p.space()
	end := strings.IndexFunc(p.text, func(r rune) bool { return strings.ContainsRune("(),[]\"' ", r) })
	if end < 0 {
		end = len(p.text)
	}
	word := p.text[:end]
	p.text = p.text[end:]
	return word
}

func (p *filterParser) conditions() error {
	for {
		operator := p.word()
		if !p.take("(") {
			return fmt.Errorf("'(' expected after %q", operator)
		}
		inner := p.condition
		if operator == "and" {
			inner = func(string) error { return p.conditions() }
		}
		if err := inner(operator); err != nil {
			return err
		}
		if !p.take(")") {
			return fmt.Errorf("')' expected at %q", p.text)
		}
		if !p.take(",") {
			return nil
		}
	}
}

func (p *filterParser) condition(operator string) error {
	name := p.word()
	at := slices.IndexFunc(p.fields, func(f filterField) bool { return f.name == name })
	if at < 0 {
		return fmt.Errorf("'%s' is not a field that can be filtered on", name)
	}
	field := p.fields[at]
	if !slices.Contains(field.operators, operator) {
		return fmt.Errorf("'%s' does not allow the operator '%s'. Choose from: %s", name, operator, strings.Join(field.operators, ", "))
	}
	if !p.take(",") {
		return fmt.Errorf("',' expected after '%s'", name)
	}
	c := condition{field: name, operator: operator}
	var err error
	if field.moment {
		c.moment, err = p.datetime()
	} else {
		c.texts, err = p.texts(operator)
	}
	if err != nil {
		return fmt.Errorf("'%s': %w", name, err)
	}
	for _, text := range c.texts {
		if field.enum != nil && !slices.Contains(field.enum, text) {
			return fmt.Errorf("'%s' is not one of: %s", text, strings.Join(field.enum, ", "))
		}
	}
	p.found = append(p.found, c)
	return nil
}

// texts reads a quoted string or a list of them. any takes a list only; equals
// takes both, since the contract gives it a list for some fields.
func (p *filterParser) texts(operator string) ([]string, error) {
	if !p.take("[") {
		if operator == "any" {
			return nil, errors.New("any takes a list")
		}
		text, err := p.quoted()
		return []string{text}, err
	}
	var all []string
	for {
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		all = append(all, text)
		if p.take("]") {
			break
		}
		if !p.take(",") {
			return nil, errors.New("']' expected")
		}
	}
	if len(all) > maxFilterValues {
		return nil, fmt.Errorf("at most %d values are allowed, found %d", maxFilterValues, len(all))
	}
	return all, nil
}

func (p *filterParser) quoted() (string, error) {
	p.space()
	if p.text == "" || p.text[0] != '"' && p.text[0] != '\'' {
		return "", errors.New("a string in quotes expected")
	}
	quote := p.text[0]
	var value strings.Builder
	for i := 1; i < len(p.text); i++ {
		switch b := p.text[i]; {
		case b == '\\' && i+1 < len(p.text):
			i++
			value.WriteByte(p.text[i])
		case b == quote:
			p.text = p.text[i+1:]
			return value.String(), nil
		default:
			value.WriteByte(b)
		}
	}
	return "", errors.New("a string is not closed")
}

func (p *filterParser) datetime() (time.Time, error) {
	word := p.word()
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, word); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("a datetime without quotes expected, found %s", strconv.Quote(word))
}

// takeConditions separates the conditions on the named fields from the others.
func takeConditions(all []condition, fields ...string) (taken, rest []condition) {
	for _, c := range all {
		if slices.Contains(fields, c.field) {
			taken = append(taken, c)
		} else {
			rest = append(rest, c)
		}
	}
	return taken, rest
}

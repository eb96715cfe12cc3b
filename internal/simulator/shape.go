package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shape is what the contract says about one value of a request body: just as
// much of JSON Schema as Klaviyo's request schemas use.
type shape struct {
	kinds    string // the kinds allowed, as cursor.kind names them; "" allows any
	nullable bool
	fields   map[string]shape // of an object; others are refused unless open
	required []string
	open     bool
	items    *shape // of an array
	enum     []string
	// each, when set, takes the elements of an array instead of items.
	each func(index int, element []byte)
}

func textShape() shape             { return shape{kinds: `"`} }
func optionalText() shape          { return shape{kinds: `"`, nullable: true} }
func oneOf(words ...string) shape  { return shape{kinds: `"`, enum: words} }
func listOf(item shape) shape      { return shape{kinds: "[", items: &item} }
func anyObject() shape             { return shape{kinds: "{", open: true, nullable: true} }
func coordinate() shape            { return shape{kinds: `"0`, nullable: true} }
func dataShape(data shape) shape   { return fixed(map[string]shape{"data": data}, "data") }
func identifier(kind string) shape { return resource(kind, map[string]shape{"id": textShape()}, "id") }

// fixed is an object with the fields given and no others.
func fixed(fields map[string]shape, required ...string) shape {
	return shape{kinds: "{", fields: fields, required: required}
}

// resource is a JSON:API resource object of one type.
func resource(kind string, fields map[string]shape, required ...string) shape {
	fields["type"] = oneOf(kind)
	return fixed(fields, append([]string{"type"}, required...)...)
}

// bodyPath is where in the body a value is. It is linked rather than written
// out, since a pointer is needed only for what is wrong.
type bodyPath struct {
	parent *bodyPath
	name   string
	index  int
}

func (p *bodyPath) pointer() string {
	if p == nil {
		return ""
	}
	step := p.name
	if step == "" {
		step = strconv.Itoa(p.index)
	}
	return p.parent.pointer() + "/" + pointerStep(step)
}

func pointerStep(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// check consumes one value and reports what is wrong with it. It returns false
// when the text is not JSON at all.
func (s *shape) check(c *cursor, at *bodyPath, report func(problem)) bool {
	kind := c.kind()
	switch {
	case kind == '?':
		return false
	case kind == 'n' && s.nullable:
		return c.skip()
	case !s.allows(kind):
		report(invalid(at.pointer(), fmt.Sprintf("'%s' must be %s.", at.label(), s.wanted())))
		return c.skip()
	case kind == '{' && s.fields != nil:
		return s.checkObject(c, at, report)
	case kind == '[' && (s.items != nil || s.each != nil):
		return s.checkArray(c, at, report)
	}
	value, ok := c.value()
	if ok && s.enum != nil && !slices.Contains(s.enum, unquote(value)) {
		report(invalid(at.pointer(), fmt.Sprintf("'%s' must be one of: %s.", at.label(), strings.Join(s.enum, ", "))))
	}
	return ok
}

func (s *shape) checkObject(c *cursor, at *bodyPath, report func(problem)) bool {
	var seen []string
	ok := c.object(func(quoted []byte) bool {
		key := keyName(quoted)
		inner, known := s.fields[key]
		here := bodyPath{parent: at, name: key}
		if !known {
			if !s.open {
				report(invalid(here.pointer(), fmt.Sprintf("'%s' is not a valid field for the resource.", key)))
			}
			return c.skip()
		}
		if s.required != nil {
			seen = append(seen, key)
		}
		return inner.check(c, &here, report)
	})
	if !ok {
		return false
	}
	for _, name := range s.required {
		if !slices.Contains(seen, name) {
			here := bodyPath{parent: at, name: name}
			report(invalid(here.pointer(), fmt.Sprintf("'%s' is required.", name)))
		}
	}
	return true
}

func (s *shape) checkArray(c *cursor, at *bodyPath, report func(problem)) bool {
	return c.array(func(index int) bool {
		if s.each != nil {
			element, ok := c.value()
			if ok {
				s.each(index, element)
			}
			return ok
		}
		here := bodyPath{parent: at, index: index}
		return s.items.check(c, &here, report)
	})
}

func (s *shape) allows(kind byte) bool {
	if kind == 'f' {
		kind = 't'
	}
	return s.kinds == "" || strings.IndexByte(s.kinds, kind) >= 0
}

func (s *shape) wanted() string {
	names := map[rune]string{'{': "an object", '[': "an array", '"': "a string", 't': "a boolean", '0': "a number"}
	var all []string
	for _, kind := range s.kinds {
		all = append(all, names[kind])
	}
	return strings.Join(all, " or ")
}

func (p *bodyPath) label() string {
	if p == nil {
		return "body"
	}
	if p.name == "" {
		return strconv.Itoa(p.index)
	}
	return p.name
}

// checkBody reports all that is wrong with a whole body.
func (s *shape) checkBody(body []byte) []problem {
	var problems []problem
	c := cursor{text: body}
	ok := s.check(&c, nil, func(p problem) { problems = append(problems, p) })
	if c.space(); !ok || c.at != len(body) {
		return []problem{malformedJSON()}
	}
	return problems
}

func malformedJSON() problem {
	p := newProblem(400, "parse_error", "Malformed request.", "The request body is not valid JSON.")
	p.Source.Pointer = "/"
	return p
}

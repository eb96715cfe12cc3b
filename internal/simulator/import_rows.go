package simulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxImportRows      = 10_000
	maxExternalIDRunes = 255
	rowsPointer        = "/data/attributes/profiles/data/"
)

// profileAttributes is what the contract lets a profile have.
var profileAttributes = func() map[string]shape {
	location := map[string]shape{}
	for _, name := range locationTexts {
		location[name] = optionalText()
	}
	for _, name := range locationNumerics {
		location[name] = coordinate()
	}
	attributes := map[string]shape{
		"properties": anyObject(),
		"location":   {kinds: "{", fields: location, nullable: true},
	}
	for _, name := range append([]string{"email", "phone_number", "external_id"}, textAttributes...) {
		attributes[name] = optionalText()
	}
	return attributes
}()

// profileShape is a profile to create; an import also takes an id, an exchange
// id and instructions for patching.
func profileShape() shape {
	return resource("profile", map[string]shape{"attributes": fixed(profileAttributes)}, "attributes")
}

func importRowShape() shape {
	attributes := map[string]shape{"_kx": optionalText()}
	for name, attribute := range profileAttributes {
		attributes[name] = attribute
	}
	return resource("profile", map[string]shape{
		"id": optionalText(), "meta": metaShape(), "attributes": fixed(attributes),
	}, "attributes")
}

var rowShape = importRowShape()

// importBody is an import taken apart, its rows still as they were sent.
type importBody struct {
	rows  [][]byte
	lists []string
}

// parseImport takes a body apart in one pass.
func parseImport(body []byte) (importBody, []problem) {
	var parsed importBody
	rows := shape{kinds: "[", each: func(_ int, row []byte) { parsed.rows = append(parsed.rows, row) }}
	lists := shape{kinds: "[", items: new(shape)}
	*lists.items = identifier("list")
	wanted := dataShape(resource("profile-bulk-import-job", map[string]shape{
		"attributes":    fixed(map[string]shape{"profiles": fixed(map[string]shape{"data": rows}, "data")}, "profiles"),
		"relationships": fixed(map[string]shape{"lists": fixed(map[string]shape{"data": lists})}),
	}, "attributes"))
	if problems := wanted.checkBody(body); problems != nil {
		return parsed, problems
	}
	parsed.lists = importLists(body)
	return parsed, nil
}

// importLists finds the ids under relationships, without decoding the profiles.
func importLists(body []byte) (ids []string) {
	at := cursor{text: body}
	for _, step := range []string{"data", "relationships", "lists", "data"} {
		var found []byte
		at.object(func(key []byte) bool {
			value, ok := at.value()
			if unquote(key) == step {
				found = value
			}
			return ok
		})
		at = cursor{text: found}
	}
	var refs []ref
	if json.Unmarshal(at.text, &refs) != nil {
		return nil
	}
	for _, one := range refs {
		ids = append(ids, one.ID)
	}
	return ids
}

// rowChecker validates rows until it has as many problems as one answer names.
type rowChecker struct {
	refusals    *refusals
	maxProblems int
	problems    []problem
}

// check reads one row and notes what is wrong with it.
func (c *rowChecker) check(index int, row []byte) *details {
	at := rowsPointer + strconv.Itoa(index)
	if len(row) > maxProfileBytes {
		c.problems = append(c.problems, invalid(at, fmt.Sprintf("A profile may have %d bytes, this one has %d.", maxProfileBytes, len(row))))
		return nil
	}
	before := len(c.problems)
	text := cursor{text: row}
	rowShape.check(&text, nil, func(p problem) {
		p.Source.Pointer = at + p.Source.Pointer
		c.problems = append(c.problems, p)
	})
	if len(c.problems) > before {
		return nil
	}
	d, meta := readRow(row)
	c.problems = append(c.problems, d.patch(meta, at+"/meta")...)
	c.problems = append(c.problems, d.check(at+"/attributes")...)
	c.problems = append(c.problems, c.refusals.check(d, at+"/attributes")...)
	return d
}

func (c *rowChecker) full() bool { return len(c.problems) >= c.maxProblems }

// readRow takes a profile apart. What is null is left out, and so left alone.
func readRow(row []byte) (d *details, meta []byte) {
	d = &details{}
	for _, m := range objectFields(row) {
		switch {
		case m.key == "id":
			d.id = unquote(m.value)
		case m.key == "meta":
			meta = m.value
		case m.key == "attributes":
			d.take(m.value)
		}
	}
	return d, meta
}

func (d *details) take(attributes []byte) {
	var others []objectField
	for _, m := range objectFields(attributes) {
		switch {
		case m.value[0] == 'n' || m.key == "_kx":
		case m.key == "email":
			d.email, d.emailGiven = unquote(m.value), true
		case m.key == "phone_number":
			d.phone, d.phoneGiven = unquote(m.value), true
		case m.key == "external_id":
			d.external = unquote(m.value)
		case m.key == "properties":
			d.properties = m.value
		default:
			others = append(others, m)
		}
	}
	d.attributes = joinFields(others)
}

// emailPattern is deliberately plain: what it takes, every mail server does.
var (
	emailPattern = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$`)
	phonePattern = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

// check applies the rules that the contract's types do not express.
func (d *details) check(at string) (problems []problem) {
	note := func(field, detail string) { problems = append(problems, invalid(at+field, detail)) }
	if local, _, _ := strings.Cut(d.email, "@"); d.emailGiven && (len(d.email) > 254 || len(local) > 64 || !emailPattern.MatchString(d.email)) {
		note("/email", "Invalid email address")
	}
	if d.phoneGiven && !phonePattern.MatchString(d.phone) {
		note("/phone_number", "Invalid phone number format (Example of a valid format: +12345678901)")
	}
	if len([]rune(d.external)) > maxExternalIDRunes {
		note("/external_id", fmt.Sprintf("external_id may have %d characters.", maxExternalIDRunes))
	}
	if d.id == "" && d.email == "" && d.phone == "" && d.external == "" && problems == nil {
		note("", "One of email, phone_number, external_id or id is required.")
	}
	for _, m := range objectFields(d.properties) {
		if strings.HasPrefix(m.key, "$") {
			note("/properties/"+pointerStep(m.key), fmt.Sprintf("The property '%s' is reserved.", m.key))
		}
	}
	return problems
}

// checkProfileBody reads the body that creates one profile.
func checkProfileBody(body []byte) (*details, []problem) {
	wanted := dataShape(profileShape())
	if problems := wanted.checkBody(body); problems != nil {
		return nil, problems
	}
	d, _ := readRow(objectFields(body)[0].value)
	problems := d.check("/data/attributes")
	return d, problems
}

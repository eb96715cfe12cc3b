package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// metaShape is what the contract lets an import say beside a profile's attributes.
func metaShape() shape {
	names := textShape()
	properties := fixed(map[string]shape{
		"append": anyObject(), "unappend": anyObject(),
		"unset": {kinds: `"[`, items: &names, nullable: true},
	})
	properties.nullable = true
	meta := fixed(map[string]shape{"patch_identifiers": anyObject(), "patch_properties": properties})
	meta.nullable = true
	return meta
}

// patch reads the properties to remove, and returns what is wrong with the patches
// of a profile.
func (d *details) patch(meta []byte, at string) (problems []problem) {
	note := func(where, detail string) { problems = append(problems, invalid(at+where, detail)) }
	for _, m := range objectFields(meta) {
		if m.key == "patch_identifiers" && m.value[0] == '{' {
			note("/patch_identifiers", "The simulator does not patch identifiers.")
		}
		if m.key != "patch_properties" {
			continue
		}
		for _, p := range objectFields(m.value) {
			if p.key != "unset" && p.value[0] == '{' {
				note("/patch_properties/"+p.key, fmt.Sprintf("The simulator does not know '%s'.", p.key))
			}
			if p.key == "unset" {
				d.unset = texts(p.value)
			}
		}
	}
	given := objectFields(d.properties)
	for _, name := range d.unset {
		if strings.HasPrefix(name, "$") {
			note("/patch_properties/unset", fmt.Sprintf("The property '%s' is reserved.", name))
		}
		// The contract does not say which of the two wins.
		if slices.ContainsFunc(given, func(f objectField) bool { return f.key == name }) {
			note("/patch_properties/unset", fmt.Sprintf("The property '%s' is set and removed at once.", name))
		}
	}
	return problems
}

// texts reads a JSON string, or an array of them.
func texts(value []byte) (all []string) {
	if value[0] == '"' {
		return []string{unquote(value)}
	}
	c := cursor{text: value}
	c.array(func(int) bool {
		text, ok := c.value()
		all = append(all, unquote(text))
		return ok
	})
	return all
}

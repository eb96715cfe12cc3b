package profile

import (
	"fmt"
	"maps"
	"slices"
)

// Mapping says which source column fills which attribute of a profile. An empty
// column name means "not mapped".
type Mapping struct {
	Email       string // column with the email address, required
	PhoneNumber string // column with the phone number
	PhoneRegion string // ISO 3166-1 alpha-2 code of phone numbers without a leading +
	ExternalID  string // column with the id the source knows the person by

	Attributes map[string]string   // one of AttributeNames -> column
	Location   map[string]string   // one of LocationNames -> column
	Properties map[string]Property // name of a custom property -> column and type

	Consent *ConsentMapping // nil if the rows do not tell who agrees to marketing
}

// Property is the source of one custom property.
type Property struct {
	Column    string
	Type      Type
	Clear     bool      // an empty value removes the property from the profile
	Separator string    // between the items of a List; empty is a semicolon
	DayFirst  bool      // 3/4/2026 is the third of April, for Datetime
	OnInvalid OnInvalid // what happens to a value that is not of the type
}

// OnInvalid is what happens to a value that cannot be read.
type OnInvalid uint8

// What may happen: the profile is exported without the value, the row is rejected,
// or nothing is exported at all.
const (
	LeaveOut OnInvalid = iota
	RejectRow
	Stop
)

// AttributeNames are the profile attributes of Klaviyo that a column can fill,
// other than the identifiers and the location (schema
// ProfileUpsertQueryResourceObject of Klaviyo's OpenAPI document).
func AttributeNames() []string {
	return []string{"first_name", "image", "last_name", "locale", "organization", "title"}
}

// LocationNames are the fields of a profile's location (schema ProfileLocation
// of Klaviyo's OpenAPI document).
func LocationNames() []string {
	return []string{"address1", "address2", "city", "country", "ip", "latitude", "longitude", "region", "timezone", "zip"}
}

// Target names what a column fills as configuration does: a group ("data_matching",
// "attributes", "location", "properties", "marketing_consent") and a name in it.
type Target struct {
	Group string
	Name  string
}

// The groups of targets.
const (
	GroupMatching   = "data_matching"
	GroupAttributes = "attributes"
	GroupLocation   = "location"
	GroupProperties = "properties"
)

func (t Target) String() string {
	switch t.Group {
	case GroupLocation:
		return "attributes.location." + t.Name
	case GroupProperties:
		return fmt.Sprintf("property %q", t.Name)
	default:
		return t.Group + "." + t.Name
	}
}

// Attribute is the path of the argument that maps the target, outermost first.
func (t Target) Attribute() []string {
	if t.Group == GroupLocation {
		return []string{GroupAttributes, "location", t.Name}
	}
	return []string{t.Group, t.Name}
}

// use is a mapped target with its column and how its values are written.
type use struct {
	target   Target
	column   string
	kind     Type
	property Property // of a custom property
}

// uses lists the mapped targets in the order in which they are encoded. The
// order must not change, since the encoded bytes are hashed.
func (m Mapping) uses() []use {
	var out []use
	add := func(group, name, column string, kind Type) {
		if column != "" {
			out = append(out, use{target: Target{group, name}, column: column, kind: kind})
		}
	}
	add(GroupMatching, "email", m.Email, typeEmail)
	add(GroupMatching, "phone_number", m.PhoneNumber, typePhone)
	add(GroupMatching, "external_id", m.ExternalID, typeExternalID)
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		kind := String
		if name == "locale" {
			kind = typeLocale
		}
		add(GroupAttributes, name, m.Attributes[name], kind)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Location)) {
		kind := String
		switch name {
		case "latitude":
			kind = typeLatitude
		case "longitude":
			kind = typeLongitude
		}
		add(GroupLocation, name, m.Location[name], kind)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		if p := m.Properties[name]; p.Column != "" {
			out = append(out, use{Target{GroupProperties, name}, p.Column, p.Type, p})
		}
	}
	return out
}

// allUses lists also what is not encoded.
func (m Mapping) allUses() []use { return append(m.uses(), m.Consent.uses()...) }

// Columns lists the mapped columns, each once.
func (m Mapping) Columns() []string {
	var out []string
	for _, u := range m.allUses() {
		if !slices.Contains(out, u.column) {
			out = append(out, u.column)
		}
	}
	return out
}

// Targets lists the targets that a column fills.
func (m Mapping) Targets(column string) []Target {
	var out []Target
	for _, u := range m.allUses() {
		if u.column == column {
			out = append(out, u.target)
		}
	}
	return out
}

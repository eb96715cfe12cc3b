package profile

// Type says how a column's value is written into a profile.
type Type uint8

// The types of custom properties. The unexported ones are of Klaviyo's own
// attributes; users cannot choose them.
const (
	Untyped Type = iota // a text becomes a string, JSON is unchanged
	String
	Number
	Boolean
	Datetime
	List
	JSON

	typeEmail
	typePhone
	typeExternalID
	typeLocale
	typeLatitude
	typeLongitude
)

var typeNames = [...]string{String: "string", Number: "number", Boolean: "boolean", Datetime: "datetime", List: "list", JSON: "json"}

// TypeNames lists the names of the property types.
func TypeNames() []string { return typeNames[String:] }

// String is the name of a property type, empty for any other.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return ""
}

// ParseType returns the property type of a name, false for an unknown one.
func ParseType(name string) (Type, bool) {
	for t, n := range typeNames {
		if n == name && n != "" {
			return Type(t), true
		}
	}
	return Untyped, false
}

// expects returns in words what a value of the type looks like.
func (t Type) expects() string {
	switch t {
	case Number:
		return "a number such as 12 or -3.50"
	case Boolean:
		return "a boolean such as true, false, yes, no, 1 or 0"
	case Datetime:
		return "a date such as 2026-11-23, 2026-11-23T06:00:00Z or 11/23/2026 (with day_first = true, 23/11/2026)"
	case List:
		return "a list, which is a JSON array or values with a separator between them"
	case JSON:
		return "a JSON value"
	case typePhone:
		return "a phone number that exists (one without + needs phone_region)"
	case typeLocale:
		return "a locale such as en-US"
	case typeLatitude, typeLongitude:
		return "a coordinate in degrees"
	default:
		return "text"
	}
}

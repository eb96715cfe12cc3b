package profile

import "fmt"

// Code classifies why a row is not exported.
type Code string

// The reasons this package rejects a row for.
const (
	MissingEmail      Code = "missing_email"
	InvalidEmail      Code = "invalid_email"
	ExternalIDTooLong Code = "external_id_too_long"
	PropertyType      Code = "property_type"
	NotUTF8           Code = "not_utf8"
	ProfileTooLarge   Code = "profile_too_large"
)

// Rejection says why a row cannot become a profile. It never quotes the
// value: a value may be personal data.
type Rejection struct {
	Code   Code
	Target Target
	Type   Type // the declared type, for PropertyType
}

// Reason is the rejection in words, without the row.
func (r Rejection) Reason() string {
	switch r.Code {
	case MissingEmail:
		return "the email address is empty"
	case InvalidEmail:
		return "the email address is not valid"
	case ExternalIDTooLong:
		return fmt.Sprintf("%s is longer than %d characters", r.Target, maxExternalID)
	case PropertyType:
		return fmt.Sprintf("%s is not %s", r.Target, r.Type.expects())
	case NotUTF8:
		return fmt.Sprintf("%s is not UTF-8 text", r.Target)
	case ProfileTooLarge:
		return fmt.Sprintf("the profile is larger than %d bytes", MaxSize)
	default:
		return string(r.Code)
	}
}

// Dropped is the set of optional values of a row that were left out because
// Klaviyo would refuse them; the profile itself is exported.
type Dropped uint8

// The values that are left out rather than costing the profile its export.
const (
	DroppedPhoneNumber Dropped = 1 << iota
	DroppedLocale
	DroppedLatitude
	DroppedLongitude
)

// DroppedBecause says in words why a value of the target was left out.
func DroppedBecause(t Target) string {
	switch t.Name {
	case "phone_number":
		return t.String() + " is not a phone number that exists (one without + needs phone_region)"
	case "locale":
		return t.String() + " is not a locale (en-US)"
	default:
		return t.String() + " is not a coordinate in degrees"
	}
}

// Targets lists what was dropped.
func (d Dropped) Targets() []Target {
	var out []Target
	for _, t := range [...]struct {
		bit    Dropped
		target Target
	}{
		{DroppedPhoneNumber, Target{GroupMatching, "phone_number"}},
		{DroppedLocale, Target{GroupAttributes, "locale"}},
		{DroppedLatitude, Target{GroupLocation, "latitude"}},
		{DroppedLongitude, Target{GroupLocation, "longitude"}},
	} {
		if d&t.bit != 0 {
			out = append(out, t.target)
		}
	}
	return out
}

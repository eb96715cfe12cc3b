package profile

import (
	"fmt"
	"iter"
)

// Code classifies why a row is not exported.
type Code string

// The reasons this package rejects a row for.
const (
	MissingEmail       Code = "missing_email"
	InvalidEmail       Code = "invalid_email"
	InternationalEmail Code = "international_email"
	ExternalIDTooLong  Code = "external_id_too_long"
	PropertyType       Code = "property_type"
	NotUTF8            Code = "not_utf8"
	ProfileTooLarge    Code = "profile_too_large"
)

// Rejection is the reason why a row cannot become a profile. It never quotes a
// value, which may be personal data.
type Rejection struct {
	Code   Code
	Target Target
	Type   Type // the declared type, for PropertyType
}

// Reason returns the rejection in words, without the row.
func (r Rejection) Reason() string {
	switch r.Code {
	case MissingEmail:
		return "the email address is empty"
	case InvalidEmail:
		return "the email address is not valid"
	case InternationalEmail:
		return "the email address has letters beyond ASCII before the at sign, which Klaviyo does not accept"
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

// Dropped is the set of optional values of a row that are left out because
// Klaviyo would refuse them; the profile itself is exported.
type Dropped uint8

// The values that may be dropped.
const (
	DroppedPhoneNumber Dropped = 1 << iota
	DroppedLocale
	DroppedLatitude
	DroppedLongitude
)

// droppable lists the values that may be dropped, each with the reason.
var droppable = [...]struct {
	bit     Dropped
	target  Target
	because string
}{
	{DroppedPhoneNumber, Target{GroupMatching, "phone_number"}, "data_matching.phone_number is not a phone number that exists (one without + needs phone_region)"},
	{DroppedLocale, Target{GroupAttributes, "locale"}, "attributes.locale is not a locale (en-US)"},
	{DroppedLatitude, Target{GroupLocation, "latitude"}, "attributes.location.latitude is not a coordinate in degrees"},
	{DroppedLongitude, Target{GroupLocation, "longitude"}, "attributes.location.longitude is not a coordinate in degrees"},
}

// Targets yields the targets whose values were dropped.
func (d Dropped) Targets() iter.Seq[Target] {
	return func(yield func(Target) bool) {
		for i := range droppable {
			if d&droppable[i].bit != 0 && !yield(droppable[i].target) {
				return
			}
		}
	}
}

// DroppedBecause returns in words why a value of the target was left out.
func DroppedBecause(t Target) string {
	for i := range droppable {
		if droppable[i].target == t {
			return droppable[i].because
		}
	}
	return t.String() + " was left out"
}

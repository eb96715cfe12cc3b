package profile

import "fmt"

// Code classifies why a row is not exported.
type Code string

// The reasons this package rejects a row for.
const (
	MissingEmail       Code = "missing_email"
	InvalidEmail       Code = "invalid_email"
	InternationalEmail Code = "international_email"
	InvisibleInEmail   Code = "invisible_in_email"
	SeveralEmails      Code = "several_emails"
	ExternalIDTooLong  Code = "external_id_too_long"
	PropertyType       Code = "property_type"    // the export stops for it
	InvalidProperty    Code = "invalid_property" // only the row is rejected
	NotUTF8            Code = "not_utf8"
	ProfileTooLarge    Code = "profile_too_large"

	// Unconsented is no fault of a row: it does not say yes where only those who do
	// are exported.
	Unconsented Code = "unconsented"
)

// Rejection is the reason why a row cannot become a profile. It never quotes a
// value, which may be personal data.
type Rejection struct {
	Code   Code
	Target Target
	Type   Type // the expected type, for PropertyType and InvalidProperty
	Rune   rune // the character, for InvisibleInEmail
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
	case InvisibleInEmail:
		return fmt.Sprintf("the email address has an invisible character in it, U+%04X (%s)", r.Rune, invisibleName(r.Rune))
	case SeveralEmails:
		return "there are several email addresses in the cell, and a profile has one"
	case ExternalIDTooLong:
		return fmt.Sprintf("%s is longer than %d characters", r.Target, maxExternalID)
	case PropertyType, InvalidProperty:
		return fmt.Sprintf("%s is not %s", r.Target, r.Type.expects())
	case NotUTF8:
		return fmt.Sprintf("%s is not UTF-8 text", r.Target)
	case ProfileTooLarge:
		return fmt.Sprintf("the profile is larger than %d bytes", MaxSize)
	case Unconsented:
		return fmt.Sprintf("the column of %s does not say yes, and only_consented = true", r.Target)
	default:
		return string(r.Code)
	}
}

// Note is a value of an exported row that whoever plans the export should know of:
// it was left out, or it was exported but looks wrong.
type Note struct {
	Code   Code
	Target Target
	Type   Type // the expected type, for InvalidValue
}

// The reasons a value is left out for.
const (
	InvalidValue   Code = "dropped"
	NoDate         Code = "no_date"
	AmbiguousPhone Code = "ambiguous_phone_number"
	InexactInteger Code = "inexact_integer"
)

// The remarks on values that are exported.
const (
	MeansNothing  Code = "null_text"
	SingleItem    Code = "single_item"
	AddressInText Code = "address_in_text"
)

// Exported reports whether the value is exported nevertheless.
func (n Note) Exported() bool {
	return n.Code == MeansNothing || n.Code == SingleItem || n.Code == AddressInText
}

// Words returns the note in words, without the row and the value.
func (n Note) Words() string {
	switch n.Code {
	case NoDate:
		return n.Target.String() + " is a date that does not exist, such as 0000-00-00, infinity or one in a year beyond 9999"
	case AmbiguousPhone:
		return n.Target.String() + " may begin with the country calling code or with an area code, and both are phone numbers; write it with a leading +"
	case InexactInteger:
		return n.Target.String() + " is a number with a fraction or with lost digits, such as 1.23457E+11, which identifies nobody; export the column as text"
	case MeansNothing:
		return n.Target.String() + " is a text that stands for no value, such as NULL, None, nan or #N/A, and is sent as it is; leave the cell empty, or name the text in null_values of the file"
	case SingleItem:
		return n.Target.String() + ` is a list of one item with commas in it; to split it there, set separator = ","`
	case AddressInText:
		return n.Target.String() + " was taken out of the text around it, such as a leading mailto: or a name before it"
	default:
		return n.Target.String() + " is not " + n.Type.expects()
	}
}

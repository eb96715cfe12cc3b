package profile

import "github.com/nyaruka/phonenumbers"

// appendPhone appends a phone number in E.164 form as a JSON string. It
// reports false, having appended nothing, for a number that does not exist in
// its numbering plan. An extension is not part of E.164 and left out. region
// is the country of numbers without a leading +; without a region only numbers
// with + are taken.
func appendPhone(dst []byte, s, region string) ([]byte, bool) {
	number, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return dst, false
	}
	return appendString(dst, phonenumbers.Format(number, phonenumbers.E164)), true
}

// ValidRegion reports whether code is a region whose phone numbers are known:
// an ISO 3166-1 alpha-2 code in upper case.
func ValidRegion(code string) bool {
	return phonenumbers.GetCountryCodeForRegion(code) != 0
}

package profile

import (
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile/phone"
)

// phoneKey precedes the phone number of an encoded profile, right after the
// address (see [Mapping.uses]).
const phoneKey = `,"phone_number":"`

// PhoneNumber returns the phone number of an encoded profile, nil if it has
// none.
func PhoneNumber(resource []byte) []byte {
	start, end := findPhone(resource)
	if start == end {
		return nil
	}
	return resource[start+len(phoneKey) : end-1]
}

// WithoutPhoneNumber returns a copy of an encoded profile without its phone
// number, nil if it has none.
func WithoutPhoneNumber(resource []byte) []byte {
	start, end := findPhone(resource)
	if start == end {
		return nil
	}
	return slices.Concat(resource[:start], resource[end:])
}

// findPhone returns the position of the phone number with its key. start and end
// are equal if the profile has none.
func findPhone(resource []byte) (start, end int) {
	start = addressEnd(resource)
	return start, skipText(resource, start, phoneKey)
}

// PhoneRegion is a region with a dial plan of its own.
type PhoneRegion = phone.Region

// PhoneRegionOf returns the region of a number in E.164 form, false if it belongs
// to none.
func PhoneRegionOf(number []byte) (PhoneRegion, bool) { return phone.RegionOf(number) }

// ValidRegion reports whether code is a region with a known dial plan: an ISO
// 3166-1 alpha-2 code in upper case.
func ValidRegion(code string) bool { return phone.Known(code) }

package profile

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/nyaruka/phonenumbers"
)

// phoneKey stands before the phone number of an encoded profile, right after
// the address: see [Mapping.uses].
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

// findPhone returns where the phone number stands, together with its key. Both
// positions are the same if there is none.
func findPhone(resource []byte) (start, end int) {
	if !bytes.HasPrefix(resource, []byte(head+`"`)) {
		return 0, 0
	}
	start = len(head) + 1
	for start < len(resource) && resource[start] != '"' {
		if resource[start] == '\\' {
			start++
		}
		start++
	}
	start++ // the quote that ends the address
	if start > len(resource) || !bytes.HasPrefix(resource[start:], []byte(phoneKey)) {
		return 0, 0
	}
	number := start + len(phoneKey)
	length := bytes.IndexByte(resource[number:], '"')
	if length < 0 {
		return 0, 0
	}
	return start, number + length + 1
}

// PhoneRegion is a region of the world's numbering plan.
type PhoneRegion struct {
	Code string // the country calling code with its plus sign: "+1"
	Name string // ISO 3166-1 alpha-2 where there is one: "CA"; otherwise the calling code
}

// PhoneRegionOf returns the region of a number in E.164 form. Several countries
// may share a calling code: the library tells them apart. It reports false for a
// number that belongs to none.
func PhoneRegionOf(number []byte) (PhoneRegion, bool) {
	if len(number) == 0 || number[0] != '+' || !isNumeric(string(number[1:])) {
		return PhoneRegion{}, false
	}
	if code, _ := cutCallingCode(number[1:]); code != nil && code.only != "" {
		return PhoneRegion{"+" + code.digits, code.only}, true
	}
	parsed, err := phonenumbers.Parse(string(number), "")
	if err != nil {
		return PhoneRegion{}, false
	}
	region := PhoneRegion{Code: "+" + strconv.Itoa(int(parsed.GetCountryCode()))}
	switch region.Name = phonenumbers.GetRegionCodeForNumber(parsed); region.Name {
	case "":
		return PhoneRegion{}, false
	case "001": // a code of no region, such as +800
		region.Name = region.Code
	}
	return region, true
}

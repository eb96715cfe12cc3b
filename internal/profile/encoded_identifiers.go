package profile

import (
	"bytes"
	"slices"
)

// Identifiers other than the address stand right behind it, in this order: see
// [Mapping.uses].
const externalIDKey = `,"external_id":"`

// WithoutIdentifiers returns a copy of an encoded profile that is identified by
// its address alone, without phone number and external id. It returns nil if the
// profile has neither.
func WithoutIdentifiers(resource []byte) []byte {
	start := addressEnd(resource)
	end := skipText(resource, start, phoneKey)
	if end = skipText(resource, end, externalIDKey); start == end {
		return nil
	}
	return slices.Concat(resource[:start], resource[end:])
}

// addressEnd is where the address of an encoded profile ends; 0 if it does not
// begin with one.
func addressEnd(resource []byte) int {
	if !bytes.HasPrefix(resource, []byte(head+`"`)) {
		return 0
	}
	return textEnd(resource, len(head)+1)
}

// skipText returns where the value of a key ends that stands at a position; the
// same position if another key does.
func skipText(resource []byte, at int, key string) int {
	if at == 0 || !bytes.HasPrefix(resource[at:], []byte(key)) {
		return at
	}
	if end := textEnd(resource, at+len(key)); end > 0 {
		return end
	}
	return at
}

// textEnd is behind the quote that ends the JSON string whose first character is
// at a position; 0 if nothing ends it.
func textEnd(resource []byte, at int) int {
	for ; at < len(resource); at++ {
		switch resource[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return 0
}

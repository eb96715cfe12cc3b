package profile

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Identifiers other than the address stand right behind it, in this order: see
// [Mapping.uses].
const externalIDKey = `,"external_id":"`

// Identifier is what Klaviyo finds a profile by besides its address.
type Identifier int

// The identifiers, in the order in which they are encoded.
const (
	IdentifierPhone Identifier = iota
	IdentifierExternalID
)

// Identifiers lists all identifiers.
var Identifiers = [...]Identifier{IdentifierPhone, IdentifierExternalID}

// identifierKeys precede the values.
var identifierKeys = [...]string{phoneKey, externalIDKey}

// Target is the argument that maps the identifier.
func (i Identifier) Target() Target {
	return Target{GroupMatching, [...]string{"phone_number", "external_id"}[i]}
}

// Mapped reports whether a mapping has the identifier.
func (i Identifier) Mapped(m Mapping) bool {
	return [...]string{m.PhoneNumber, m.ExternalID}[i] != ""
}

// Of returns the identifier of an encoded profile as JSON without quotes, nil if
// it has none.
func (i Identifier) Of(resource []byte) []byte {
	start, end := i.find(resource)
	if start == end {
		return nil
	}
	return resource[start+len(identifierKeys[i]) : end-1]
}

// IdentifiersOf returns all identifiers of an encoded profile as Of does.
func IdentifiersOf(resource []byte) (values [len(Identifiers)][]byte) {
	at := addressEnd(resource)
	for i, key := range identifierKeys {
		if end := skipText(resource, at, key); end > at {
			values[i] = resource[at+len(key) : end-1]
			at = end
		}
	}
	return values
}

// Without takes the identifier out of an encoded profile, in place.
func (i Identifier) Without(resource []byte) []byte {
	start, end := i.find(resource)
	return slices.Delete(resource, start, end)
}

// find returns the position of the identifier with its key. start and end are
// equal if the profile has none.
func (i Identifier) find(resource []byte) (start, end int) {
	start = addressEnd(resource)
	for _, key := range identifierKeys[:i] {
		start = skipText(resource, start, key)
	}
	return start, skipText(resource, start, identifierKeys[i])
}

// OmitIdentifiers lets an encoder leave out the identifiers for which omit reports
// true, before it measures and hashes a profile. Info.Omitted tells which they were.
// It must be called before the first use of the encoder.
func (e *Encoder) OmitIdentifiers(omit func(i Identifier, value Hash) bool) { e.omit = omit }

// omitIdentifiers leaves identifiers out of a profile that was just encoded.
func (e *Encoder) omitIdentifiers(resource []byte, info *Info) []byte {
	for _, i := range Identifiers {
		if value := i.Of(resource); value != nil && e.omit(i, HashOf(value)) {
			resource = i.Without(resource)
			info.Omitted[i] = true
		}
	}
	return resource
}

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

// Spellings returns the address of an encoded profile in all forms in which Klaviyo
// may have it: a host name beyond ASCII has two, which Klaviyo takes for different
// addresses. It returns nil for what is no encoded profile.
func Spellings(resource []byte) []string {
	address := AddressOf(resource)
	if address == "" {
		return nil
	}
	all := []string{address}
	local, host, _ := strings.Cut(address, "@")
	if !strings.Contains(host, asciiPrefix) {
		return all
	}
	if unicode, err := idna.Lookup.ToUnicode(host); err == nil && unicode != host {
		all = append(all, local+"@"+unicode)
	}
	return all
}

// asciiPrefix begins each label of a host name that stands for one beyond ASCII.
const asciiPrefix = "xn--"

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
	for end := at; ; end++ {
		quote := bytes.IndexByte(resource[end:], '"')
		if quote < 0 {
			return 0
		}
		end += quote
		first := end // of the backslashes before the quote, which escape each other
		for first > at && resource[first-1] == '\\' {
			first--
		}
		if (end-first)%2 == 0 {
			return end + 1
		}
	}
}

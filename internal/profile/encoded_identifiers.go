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

// Of returns the identifier of a profile that was just encoded as JSON without quotes,
// nil if it has none.
func (i Identifier) Of(resource []byte, info *Info) []byte {
	at := info.identifiers[i]
	if at.end == 0 {
		return nil
	}
	return resource[at.start:at.end]
}

// OmitIdentifiers lets an encoder leave out the identifiers for which omit reports
// true, before it measures and hashes a profile. Info.Omitted tells which they were.
// It must be called before the first use of the encoder.
func (e *Encoder) OmitIdentifiers(omit func(i Identifier, value Hash) bool) { e.omit = omit }

// appendIdentifiers appends the identifiers to a profile that begins at start, and
// notes where they are.
func (e *Encoder) appendIdentifiers(buf []byte, start int, row []string, info *Info) ([]byte, *Rejection) {
	for i := 1; i <= e.identifiers; i++ {
		which := IdentifierPhone
		if e.fields[i].kind == typeExternalID {
			which = IdentifierExternalID
		}
		before := len(buf)
		var rejection *Rejection
		if buf, _, rejection = e.appendFields(buf, groupNone, row, i, i+1, info); rejection != nil {
			return buf, rejection
		}
		if len(buf) > before {
			info.identifiers[which] = span{before - start + len(identifierKeys[which]), len(buf) - start - 1}
		}
	}
	return buf, nil
}

// omitIdentifiers leaves identifiers out of a profile that was just encoded.
func (e *Encoder) omitIdentifiers(resource []byte, info *Info) []byte {
	omitted := 0 // bytes
	for _, i := range Identifiers {
		at := &info.identifiers[i]
		if at.end == 0 {
			continue
		}
		at.start, at.end = at.start-omitted, at.end-omitted
		if !e.omit(i, HashOf(resource[at.start:at.end])) {
			continue
		}
		from, to := at.start-len(identifierKeys[i]), at.end+len(`"`)
		resource = slices.Delete(resource, from, to)
		omitted += to - from
		info.Omitted[i], *at = true, span{}
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

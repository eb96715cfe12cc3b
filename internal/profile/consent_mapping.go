package profile

import (
	"encoding/binary"
	"slices"
	"time"
)

// GroupConsent is the group of the targets of a [ConsentMapping].
const GroupConsent = "marketing_consent"

// ConsentTarget is the argument of the column that says yes or no.
var ConsentTarget = Target{GroupConsent, "consent_field"}

// consentedAtTarget is the argument of the column of dates.
var consentedAtTarget = Target{GroupConsent, "consented_at_field"}

// ConsentMapping says where rows tell who agrees to marketing. Consent is no part of
// a profile's JSON: it is handed on beside it.
type ConsentMapping struct {
	Column     string // says yes or no
	DateColumn string // when that was said; empty for none

	// Only makes no profiles of rows that do not say yes.
	Only bool

	// UsesPhone says that people are subscribed by phone number, too: with another number,
	// their consent is another one. NeedsPhone says that nobody can be subscribed without.
	UsesPhone, NeedsPhone bool
}

// Consent is what a row says about marketing. The zero value is no consent.
type Consent struct {
	Given bool
	Time  ConsentTime  // zero without a column of dates, or with a fault
	Fault ConsentFault // why the person cannot be subscribed; empty for no reason
	Hash  uint64       // of the consent as the row gives it; 0 unless it is given
}

// Target is the argument that a fault is about.
func (f ConsentFault) Target() Target {
	if f == ConsentNoPhone {
		return IdentifierPhone.Target()
	}
	return consentedAtTarget
}

// Usable reports whether the person can be subscribed.
func (c *Consent) Usable() bool { return c != nil && c.Given && c.Fault == "" }

// OnlyConsented reports whether rows that do not say yes become no profiles.
func (m Mapping) OnlyConsented() bool { return m.Consent != nil && m.Consent.Only }

// uses are the columns of the mapping with what they fill.
func (m *ConsentMapping) uses() (out []use) {
	if m == nil {
		return nil
	}
	out = append(out, use{target: ConsentTarget, column: m.Column})
	if m.DateColumn != "" {
		out = append(out, use{target: consentedAtTarget, column: m.DateColumn})
	}
	return out
}

// consentReader reads the consent of rows.
type consentReader struct {
	mapping  ConsentMapping
	yes      field // the column that says yes or no
	date     field
	now      time.Time // dates of consent are before it
	withheld Rejection // of a row that does not say yes
}

// newConsentReader returns nil without a mapping. json says for each column whether its
// values are JSON texts.
func newConsentReader(m *ConsentMapping, columns []string, json []bool) *consentReader {
	if m == nil {
		return nil
	}
	r := &consentReader{mapping: *m}
	for i, u := range m.uses() {
		f := []*field{&r.yes, &r.date}[i]
		f.target, f.cell = u.target, slices.Index(columns, u.column)
		f.json = len(json) > 0 && json[f.cell]
	}
	r.withheld = Rejection{Code: Unconsented, Target: r.yes.target}
	return r
}

// ReadConsentsAt says what time it is, so that dates of consent in the future are
// found. Without it, no date is accepted. It must be called before the first use of
// the encoder.
func (e *Encoder) ReadConsentsAt(now time.Time) {
	if e.consent != nil {
		e.consent.now = now
	}
}

// memory returns the memory for the consent of the next row: that of the row before, if
// there was one.
func (r *consentReader) memory(info *Info) *Consent {
	switch {
	case r == nil:
		return nil
	case info.Consent == nil:
		return new(Consent)
	}
	*info.Consent = Consent{}
	return info.Consent
}

// begin reads whether a row says yes. It returns a rejection for a row that is no
// profile because it does not.
func (r *consentReader) begin(row []string, info *Info) *Rejection {
	info.Consent.Given = GivesConsent(row[r.yes.cell], r.yes.json)
	if !info.Consent.Given && r.mapping.Only {
		return &r.withheld
	}
	return nil
}

// finish completes the consent of an encoded profile and makes it a part of the hash
// of the profile. No consent leaves the hash as it is.
func (r *consentReader) finish(row []string, resource []byte, info *Info) {
	c := info.Consent
	if !c.Given {
		return
	}
	var date string
	if r.mapping.DateColumn != "" {
		date, _ = r.date.read(row[r.date.cell])
		c.Time, c.Fault = ReadConsentTime(row[r.date.cell], r.date.json, r.now)
	}
	var number []byte
	if r.mapping.UsesPhone {
		number = PhoneNumber(resource)
	}
	if c.Fault == "" && r.mapping.NeedsPhone && number == nil {
		c.Time, c.Fault = ConsentTime{}, ConsentNoPhone
	}
	// The date is hashed as it is written: what is read from it depends on the time of
	// the day, and a fingerprint must not.
	said := []byte("yes " + date + " ")
	c.Hash = HashOf(append(said, number...)).Lo
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 24), info.Profile.Hi)
	b = binary.LittleEndian.AppendUint64(b, info.Profile.Lo)
	info.Profile = HashOf(binary.LittleEndian.AppendUint64(b, HashOf(said).Lo))
}

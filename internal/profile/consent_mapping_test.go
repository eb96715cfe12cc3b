package profile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

var consentReadAt = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// encodeConsent encodes a row of an address, a phone number, a consent and a date.
func encodeConsent(t *testing.T, m *profile.ConsentMapping, json []bool, row ...string) (string, profile.Info, *profile.Rejection) {
	t.Helper()
	e, err := profile.Compile(profile.Mapping{Email: "email", PhoneNumber: "phone", Consent: m}, json)
	if err != nil {
		t.Fatal(err)
	}
	e.ReadConsentsAt(consentReadAt)
	var info profile.Info
	resource, rejection := e.Append(nil, row, &info)
	return string(resource), info, rejection
}

func TestConsentColumnsAreRead(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "email", Consent: &profile.ConsentMapping{Column: "ok", DateColumn: "email"}}
	if columns := m.Columns(); !slices.Equal(columns, []string{"email", "ok"}) {
		t.Errorf("columns %v", columns)
	}
	for column, want := range map[string][]string{"ok": {"marketing_consent", "consent_field"}, "email": {"marketing_consent", "consented_at_field"}} {
		targets := m.Targets(column)
		if last := targets[len(targets)-1]; !slices.Equal(last.Attribute(), want) {
			t.Errorf("%s fills %v", column, last)
		}
	}
}

// Consent is part of the hash of a profile if it is given, and never of its JSON.
func TestConsentIsHashedAndNotWritten(t *testing.T) {
	t.Parallel()
	m := &profile.ConsentMapping{Column: "ok", DateColumn: "at"}
	const first, second = "2026-11-23", "2026-11-24"
	plain, none, _ := encodeConsent(t, nil, nil, "a@example.com", "+34600111222")
	hashes := map[profile.Hash]string{none.Profile: "no mapping"}
	for name, row := range map[string][]string{
		"yes": {"yes", first}, "later": {"yes", second}, "no date": {"yes", ""}, "no such date": {"yes", "x"}, "in the future": {"yes", "2027-01-01"},
	} {
		resource, info, _ := encodeConsent(t, m, nil, append([]string{"a@example.com", "+34600111222"}, row...)...)
		if resource != plain {
			t.Errorf("%s: %s", name, resource)
		}
		if other, same := hashes[info.Profile]; same || info.Consent.Hash == 0 {
			t.Errorf("%s has the hash of %s", name, other)
		}
		hashes[info.Profile] = name
	}
	for _, no := range []string{"no", "", "false"} {
		if _, info, _ := encodeConsent(t, m, nil, "a@example.com", "+34600111222", no, second); info.Profile != none.Profile || *info.Consent != (profile.Consent{}) {
			t.Errorf("%q changes the hash of a profile", no)
		}
	}
	_, one, _ := encodeConsent(t, m, nil, "a@example.com", "+34600111222", "YES", first)
	_, other, _ := encodeConsent(t, m, nil, "b@example.com", "", "1", " "+first)
	if one.Consent.Hash != other.Consent.Hash {
		t.Error("the same consent has two hashes")
	}
}

func TestConsentOfARow(t *testing.T) {
	t.Parallel()
	day := profile.ConsentTime{At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Day: true}
	for name, tc := range map[string]struct {
		mapping profile.ConsentMapping
		json    []bool
		row     []string
		given   bool
		fault   profile.ConsentFault
		time    profile.ConsentTime
	}{
		"yes":                {row: []string{"", "Opt-In"}, given: true},
		"no":                 {row: []string{"", "perhaps"}},
		"a JSON true":        {json: []bool{true, true, true}, row: []string{`null`, `true`}, given: true},
		"a JSON text":        {json: []bool{true, true, true}, row: []string{`null`, `"on"`}, given: true},
		"a date":             {mapping: profile.ConsentMapping{DateColumn: "at"}, row: []string{"", "y", "2026-11-23"}, given: true, time: day},
		"a bad date":         {mapping: profile.ConsentMapping{DateColumn: "at"}, row: []string{"", "y", "x"}, given: true, fault: profile.ConsentNoDate},
		"the future":         {mapping: profile.ConsentMapping{DateColumn: "at"}, row: []string{"", "y", "2026-11-28T12:00:01Z"}, given: true, fault: profile.ConsentInFuture},
		"a number":           {mapping: profile.ConsentMapping{NeedsPhone: true, UsesPhone: true}, row: []string{"+34600111222", "y"}, given: true},
		"a number is wanted": {mapping: profile.ConsentMapping{NeedsPhone: true, UsesPhone: true}, row: []string{"1", "y"}, given: true, fault: profile.ConsentNoPhone},
	} {
		tc.mapping.Column = "ok"
		address := "a@example.com"
		if tc.json != nil {
			address = `"a@example.com"`
		}
		_, info, rejection := encodeConsent(t, &tc.mapping, tc.json, append([]string{address}, tc.row...)...)
		if c := info.Consent; rejection != nil || c.Given != tc.given || c.Fault != tc.fault || c.Time != tc.time || c.Usable() != (tc.given && tc.fault == "") {
			t.Errorf("%s: %+v, %v", name, c, rejection)
		}
	}
}

// With another number, a consent by phone is another one.
func TestConsentIsOfANumber(t *testing.T) {
	t.Parallel()
	profiles := map[profile.Hash]bool{}
	for _, uses := range []bool{false, true} {
		m := &profile.ConsentMapping{Column: "ok", UsesPhone: uses}
		_, one, _ := encodeConsent(t, m, nil, "a@example.com", "+34600111222", "yes")
		_, other, _ := encodeConsent(t, m, nil, "a@example.com", "+34600111223", "yes")
		if (one.Consent.Hash != other.Consent.Hash) != uses {
			t.Errorf("by phone %t: %d and %d", uses, one.Consent.Hash, other.Consent.Hash)
		}
		profiles[one.Profile] = true
	}
	if len(profiles) != 1 {
		t.Error("the hash of a profile depends on the channels")
	}
}

// A row without consent is no profile if only those are exported who say yes, but a row
// without a valid address is rejected for that.
func TestOnlyConsentedRows(t *testing.T) {
	t.Parallel()
	m := &profile.ConsentMapping{Column: "ok", Only: true}
	if _, _, rejection := encodeConsent(t, m, nil, "A@example.com", "", "on"); rejection != nil {
		t.Errorf("rejected: %s", rejection.Reason())
	}
	_, info, rejection := encodeConsent(t, m, nil, "A@example.com", "", "off")
	if rejection == nil || rejection.Code != profile.Unconsented || info.Email != profile.HashOfAddress("a@example.com") {
		t.Errorf("rejection %+v", rejection)
	}
	if _, _, rejection = encodeConsent(t, m, nil, "nobody", "", "off"); rejection == nil || rejection.Code != profile.InvalidEmail {
		t.Errorf("rejection %+v", rejection)
	}
}

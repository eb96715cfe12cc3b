package simulator

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// people are the profiles of an account. They are kept compact, with their
// attributes as the JSON they came in: there may be millions.
type people struct {
	account    int
	all        []*person // by number
	byEmail    map[string]uint32
	byPhone    map[string]uint32
	byExternal map[string]uint32
	opted      map[string][]uint32 // who has opted out, by list
	version    int                 // counts changes

	merge, failTaken bool              // see [Options]
	orders           map[string]*order // see ordered
}

// person is one profile. Moments are Unix seconds, as precise as the API shows
// them.
type person struct {
	number           uint32
	email            string // lower case
	phone            string
	external         string
	attributes       []byte // the other attributes, a JSON object; nil for none
	properties       []byte
	created, updated int64
	suppressions     []suppression
	consents         map[string]consent // by channel; nil for somebody who never gave or withdrew any
}

// suppression is an opt-out from one list, or from everything.
type suppression struct {
	list   string // empty for everything
	reason string
	at     time.Time
}

func newPeople(account int) *people {
	return &people{
		account: account,
		byEmail: map[string]uint32{}, byPhone: map[string]uint32{}, byExternal: map[string]uint32{},
		opted: map[string][]uint32{}, orders: map[string]*order{},
	}
}

// Profile ids have the look of Klaviyo's ULIDs. They tell the account and the
// number of the profile, so that no index of a million ids is needed.
const (
	idPrefix = "01SMVWAT0RPR0F"
	idDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	idLength = 26
)

func profileID(account int, number uint32) string {
	id := []byte(idPrefix + "000000000000")
	value := uint64(account)<<32 | uint64(number)
	for i := idLength - 1; i >= len(idPrefix); i-- {
		id[i] = idDigits[value&31]
		value >>= 5
	}
	return string(id)
}

func (p *people) id(number uint32) string { return profileID(p.account, number) }

func (p *people) byID(id string) *person {
	digits, ok := strings.CutPrefix(id, idPrefix)
	if !ok || len(id) != idLength {
		return nil
	}
	var value uint64
	for i := range len(digits) {
		digit := strings.IndexByte(idDigits, digits[i])
		if digit < 0 {
			return nil
		}
		value = value<<5 | uint64(digit)
	}
	if value>>32 != uint64(p.account) || value&0xffffffff >= uint64(len(p.all)) {
		return nil
	}
	return p.all[value&0xffffffff]
}

func (p *people) in(index map[string]uint32, value string) *person {
	if number, ok := index[value]; ok && value != "" {
		return p.all[number]
	}
	return nil
}

func (p *people) byAddress(email string) *person { return p.in(p.byEmail, strings.ToLower(email)) }

// details are what a request says about a profile.
type details struct {
	id, email, phone, external string
	attributes, properties     []byte
	emailGiven, phoneGiven     bool // though perhaps empty

	unset []string // properties to remove
}

// taken reports whether an identifier belongs to a profile with another address.
func (p *people) taken(d *details) bool {
	for _, owner := range []*person{p.in(p.byExternal, d.external), p.in(p.byPhone, d.phone)} {
		if owner != nil && d.email != "" && owner.email != "" && !strings.EqualFold(owner.email, d.email) {
			return true
		}
	}
	return false
}

// find is the profile that the details are about. Somebody with another address
// is somebody else, even when phone number or external id are the same, unless
// profiles are merged.
func (p *people) find(d *details) *person {
	if d.id != "" {
		return p.byID(d.id)
	}
	if found := p.byAddress(d.email); found != nil {
		return found
	}
	for _, found := range []*person{p.in(p.byExternal, d.external), p.in(p.byPhone, d.phone)} {
		if found != nil && (p.merge || d.email == "" || found.email == "") {
			return found
		}
	}
	return nil
}

// upsert creates the profile or adds to it what is new. Details that change
// nothing leave its date alone. It returns nil for an id that nobody has.
func (p *people) upsert(d *details, now time.Time) *person {
	found := p.find(d)
	if found == nil {
		if d.id != "" {
			return nil
		}
		found = &person{number: uint32(len(p.all)), created: now.Unix(), updated: now.Unix()}
		p.all = append(p.all, found)
		p.version++
	}
	changed := p.identify(found, d)
	attributes := mergeObjects(found.attributes, d.attributes, "location")
	properties := removeFields(mergeObjects(found.properties, d.properties), d.unset)
	if !bytes.Equal(attributes, found.attributes) || !bytes.Equal(properties, found.properties) {
		// Cloned, not to hold on to the whole request.
		found.attributes, found.properties = bytes.Clone(attributes), bytes.Clone(properties)
		changed = true
	}
	if changed {
		found.updated = now.Unix()
		p.version++
	}
	return found
}

// identify gives a profile the identifiers that nobody else has yet.
func (p *people) identify(found *person, d *details) (changed bool) {
	for _, one := range []struct {
		index map[string]uint32
		have  *string
		given string
	}{
		{p.byEmail, &found.email, strings.ToLower(d.email)},
		{p.byPhone, &found.phone, d.phone},
		{p.byExternal, &found.external, d.external},
	} {
		if _, taken := one.index[one.given]; taken || one.given == "" {
			continue
		}
		if *one.have != "" && (!p.merge || one.have != &found.email) {
			delete(one.index, *one.have) // a merged profile keeps its earlier address as a secondary one
		}
		*one.have = one.given
		one.index[one.given] = found.number
		changed = true
	}
	return changed
}

// suppress records that somebody opted out of a list.
func (p *people) suppress(who *person, s suppression) {
	if !slices.ContainsFunc(who.suppressions, func(had suppression) bool { return had.list == s.list }) {
		p.opted[s.list] = append(p.opted[s.list], who.number)
	}
	who.suppressions = append(slices.DeleteFunc(who.suppressions, func(had suppression) bool {
		return had.list == s.list
	}), s)
	if s.list == "" && s.reason == "UNSUBSCRIBE" {
		who.setConsent(emailChannel, consent{status: unsubscribed, at: s.at})
	}
	p.version++
}

// lift removes the suppressions that subscribing to a list removes: of everything
// and of that list, unless they come from a mail server.
func (p *people) lift(who *person, listID string) {
	who.suppressions = slices.DeleteFunc(who.suppressions, func(s suppression) bool {
		lifted := s.isOptOut() && (s.list == "" || s.list == listID)
		if lifted {
			p.opted[s.list] = slices.DeleteFunc(p.opted[s.list], func(number uint32) bool { return number == who.number })
			p.version++
		}
		return lifted
	})
}

// isOptOut reports whether a suppression is what the person wants. A complaint goes
// by two names in Klaviyo's documents.
func (s suppression) isOptOut() bool {
	return slices.Contains([]string{"UNSUBSCRIBE", "SPAM_COMPLAINT", "SPAM_REPORT", "USER_SUPPRESSED"}, s.reason)
}

// latest is the moment of the last opt-out, zero without any.
func (who *person) latest() (at time.Time) {
	for _, s := range who.suppressions {
		if s.at.After(at) {
			at = s.at
		}
	}
	return at
}

// order is all profiles sorted one way, good for one version.
type order struct {
	version int
	sorted  []*person
}

// ordered returns the profiles in an order, sorted once per change rather than
// once per page.
func (p *people) ordered(by string, key func(*person) string) []*person {
	if by == "" || by == "id" {
		return p.all
	}
	o := p.orders[by]
	if o == nil || o.version != p.version {
		o = &order{p.version, sortedPeople(p.all, key)}
		p.orders[by] = o
	}
	return o.sorted
}

func sortedPeople(some []*person, key func(*person) string) []*person {
	type keyed struct {
		key string
		who *person
	}
	all := convert(some, func(who *person) keyed { return keyed{key(who), who} })
	slices.SortFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	return convert(all, func(k keyed) *person { return k.who })
}

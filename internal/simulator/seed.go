package simulator

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Profile is a profile as tests look at it.
type Profile struct {
	ID          string
	Email       string // lower case
	PhoneNumber string
	ExternalID  string
	Attributes  map[string]any // the others, as decoded JSON: first_name, location...
	Properties  map[string]any
	Created     time.Time
	Updated     time.Time
	// JoinedGroupAt is set on members of a list. Like all moments of the API it
	// is precise to the second.
	JoinedGroupAt time.Time
}

// lock takes the state of all accounts, brought up to date, and returns the default one.
func (s *Server) lock() (*account, func()) {
	now := s.options.Now()
	s.mu.Lock()
	for _, a := range s.accounts {
		a.settle(now)
	}
	return s.accounts[0], s.mu.Unlock
}

// findList finds a list of any account, nil for none.
func (s *Server) findList(id string) (*account, *list) {
	for _, a := range s.accounts {
		if l := a.list(id); l != nil {
			return a, l
		}
	}
	return nil, nil
}

// mustList is the list with this id, and its account. It panics without one: that
// is a mistake in the test, which nothing should hide.
func (s *Server) mustList(id string) (*account, *list) {
	a, l := s.findList(id)
	if l == nil {
		panic("simulator: no list " + id)
	}
	return a, l
}

// AddList adds a list to the default account and returns it with what was empty
// filled in.
func (s *Server) AddList(l List) List {
	a, unlock := s.lock()
	defer unlock()
	return s.addList(a, l, s.options.Now()).List
}

// AddListFor adds a list to another account. It panics when there is no such account.
func (s *Server) AddListFor(accountID string, l List) List {
	_, unlock := s.lock()
	defer unlock()
	a := s.account(accountID)
	if a == nil {
		panic("simulator: no account " + accountID)
	}
	return s.addList(a, l, s.options.Now()).List
}

// HasAccount reports whether there is an account with this id.
func (s *Server) HasAccount(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account(id) != nil
}

// HasList reports whether an account has a list with this id.
func (s *Server) HasList(id string) bool {
	_, unlock := s.lock()
	defer unlock()
	_, l := s.findList(id)
	return l != nil
}

// Lists returns the lists of the default account, in the order of their creation.
func (s *Server) Lists() []List {
	a, unlock := s.lock()
	defer unlock()
	return convert(a.lists, func(l *list) List { return l.List })
}

// DeleteList deletes a list, as somebody could in Klaviyo's own pages.
func (s *Server) DeleteList(id string) {
	a, unlock := s.lock()
	defer unlock()
	a.deleteList(id)
}

// AddMembers puts people on a list, with new profiles where there are none. It
// panics when there is no such list.
func (s *Server) AddMembers(listID string, emails ...string) {
	_, unlock := s.lock()
	defer unlock()
	a, l := s.mustList(listID)
	now := s.options.Now()
	for _, email := range emails {
		l.members.add(a.people.upsert(&details{email: email}, now).number, now)
	}
}

// RemoveMembers takes people off a list.
func (s *Server) RemoveMembers(listID string, emails ...string) {
	a, unlock := s.lock()
	defer unlock()
	l := a.list(listID)
	for _, email := range emails {
		if who := a.people.byAddress(email); who != nil && l != nil {
			l.members.remove(who.number)
		}
	}
}

// Unsubscribe does what happens when somebody unsubscribes in an email to a list:
// they are removed from it, and the list is suppressed for them, or everything if the
// account says so. It panics when there is no such list.
func (s *Server) Unsubscribe(listID, email string) {
	_, unlock := s.lock()
	defer unlock()
	a, l := s.mustList(listID)
	s.unsubscribe(a, l, email)
}

func (s *Server) unsubscribe(a *account, l *list, email string) {
	now := s.options.Now()
	who := a.people.upsert(&details{email: email}, now)
	l.members.remove(who.number)
	a.people.suppress(who, suppression{list: a.suppressedBy(l.ID), reason: "UNSUBSCRIBE", at: now.UTC().Truncate(time.Second)})
}

// suppressedBy is the list that unsubscribing from a list suppresses, empty for
// everything.
func (a *account) suppressedBy(listID string) string {
	if a.GlobalUnsubscribe {
		return ""
	}
	return listID
}

// Merge merges the profile of an address into that of another, as Klaviyo does with
// profiles that turn out to be one person: the first profile is gone, its address leads
// to the second one as a secondary address, and so do its places on lists. It panics
// when one of the addresses has no profile.
func (s *Server) Merge(email, into string) {
	a, unlock := s.lock()
	defer unlock()
	from, to := a.people.byAddress(email), a.people.byAddress(into)
	if from == nil || to == nil {
		panic("simulator: no profile to merge")
	}
	for _, l := range a.lists {
		if l.members.has(from.number) {
			l.members.remove(from.number)
			l.members.add(to.number, s.options.Now())
		}
	}
	a.people.byEmail[from.email] = to.number
	delete(a.people.byPhone, from.phone)
	delete(a.people.byExternal, from.external)
	from.email, from.phone, from.external = "", "", ""
	a.people.version++
}

// SuppressEverything suppresses all email to an address, for a reason such as
// UNSUBSCRIBE (in a flow's email), SPAM_COMPLAINT, USER_SUPPRESSED (by hand) or
// HARD_BOUNCE. The profile stays on its lists.
func (s *Server) SuppressEverything(email, reason string) {
	a, unlock := s.lock()
	defer unlock()
	now := s.options.Now()
	who := a.people.upsert(&details{email: email}, now)
	a.people.suppress(who, suppression{reason: reason, at: now.UTC().Truncate(time.Second)})
}

// Members returns who is on a list, in the order of joining; nobody when there
// is no such list.
func (s *Server) Members(listID string) []Profile {
	a, unlock := s.lock()
	defer unlock()
	l := a.list(listID)
	if l == nil {
		return nil
	}
	all := make([]Profile, 0, l.members.size())
	for e, who := range a.entriesOf(l) {
		profile := a.people.profile(who)
		profile.JoinedGroupAt = e.time()
		all = append(all, profile)
	}
	return all
}

// MemberEmails returns the addresses on a list, sorted.
func (s *Server) MemberEmails(listID string) []string {
	a, unlock := s.lock()
	defer unlock()
	l := a.list(listID)
	if l == nil {
		return nil
	}
	emails := make([]string, 0, l.members.size())
	for _, who := range a.entriesOf(l) {
		emails = append(emails, who.email)
	}
	slices.Sort(emails)
	return emails
}

// Profile finds a profile of the default account by its address.
func (s *Server) Profile(email string) (Profile, bool) {
	a, unlock := s.lock()
	defer unlock()
	who := a.people.byAddress(strings.TrimSpace(email))
	if who == nil {
		return Profile{}, false
	}
	return a.people.profile(who), true
}

func (p *people) profile(who *person) Profile {
	return Profile{
		ID: p.id(who.number), Email: who.email, PhoneNumber: who.phone, ExternalID: who.external,
		Attributes: decoded(who.attributes), Properties: decoded(who.properties),
		Created: time.Unix(who.created, 0).UTC(), Updated: time.Unix(who.updated, 0).UTC(),
	}
}

// decoded is a JSON object as a map, never nil.
func decoded(object []byte) map[string]any {
	values := map[string]any{}
	if object != nil {
		_ = json.Unmarshal(object, &values) // it was checked when it came in
	}
	return values
}

package simulator

// flaky is a share of the people whose import fails for a while.
type flaky struct {
	oneIn, times int
	seen         int            // people
	left         map[string]int // failures to come, by address
}

// FailForNow makes one in so many people fail in finished jobs with an error of
// Klaviyo's own, so many times each, and then be imported like anybody else.
func (s *Server) FailForNow(oneIn, times int) {
	a, unlock := s.lock()
	defer unlock()
	a.flaky = &flaky{oneIn: oneIn, times: times, left: map[string]int{}}
}

// RefuseSharedIdentifiers makes a row fail in its finished job, with the code
// duplicate_profile, when its phone number or external id belongs to another profile
// than its address. Otherwise such a row is imported without that identifier.
func (s *Server) RefuseSharedIdentifiers() {
	a, unlock := s.lock()
	defer unlock()
	a.unique = true
}

// fault returns why a row fails, nil if it does not.
func (a *account) fault(row importRow) *verdict {
	if row.cause != nil {
		return row.cause
	}
	if a.flaky != nil && a.flaky.fails(row.email) {
		return &verdict{"server_error", "A server error occurred. Please try again."}
	}
	if a.unique && a.people.sharesIdentifier(row.details) {
		return &verdict{"duplicate_profile", "A profile already exists with one of these identifiers."}
	}
	return nil
}

func (f *flaky) fails(email string) bool {
	left, known := f.left[email]
	if !known {
		if f.seen++; f.seen%f.oneIn == 0 {
			left = f.times
		}
	}
	f.left[email] = max(left-1, 0)
	return left > 0
}

// sharesIdentifier reports whether an identifier belongs to another profile than
// the address.
func (p *people) sharesIdentifier(d *details) bool {
	who := p.byAddress(d.email)
	for _, other := range []*person{p.in(p.byPhone, d.phone), p.in(p.byExternal, d.external)} {
		if other != nil && other != who && d.email != "" && other.email != "" {
			return true
		}
	}
	return false
}

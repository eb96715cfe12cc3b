// Package simulator is an in-memory stand-in for Klaviyo's API, revision
// 2026-07-15, served over HTTP.
//
// It speaks the contract (authentication, scopes, media types, JSON:API errors,
// filters, sparse fieldsets, cursors), keeps Klaviyo's limits (requests a second
// and a minute, payload sizes) and behaves as integrators have seen the service
// behave where the contract is silent: bulk imports are validated all or
// nothing, rows can still fail later, people unsubscribe.
//
//	s, err := simulator.Start(simulator.Options{})
//	defer s.Close()
//	s.AddKey("pk_test")
//	list := s.AddList(simulator.List{Name: "VIP customers"})
//	// point the program under test at s.URL, then look:
//	s.MemberEmails(list.ID)
//
// Faults can be injected, every request is recorded, and the clock is an option,
// so that a test of limits need not wait. It shares no code with any client of
// the API: what both got wrong the same way, no test would find.
package simulator

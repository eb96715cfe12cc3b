package export_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// The pass of a run that reads the segments the n-th time: the survey, the import, the
// subscription.
const subscribePass = 3

// whenRead calls change before the segment is read the n-th time from now.
func (s *table) whenRead(n int, change func()) {
	opened := 0
	s.before = func(_ context.Context, row int) error {
		if row == 0 {
			if opened++; opened == n {
				change()
			}
		}
		return nil
	}
}

// dealtWith is an export that has dealt with the consents of people 1 to 1000 of a
// segment, in which 3000 more stand after them now. The row of person 0 says no.
func (w *env) dealtWith(t *testing.T, optIn string) (*export.Export, *table) {
	t.Helper()
	s := consenting(4001)
	s.rows[0][columnConsent] = "no"
	all := s.rows
	s.rows = all[:1001]
	e := w.subscribing(optIn, s, klaviyo.ChannelEmail)
	e.Safeguards.AllowConfirmationMails = true
	next(e, w.run(t, e))
	s.rows = all
	return e, s
}

// What happens to the segment between the import, which meets the people dealt with
// first, and the pass that subscribes.
var changesBeforeSubscribing = map[string]func(s *table){
	"an early row says yes":          func(s *table) { s.rows[0][columnConsent] = "yes" },
	"an early row says no":           func(s *table) { s.rows[7][columnConsent] = "no" },
	"the rows are in another order":  func(s *table) { s.rows = slices.Concat(s.rows[3000:], s.rows[:3000]) },
	"an early row is another person": func(s *table) { s.rows[5][0] = "other@example.com" },
}

// Whoever is dealt with is recognized by being first. Where others are first as people
// are subscribed, nobody is asked for a confirmation.
func TestNobodyIsAskedTwiceWhenOthersAreFirst(t *testing.T) {
	t.Parallel()
	for name, change := range changesBeforeSubscribing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			e, s := w.dealtWith(t, "double_opt_in")
			before := slices.Clone(s.rows)
			s.whenRead(subscribePass, func() {
				for i := range before {
					before[i] = slices.Clone(before[i])
				}
				change(s)
			})
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			var failed *export.PartlySubscribed
			if !errors.As(err, &failed) || failed.Subscriptions.Left != 3000 || failed.Subscribed.Count() != 1000 {
				t.Fatalf("the error is %v", err)
			}
			asError(t, err, []string{"marketing_consent"}, "Not Known Who Was Asked", "Nobody was subscribed or asked", "All profiles were sent")
			w.checkAskedOnce(t, 1000)

			s.before, s.rows = nil, before
			keepFailed(e, err)
			next(e, w.run(t, e))
			w.checkAskedOnce(t, 4000)
		})
	}
}

// checkAskedOnce makes sure that so many people were asked for a confirmation, each once.
func (w *env) checkAskedOnce(t *testing.T, people int) {
	t.Helper()
	asked := map[string]int{}
	for _, c := range w.Confirmations() {
		if asked[c.Email]++; asked[c.Email] == 2 {
			t.Errorf("%s was asked twice", c.Email)
		}
	}
	if len(asked) != people {
		t.Errorf("%d people were asked, want %d", len(asked), people)
	}
}

// Where nobody is asked for anything, everybody is passed on then, and nobody counts as
// dealt with who was not.
func TestEverybodyIsSubscribedWhenOthersAreFirst(t *testing.T) {
	t.Parallel()
	for name, change := range changesBeforeSubscribing {
		for _, dated := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, dated %t", name, dated), func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{KeepBodies: true})
				e, s := w.dealtWith(t, "single_opt_in")
				if dated {
					for i := range s.rows {
						s.rows[i][columnDate] = "2026-01-01"
					}
					e.Mapping.Consent.DateColumn = "consented_at"
					rows := s.rows
					s.rows, e.Subscribed = rows[:1001], nil
					next(e, w.run(t, e))
					s.rows = rows
				}
				s.whenRead(subscribePass, func() { change(s) })
				r := w.run(t, e)
				if s.before = nil; r.Subscriptions.Left != 0 {
					t.Errorf("subscribed %+v", r.Subscriptions)
				}
				var want []string
				for _, row := range s.rows {
					if row[columnConsent] == "yes" {
						want = append(want, row[0])
					}
				}
				r = w.run(t, next(e, r)) // what came in between was not exported before
				got := w.Subscribed("email")
				for _, address := range want {
					if _, subscribed := slices.BinarySearch(got, address); !subscribed {
						t.Errorf("%s is not subscribed", address)
						break
					}
				}
				if r = w.run(t, next(e, r)); r.Subscriptions.News != 0 {
					t.Errorf("subscribed %+v", r.Subscriptions)
				}
			})
		}
	}
}

package export_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Where it is not known who was asked for a confirmation before, nobody is asked: neither
// if that shows before anything is sent nor if the consents change after that. Rows that
// are appended do no harm, however many.
func TestNobodyIsAskedTwice(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	s := consenting(4000)
	all := s.rows
	before, others := all[:1000], all[1000:]
	s.rows = before
	e := w.subscribing("double_opt_in", s, klaviyo.ChannelEmail)
	e.Safeguards.AllowConfirmationMails = true
	next(e, w.run(t, e))
	checkAsked := func(want int) {
		t.Helper()
		if n := len(w.Confirmations()); n != want {
			t.Fatalf("%d people were asked, want %d", n, want)
		}
	}
	checkAsked(1000)

	mixed := slices.Concat(others, before)
	s.rows = mixed
	calls := len(w.Requests())
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "Not Known Who Was Asked") || !strings.Contains(err.Error(), "Nothing was sent") {
		t.Fatalf("the error is %v", err)
	}
	for _, r := range w.Requests()[calls:] {
		if r.Method == "POST" {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}

	s.rows = slices.Concat(before, others[:1])
	opened := 0
	s.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if row == 0 && opened == 2 {
			s.rows = mixed
		}
		return nil
	}
	_, err = e.Run(t.Context(), w.client, export.RunOptions{})
	var failed *export.PartlySubscribed
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "Not Known Who Was Asked") || failed.Subscribed.Count() != 1000 {
		t.Fatalf("the error is %v", err)
	}
	checkAsked(1000)

	s.before, s.rows = nil, all
	keepFailed(e, err)
	next(e, w.run(t, e))
	checkAsked(4000)
}

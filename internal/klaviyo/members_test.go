package klaviyo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, answer(200, `{"data":[
		{"type":"profile","id":"P1","attributes":{"email":"a@example.com","joined_group_at":"2026-08-01T12:00:00+00:00"}},
		{"type":"profile","id":"P2","attributes":{"email":null,"joined_group_at":"2026-08-01T14:00:01.5+02:00"}},
		{"type":"profile","id":"P3","attributes":{"email":"c@example.com","joined_group_at":null}},
		{"type":"profile","id":"P4","attributes":{"email":"d@example.com","joined_group_at":"yesterday"}},
		{"type":"profile","id":"P5","attributes":{}}],"links":{"next":null}}`))
	var got []string
	for m, err := range a.Members(t.Context(), "Y6nRLr", klaviyo.TimeRange{}) {
		joined := "unknown"
		if !m.JoinedAt.IsZero() {
			joined = m.JoinedAt.UTC().Format(time.RFC3339Nano)
		}
		got = append(got, fmt.Sprintf("%s %q %s %v", m.ID, m.Email, joined, err))
		if m.ID == "P4" {
			break
		}
	}
	want := []string{
		`P1 "a@example.com" 2026-08-01T12:00:00Z <nil>`, `P2 "" 2026-08-01T12:00:01.5Z <nil>`,
		`P3 "c@example.com" unknown <nil>`, `P4 "d@example.com" unknown <nil>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
}

// A span that is open at an end is not filtered on there.
func TestMembersOfOpenSpans(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for want, during := range map[string]klaviyo.TimeRange{
		"": {},
		"greater-or-equal(joined_group_at,2026-08-01T12:00:00Z)": {From: at},
		"less-than(joined_group_at,2026-08-01T12:00:00Z)":        {To: at},
	} {
		a := serve(t, klaviyo.Options{}, document)
		if err := drain(a.Members(t.Context(), "Y6nRLr", during)); err != nil {
			t.Fatal(err)
		}
		if got := a.only(t).query; got.Get("filter") != want || got.Has("filter") != (want != "") {
			t.Errorf("asks for %v, want %q", got, want)
		}
	}
}

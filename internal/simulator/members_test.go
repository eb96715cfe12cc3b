package simulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// emailsOf pages through a collection of profiles.
func emailsOf(t *testing.T, s *simulator.Server, path string, query ...string) []string {
	t.Helper()
	var emails []string
	for next := path + encode(query...); next != ""; {
		answer := call(t, s, "GET", next, "").want(t, 200)
		for _, one := range answer.all(t) {
			email, _, _ := strings.Cut(one.Attributes["email"].(string), "@")
			emails = append(emails, email)
		}
		next, _ = answer.Links["next"].(string)
	}
	return emails
}

func TestMembersByDate(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s.AddMembers(list.ID, name+"@x.com")
		c.Add(time.Minute)
	}
	s.AddMembers(list.ID, "a@x.com") // keeps its date
	path := "/api/lists/" + list.ID + "/profiles"
	at := func(minute int) string { return fmt.Sprintf("2026-08-01T12:%02d:00Z", minute) }
	for name, test := range map[string]struct {
		query []string
		want  string
	}{
		"all":              {nil, "abcde"},
		"newest first":     {[]string{"sort", "-joined_group_at"}, "edcba"},
		"greater-than":     {[]string{"filter", "greater-than(joined_group_at," + at(1) + ")"}, "cde"},
		"greater-or-equal": {[]string{"filter", "greater-or-equal(joined_group_at," + at(1) + ")"}, "bcde"},
		"less-than":        {[]string{"filter", "less-than(joined_group_at," + at(1) + ")"}, "a"},
		"less-or-equal":    {[]string{"filter", "less-or-equal(joined_group_at," + at(1) + ")"}, "ab"},
		"a window":         {[]string{"filter", "and(greater-or-equal(joined_group_at," + at(1) + "),less-than(joined_group_at," + at(4) + "))", "sort", "-joined_group_at"}, "dcb"},
		"an empty window":  {[]string{"filter", "greater-than(joined_group_at," + at(3) + "),less-than(joined_group_at," + at(2) + ")"}, ""},
		"fractions":        {[]string{"filter", "less-than(joined_group_at,2026-08-01T12:01:00.5Z)"}, "ab"},
		"addresses":        {[]string{"filter", `any(email,["D@x.com","b@x.com","nobody@x.com"])`}, "bd"},
		"address and date": {[]string{"filter", `any(email,["d@x.com","b@x.com"]),less-than(joined_group_at,` + at(2) + `)`}, "b"},
		"no push tokens":   {[]string{"filter", `equals(push_token,"x")`}, ""},
	} {
		for _, size := range []string{"1", "2", "100"} {
			t.Run(name+" by "+size, func(t *testing.T) {
				t.Parallel()
				got := emailsOf(t, s, path, append(slices.Clone(test.query), "page[size]", size)...)
				if joined := strings.Join(got, ""); joined != test.want {
					t.Errorf("got %q, want %q", joined, test.want)
				}
			})
		}
	}
}

func TestMembersChangeBetweenPages(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	people := addresses(250)
	s.AddMembers(list.ID, people...)
	path := "/api/lists/" + list.ID + "/relationships/profiles"
	first := get(t, s, path, "page[size]", "100").want(t, 200)
	s.RemoveMembers(list.ID, people[50:150]...) // among them the one the cursor stands on
	c.Add(-time.Hour)
	s.AddMembers(list.ID, "early@example.com") // sorts first
	ids, _ := walk(t, s, first.Links["next"].(string))
	if len(ids) != 100 {
		t.Errorf("%d members follow, want 100", len(ids))
	}
	whole, pages := walk(t, s, path)
	early, _ := s.Profile("early@example.com")
	if len(whole) != 151 || pages != 8 || whole[0] != early.ID {
		t.Errorf("%d members on %d pages", len(whole), pages)
	}
}

func TestMembersAddAndRemove(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list, other := s.AddList(simulator.List{}), s.AddList(simulator.List{})
	s.AddMembers(other.ID, "a@x.com", "b@x.com", "c@x.com")
	path := "/api/lists/" + list.ID + "/relationships/profiles"
	refs := func(ids ...string) string {
		for i, id := range ids {
			ids[i] = `{"type":"profile","id":"` + id + `"}`
		}
		return `{"data":[` + strings.Join(ids, ",") + `]}`
	}
	ids, _ := walk(t, s, "/api/lists/"+other.ID+"/relationships/profiles")
	call(t, s, "POST", path, refs(ids[0], ids[1])).want(t, 204)
	call(t, s, "POST", path, refs(ids[2], "01NOBODY")).refused(t, 404, "not_found", "/data/1/id")
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"a@x.com", "b@x.com"}) {
		t.Errorf("members %v", got)
	}
	call(t, s, "DELETE", path, refs(ids[0], ids[2], "01NOBODY")).want(t, 204)
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"b@x.com"}) {
		t.Errorf("members %v", got)
	}
	if len(s.MemberEmails(other.ID)) != 3 {
		t.Error("the other list lost members")
	}
	call(t, s, "DELETE", path, refs(make([]string, 1000)...)).want(t, 204)
	call(t, s, "DELETE", path, refs(make([]string, 1001)...)).refused(t, 400, "invalid", "/data")
	call(t, s, "POST", path, `{"data":[{"type":"list","id":"x"}]}`).refused(t, 400, "invalid", "/data/0/type")
	call(t, s, "POST", path, `{"data":[{"type":"profile"}]}`).refused(t, 400, "invalid", "/data/0/id")
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list, other := s.AddList(simulator.List{}), s.AddList(simulator.List{})
	s.AddMembers(list.ID, "a@x.com", "b@x.com")
	s.AddMembers(other.ID, "a@x.com")
	s.Unsubscribe(list.ID, "a@x.com")
	c.Add(time.Hour)
	s.Unsubscribe(list.ID, "new@x.com")
	s.Unsubscribe(other.ID, "b@x.com")

	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"b@x.com"}) {
		t.Errorf("members %v", got)
	}
	const field = "subscriptions.email.marketing.list_suppressions"
	onList := `equals(` + field + `.list_id,"` + list.ID + `")`
	for filter, want := range map[string][]string{
		onList: {"a", "new"},
		onList + `,equals(` + field + `.reason,"UNSUBSCRIBE")`:                              {"a", "new"},
		onList + `,equals(` + field + `.reason,"SPAM_COMPLAINT")`:                           nil,
		`and(` + onList + `,greater-than(` + field + `.timestamp,2026-08-01T12:30:00Z))`:    {"new"},
		`equals(` + field + `.list_id,"` + other.ID + `"),any(email,["a@x.com","b@x.com"])`: {"b"},
		`less-or-equal(` + field + `.timestamp,2026-08-01T12:00:00Z)`:                       {"a"},
	} {
		if got := emailsOf(t, s, "/api/profiles", "filter", filter, "page[size]", "1"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
	get(t, s, "/api/profiles", "filter", onList, "sort", "email").refused(t, 400, "invalid", "sort")

	shown := get(t, s, "/api/profiles", "filter", onList, "additional-fields[profile]", "subscriptions", "fields[profile]", "email").all(t)
	want := []any{map[string]any{"list_id": list.ID, "reason": "UNSUBSCRIBE", "timestamp": "2026-08-01T12:00:00+00:00"}}
	marketing := shown[0].Attributes["subscriptions"].(map[string]any)["email"].(map[string]any)["marketing"].(map[string]any)
	if !equal(marketing["list_suppressions"], want) || marketing["consent"] != "NEVER_SUBSCRIBED" {
		t.Errorf("marketing %v", marketing)
	}

	// An import does put them back, with the suppression still there.
	sendImport(t, s, []string{`{"email":"a@x.com"}`}, list.ID).want(t, 202)
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"a@x.com", "b@x.com"}) {
		t.Errorf("members %v", got)
	}
	if got := emailsOf(t, s, "/api/profiles", "filter", onList); len(got) != 2 {
		t.Errorf("suppressed %v", got)
	}
}

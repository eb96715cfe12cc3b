package simulator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func profileBody(attributes string) string {
	return `{"data":{"type":"profile","attributes":` + attributes + `}}`
}

func TestCreateProfile(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	body := profileBody(`{"email":"Ann@X.com","phone_number":"+34600111222","external_id":"7","first_name":"Ann",` +
		`"location":{"city":"Palma","latitude":39.5},"properties":{"tier":"gold","tags":["a",1]}}`)
	created := call(t, s, "POST", "/api/profiles", body).want(t, 201).one(t)
	if len(created.ID) != 26 || created.Attributes["email"] != "ann@x.com" {
		t.Errorf("created %v", created)
	}
	location := created.Attributes["location"].(map[string]any)
	if location["city"] != "Palma" || location["latitude"] != 39.5 || location["zip"] != nil {
		t.Errorf("location %v", location)
	}
	again := call(t, s, "POST", "/api/profiles", profileBody(`{"email":"ann@x.com"}`))
	again.refused(t, 409, "duplicate_profile", "/data")
	if again.Errors[0].Meta["duplicate_profile_id"] != created.ID {
		t.Errorf("meta %v", again.Errors[0].Meta)
	}
	for attributes, pointer := range map[string]string{
		`{"email":"a@"}`:                                   "/data/attributes/email",
		`{"phone_number":"600111222"}`:                     "/data/attributes/phone_number",
		`{"first_name":"x"}`:                               "/data/attributes",
		`{"email":"b@x.com","surname":"x"}`:                "/data/attributes/surname",
		`{"email":"b@x.com","first_name":[]}`:              "/data/attributes/first_name",
		`{"email":"b@x.com","location":{"latitude":true}}`: "/data/attributes/location/latitude",
	} {
		call(t, s, "POST", "/api/profiles", profileBody(attributes)).refused(t, 400, "invalid", pointer)
	}
	large := profileBody(`{"email":"b@x.com","first_name":"` + strings.Repeat("x", 100_000) + `"}`)
	call(t, s, "POST", "/api/profiles", large).refused(t, 413, "request_too_large", "/data")
}

func TestOrderFollowsChanges(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	for _, want := range []string{"b", "a b", "a b c"} {
		s.AddMembers(list.ID, want[len(want)-1:]+"@x.com", want[:1]+"@x.com")
		if got := strings.Join(emailsOf(t, s, "/api/profiles", "sort", "email"), " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFindProfiles(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	for _, attributes := range []string{
		`{"email":"c@x.com","external_id":"3"}`,
		`{"email":"a@x.com","external_id":"1","phone_number":"+34600111222"}`,
		`{"email":"b\"\\@x.com"}`, // refused: not an address
		`{"email":"b'b@x.com","external_id":"2"}`,
	} {
		call(t, s, "POST", "/api/profiles", profileBody(attributes))
		c.Add(time.Minute)
	}
	c.Add(time.Hour)
	sendImport(t, s, []string{`{"email":"c@x.com","first_name":"C"}`}).want(t, 202)
	a, _ := s.Profile("A@x.com")
	for name, test := range map[string]struct {
		query []string
		want  string
	}{
		"all in order of creation": {nil, "c a b'b"},
		"email, any case":          {[]string{"filter", `equals(email,"A@X.com")`}, "a"},
		"emails":                   {[]string{"filter", `any(email,["a@x.com","b\'b@x.com","z@x.com"])`}, "a b'b"},
		"escapes":                  {[]string{"filter", `equals(email,'b\'b@x.com')`}, "b'b"},
		"phone":                    {[]string{"filter", `equals(phone_number,"+34600111222")`}, "a"},
		"external ids":             {[]string{"filter", `any(external_id,["3","2"])`}, "c b'b"},
		"id":                       {[]string{"filter", `equals(id,"` + a.ID + `")`}, "a"},
		"unknown id":               {[]string{"filter", `equals(id,"01NOBODY")`}, ""},
		"created":                  {[]string{"filter", `greater-than(created,2026-08-01T12:00:30Z)`}, "a b'b"},
		"updated":                  {[]string{"filter", `greater-than(updated,2026-08-01T12:30:00Z)`}, "c"},
		"not updated":              {[]string{"filter", `less-than(updated,2026-08-01T12:30:00Z)`, "sort", "-email"}, "b'b a"},
		"by email":                 {[]string{"sort", "email"}, "a b'b c"},
		"by update":                {[]string{"sort", "updated"}, "a b'b c"},
		"last created first":       {[]string{"sort", "-created"}, "b'b a c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []string{"1", "2", "20"} {
				got := emailsOf(t, s, "/api/profiles", append(slices.Clone(test.query), "page[size]", size)...)
				if joined := strings.Join(got, " "); joined != test.want {
					t.Errorf("page size %s: got %q, want %q", size, joined, test.want)
				}
			}
		})
	}
	shown := get(t, s, "/api/profiles", "filter", `equals(email,"a@x.com")`, "fields[profile]", "external_id,location.city").all(t)
	want := map[string]any{"external_id": "1", "location": map[string]any{"city": nil}}
	if !equal(shown[0].Attributes, want) {
		t.Errorf("attributes %v", shown[0].Attributes)
	}
}

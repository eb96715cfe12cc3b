package profile_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// full maps a column to every target; the column has the name of its target.
func full() (m profile.Mapping, columns []string) {
	m = profile.Mapping{
		Email: "email", PhoneNumber: "phone_number", PhoneRegion: "es", ExternalID: "external_id",
		Attributes: map[string]string{}, Location: map[string]string{}, Properties: map[string]profile.Property{},
	}
	columns = []string{"email", "phone_number", "external_id"}
	for _, name := range profile.AttributeNames() {
		m.Attributes[name] = name
		columns = append(columns, name)
	}
	for _, name := range profile.LocationNames() {
		m.Location[name] = name
		columns = append(columns, name)
	}
	for _, name := range profile.TypeNames() {
		kind, _ := profile.ParseType(name)
		m.Properties["p "+name] = profile.Property{Column: "p " + name, Type: kind, OnInvalid: profile.Stop}
		columns = append(columns, "p "+name)
	}
	return m, columns
}

func fullRow() []string {
	return []string{
		"Ada@Example.COM", "600 111 222", "C-1",
		"Ada", "https://example.com/a.png", "Lovelace", "en_gb", `The "Engine" Co`, "Countess",
		"1 St James's Sq", "Flat 2", "London", "United Kingdom", "192.0.2.1", "51.5072", "-0.1276", "England", "Europe/London", "SW1Y 4LB",
		"gold", "12.50", "Yes", "11/23/2026", "a; b", `{"k": [1, null]}`,
	}
}

func TestAppendFull(t *testing.T) {
	t.Parallel()
	m, columns := full()
	got, info, rejection := encode(t, m, columns, fullRow())
	want := `{"type":"profile","attributes":{` +
		`"email":"ada@example.com","phone_number":"+34600111222","external_id":"C-1",` +
		`"first_name":"Ada","image":"https://example.com/a.png","last_name":"Lovelace","locale":"en-GB","organization":"The \"Engine\" Co","title":"Countess",` +
		`"location":{"address1":"1 St James's Sq","address2":"Flat 2","city":"London","country":"United Kingdom","ip":"192.0.2.1",` +
		`"latitude":51.5072,"longitude":-0.1276,"region":"England","timezone":"Europe/London","zip":"SW1Y 4LB"},` +
		`"properties":{"p boolean":true,"p datetime":"2026-11-23","p json":{"k":[1,null]},"p list":["a","b"],"p number":12.50,"p string":"gold"}}}`
	if rejection != nil || got != want {
		t.Fatalf("got  %s (%v)\nwant %s", got, rejection, want)
	}
	if info.Email != profile.HashOf([]byte(email)) || info.Profile != profile.HashOf([]byte(want)) || info.Notes != nil {
		t.Errorf("info %+v", info)
	}
	decode(t, got)
}

func TestAppendIsTheSameForEveryMapOrder(t *testing.T) {
	t.Parallel()
	var first string
	for range 20 {
		m, columns := full() // new maps iterate in another order
		slices.Reverse(columns)
		row := fullRow()
		slices.Reverse(row)
		got, _, rejection := encode(t, m, columns, row)
		if first == "" {
			first = got
		}
		if rejection != nil || got != first {
			t.Fatalf("got %s (%v), want %s", got, rejection, first)
		}
	}
	if straight, _, _ := encodeFull(t); straight != first {
		t.Errorf("the order of the columns shows: %s and %s", straight, first)
	}
}

func encodeFull(t *testing.T) (string, profile.Info, *profile.Rejection) {
	t.Helper()
	m, columns := full()
	return encode(t, m, columns, fullRow())
}

func TestAppendLeavesOutEmptyCells(t *testing.T) {
	t.Parallel()
	const bare = `{"type":"profile","attributes":{"email":"ada@example.com"}}`
	for name, blank := range map[string]string{"empty": "", "spaces": "   ", "tabs and line ends": "\t\r\n", "no-break space": "\u00a0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, columns := full()
			row := slices.Repeat([]string{blank}, len(columns))
			row[0] = email
			if got, info, rejection := encode(t, m, columns, row); rejection != nil || got != bare || info.Notes != nil {
				t.Errorf("got %s (%v, %v), want %s", got, info, rejection, bare)
			}
		})
	}
}

func TestAppendLeavesNoEmptyObjectBehind(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{
		Email: "e", PhoneNumber: "phone",
		Attributes: map[string]string{"locale": "locale", "title": "title"},
		Location:   map[string]string{"city": "city", "latitude": "lat", "longitude": "lon", "zip": "zip"},
		Properties: map[string]profile.Property{"a": {Column: "a", Type: profile.JSON}, "b": {Column: "b"}},
	}
	columns := []string{"e", "phone", "locale", "title", "city", "lat", "lon", "zip", "a", "b"}
	for name, tc := range map[string]struct {
		cells map[string]string
		want  string // after the email
		drops []string
	}{
		"only value of location dropped":    {map[string]string{"lat": "91"}, ``, []string{"attributes.location.latitude"}},
		"both values of location dropped":   {map[string]string{"lat": "x", "lon": "181"}, ``, []string{"attributes.location.latitude", "attributes.location.longitude"}},
		"first value of location dropped":   {map[string]string{"lat": "91", "zip": "1"}, `,"location":{"zip":"1"}`, []string{"attributes.location.latitude"}},
		"middle value of location dropped":  {map[string]string{"city": "c", "lat": "91", "zip": "1"}, `,"location":{"city":"c","zip":"1"}`, []string{"attributes.location.latitude"}},
		"last value of location dropped":    {map[string]string{"city": "c", "lon": "-180.1"}, `,"location":{"city":"c"}`, []string{"attributes.location.longitude"}},
		"dropped before a group":            {map[string]string{"phone": "1", "b": "x"}, `,"properties":{"b":"x"}`, []string{"data_matching.phone_number"}},
		"dropped between groups":            {map[string]string{"title": "Dr", "lat": "91", "b": "x"}, `,"title":"Dr","properties":{"b":"x"}`, []string{"attributes.location.latitude"}},
		"only property is null":             {map[string]string{"a": "null"}, ``, nil},
		"null before another":               {map[string]string{"a": "null", "b": "x"}, `,"properties":{"b":"x"}`, nil},
		"null after a location":             {map[string]string{"city": "c", "a": "null"}, `,"location":{"city":"c"}`, nil},
		"everything dropped":                {map[string]string{"phone": "x", "locale": "?", "lat": "x", "lon": "x", "a": "null"}, ``, []string{"data_matching.phone_number", "attributes.locale", "attributes.location.latitude", "attributes.location.longitude"}},
		"a JSON object that ends the group": {map[string]string{"a": `{}`, "b": "{"}, `,"properties":{"a":{},"b":"{"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := make([]string, len(columns))
			row[0] = email
			for column, cell := range tc.cells {
				row[slices.Index(columns, column)] = cell
			}
			got, info, rejection := encode(t, m, columns, row)
			want := `{"type":"profile","attributes":{"email":"ada@example.com"` + tc.want + `}}`
			if rejection != nil || got != want {
				t.Errorf("got %s (%v), want %s", got, rejection, want)
			}
			var drops []string
			for _, n := range info.Notes {
				drops = append(drops, n.Target.String())
			}
			if !slices.Equal(drops, tc.drops) {
				t.Errorf("dropped %q, want %q", drops, tc.drops)
			}
		})
	}
}

// strange has texts that are difficult to encode.
var strange = []string{
	"plain", `"`, `\`, `\"`, `\u0000`, "a\x00b", "a\x01b", "a\x1fb", "a\x7fb", "line\nend", "line\r\nend", "tab\there", "\b\f",
	"a\u2028b", "a\u2029b", "a\ufeffb", "\ufffd", "é", "日本語", "👩‍🚀", "</script>", "<>&", "{", "}", "[", ",", ":", "nulls", "a\u200bb",
	strings.Repeat("\x02", 1000),
}

func TestAppendIsJSONForEveryText(t *testing.T) {
	t.Parallel()
	for _, text := range strange {
		for _, key := range strange {
			m := profile.Mapping{
				Email: "e", ExternalID: "v", Attributes: map[string]string{"title": "v"}, Location: map[string]string{"city": "v"},
				Properties: map[string]profile.Property{key: {Column: "v"}},
			}
			out, _, rejection := encode(t, m, []string{"e", "v"}, []string{email, text})
			if len(text) > 255 {
				if rejection == nil || rejection.Code != profile.ExternalIDTooLong {
					t.Errorf("%d characters: %v", len(text), rejection)
				}
				continue
			}
			if rejection != nil {
				t.Fatalf("%q: %v", text, rejection)
			}
			got := decode(t, out)
			want := strings.TrimSpace(text)
			for at, found := range map[string]any{
				"external_id": got["external_id"], "title": got["title"], "city": got.group("location")["city"], "property": got.group("properties")[key],
			} {
				if found != want {
					t.Errorf("%s of %q under %q reads %q", at, text, key, found)
				}
			}
		}
	}
}

func TestAppendRefusesWhatIsNotUTF8(t *testing.T) {
	t.Parallel()
	m, columns := full()
	for i, column := range columns {
		row := fullRow()
		row[i] = "Jos\xe9"
		out, _, rejection := encode(t, m, columns, row)
		if rejection == nil || rejection.Code != profile.NotUTF8 || out != "" {
			t.Errorf("%s: %q %v", column, out, rejection)
			continue
		}
		if rejection.Target.Name != column {
			t.Errorf("%s: rejected for %s", column, rejection.Target)
		}
	}
}

func TestAppendKeepsWhatIsThereWhenItRejects(t *testing.T) {
	t.Parallel()
	encoder := compile(t, profile.Mapping{Email: "e", Properties: map[string]profile.Property{"n": {Column: "n", Type: profile.Number, OnInvalid: profile.Stop}}}, nil)
	const before = "what was there"
	for _, row := range [][]string{{"", "1"}, {"no address", "1"}, {email, "no number"}, {email, "\xff"}} {
		got, _, rejection := appendTo(t, []byte(before), encoder, row)
		if rejection == nil || string(got) != before {
			t.Errorf("%q: %q %v", row, got, rejection)
		}
	}
	got, _, rejection := appendTo(t, []byte(before), encoder, []string{email, "1"})
	if rejection != nil || string(got) != before+`{"type":"profile","attributes":{"email":"ada@example.com","properties":{"n":1}}}` {
		t.Errorf("%s %v", got, rejection)
	}
}

func TestAppendExternalIDLength(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		id string
		ok bool
	}{
		"255 letters":            {strings.Repeat("x", 255), true},
		"256 letters":            {strings.Repeat("x", 256), false},
		"255 letters of 3 bytes": {strings.Repeat("日", 255), true},
		"256 letters of 3 bytes": {strings.Repeat("日", 256), false},
		"255 and white space":    {" " + strings.Repeat("x", 255) + "\t", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, rejection := encode(t, profile.Mapping{Email: "e", ExternalID: "id"}, []string{"e", "id"}, []string{email, tc.id})
			if tc.ok != (rejection == nil) || rejection != nil && rejection.Code != profile.ExternalIDTooLong {
				t.Errorf("rejection %v", rejection)
			}
		})
	}
}

func TestAppendProfileSize(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "e", Attributes: map[string]string{"title": "t"}}
	columns := []string{"e", "t"}
	empty, _, _ := encode(t, m, columns, []string{email, "x"})
	free := profile.MaxSize - len(empty) + 1
	out, _, rejection := encode(t, m, columns, []string{email, strings.Repeat("x", free)})
	if rejection != nil || len(out) != profile.MaxSize {
		t.Errorf("%d bytes are not taken: %v", len(out), rejection)
	}
	_, _, rejection = encode(t, m, columns, []string{email, strings.Repeat("x", free+1)})
	if rejection == nil || rejection.Code != profile.ProfileTooLarge {
		t.Errorf("%d bytes: %v", profile.MaxSize+1, rejection)
	}
	// Bytes that are already in the buffer do not count.
	encoder := compile(t, m, nil)
	before := make([]byte, 2*profile.MaxSize)
	if out, _, rejection := appendTo(t, before, encoder, []string{email, "x"}); rejection != nil || len(out) != len(before)+len(empty) {
		t.Errorf("%d bytes: %v", len(out), rejection)
	}
}

func TestAppendWithAnyCapacity(t *testing.T) {
	t.Parallel()
	m, columns := full()
	encoder := compile(t, m, nil)
	want, _, _ := encodeFull(t)
	for capacity := range len(want) + 100 {
		var info profile.Info
		got, rejection := encoder.Append(make([]byte, 0, capacity), project(m, columns, fullRow()), &info)
		if rejection != nil || string(got) != want {
			t.Fatalf("with a capacity of %d bytes: %s (%v)", capacity, got, rejection)
		}
	}
}

func TestAppendIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m, columns := full()
	encoder := compile(t, m, nil)
	want, _, _ := encodeFull(t)
	cells := project(m, columns, fullRow())
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 50 {
				if got, _, rejection := appendTo(t, nil, encoder, cells); rejection != nil || string(got) != want {
					t.Errorf("got %s (%v)", got, rejection)
				}
			}
		})
	}
	workers.Wait()
}

func TestMappingTakesEachColumnOnce(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "b", ExternalID: "b", Attributes: map[string]string{"title": "d", "image": ""}, PhoneNumber: ""}
	if got := m.Columns(); !slices.Equal(got, []string{"b", "d"}) {
		t.Errorf("columns %q", got)
	}
	out, _, rejection := appendTo(t, nil, compile(t, m, nil), []string{email, "Dr"})
	if want := `{"type":"profile","attributes":{"email":"ada@example.com","external_id":"ada@example.com","title":"Dr"}}`; rejection != nil || string(out) != want {
		t.Errorf("got %s (%v), want %s", out, rejection, want)
	}
}

func TestMappingTargets(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{
		Email: "a", ExternalID: "a", Location: map[string]string{"city": "Town"},
		Properties: map[string]profile.Property{`the "tier"`: {Column: "Tier"}, "again": {Column: "Tier"}},
	}
	for column, want := range map[string]string{
		"a": "[data_matching.email data_matching.external_id]", "Town": "[attributes.location.city]",
		"Tier": `[property "again" property "the \"tier\""]`, "none": "[]",
	} {
		if got := fmt.Sprint(m.Targets(column)); got != want {
			t.Errorf("%s fills %s, want %s", column, got, want)
		}
	}
}

package profile_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// one encodes a row with an address and one other value, and returns how the latter
// was written and the notes on it.
func one(t *testing.T, m profile.Mapping, isJSON bool, text string) (written string, notes []string) {
	t.Helper()
	m.Email = "e"
	out, info, rejection := appendTo(t, nil, compile(t, m, []bool{false, isJSON}), []string{email, text})
	if rejection != nil {
		t.Fatalf("%q costs the profile its export: %v", text, rejection)
	}
	decode(t, string(out))
	_, rest, _ := strings.Cut(string(out), `"ada@example.com"`)
	rest = strings.TrimRight(rest, "}")
	_, written, _ = strings.Cut(rest, ":")
	if inner, ok := strings.CutPrefix(written, "{"); ok { // of a group
		_, written, _ = strings.Cut(inner, ":")
	}
	for _, n := range info.Notes {
		notes = append(notes, string(n.Code))
	}
	return written, notes
}

// valueCase is a cell, what becomes of it, and the note on it.
type valueCase struct {
	json       bool
	text, want string
	note       profile.Code
}

func checkValues(t *testing.T, m profile.Mapping, cases []valueCase) {
	t.Helper()
	for _, tc := range cases {
		got, notes := one(t, m, tc.json, tc.text)
		var want []string
		if tc.note != "" {
			want = []string{string(tc.note)}
		}
		if got != tc.want || !slices.Equal(notes, want) {
			t.Errorf("%s (JSON %t) is written %s with the notes %q; want %s, %q", tc.text, tc.json, got, notes, tc.want, want)
		}
	}
}

// An integer that was written as a float is that integer, from every source.
func TestExternalIDOfAFloat(t *testing.T) {
	t.Parallel()
	checkValues(t, profile.Mapping{ExternalID: "i"}, []valueCase{
		{false, "81.0", `"81"`, ""},
		{false, "81.000000", `"81"`, ""},
		{false, "81,0", `"81"`, ""},
		{false, "-7.0", `"-7"`, ""},
		{false, "00810.0", `"00810"`, ""},
		{false, "1.25E7", `"12500000"`, ""},
		{false, "1.2345678E7", `"12345678"`, ""},
		{false, "2.50000001E+9", `"2500000010"`, ""},
		{false, "1e+05", `"100000"`, ""},
		{false, "8.0E0", `"8"`, ""},
		{false, "123456789012345678.00", `"123456789012345678"`, ""}, // a decimal is exact
		{false, "81.5", ``, profile.InexactInteger},
		{false, "1.23457E+11", ``, profile.InexactInteger}, // what Excel shows
		{false, "4.9e+12", ``, profile.InexactInteger},
		{false, "4.9151123E12", ``, profile.InexactInteger}, // SAS
		{false, "4.91511e12", ``, profile.InexactInteger},   // a FLOAT of MySQL
		{false, "4.9151e12", ``, profile.InexactInteger},    // one whose last digit shown is 0
		{false, "4.915112e+12", ``, profile.InexactInteger}, // R
		{false, "9.87E9", `"9870000000"`, ""},
		{false, "1.2345678E9", `"1234567800"`, ""},
		{false, "1.2345678901234567E19", ``, profile.InexactInteger}, // more digits than a float has
		{false, "1.5E-1", ``, profile.InexactInteger},
		{true, "81.0", `"81"`, ""},
		{true, "1.25E7", `"12500000"`, ""},
		{true, "1e3", `"1000"`, ""},
		{true, "5e+12", `"5000000000000"`, ""},
		{true, "4.9151123E12", `"4915112300000"`, ""},
		{true, "120.00", `"120"`, ""},
		{true, "120.50", ``, profile.InexactInteger},
		{true, `"120.00"`, `"120"`, ""},
		// What only looks like a number is an id.
		{false, "12E4", `"12E4"`, ""},
		{false, "1e10", `"1e10"`, ""},
		{false, "10.0.0.1", `"10.0.0.1"`, ""},
		{false, "1.0-beta", `"1.0-beta"`, ""},
		{false, "00417", `"00417"`, ""},
		{false, "A1.0", `"A1.0"`, ""},
		{false, "2026-11-23", `"2026-11-23"`, ""},
	})
}

func TestPhoneNumberOfAFloat(t *testing.T) {
	t.Parallel()
	checkValues(t, profile.Mapping{PhoneNumber: "p", PhoneRegion: "IT"}, []valueCase{
		{false, "3471234567.0", `"+393471234567"`, ""},
		{false, "393471234567.0", `"+393471234567"`, ""},
		{false, "+393471234567.0", `"+393471234567"`, ""},
		{false, "393471234567.00", `"+393471234567"`, ""},
		{false, "3.93471234567E11", `"+393471234567"`, ""},
		{false, "393471234567.5", ``, profile.InexactInteger},
		{false, "3.93471E+11", ``, profile.InexactInteger},
		{false, "3.93471234E11", ``, profile.InexactInteger},
		{false, "3.93471e11", ``, profile.InexactInteger},
		{false, "347.1234567", `"+393471234567"`, ""}, // a point between groups
		{false, "347.123.45.67", `"+393471234567"`, ""},
		{true, "3471234567.0", `"+393471234567"`, ""},
		{true, "3.471234567E9", `"+393471234567"`, ""},
		{true, "347.1234567", ``, profile.InexactInteger},
		{true, `"347.1234567"`, `"+393471234567"`, ""},
		{true, "393471234567", `"+393471234567"`, ""},
		{true, "true", ``, profile.InvalidValue},
	})
}

// A JSON number without a fraction is an integer where text is wanted.
func TestTextOfAJSONNumber(t *testing.T) {
	t.Parallel()
	cases := []valueCase{
		{true, "8001.0", `"8001"`, ""},
		{true, "8.001E3", `"8001"`, ""},
		{true, "80.10", `"80.10"`, ""},
		{true, "8001", `"8001"`, ""},
		{true, "true", `"true"`, ""},
		{true, `"8001.0"`, `"8001.0"`, ""},
		{false, "8001.0", `"8001.0"`, ""},
	}
	checkValues(t, profile.Mapping{Location: map[string]string{"address2": "z"}}, cases)
	checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.String}}}, cases)
}

// The country calling code may be there without a plus sign.
func TestPhoneNumberWithCodeButNoPlus(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ region, number, want string }{
		{"DE", "4915112345678", "+4915112345678"}, // mobile, which a fixed line of area 0491 would not be
		{"DE", "49 176 12345678", "+4917612345678"},
		{"DE", "4917612345678", "+4917612345678"},
		{"DE", "015112345678", "+4915112345678"},
		{"DE", "15112345678", "+4915112345678"},
		{"DE", "04915228817", "+494915228817"}, // the prefix says that it is national
		{"DE", "0049 30 123456", "+4930123456"},
		{"DE", "49301234567", "+49301234567"},
		{"DE", "49221123456", ""}, // 0221 in Cologne, or an area that begins with 04922
		{"DE", "+49301234567", "+49301234567"},
		{"AT", "436641234567", "+436641234567"},
		{"IT", "393471234567", "+393471234567"},
		{"IT", "3931234567", "+393931234567"}, // behind a code there would be too few digits
		{"ES", "34600111222", "+34600111222"},
		{"ES", "346001112", ""},
		{"FR", "33612345678", "+33612345678"},
		{"GB", "447400123456", "+447400123456"},
		{"NL", "31612345678", "+31612345678"},
		{"IN", "919876543210", "+919876543210"},
		{"IN", "9198765432", "+919198765432"},
		{"BR", "5511987654321", "+5511987654321"},
		{"BR", "55991234567", "+5555991234567"}, // area 55
		{"US", "12125550123", "+12125550123"},
		{"US", "2125550123", "+12125550123"},
		{"SE", "46701234567", "+46701234567"},
		{"RU", "79161234567", "+79161234567"},
		{"RU", "89161234567", "+79161234567"},
	} {
		m := profile.Mapping{Email: "e", PhoneNumber: "p", PhoneRegion: tc.region}
		out, info, rejection := encode(t, m, []string{"e", "p"}, []string{email, tc.number})
		if rejection != nil {
			t.Fatal(rejection)
		}
		got, _ := decode(t, out)["phone_number"].(string)
		if got != tc.want || (tc.want == "") != (len(info.Notes) == 1) {
			t.Errorf("%q in %s is %q, %q; want %q", tc.number, tc.region, got, noted(info), tc.want)
		}
		if tc.number == "49221123456" && (len(info.Notes) != 1 || info.Notes[0].Code != profile.AmbiguousPhone || !strings.Contains(info.Notes[0].Words(), "leading +")) {
			t.Errorf("the note on %q is %+v", tc.number, info.Notes)
		}
	}
}

// What a spreadsheet puts around a value so that it stays text is no part of it.
func TestProtectionOfSpreadsheets(t *testing.T) {
	t.Parallel()
	checkValues(t, profile.Mapping{ExternalID: "i"}, []valueCase{
		{false, "'00815", `"00815"`, ""},
		{false, "'A-15", `"A-15"`, ""},
		{false, `="00815"`, `"00815"`, ""},
		{false, `="A""15"`, `"A\"15"`, ""},
		{false, "'00815'", `"00815"`, ""},
		{false, `=""`, ``, ""},
		{false, "'", ``, ""},
		{true, `"'00815"`, `"00815"`, ""},
		{false, "O'15", `"O'15"`, ""},
	})
	checkValues(t, profile.Mapping{PhoneNumber: "p", PhoneRegion: "GB"}, []valueCase{
		{false, "'+447400123456", `"+447400123456"`, ""}, {false, `="07400123456"`, `"+447400123456"`, ""}, {false, "'07400 123456", `"+447400123456"`, ""},
	})
	cases := []valueCase{
		{false, "'01069", `"01069"`, ""},
		{false, `="01069"`, `"01069"`, ""},
		{false, "'+1-2", `"+1-2"`, ""},
		{false, "'=SUM(A1)", `"=SUM(A1)"`, ""},
		{false, "'@ada", `"@ada"`, ""},
		{false, "'Tis", `"'Tis"`, ""},
		{false, "'90s", `"'90s"`, ""},
		{false, "=x", `"=x"`, ""},
		{false, "'", `"'"`, ""},
		{false, "rock 'n' roll", `"rock 'n' roll"`, ""},
	}
	cases = slices.DeleteFunc(cases, func(c valueCase) bool { return c.text == "'" }) // is left as it is where any text is
	checkValues(t, profile.Mapping{Location: map[string]string{"address2": "z"}}, cases)
	checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p"}}}, cases)
	checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Number}}}, []valueCase{{false, "'0123", `123`, ""}, {false, "'-5", `-5`, ""}, {false, `="1.5"`, `1.5`, ""}})
	checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Datetime}}}, []valueCase{{false, "'2026-11-23", `"2026-11-23"`, ""}})
	for _, address := range []string{"'ada@example.com", `="ada@example.com"`, "'ada@example.com'", " 'Ada@Example.com "} {
		out, info, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{address})
		if rejection != nil || out != `{"type":"profile","attributes":{"email":"ada@example.com"}}` || info.Notes != nil {
			t.Errorf("%q becomes %s, %v, %v", address, out, rejection, info.Notes)
		}
	}
}

// A word for no value is none where it cannot be one, and is remarked on where it may
// be a text.
func TestWordsForNoValue(t *testing.T) {
	t.Parallel()
	words := []string{"NULL", "null", `\N`, "None", "nan", "NaN", "NaT", "#N/A", "(null)", "<NA>", "#REF!", "undefined", "N/A"}
	for _, word := range words {
		for name, m := range map[string]profile.Mapping{
			"external id": {ExternalID: "x"}, "phone": {PhoneNumber: "x"}, "locale": {Attributes: map[string]string{"locale": "x"}}, "latitude": {Location: map[string]string{"latitude": "x"}},
		} {
			if got, notes := one(t, m, false, word); got != "" || notes != nil {
				t.Errorf("%s as %s is written %s, %q", word, name, got, notes)
			}
		}
		for _, kind := range []profile.Type{profile.Number, profile.Boolean, profile.Datetime, profile.List, profile.JSON} {
			m := profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: kind, OnInvalid: profile.Stop}}}
			if got, notes := one(t, m, false, word); got != "" || notes != nil {
				t.Errorf("%s as %s is written %s, %q", word, kind, got, notes)
			}
		}
		quoted := strings.ReplaceAll(word, `\`, `\\`)
		remarked := []valueCase{{false, word, `"` + quoted + `"`, profile.MeansNothing}, {true, `"` + quoted + `"`, `"` + quoted + `"`, profile.MeansNothing}}
		checkValues(t, profile.Mapping{Attributes: map[string]string{"first_name": "x"}}, remarked)
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p"}}}, remarked)
		if _, _, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{word}); rejection == nil || rejection.Code != profile.MissingEmail {
			t.Errorf("%s as an address: %v", word, rejection)
		}
	}
	for _, name := range []string{"Null", "NA", "Nano", "Nora", "Nil", "nullable", "Nan"} {
		checkValues(t, profile.Mapping{Attributes: map[string]string{"last_name": "x"}}, []valueCase{{false, name, `"` + name + `"`, ""}})
	}
	m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Number, Clear: true}}}
	out, _, _ := encode(t, m, []string{"e", "p"}, []string{email, "nan"})
	if !strings.Contains(out, `"unset":["p"]`) {
		t.Errorf("a word for no value does not clear the property: %s", out)
	}
}

// A postal code that was written as a float is its digits, from every source.
func TestPostalCodes(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Location: map[string]string{"zip": "x"}}
	for text, want := range map[string]string{
		"8001.0": "8001", "02108.00": "02108", "28001,0": "28001", "'02108.0": "02108", `="02108"`: "02108", "0.0": "0",
		"8001": "8001", "02108": "02108", "02108-1234": "02108-1234", "8001.5": "8001.5", "8001.": "8001.", "1.0.0": "1.0.0", ".0": ".0", "E1 6AN": "E1 6AN", "1E5": "1E5", "-1.0": "-1.0", "8001.0 x": "8001.0 x",
	} {
		quoted, _ := json.Marshal(text)
		checkValues(t, m, []valueCase{{false, text, `"` + want + `"`, ""}, {true, string(quoted), `"` + want + `"`, ""}})
	}
	checkValues(t, m, []valueCase{{true, "8001.0", `"8001"`, ""}, {true, "8.001E3", `"8001"`, ""}})
	// Other texts stay as they are.
	checkValues(t, profile.Mapping{Location: map[string]string{"address1": "x"}}, []valueCase{{false, "8001.0", `"8001.0"`, ""}})
	checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"zip": {Column: "x"}}}, []valueCase{{false, "8001.0", `"8001.0"`, ""}})
}

// Dates that are none are left out, whatever else a property does with what is not of
// its type.
func TestDatesThatAreNone(t *testing.T) {
	t.Parallel()
	none := []string{
		"0000-00-00", "0000-00-00 00:00:00", "1985-00-00", "1985-07-00", "2001-00-12", "294247-01-10T04:00:54.775807", "294247-01-10", "-290308-12-21T19:59:05.224192Z", "292278994-08-17T07:12:55.807", "-292275055-05-16T16:47:04.193Z",
		"1677-09-21 00:12:43.145224192+00:00", "+infinity", "-infinity", "0044-03-15 BC", "1990-02-03T10:00:00 BC", "0044-03-15T10:00:00+00 BC",
		"10000-01-01", "+12026-11-23T00:00:00Z", "1677-09-21T00:12:43.145224192", "2262-04-11T23:47:16.854775807Z",
	}
	for _, onInvalid := range []profile.OnInvalid{profile.LeaveOut, profile.RejectRow, profile.Stop} {
		m := profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Datetime, OnInvalid: onInvalid}}}
		for _, text := range append([]string{"infinity", "Infinity"}, none...) {
			checkValues(t, m, []valueCase{{false, text, "", profile.NoDate}, {true, `"` + text + `"`, "", profile.NoDate}})
		}
	}
	for _, text := range none {
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p"}}}, []valueCase{{false, text, "", profile.NoDate}})
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.String}}}, []valueCase{{false, text, `"` + text + `"`, ""}})
	}
	// A day that its month does not have is invalid rather than none.
	for _, text := range []string{"1990-02-30", "2026-04-31T10:00:00", "2023-02-29 00:00:00"} {
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p"}}}, []valueCase{{false, text, "", profile.NoDate}})
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Datetime}}}, []valueCase{{false, text, "", profile.InvalidValue}})
	}
	for _, text := range []string{"infinity", "Infinity", "2024-02-29", "2026-13-01", "12345-02-30x", "1500-02-30", "1990-02-31x", "1990-02-03 AD", "1001-00-27", "2026-11-23", "10000-01", "20260228-01-01", "12345-00-1234", "0000-00-001", "1985-00-00x", "2026-11-23T00:00:00"} {
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p"}}}, []valueCase{{false, text, `"` + text + `"`, ""}})
	}
}

// An invalid value is left out, costs the row, or stops the export.
func TestOnInvalid(t *testing.T) {
	t.Parallel()
	for onInvalid, want := range map[profile.OnInvalid]profile.Code{profile.LeaveOut: "", profile.RejectRow: profile.InvalidProperty, profile.Stop: profile.PropertyType} {
		for kind, text := range map[profile.Type]string{profile.Number: "many", profile.Boolean: "maybe", profile.Datetime: "13/13/2026", profile.List: "[1", profile.JSON: "{"} {
			m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"p": {Column: "p", Type: kind, OnInvalid: onInvalid}, "q": {Column: "q"}}}
			out, info, rejection := encode(t, m, []string{"e", "p", "q"}, []string{email, text, "x"})
			if want != "" {
				if rejection == nil || rejection.Code != want || rejection.Type != kind {
					t.Errorf("%s, %d: %v", kind, onInvalid, rejection)
				}
				continue
			}
			if rejection != nil || !slices.Equal(noted(info), []string{`dropped of property "p"`}) || !strings.HasSuffix(out, `"properties":{"q":"x"}}}`) {
				t.Errorf("%s: %s, %v, %q", kind, out, rejection, noted(info))
			}
			if words := info.Notes[0].Words(); !strings.HasPrefix(words, `property "p" is not a `) || strings.Contains(words, text) && len(text) > 1 {
				t.Errorf("%s: %q", kind, words)
			}
		}
	}
}

func TestSeparators(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		separator, text, want string
		note                  profile.Code
	}{
		{"", "red; blue", `["red","blue"]`, ""},
		{"", "red, blue", `["red, blue"]`, profile.SingleItem},
		{"", `"red; dark";blue`, `["red; dark","blue"]`, ""},
		{",", "red, blue,,", `["red","blue"]`, ""},
		{",", `red,"dark, light",blue`, `["red","dark, light","blue"]`, ""},
		{",", `"say ""hi""", x`, `["say \"hi\"","x"]`, ""},
		{",", `"open, x`, `["\"open","x"]`, ""},
		{",", `"a" b, c`, `["\"a\" b","c"]`, ""},
		{",", "red;blue", `["red;blue"]`, ""},
		{",", `["red","blue, dark"]`, `["red","blue, dark"]`, ""},
		{",", `[1, 2]`, `[1,2]`, ""},
		{"|", "red|blue", `["red","blue"]`, ""},
		{" ", "red blue", `["red","blue"]`, ""},
		{"\t", "red\tblue", `["red","blue"]`, ""},
		{" / ", "red / and/or / blue", `["red","and/or","blue"]`, ""},
		{",", " , ", ``, ""},
		{",", `""`, ``, ""},
		{",", "'01,02", `["01","02"]`, ""},
	} {
		m := profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.List, Separator: tc.separator}}}
		checkValues(t, m, []valueCase{{false, tc.text, tc.want, tc.note}})
	}
}

// A source may say that a column is a list.
func TestReadLists(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "e", Attributes: map[string]string{"title": "s"}, Properties: map[string]profile.Property{
		"list": {Column: "s", Type: profile.List}, "other": {Column: "o"}, "plain": {Column: "s"}, "text": {Column: "s", Type: profile.String}, "|": {Column: "s", Type: profile.List, Separator: "|"},
	}}
	encoder := compile(t, m, nil)
	encoder.ReadLists([]bool{false, true, false})
	out, _, rejection := appendTo(t, nil, encoder, []string{email, "tea,cake", "tea,cake"})
	want := `{"type":"profile","attributes":{"email":"ada@example.com","title":"tea,cake",` +
		`"properties":{"list":["tea","cake"],"other":"tea,cake","plain":["tea","cake"],"text":"tea,cake","|":["tea","cake"]}}}`
	if rejection != nil || string(out) != want {
		t.Errorf("%s (%v), want %s", out, rejection, want)
	}
}

// Every point in time that can be read in one way only is taken.
func TestDatetimesOfOtherPrograms(t *testing.T) {
	t.Parallel()
	datetime := func(dayFirst bool) profile.Mapping {
		return profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Datetime, DayFirst: dayFirst}}}
	}
	for text, want := range map[string]string{
		"2025-04-09 18:05:06 +0200":                "2025-04-09T18:05:06+02:00",
		"2025-04-09T18:05:06+0000":                 "2025-04-09T18:05:06Z",
		"2025-04-09T18:05:06.120+0530":             "2025-04-09T18:05:06.12+05:30",
		"2025-04-09 18:05:06 UTC":                  "2025-04-09T18:05:06Z",
		"2025-04-09 18:05:06.5 UTC":                "2025-04-09T18:05:06.5Z",
		"2025-04-09 18:05:06 -0800":                "2025-04-09T18:05:06-08:00",
		"2025-04-09 18:05:06 GMT":                  "2025-04-09T18:05:06Z",
		"2025-04-09 18:05:06 +02:00":               "2025-04-09T18:05:06+02:00",
		"2025-04-09 18:05:06 +0200 CEST":           "2025-04-09T18:05:06+02:00", // Go
		"2025-04-09T18:05:06+02:00[Europe/Paris]":  "2025-04-09T18:05:06+02:00", // Java
		"Wed Apr 09 2025 18:05:06 GMT+0200 (CEST)": "2025-04-09T18:05:06+02:00", // JavaScript
		"Wed, 09 Apr 2025 18:05:06 GMT":            "2025-04-09T18:05:06Z",
		"Wed, 9 Apr 2025 18:05:06 -0500":           "2025-04-09T18:05:06-05:00",
		"9 Apr 2025":                               "2025-04-09",
		"09-Apr-2025":                              "2025-04-09",
		"09-APR-2025 18:05":                        "2025-04-09T18:05:00Z",
		"April 9, 2025":                            "2025-04-09",
		"Apr  9 2025  6:05PM":                      "2025-04-09T18:05:00Z", // SQL Server
		"2025-04-09 18:05:06 UTC+1":                "2025-04-09T18:05:06+01:00",
		"Apr 9, 2025, 6:05:06 PM":                  "2025-04-09T18:05:06Z",
		"Apr 9, 2025, 6:05:06\u202fPM":             "2025-04-09T18:05:06Z",
		"2025/04/09":                               "2025-04-09",
		"2025/04/09 18:05:06":                      "2025-04-09T18:05:06Z",
		"2025-4-9":                                 "2025-04-09",
		"20250409T180506Z":                         "2025-04-09T18:05:06Z",
		"2025-04-09t18:05:06z":                     "2025-04-09T18:05:06Z",
		"2025-04-09 6:05 am":                       "2025-04-09T06:05:00Z",
		"2025-04-09 18:05:06,250":                  "2025-04-09T18:05:06.25Z",
		"4/9/2025 18:05 +0100":                     "2025-04-09T18:05:00+01:00",
		"1935-06-01 01:19:32+01:19:32":             "1935-06-01T00:00:00Z",
		"1890-01-01T00:00:00-00:44:30":             "1890-01-01T00:44:30Z",
		"2025-04-09 18:05:06 +2400":                "",
		"2025-04-09 18:05:06 CET":                  "",
		"2025-04-09 18:05:06 Europe/Berlin":        "",
		"2025-04-09 25:05":                         "",
		"2025-04-09 13:05 PM":                      "",
		"2025-04-09 18":                            "",
		"2025-04-09T":                              "",
		"9.4.2025":                                 "",
		"9-4-2025":                                 "",
		"19/4/2025":                                "",
		"4/9/25":                                   "",
		"20250409":                                 "",
		"1744221906":                               "", // in a text it may be anything
		"Apr 2025":                                 "",
		"30 Feb 2025":                              "",
		"0001-01-01 00:00:00+01:19:32":             "", // before the first year
	} {
		note := profile.Code("")
		if want == "" {
			note = profile.InvalidValue
		} else {
			want = `"` + want + `"`
		}
		checkValues(t, datetime(false), []valueCase{{false, text, want, note}})
	}
	for text, want := range map[string]string{
		"3/4/2026": "2026-04-03", "03/04/2026": "2026-04-03", "23/11/2026": "2026-11-23", "3.4.2026": "2026-04-03", "23-11-2026": "2026-11-23", "3/4/2026 18:05": "2026-04-03T18:05:00Z",
		"3.4.2026 18:05:06": "2026-04-03T18:05:06Z", "2026-11-23": "2026-11-23", "2026-11-23T06:00:00Z": "2026-11-23T06:00:00Z", "11/23/2026": "", "3/4-2026": "", "31/4/2026": "",
	} {
		note := profile.Code("")
		if want == "" {
			note = profile.InvalidValue
		} else {
			want = `"` + want + `"`
		}
		checkValues(t, datetime(true), []valueCase{{false, text, want, note}})
	}
	for text, want := range map[string]string{
		"1744221906": "2025-04-09T18:05:06Z", "1744221906000": "2025-04-09T18:05:06Z", "1744221906123": "2025-04-09T18:05:06.123Z", "1744221906.25": "2025-04-09T18:05:06.25Z",
		"1.744221906E9": "2025-04-09T18:05:06Z", "1744221906000000": "2025-04-09T18:05:06Z", "-1744221906": "1914-09-24T05:54:54Z",
		"1.744221906e12": "2025-04-09T18:05:06Z", "1744221906000.25": "2025-04-09T18:05:06.00025Z",
		// Birthdays in milliseconds and microseconds.
		"42681600000": "1971-05-10T00:00:00Z", "-42681600000": "1968-08-25T00:00:00Z", "94694400000": "1973-01-01T00:00:00Z", "42681600000000": "1971-05-10T00:00:00Z", "-42681600000000": "1968-08-25T00:00:00Z",
		"7299999999": "2201-04-30T17:46:39Z", "7300000000": "1970-03-26T11:46:40Z", "7299999999999": "2201-04-30T17:46:39.999Z", "7300000000000": "1970-03-26T11:46:40Z", "7299999999999999": "2201-04-30T17:46:39.999999Z", "7300000000000000": "",
		// Calendar times as numbers. Other numbers of their size are milliseconds of 1976.
		"20250409180506": "", "20250409180506.0": "", "20250409180506.123": "", "202504091805": "", "190001010000": "", "210012312359": "", "19000101000000": "",
		"202554091805": "1976-06-02T09:01:31.805Z", "202504092405": "1976-06-01T19:08:12.405Z", "-202504091805": "1963-08-02T04:51:48.195Z", "1744221906123.5": "2025-04-09T18:05:06.1235Z",
		"20250409": "", "45000": "", "0": "", "true": "", "1e300": "", "1744221906000000000": "",
	} {
		note := profile.Code("")
		if want == "" {
			note = profile.InvalidValue
		} else {
			want = `"` + want + `"`
		}
		checkValues(t, datetime(false), []valueCase{{true, text, want, note}})
	}
}

// Characters that nobody sees are taken off at either side of a value; in an address
// the reason names them.
func TestInvisibleCharacters(t *testing.T) {
	t.Parallel()
	invisible := map[string]string{
		"\u200b": "U+200B (zero-width space)", "\u200c": "U+200C (zero-width joiner)", "\u200d": "U+200D (zero-width joiner)", "\u200e": "U+200E (direction mark)", "\u200f": "U+200F (direction mark)",
		"\u202a": "U+202A (direction mark)", "\u202c": "U+202C (direction mark)", "\u2060": "U+2060 (word joiner)", "\u2066": "U+2066 (direction mark)", "\u2069": "U+2069 (direction mark)",
		"\u00ad": "U+00AD (soft hyphen)", "\ufeff": "U+FEFF (byte order mark)", "\u061c": "U+061C (direction mark)", "\u180e": "U+180E (invisible character)",
	}
	for c, name := range invisible {
		for _, address := range []string{c + email, email + c, c + " " + c + email + c + "\u00a0" + c, "<" + c + email + ">"} {
			out, _, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{address})
			if rejection != nil || out != `{"type":"profile","attributes":{"email":"ada@example.com"}}` {
				t.Errorf("%q becomes %s, %v", address, out, rejection)
			}
		}
		for _, address := range []string{"a" + c + "da@example.com", "ada" + c + "@example.com", "ada@" + c + "example.com", "ada@example" + c + ".com"} {
			if joins := c == "\u200c" || c == "\u200d"; joins && strings.Contains(address, "@example"+c) {
				continue
			}
			_, _, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{address})
			if rejection == nil || rejection.Code != profile.InvisibleInEmail || !strings.HasSuffix(rejection.Reason(), name) {
				t.Errorf("%q: %v", address, rejection)
			}
		}
		for _, m := range []profile.Mapping{{ExternalID: "x"}, {Attributes: map[string]string{"title": "x"}}, {Properties: map[string]profile.Property{"p": {Column: "p"}}}} {
			checkValues(t, m, []valueCase{{false, c + "A1" + c, `"A1"`, ""}, {true, `"` + c + "A1" + c + `"`, `"A1"`, ""}, {false, c, ``, ""}, {false, "A" + c + "1", `"A` + c + `1"`, ""}})
		}
		checkValues(t, profile.Mapping{PhoneNumber: "p"}, []valueCase{{false, c + "+34600111222" + c, `"+34600111222"`, ""}})
		checkValues(t, profile.Mapping{Properties: map[string]profile.Property{"p": {Column: "p", Type: profile.Number}}}, []valueCase{{false, c + "12.5" + c, `12.5`, ""}})
	}
	_, _, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{"ad\x00a@example.com"})
	if rejection == nil || rejection.Reason() != "the email address has an invisible character in it, U+0000 (control character)" {
		t.Errorf("a control character: %v", rejection)
	}
}

// The address in what people write is taken, with a remark; of several addresses none
// is.
func TestAddressInText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]profile.Code{
		"Ada Lovelace <ada@example.com>":            "",
		"<ADA@example.com>":                         "",
		`"Lovelace, Ada" <ada@example.com>`:         "",
		"mailto:ada@example.com":                    "",
		"MAILTO:ada@example.com?subject=Hi%20there": "",
		"<mailto:ada@example.com>":                  "",
		"mailto:ada%40example.com":                  "",
		`"ada@example.com"`:                         "",
		"ada@example.com;":                          "",
		"ada@example.com,":                          "",
		"ada@example.com (work)":                    "",
		"ada@example.com <ada@example.com>":         "",
		"ada@example.com; ADA@example.com":          "",
		"Zoë <ada@example.com>":                     "",
		"ada@example.com, bob@example.com":          profile.SeveralEmails,
		"ada@example.com;bob@example.com":           profile.SeveralEmails,
		"ada@example.com bob@example.com":           profile.SeveralEmails,
		"ada@example.com / bob@example.com":         profile.SeveralEmails,
		"ada@example.com|bob@example.com":           profile.SeveralEmails,
		"ada@example.com\nbob@example.com":          profile.SeveralEmails,
		"Ada <ada@example.com>, Bob <bob@x.org>":    profile.SeveralEmails,
		"bob@example.com <ada@example.com>":         profile.SeveralEmails,
		"mailto:ada@example.com,bob@example.com":    profile.SeveralEmails,
		"call ada@example.com":                      profile.InvalidEmail,
		"Ada <ada>":                                 profile.InvalidEmail,
		"Ada <>":                                    profile.InvalidEmail,
		"mailto:":                                   profile.InvalidEmail,
		"ada <at> example.com":                      profile.InvalidEmail,
		"ada@@example.com":                          profile.InvalidEmail,
	} {
		out, info, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{text})
		if want != "" {
			if rejection == nil || rejection.Code != want || rejection.Target.Name != "email" || strings.Contains(rejection.Reason(), "ada@") {
				t.Errorf("%q becomes %s, %v; want %s", text, out, rejection, want)
			}
			continue
		}
		if rejection != nil || out != `{"type":"profile","attributes":{"email":"ada@example.com"}}` || info.Email != profile.HashOf([]byte(email)) || !slices.Equal(noted(info), []string{"address_in_text of data_matching.email"}) {
			t.Errorf("%q becomes %s, %v, %q", text, out, rejection, noted(info))
		}
	}
}

// Addresses are found among the words of a row that cannot be split.
func TestHashesOfAddressesIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                                     nil,
		"Total rows: 12":                       nil,
		"ada@@example.com\n@example.com\nada@": nil,
		"Smith\n John\nADA@Example.com\ngold":  {"ada@example.com"},
		"\"ada@example.com\",\"x\"":            {"ada@example.com"},
		"ada@example.com;Bob <bob@x.org>;":     {"ada@example.com", "bob@x.org"},
		"caf\xe9\nada@example.com\n\xff@x.org": {"ada@example.com"},
		"info@b\u00fccher.example\n7":          {"info@xn--bcher-kva.example"},
	} {
		var hashes []profile.Hash
		for _, address := range want {
			hashes = append(hashes, profile.HashOf([]byte(address)))
		}
		if got := profile.HashesOfAddressesIn(text); !slices.Equal(got, hashes) {
			t.Errorf("%q has %d addresses, want those of %q", text, len(got), want)
		}
	}
	long := strings.Repeat("x ", 5000) + "ada@example.com"
	if got := profile.HashesOfAddressesIn(long); len(got) != 1 {
		t.Errorf("%d addresses in a long text", len(got))
	}
}

// Where numbers have a decimal comma, points group their digits.
func TestDecimalCommas(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{
		Email: "e", Location: map[string]string{"latitude": "l"},
		Properties: map[string]profile.Property{"n": {Column: "n", Type: profile.Number}, "s": {Column: "n", Type: profile.String}},
	}
	for text, want := range map[string]string{
		"1,5": "1.5", "-1,50": "-1.50", ",5": "0.5", "12": "12", "1.234,5": "1234.5", "1.234": "1234", "1.234.567": "1234567", "-12.345,00": "-12345.00", "1 234,5": "1234.5",
		"1\u00a0234,5": "1234.5", "1\u202f234,5": "1234.5", "1'234,5": "1234.5", "+1,5": "1.5", "1,5e3": "1.5e3",
		"1.5": "", "1.2345": "", "12.34,5": "", "1,2,3": "", "1234.567": "", "1.234.5": "", ",": "", "1,5.0": "", ".234": "", "a.234": "",
		"0.125": "", "-0.127": "", "+0.125": "", "0.125,5": "", "01.234": "", "0 125": "", "0,125": "0.125", "100.125": "100125",
	} {
		encoder := compile(t, m, nil)
		encoder.ReadDecimalCommas()
		out, info, rejection := appendTo(t, nil, encoder, []string{email, "", text})
		if rejection != nil {
			t.Fatal(rejection)
		}
		properties := decode(t, string(out)).group("properties")
		_, there := properties["n"]
		if written := strings.Contains(string(out), `"n":`+want+`,`); written != (want != "") || there != written || properties["s"] != text || (len(info.Notes) > 0) == written {
			t.Errorf("%q is written %s, %q; want %s", text, out, noted(info), want)
		}
	}
	encoder := compile(t, m, []bool{false, false, true})
	encoder.ReadDecimalCommas()
	out, _, _ := appendTo(t, nil, encoder, []string{email, "41,38", "1.5"})
	if want := `{"type":"profile","attributes":{"email":"ada@example.com","location":{"latitude":41.38},"properties":{"n":1.5,"s":"1.5"}}}`; string(out) != want {
		t.Errorf("a number of JSON, which has a point: %s, want %s", out, want)
	}
}

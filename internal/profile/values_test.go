package profile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func TestString(t *testing.T) {
	t.Parallel()
	checkProperty(t, profile.String, []value{
		{"x", `"x"`},
		{"  x y  ", `"x y"`},
		{"007", `"007"`},
		{"null", `"null"`},
		{"true", `"true"`},
		{"", ""},
		{"a\"b\\c\nd\re\tf\x01", `"a\"b\\c\nd\re\tf\u0001"`},
		{"<\u2028&>", "\"<\u2028&>\""},
	}, nil)
}

func TestNumber(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("1234567890", 30)
	checkProperty(t, profile.Number, []value{
		{"0", "0"},
		{"-0", "-0"},
		{"12", "12"},
		{"-3.50", "-3.50"},
		{" 12 ", "12"},
		{"", ""},
		{"1e5", "1e5"},
		{"1E+5", "1E+5"},
		{"1.5e-3", "1.5e-3"},
		{"0.1", "0.1"},
		{"0e0", "0e0"},
		// People write these, JSON does not.
		{"+1", "1"},
		{"007", "7"},
		{"-007", "-7"},
		{"00.5", "0.5"},
		{".5", "0.5"},
		{"-.5", "-0.5"},
		{"5.", "5"},
		{"+.5", "0.5"},
		{"1.e2", "1e2"},
		{"00", "0"},
		// No digit is lost.
		{"9007199254740993", "9007199254740993"},
		{digits, digits},
		{"0." + digits, "0." + digits},
		{"1e308", "1e308"},
		{"1e-400", "1e-400"},
	}, []string{
		"Inf", "+Inf", "-inf", "Infinity", "0x10", "0X1p4", "0b1", "1_000", "1,000", "1,5", "1 000", "$5", "5%", "5 kg", "twelve",
		"-", "+", ".", "e", "e5", "1e", "1e+", "--1", "+-1", "1.2.3", "1-2", "1e5.5", "٣", "1e400", "-1e400", "1" + strings.Repeat("0", 309), "true",
	})
}

// Account numbers may exceed the precision of floating-point numbers, and must
// still be sent unchanged.
func TestNumberKeepsDigitsWhenItDropsSignOrZeros(t *testing.T) {
	t.Parallel()
	checkProperty(t, profile.Number, []value{
		{"+9007199254740993", "9007199254740993"},
		{"0012345678901234567", "12345678901234567"},
		{"-009007199254740993.10", "-9007199254740993.10"},
		{".12345678901234567890", "0.12345678901234567890"},
	}, nil)
}

func TestBoolean(t *testing.T) {
	t.Parallel()
	var accepted []value
	for _, text := range []string{"true", "TRUE", "True", "t", "T", "yes", "Yes", "y", "1", " yes "} {
		accepted = append(accepted, value{text, "true"})
	}
	for _, text := range []string{"false", "FALSE", "f", "no", "No", "n", "0"} {
		accepted = append(accepted, value{text, "false"})
	}
	checkProperty(t, profile.Boolean, accepted, []string{"on", "off", "2", "-1", "01", "0.0", "ja", "truefalse", "x"})
}

func TestDatetime(t *testing.T) {
	t.Parallel()
	var accepted []value
	for text, want := range map[string]string{
		"2026-11-23":                   "2026-11-23",
		"11/23/2026":                   "2026-11-23",
		"1/2/2026":                     "2026-01-02",
		"01/02/2026":                   "2026-01-02",
		"2024-02-29":                   "2024-02-29",
		"0001-01-01":                   "0001-01-01",
		"2026-11-23T06:00:00Z":         "2026-11-23T06:00:00Z",
		"2026-11-23T06:00:00+02:00":    "2026-11-23T06:00:00+02:00",
		"2026-11-23T06:00:00-03:30":    "2026-11-23T06:00:00-03:30",
		"2026-11-23T06:00:00.1234567Z": "2026-11-23T06:00:00.1234567Z",
		"2026-11-23T06:00:00.000Z":     "2026-11-23T06:00:00Z",
		"2026-11-23 06:00:00Z":         "2026-11-23T06:00:00Z",
		"2026-11-23 06:00:00.5+02:00":  "2026-11-23T06:00:00.5+02:00",
		"2026-11-23 06:00:00+00":       "2026-11-23T06:00:00Z",
		"2026-11-23 06:00:00.25-08":    "2026-11-23T06:00:00.25-08:00",
		"2026-11-23 06:00:00":          "2026-11-23T06:00:00Z",
		"2026-11-23 06:00:00.123456":   "2026-11-23T06:00:00.123456Z",
		"2026-11-23T06:00:00":          "2026-11-23T06:00:00Z",
		"2026-11-23T06:00:00.9":        "2026-11-23T06:00:00.9Z",
		"2026-11-23 06:05":             "2026-11-23T06:05:00Z",
		"2026-11-23T06:05":             "2026-11-23T06:05:00Z",
		"11/23/2026 18:05":             "2026-11-23T18:05:00Z",
		"11/23/2026 18:05:06":          "2026-11-23T18:05:06Z",
		"11/23/2026 6:05 PM":           "2026-11-23T18:05:00Z",
		"11/23/2026 12:05 AM":          "2026-11-23T00:05:00Z",
		"11/23/2026 6:05:06 PM":        "2026-11-23T18:05:06Z",
	} {
		accepted = append(accepted, value{text, `"` + want + `"`})
	}
	checkProperty(t, profile.Datetime, accepted, []string{
		"23/11/2026", "2026-13-01", "2026-02-30", "2023-02-29", "0000-01-01", "20261123", "11/23/26", "23.11.2026", "23-11-2026",
		"2026-11-23T24:00:00Z", "2026-11-23T06:60:00Z", "1767225600", "today", "06:00", "2026-11-23T06:00:00Z tomorrow", "-2026-1-2",
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	checkProperty(t, profile.List, []value{
		{"a", `["a"]`},
		{"a;b", `["a","b"]`},
		{" a ; b c ;; ", `["a","b c"]`},
		{`a"b;c\`, `["a\"b","c\\"]`},
		{"1;2", `["1","2"]`},
		{"a,b", `["a,b"]`},
		{`["a", 1, true, null, {"k": []}]`, `["a",1,true,null,{"k":[]}]`},
		{"[]", "[]"},
		{" [ 1 ] ", "[1]"},
		{`{"a":1}`, `["{\"a\":1}"]`},
		{"", ""},
	}, []string{"[", "[a]", `["a"`, `["a",]`, `["a"];b`, "[1] [2]", "['a']"})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	checkProperty(t, profile.JSON, []value{
		{`{"a": 1, "b": [true, null, "x"]}`, `{"a":1,"b":[true,null,"x"]}`},
		{`{ }`, `{}`},
		{"[\n1,\r\n\t2 ]", "[1,2]"},
		{`"text"`, `"text"`},
		{`"a b"`, `"a b"`},
		{"12.50", "12.50"},
		{"true", "true"},
		{"-0", "-0"},
		{deep, deep},
		{`{"a":null}`, `{"a":null}`},
		{"[null]", "[null]"},
		{`"null"`, `"null"`},
		{`"<\u2028>"`, `"<\u2028>"`},
		{"null", ""},
		{" null ", ""},
		{"", ""},
		{`"\ud83d\ude00"`, `"\ud83d\ude00"`},
		{`"\ud800"`, `"\ufffd"`},
		{`"\uDFff x"`, `"\ufffd x"`},
		{`"\ud83d\ud83d\ude00"`, `"\ufffd\ud83d\ude00"`},
		{`"\ud83d\ude00\ude00"`, `"\ud83d\ude00\ufffd"`},
		{`"\ud83dA\ude00"`, `"\ufffdA\ufffd"`},
		{`["\ud83d","\ude00"]`, `["\ufffd","\ufffd"]`},
		{`"\\ud800"`, `"\\ud800"`}, // a backslash and text
		{`"\n\ud7ff\ue000"`, `"\n\ud7ff\ue000"`},
		{`{"e":1e308,"x":-2E-400}`, `{"e":1e308,"x":-2E-400}`},
	}, []string{
		"1e309", `{"a":[1,-1e999]}`, "[1" + strings.Repeat("0", 400) + "]",
		"{", "}", "{a:1}", "{'a':1}", `{"a":1,}`, `{"a":1}}`, "[1,]", "text", "nul", "1 2", "+1", "007", ".5", "\"a\nb\"", `"\x"`,
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	})
}

func TestDroppedAttributes(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{
		Email: "e", Attributes: map[string]string{"locale": "locale"}, Location: map[string]string{"latitude": "latitude", "longitude": "longitude"},
	}
	columns := []string{"e", "locale", "latitude", "longitude"}
	for _, tc := range []struct {
		column  string
		accepts []value
		drops   []string
	}{
		{
			"locale",
			[]value{{"en", `"en"`}, {"en-US", `"en-US"`}, {"en_US", `"en-US"`}, {"EN-us", `"en-US"`}, {"zh-hant-tw", `"zh-Hant-TW"`}, {"de-DE-1996", `"de-DE-1996"`}},
			[]string{"english", "xx-YY", "e", "C", "en-", "fr_FR.UTF-8", "?", "\x00"},
		},
		{
			"latitude",
			[]value{{"0", "0"}, {"90", "90"}, {"-90", "-90"}, {"41.385063", "41.385063"}, {"+41.5", "41.5"}, {"-.5", "-0.5"}},
			[]string{"90.0001", "-91", "41,38", "41° N", "Inf", "0x10", "x", "1e400"},
		},
		{
			"longitude",
			[]value{{"180", "180"}, {"-180.0", "-180.0"}, {"2.173404", "2.173404"}},
			[]string{"180.0001", "-181", "x"},
		},
	} {
		t.Run(tc.column, func(t *testing.T) {
			t.Parallel()
			at := slices.Index(columns, tc.column)
			write := func(text string) (string, []string) {
				row := make([]string, len(columns))
				row[0], row[at] = email, text
				out, info, rejection := encode(t, m, columns, row)
				if rejection != nil {
					t.Fatalf("%q costs the profile its export: %v", text, rejection)
				}
				decode(t, out)
				_, written, _ := strings.Cut(out, `"`+tc.column+`":`)
				return strings.TrimRight(written, "}"), noted(info)
			}
			for _, v := range tc.accepts {
				if got, dropped := write(v.text); got != v.want || dropped != nil {
					t.Errorf("%q is written %s, dropped %v; want %s", v.text, got, dropped, v.want)
				}
			}
			for _, text := range tc.drops {
				if got, dropped := write(text); got != "" || len(dropped) != 1 || !strings.HasSuffix(dropped[0], tc.column) {
					t.Errorf("%q is written %s, dropped %v", text, got, dropped)
				}
			}
		})
	}
}

func TestParseType(t *testing.T) {
	t.Parallel()
	names := profile.TypeNames()
	if want := []string{"string", "number", "boolean", "datetime", "list", "json"}; !slices.Equal(names, want) {
		t.Errorf("types %q, want %q", names, want)
	}
	for _, name := range names {
		if kind, ok := profile.ParseType(name); !ok || profile.TypeNames()[kind-profile.String] != name {
			t.Errorf("%s is %v, %v", name, kind, ok)
		}
	}
	for _, name := range []string{"", "String", "int", "email"} {
		if _, ok := profile.ParseType(name); ok {
			t.Errorf("%q is taken for a type", name)
		}
	}
}

package profile_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func TestGivesConsent(t *testing.T) {
	t.Parallel()
	yes := []string{
		"true", "yes", "y", "1", "t", "on", "subscribed", "opt-in", "TRUE", "True", "YES", "Y", "T", "On", "Subscribed", "SUBSCRIBED", "Opt-In", "OPT-IN",
		" yes", "yes\t", "\r\n1 ", "\u00a0true\u2003", "\u200byes", "\ufeffyes", // what cannot be seen is not part of a value
		"'1", "'1'", `="yes"`, // as spreadsheets protect a text
	}
	no := []string{
		"", " ", "false", "no", "n", "0", "f", "off", "unsubscribed", "opt-out", "never_subscribed", "2", "-1", "+1", "01", "1.0", "11", "null", "NULL", "NaN",
		"yes!", "y e s", "yes yes", "true;false", "yes,no", "opt in", "optin", "opt_in", "opted-in", "subscribe", "subscribed ?", "ja", "sí", "oui", "ok", "x",
		"ſubscribed", "yeſ", "ｙｅｓ", "１", "ŷ", "yes\x00", "\xff", "y\xe9", "{}", "[]", "[true]", `"yes"`, strings.Repeat("y", 1000),
	}
	for want, cells := range map[bool][]string{true: yes, false: no} {
		for _, cell := range cells {
			if got := profile.GivesConsent(cell, false); got != want {
				t.Errorf("%q: %v", cell, got)
			}
			quoted, err := json.Marshal(cell)
			if err != nil {
				t.Fatal(err)
			}
			if got := profile.GivesConsent(string(quoted), true); got != want {
				t.Errorf("the JSON text %s: %v", quoted, got)
			}
		}
	}
	for cell, want := range map[string]bool{
		"true": true, "\ttrue\n": true, "1": true, "1.0": true, "1.00": true, `"1"`: true, `"\u0079es"`: true,
		"": false, "false": false, "null": false, "0": false, "0.0": false, "-1": false, "1.01": false, "10": false, "2": false, "0.1": false, "100": false, "1e1": false,
		"[true]": false, "[1]": false, `{"consent":true}`: false, `""`: false, `"no"`: false, `"1.0"`: false, "yes": false, "TRUE": false, "{": false, `"yes`: false,
	} {
		if got := profile.GivesConsent(cell, true); got != want {
			t.Errorf("the JSON %s: %v", cell, got)
		}
	}
}

func TestConsentWords(t *testing.T) {
	t.Parallel()
	words := profile.ConsentWords()
	if want := []string{"true", "yes", "y", "1", "t", "on", "subscribed", "opt-in"}; !slices.Equal(words, want) {
		t.Errorf("words %q, want %q", words, want)
	}
	words[0] = "no"
	if profile.GivesConsent("no", false) || !profile.GivesConsent("true", false) {
		t.Error("the words can be changed from outside")
	}
}

var consentNow = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func TestReadConsentTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-23T06:00:00Z":            "2026-11-23T06:00:00Z",
		" 2026-11-23T06:00:00Z\n":         "2026-11-23T06:00:00Z",
		"2026-11-23T06:00:00.123456Z":     "2026-11-23T06:00:00.123456Z",
		"2026-11-23T06:00:00+02:00":       "2026-11-23T04:00:00Z",
		"2026-11-23T06:00:00-03:30":       "2026-11-23T09:30:00Z",
		"2026-11-23T06:00:00.000+0200":    "2026-11-23T04:00:00Z",
		"2026-11-23T06:00:00+02":          "2026-11-23T04:00:00Z",
		"2026-11-23T06:00Z":               "2026-11-23T06:00:00Z",
		"2026-11-23 06:00:00Z":            "2026-11-23T06:00:00Z",
		"2026-11-23 06:00:00+02":          "2026-11-23T04:00:00Z",
		"2026-11-23 06:00:00.25-08:00":    "2026-11-23T14:00:00.25Z",
		"2026-11-23 06:00:00.0000 +02:00": "2026-11-23T04:00:00Z",
		"2026-11-23 06:00:00.000 +0200":   "2026-11-23T04:00:00Z",
		"2026-11-23 06:00:00 UTC":         "2026-11-23T06:00:00Z",
		"Mon, 23 Nov 2026 06:00:00 GMT":   "2026-11-23T06:00:00Z",
		"Mon, 23 Nov 2026 06:00:00 +0200": "2026-11-23T04:00:00Z",
		"2026-11-27T11:59:59Z":            "2026-11-27T11:59:59Z",
		"1971-01-01T00:00:00Z":            "1971-01-01T00:00:00Z",
		"20261123T060000Z":                "2026-11-23T06:00:00Z",
		"2026/11/23 06:00:00 -0330":       "2026-11-23T09:30:00Z",
		"2026-11-23T06:00:00+2":           "2026-11-23T04:00:00Z",
		"2026-11-23 06:00:00 UTC+1":       "2026-11-23T05:00:00Z",
		"2026-11-23 06:00:00+01:19:32":    "2026-11-23T04:40:28Z",
		"Nov 23, 2026 6:05 PM GMT":        "2026-11-23T18:05:00Z",
		"23 Nov 2026 06:00 +0100":         "2026-11-23T05:00:00Z",
		"2026-11-23T01:00:00.1234567891Z": "2026-11-23T01:00:00.123456789Z",
		"2026/11/23":                      "day 2026-11-23T00:00:00Z",
		"Nov 23, 2026":                    "day 2026-11-23T00:00:00Z",
		"2026-11-23":                      "day 2026-11-23T00:00:00Z",
		"2024-02-29":                      "day 2024-02-29T00:00:00Z",
		"2026-11-27":                      "day 2026-11-27T00:00:00Z",
	} {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for cell, isJSON := range map[string]bool{text: false, string(quoted): true} {
			got, fault := profile.ReadConsentTime(cell, isJSON, consentNow)
			shown := got.At.Format(time.RFC3339Nano)
			if got.Day {
				shown = "day " + shown
			}
			if shown != want || fault != "" {
				t.Errorf("%q (JSON: %v) is %s (%s), want %s", cell, isJSON, shown, fault, want)
			}
		}
	}
}

// Numbers are points in time by their size, as in a property of the type datetime.
func TestReadConsentTimeOfNumbers(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"1767225600": "2026-01-01T00:00:00Z", "1767225600000": "2026-01-01T00:00:00Z", "1767225600.5": "2026-01-01T00:00:00.5Z", "1767225600000000": "2026-01-01T00:00:00Z",
	} {
		if got, fault := profile.ReadConsentTime(cell, true, consentNow); fault != "" || got.Day || got.At.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is %v (%s), want %s", cell, got, fault, want)
		}
	}
}

func TestReadConsentTimeRefuses(t *testing.T) {
	t.Parallel()
	for fault, texts := range map[profile.ConsentFault][]string{
		profile.ConsentUndated: {"", " \t"},
		profile.ConsentNoDate: {
			"yesterday", "yes", "2026-02-30", "2023-02-29", "2026-13-01", "2026-11-23T24:00:00Z", "2026-11-23T06:60:00Z", "2026-11-23T06:00:00Z tomorrow", "23.11.2026",
			"2026-11-23 06:00:00 CET", "2026-11-23 06:00:00 EST", "2026-11", "2026-W48-1", "06:00:00Z", "\xff", "/", "1/", "1/2",
		},
		profile.ConsentAmbiguous: {
			"2026-11-23T06:00:00", "2026-11-23 06:00:00", "2026-11-23T06:00", "2026-11-23 06:05", "2026-11-23 06:00:00.123",
			"11/23/2026", "01/02/2026", "23/11/2026", "1/2/26", "11/23/2026 18:05", "11/23/2026 6:05 PM", "1767225600", "1767225600000", "20261123", "45986.5", "11/23/2026 06:00:00Z", "Nov 23, 2026 06:00", "20261123T060000",
		},
		profile.ConsentTooEarly: {"0001-01-01T00:00:00Z", "0000-01-01", "1900-01-01", "1970-01-01T00:00:00Z", "1970-12-31"},
		profile.ConsentInFuture: {"2026-11-27T12:00:00Z", "2026-11-27T13:00:00+00:30", "2026-11-28", "9999-12-31", "9999-12-31T23:59:59.999Z"},
	} {
		for _, text := range texts {
			if got, found := profile.ReadConsentTime(text, false, consentNow); found != fault || got != (profile.ConsentTime{}) {
				t.Errorf("%q is %v (%q), want %q", text, got, found, fault)
			}
		}
	}
	for cell, want := range map[string]profile.ConsentFault{
		"null": profile.ConsentUndated, `""`: profile.ConsentUndated, `" "`: profile.ConsentUndated, "20261123": profile.ConsentAmbiguous, "45986": profile.ConsentAmbiguous, "4102444800": profile.ConsentInFuture, "17672256000": profile.ConsentTooEarly, "20250409180506": profile.ConsentAmbiguous, "202504091805": profile.ConsentAmbiguous, "true": profile.ConsentNoDate,
		"[]": profile.ConsentNoDate, `{"at":1}`: profile.ConsentNoDate, `"yesterday"`: profile.ConsentNoDate, `"2026-11-23 06:00:00"`: profile.ConsentAmbiguous, "2026-11-23": profile.ConsentNoDate,
	} {
		if _, fault := profile.ReadConsentTime(cell, true, consentNow); fault != want {
			t.Errorf("the JSON %s: %q, want %q", cell, fault, want)
		}
	}
}

func TestConsentFaultsInWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, fault := range []profile.ConsentFault{
		profile.ConsentUndated, profile.ConsentNoDate, profile.ConsentAmbiguous, profile.ConsentTooEarly, profile.ConsentInFuture,
	} {
		reason := fault.Reason()
		if seen[reason] || !strings.HasPrefix(reason, "the date of the consent ") || strings.Contains(reason, string(fault)) {
			t.Errorf("%s is %q", fault, reason)
		}
		seen[reason] = true
	}
	if got := profile.ConsentFault("new").Reason(); got != "new" {
		t.Errorf("reason %q", got)
	}
}

// Compared with an opt-out, a day counts from where on earth it begins first.
func TestEarliestConsent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"2026-11-23": "2026-11-22T10:00:00Z", "2026-11-23T00:00:00+14:00": "2026-11-22T10:00:00Z", "2026-11-23T00:00:00Z": "2026-11-23T00:00:00Z"} {
		got, _ := profile.ReadConsentTime(text, false, consentNow)
		if shown := got.Earliest().Format(time.RFC3339); shown != want {
			t.Errorf("%s is %s at the earliest, want %s", text, shown, want)
		}
	}
}

// FuzzConsent holds the readers of consent to their contract: no cell makes them
// panic, only the listed words and the number 1 say yes, and a date of use is in the
// past and reads the same when it is written again.
func FuzzConsent(f *testing.F) {
	for _, cell := range append(profile.ConsentWords(), "", "1.0", `"yes"`, "null", "2026-11-23", "2026-11-23 06:00:00+02", `"2026-11-23T06:00:00Z"`, "11/23/2026", "1e400", "[", `"\ud800"`, "\xff", "ſ") {
		f.Add(cell, false)
		f.Add(cell, true)
	}
	f.Add("'     1", false)
	f.Add("'1'", false)
	f.Add(`="yes"`, false)
	f.Fuzz(func(t *testing.T, cell string, isJSON bool) {
		if isJSON && !json.Valid([]byte(cell)) {
			isJSON = false // no source yields it
		}
		if profile.GivesConsent(cell, isJSON) && !saysYes(cell, isJSON) {
			t.Errorf("%q (JSON: %v) says yes", cell, isJSON)
		}
		got, fault := profile.ReadConsentTime(cell, isJSON, consentNow)
		if fault != "" {
			if got != (profile.ConsentTime{}) || fault.Reason() == string(fault) {
				t.Errorf("%q: %v with the fault %q", cell, got, fault)
			}
			return
		}
		if !got.At.Before(consentNow) || got.At.Year() < 1971 || got.Earliest().After(got.At) || got.At.Location() != time.UTC {
			t.Errorf("%q is %v", cell, got)
		}
		if again, fault := profile.ReadConsentTime(got.At.Format(time.RFC3339Nano), false, consentNow); fault != "" || !again.At.Equal(got.At) {
			t.Errorf("%q is %v, and then %v (%s)", cell, got, again, fault)
		}
	})
}

// saysYes is what GivesConsent promises, the slow way.
func saysYes(cell string, isJSON bool) bool {
	word := strings.TrimSpace(cell)
	if isJSON {
		var value any
		_ = json.Unmarshal([]byte(cell), &value) // it is valid
		if value == 1.0 || value == true {
			return true
		}
		word, _ = value.(string)
	}
	word = trimmed(word)
	if inner, ok := strings.CutPrefix(word, "'"); ok { // as spreadsheets protect a text
		word = strings.TrimSuffix(inner, "'")
	} else if inner, ok := strings.CutPrefix(word, `="`); ok {
		word = strings.TrimSuffix(inner, `"`)
	}
	return slices.Contains(profile.ConsentWords(), strings.ToLower(trimmed(word)))
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile/phone"
)

// library returns the result of the library: a number in E.164 form, empty if it
// does not exist.
func library(text, region string) string {
	n, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}

// check compares the parser of a region, and its fast path, with the library. It
// returns the number, and whether the fast path took it.
func check(t *testing.T, parser *phone.Parser, text, region string) (number string, sure bool) {
	t.Helper()
	want := phone.Invalid
	read, second := withoutWords(text, region)
	if number = library(read, region); number != "" && !second {
		want = phone.Valid
	} else {
		number = ""
	}
	got, verdict := parser.Append(nil, text)
	if string(got) != number || verdict != want {
		coded := withCode(read, region)
		if second {
			coded = ""
		}
		switch {
		case coded == "" || coded == number:
			t.Errorf("%q from %q is %q, %d; the library says %q", text, region, got, verdict, number)
		case verdict == phone.Ambiguous && number != "" && len(got) == 0:
		case verdict == phone.Valid && string(got) == coded && (number == "" || isMobile(coded) && !isMobile(number)):
		default:
			t.Errorf("%q from %q is %q, %d; the library says %q, and behind the calling code %q", text, region, got, verdict, number, coded)
		}
	}
	_, fast := parser.AppendPlain(nil, text) // Append comes to the same, since it asks the fast path first
	return string(got), fast != phone.Unsure
}

// withCode returns the number of a text that begins with the calling code of the
// region without a plus sign, as the library reads it with one; empty if it is
// none. The library prefers a national number, even one that does not exist.
func withCode(text, region string) string {
	n, err := phonenumbers.Parse(text, region)
	if err != nil || strings.ContainsAny(text, "+\uFF0B") || int(n.GetCountryCode()) != phonenumbers.GetCountryCodeForRegion(region) {
		return ""
	}
	code := fmt.Sprint(n.GetCountryCode())
	rest, ok := strings.CutPrefix(phonenumbers.GetNationalSignificantNumber(n), code)
	if !ok {
		return ""
	}
	main := phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))
	return library(rest, main)
}

// The texts that the parser reads otherwise than the library, which takes each letter
// for a digit and joins all digits.
var (
	secondX     = regexp.MustCompile(`[\\/] *x`)
	parameter   = regexp.MustCompile(`;(ext|isub|phone-context)=`)
	mark        = regexp.MustCompile(`/|[a-zA-Zſ]+`) // what may be between two numbers
	latinDigits = strings.NewReplacer("１", "1", "٢", "2", "۵", "5", "６", "6", "０", "0", "٦", "6", "٠", "0")
	letters     = regexp.MustCompile(`[a-zA-Zſ]+`)
)

// withoutWords returns the text of which the library is to read what the parser reads
// of a text: the parser takes letters for digits only if there is no number without
// them. second reports that more digits follow a word or a slash behind a number, of
// which the parser takes none.
func withoutWords(text, region string) (read string, second bool) {
	text = latinDigits.Replace(text) // the library drops other digits beside letters
	written, parameters := text, ""
	n, err := phonenumbers.Parse(text, region)
	if errors.Is(err, phonenumbers.ErrNotANumber) {
		return text, false
	}
	if at := parameter.FindStringIndex(written); at != nil {
		written, parameters = written[:at[0]], written[at[0]:]
	}
	if at := secondX.FindStringIndex(written); at != nil && !strings.Contains(parameters, "phone-context") {
		written = written[:at[0]]
	}
	if digits, ok := strings.CutSuffix(strings.TrimRight(written, "#!] \n\u200b"), n.GetExtension()); ok && err == nil {
		written = strings.TrimRight(digits, "#~,;.:- добón")
	}
	if strings.ContainsAny(written, "१२") {
		return text, true
	}
	exists := func(text string) bool {
		return library(text+parameters, region) != "" || withCode(text+parameters, region) != ""
	}
	for _, at := range mark.FindAllStringIndex(written, -1) {
		head, _ := withoutLetters(written[:at[0]], exists)
		if exists(head) && strings.ContainsFunc(written[at[0]:], unicode.IsDigit) {
			return text, true
		}
	}
	if plain, ok := withoutLetters(written, exists); ok {
		return plain + parameters, false
	}
	return text, false
}

// withoutLetters takes the letters out of a text if a number remains.
func withoutLetters(text string, exists func(string) bool) (plain string, ok bool) {
	if plain = letters.ReplaceAllString(text, ""); plain != text && exists(plain) {
		return plain, true
	}
	return text, false
}

func isMobile(number string) bool {
	n, err := phonenumbers.Parse(number, "")
	return err == nil && phonenumbers.GetNumberType(n) == phonenumbers.MOBILE
}

func regions() []string {
	return slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))
}

func TestNumbersOfEveryRegion(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	const each = 400
	valid, sure := 0, 0
	for _, region := range regions() {
		parser := phone.NewParser(region)
		validHere := 0
		for range each {
			number, fast := check(t, &parser, randomNumber(r, region), region)
			if number != "" {
				validHere++
			}
			if fast {
				sure++
			}
		}
		if validHere < each/20 {
			t.Errorf("%s: only %d numbers of %d exist, too few to compare", region, validHere, each)
		}
		valid += validHere
	}
	total := each * len(regions())
	if valid < total/3 || valid > total*2/3 || sure < total/4 {
		t.Errorf("of %d numbers %d exist and the fast path is sure of %d", total, valid, sure)
	}
}

// Numbers of one region that are dialled in another, or without a region.
func TestNumbersFromElsewhere(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	all := regions()
	from := append(slices.Clone(all), "", "XX", "001", "ZZ")
	for _, region := range from {
		parser := phone.NewParser(region)
		for range 100 {
			check(t, &parser, randomNumber(r, all[r.IntN(len(all))]), region)
		}
		for code := range phonenumbers.GetSupportedGlobalNetworkCallingCodes() {
			check(t, &parser, "+"+fmt.Sprint(code)+exampleOf(r, phonenumbers.GetExampleNumberForNonGeoEntity(code)), region)
		}
	}
}

// Texts that are only partly numbers, and unusual notations.
func TestNotations(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	pieces := []string{
		"+", "＋", "0", "00", "011", "8", "~", "34", "+34", "600111222", "600 111", "2125550123", "(212)", "1-800-", "FLOWERS", "abc", "x", "X", "x12", " ext. 5",
		"ext", " extension 12", " extensión 3", "доб 7", "anexo 9", ";ext=12", ";isub=12", "tel:", ";phone-context=", ";phone-context=+34", ";phone-context=example.com",
		"/", "\\", " ", "-", ".", "#", "*", ",", ",,5", ";", "６００", "٦٠٠", "१२", "ſ", "\u00a0", "\u200b", "int 4", "~5", "\n", "é", "12345678901234567890",
	}
	for range 40_000 {
		var text strings.Builder
		for range 1 + r.IntN(6) {
			text.WriteString(pieces[r.IntN(len(pieces))])
		}
		region := []string{"ES", "US", "RU", "AG", "AR", "BR", "IT", ""}[r.IntN(8)]
		parser := phone.NewParser(region)
		check(t, &parser, text.String(), region)
	}
	decorations := []string{"%s", " %s", "tel:%s", "call %s", "%s x12", "%s ext 12", "%s#", "%s, 7", "%s;ext=7", "%s / x9", "%s!", "(%s", "%s;isub=1", "%s doors", "[%s]", "%s/", "%s;phone-context=+1", "++%s", "+00%s", "+0%s"}
	all := regions()
	for range 40_000 {
		region := all[r.IntN(len(all))]
		parser := phone.NewParser(region)
		text := randomNumber(r, region)
		if r.IntN(4) == 0 {
			text = strings.NewReplacer("1", "１", "2", "٢", "5", "۵", "7", "P", "3", "d", "4", "G").Replace(text)
		}
		check(t, &parser, fmt.Sprintf(decorations[r.IntN(len(decorations))], text), region)
	}
}

func TestRegions(t *testing.T) {
	t.Parallel()
	for a := range 26 * 26 {
		region := string([]byte{byte('A' + a/26), byte('A' + a%26)})
		if got, want := phone.Known(region), phonenumbers.GetCountryCodeForRegion(region) != 0; got != want {
			t.Errorf("%s is known: %t, want %t", region, got, want)
		}
	}
	r := rand.New(rand.NewPCG(10, 10))
	for _, region := range regions() {
		for range 300 {
			number := "+" + fmt.Sprint(phonenumbers.GetCountryCodeForRegion(region)) + nationalNumber(r, region)
			want := phone.Region{}
			if n, err := phonenumbers.Parse(number, ""); err == nil {
				if name := phonenumbers.GetRegionCodeForNumber(n); name != "" {
					want = phone.Region{Code: fmt.Sprintf("+%d", n.GetCountryCode()), Name: name}
				}
			}
			got, ok := phone.RegionOf([]byte(number))
			if want == (phone.Region{}) && ok && len(phonenumbers.GetRegionCodesForCountryCode(phonenumbers.GetCountryCodeForRegion(region))) == 1 {
				continue // too short for the library; the code has one region only
			}
			if got != want || ok != (want != phone.Region{}) {
				t.Errorf("%s is of %+v, %t, want %+v", number, got, ok, want)
			}
		}
	}
}

func TestGeneratedFileIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../internal/profile/phone/plans.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("internal/profile/phone/plans.go differs from the library's metadata. Run make generate.")
	}
}

// randomNumber returns a number of the region, which may not exist, in one of the
// usual notations.
func randomNumber(r *rand.Rand, region string) string {
	code := fmt.Sprint(phonenumbers.GetCountryCodeForRegion(region))
	national := phonenumbers.GetNddPrefixForRegion(region, true)
	s := nationalNumber(r, region)
	s = []string{s, national + s, "+" + code + s, code + s, "00" + code + s, "011" + code + s, "+" + code + " " + national + s, code + national + s}[r.IntN(8)]
	if at := r.IntN(len(s)-1) + 1; s[at-1] != '+' {
		s = s[:at] + []string{"-", " ", ".", ") ", "/", ""}[r.IntN(6)] + s[at:]
	}
	return strings.Repeat("(", r.IntN(2)) + s + []string{"", "", "", "x12"}[r.IntN(4)]
}

// nationalNumber returns a national number that is valid, nearly valid, too short,
// too long, or random.
func nationalNumber(r *rand.Rand, region string) string {
	if r.IntN(10) == 0 {
		digits := make([]byte, 2+r.IntN(19))
		for i := range digits {
			digits[i] = byte('0' + r.IntN(10))
		}
		return string(digits)
	}
	types := []phonenumbers.PhoneNumberType{
		phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST,
		phonenumbers.VOIP, phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER, phonenumbers.UAN, phonenumbers.VOICEMAIL,
	}
	example := phonenumbers.GetExampleNumberForType(region, types[r.IntN(len(types))])
	if example == nil {
		example = phonenumbers.GetExampleNumber(region)
	}
	return exampleOf(r, example)
}

// exampleOf changes some digits of a number.
func exampleOf(r *rand.Rand, example *phonenumbers.PhoneNumber) string {
	digits := []byte(phonenumbers.GetNationalSignificantNumber(example))
	for range r.IntN(3) {
		digits[len(digits)-1-r.IntN(min(len(digits), 3+r.IntN(8)))] = byte('0' + r.IntN(10))
	}
	switch r.IntN(12) {
	case 0:
		digits = digits[:len(digits)-1-r.IntN(min(3, len(digits)-2))]
	case 1:
		digits = append(digits, byte('0'+r.IntN(10)))
	}
	return string(digits)
}

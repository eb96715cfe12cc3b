package phone

import "testing"

// What stands behind a whole number is no part of it: a word is left out, and with a
// second number nobody knows which one is meant. Letters are digits only where the
// digits alone are no number.
func TestTextBehindANumber(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, region, want string }{
		{"+49 30 123456 privat", "", "+4930123456"},
		{"+49 30 123456privat", "DE", "+4930123456"},
		{"030/123456 (abends)", "DE", "+4930123456"},
		{"030 123456 / privat", "DE", "+4930123456"},
		{"030 123456/", "DE", "+4930123456"},
		{"06 12345 casa", "IT", "+390612345"},
		{"06 69812345 casa", "IT", "+390669812345"},
		{"600 111 222 home", "ES", "+34600111222"},
		{"1-800-FLOWERS", "US", "+18003569377"},
		{"1-800-GO-FEDEX", "US", "+18004633339"},
		{"0800 BUCHBAR", "DE", "+498002824227"},
		{"030/123456", "DE", "+4930123456"},
		{"04421/12345", "DE", "+49442112345"},
		{"+49/30/123456", "", "+4930123456"},
		{"01/5122334", "AT", "+4315122334"},
		{"030 123456 ext. 12", "DE", "+4930123456"},
		{"030 123456 / x12", "DE", "+4930123456"},
		{"0171 Handy 1234567", "DE", "+491711234567"},

		{"030 12345 u. 12346", "DE", ""},
		{"030 12345 und 12346", "DE", ""},
		{"04421 12345/12346", "DE", ""},
		{"030 123456/57", "DE", ""},
		{"030 123456 \uff0f 57", "DE", ""},
		{"030/123456/57", "DE", ""},
		{"+49 30 123456 x5 privat", "DE", ""},
		{"021-1234567/8", "ID", ""},
		{"0800 BUCHBAR/12", "DE", ""},
	} {
		parser := NewParser(tc.region)
		got, verdict := parser.Append(nil, tc.text)
		if string(got) != tc.want || (verdict == Valid) != (tc.want != "") {
			t.Errorf("%q in %q is %q, %d; want %q", tc.text, tc.region, got, verdict, tc.want)
		}
	}
}

package profile_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func TestCellText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cell string
		json bool
		want string
	}{
		{"", false, ""},
		{" \u00a0yes\u200b ", false, "yes"},
		{"'12", false, "'12"},
		{"12.0", false, "12.0"},
		{"NULL", false, "NULL"},
		{`"yes"`, false, `"yes"`},
		{"[1]", false, "[1]"},
		{"", true, ""},
		{"null", true, ""},
		{`""`, true, ""},
		{`" yes "`, true, "yes"},
		{`"y\u0065s \"now\""`, true, `yes "now"`},
		{`"12.0"`, true, "12.0"},
		{`"null"`, true, "null"},
		{"true", true, "true"},
		{"false", true, "false"},
		{"12", true, "12"},
		{"12.00", true, "12"},
		{"-12.0", true, "-12"},
		{"1.2e1", true, "12"},
		{"12.50", true, "12.5"},
		{"0.5", true, "0.5"},
		{"1.25e-9", true, "1.25e-9"},
		{"1e30", true, "1e30"},
		{"12345678901234567890", true, "12345678901234567890"},
	} {
		if got, ok := profile.CellText(test.cell, test.json); got != test.want || !ok {
			t.Errorf("the text of %q (JSON: %t) is %q, %t, want %q", test.cell, test.json, got, ok, test.want)
		}
	}
	for _, cell := range []string{"[]", `["yes"]`, `{"a":1}`, " [1]"} {
		if got, ok := profile.CellText(cell, true); ok {
			t.Errorf("%s has a text, %q", cell, got)
		}
	}
}

func TestNumberText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"12.50": "12.5", "12.0": "12", "5.": "5", "-1.10": "-1.1", "100": "100", "007": "007", "1e30": "1e30",
		"": "", "yes": "yes", "1,0": "1,0", "1.0 kg": "1.0 kg", "1.10.0": "1.10.0", "-": "-", ".": ".",
	} {
		if got := profile.NumberText(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Reasons reach diagnostics and logs, and values may be personal data.
func TestRejectionsNeverQuoteTheValue(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	for name, tc := range map[string]struct {
		column, cell, want string
	}{
		"missing email":        {"email", "  ", "the email address is empty"},
		"invalid email":        {"email", secret + "@@example.com", "the email address is not valid"},
		"email not UTF-8":      {"email", secret + "\xff@example.com", "data_matching.email is not UTF-8 text"},
		"external id too long": {"external_id", strings.Repeat(secret, 30), "data_matching.external_id is longer than 255 characters"},
		"city not UTF-8":       {"city", secret + "\xff", "attributes.location.city is not UTF-8 text"},
		"title not UTF-8":      {"title", secret + "\xff", "attributes.title is not UTF-8 text"},
		"number":               {"p number", secret, `property "p number" is not a number`},
		"boolean":              {"p boolean", secret, `property "p boolean" is not a boolean`},
		"datetime":             {"p datetime", secret, `property "p datetime" is not a date`},
		"list":                 {"p list", `["` + secret, `property "p list" is not a list`},
		"JSON":                 {"p json", secret, `property "p json" is not a JSON value`},
		"too large":            {"p string", strings.Repeat(secret, 10_000), "the profile is larger than 100000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, columns := full()
			row := fullRow()
			for i, column := range columns {
				if column == tc.column {
					row[i] = tc.cell
				}
			}
			_, info, rejection := encode(t, m, columns, row)
			if rejection == nil {
				t.Fatal("the row is not rejected")
			}
			if valid := tc.column != "email"; valid != (info.Email == profile.HashOf([]byte(email))) || valid == (info.Email == profile.Hash{}) {
				t.Errorf("the address has the hash %v", info.Email)
			}
			if reason := rejection.Reason(); !strings.HasPrefix(reason, tc.want) || strings.Contains(reason, secret) {
				t.Errorf("reason %q, want %q", reason, tc.want)
			}
			if text := fmt.Sprintf("%+v %#v", *rejection, *rejection); strings.Contains(text, secret) {
				t.Errorf("the rejection holds the value: %s", text)
			}
		})
	}
}

func TestReasonOfAnUnknownCode(t *testing.T) {
	t.Parallel()
	if got := (profile.Rejection{Code: "other"}).Reason(); got != "other" {
		t.Errorf("reason %q", got)
	}
}

func TestReasonOfAString(t *testing.T) {
	t.Parallel()
	r := profile.Rejection{Code: profile.PropertyType, Target: profile.Target{Group: profile.GroupProperties, Name: "x"}}
	if got, want := r.Reason(), `property "x" is not text`; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
}

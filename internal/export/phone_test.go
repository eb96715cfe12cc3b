package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// What an error points at is what it is about, whatever its words begin with:
// without a phone number that is refused the profile is exported, and without
// anything else it is not.
func TestRunBelievesThePointerOfARefusal(t *testing.T) {
	t.Parallel()
	const phone = "+34600111222"
	row := []tally.Row{{Segment: "s1", Number: 3}}
	for name, tc := range map[string]struct {
		refuse            func(*env)
		target            string
		refused, unwanted int64
	}{
		"at the phone number": {
			func(w *env) { w.RefusePhone(phone, "invalid", "Not in a region of this account.") }, "phone_number", 0, 1,
		},
		"at the phone number, without words": {
			func(w *env) { w.RefusePhone(phone, "invalid", "") }, "phone_number", 0, 1,
		},
		"at the address": {
			func(w *env) { w.RefuseEmail(address(2), "invalid", "Phone number of another person.") }, "email", 1, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			tc.refuse(w)
			source := people(10)
			source.rows[2][1] = phone
			r := w.run(t, w.export(source))
			if r.Exported != 10-tc.refused || r.Refused.Total != tc.refused || r.Unwanted.Total != tc.unwanted {
				t.Errorf("result %+v", r)
			}
			want := addresses(10)
			if tc.refused > 0 {
				want = slices.Delete(want, 2, 3)
			} else if p, _ := w.Profile(address(2)); p.PhoneNumber != "" {
				t.Errorf("profile %+v", p)
			}
			w.checkMembers(t, want)
			reasons := slices.Concat(r.Refused.Reasons(), r.Unwanted.Reasons())
			if len(reasons) != 1 || reasons[0].Target != (profile.Target{Group: "klaviyo", Name: tc.target}) || !slices.Equal(reasons[0].First, row) {
				t.Errorf("reasons %+v", reasons)
			}
		})
	}
}

// A refusal of a phone number may point at the profile as a whole.
func TestRunTakesOutAPhoneNumberThatIsNotPointedAt(t *testing.T) {
	t.Parallel()
	for detail, kept := range map[string]bool{
		"Phone number is valid but is not in a supported region for this account.":      true,
		"One of email, phone number or external id belongs to another, suppressed one.": false,
	} {
		w := newEnv(t, simulator.Options{})
		w.RefusePhone("+34600111222", "invalid", detail)
		proxy := newEditor(t, w, func(_ *http.Request, answer *httptest.ResponseRecorder) {
			answer.Body = bytes.NewBufferString(strings.ReplaceAll(answer.Body.String(), "/attributes/phone_number", ""))
		})
		source := people(10)
		source.rows[2][1] = "+34600111222"
		r, err := w.export(source).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkAccounting(t, r)
		if got := r.Exported == 10 && r.Unwanted.Total == 1; got != kept || !kept && r.Refused.Total != 1 {
			t.Errorf("%s: result %+v", detail, r)
		}
	}
}

// The reason of a row is what costs it the export.
func TestRunNamesWhatIsWrongBesideThePhoneNumber(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.RefuseEmail(address(2), "no_email", "No.")
	w.RefusePhone("+34600111222", "no_phone", "Phone number is not good.")
	proxy := newEditor(t, w, func(_ *http.Request, answer *httptest.ResponseRecorder) {
		var doc struct {
			Errors []json.RawMessage `json:"errors"`
		}
		if answer.Code == http.StatusBadRequest && json.Unmarshal(answer.Body.Bytes(), &doc) == nil {
			slices.Reverse(doc.Errors) // the phone number first
			body, err := json.Marshal(doc)
			if err != nil {
				t.Error(err)
			}
			answer.Body = bytes.NewBuffer(body)
		}
	})
	source := people(10)
	source.rows[2][1] = "+34600111222"
	r, err := w.export(source).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if reasons := r.Refused.Reasons(); len(reasons) != 1 || reasons[0].Code != "no_email" || r.Unwanted.Total != 0 {
		t.Errorf("reasons %+v", reasons)
	}
}

func TestRunTakesOutRefusedPhoneNumbers(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.RefusePhone("+34600111222", "invalid", "Phone number is valid but is not in a supported region for this account.")
	w.RefusePhone("+34600111333", "invalid", "No.")
	w.RefuseEmail(address(4), "invalid", "No such person.")
	source := people(10)
	source.rows[2][1], source.rows[3][1], source.rows[4][1] = "+34 600 111 222", "+34600111444", "+34600111333"
	r := w.run(t, w.export(source))
	if r.Exported != 9 || r.Refused.Total != 1 || r.Unwanted.Total != 1 || r.Dropped.Total != 0 {
		t.Errorf("result %+v", r)
	}
	if p, _ := w.Profile(address(2)); p.PhoneNumber != "" || fmt.Sprint(p.Properties["n"]) != "2" {
		t.Errorf("profile %+v", p)
	}
	if p, _ := w.Profile(address(3)); p.PhoneNumber != "+34600111444" {
		t.Errorf("profile %+v", p)
	}
	if text := r.Unwanted.String(); !strings.Contains(text, "Klaviyo: Phone number is valid but is not in a supported region") || !strings.Contains(text, "1 row (3 of s1)") {
		t.Errorf("unwanted %q", text)
	}
}

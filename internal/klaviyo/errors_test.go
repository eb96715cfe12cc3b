package klaviyo_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// listError is what asking for a list fails with when the server answers so.
func listError(t *testing.T, fault http.HandlerFunc) *klaviyo.APIError {
	t.Helper()
	_, err := serve(t, klaviyo.Options{RetryTimeout: -1}, fault).List(t.Context(), "x")
	var e *klaviyo.APIError
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T)", err, err)
	}
	return e
}

func TestAPIError(t *testing.T) {
	t.Parallel()
	e := listError(t, answer(400, `{"errors":[
		{"id":"e-1","status":400,"code":"invalid","title":"Invalid input.","detail":"Bad name.","source":{"pointer":"/data/attributes/name"},"links":{},"meta":{}},
		{"id":"e-2","status":"400","code":"invalid","title":"Bad filter.","detail":"","source":{"parameter":"filter"}},
		{"id":"e-3","title":"No more."},{"id":"e-4","title":"Not shown."},{"id":"e-5","title":"Not shown."}]}`))
	want := &klaviyo.APIError{Operation: "get_list", Status: 400, Errors: []klaviyo.ErrorObject{
		{ID: "e-1", Code: "invalid", Title: "Invalid input.", Detail: "Bad name.", Source: klaviyo.ErrorSource{Pointer: "/data/attributes/name"}},
		{ID: "e-2", Code: "invalid", Title: "Bad filter.", Source: klaviyo.ErrorSource{Parameter: "filter"}},
		{ID: "e-3", Title: "No more."},
		{ID: "e-4", Title: "Not shown."},
		{ID: "e-5", Title: "Not shown."},
	}}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("error %#v, want %#v", e, want)
	}
	text := "get_list: 400 Bad Request: Bad name [invalid] at /data/attributes/name: Bad filter [invalid] at filter: No more (and 2 more errors)"
	if e.Error() != text {
		t.Errorf("error %q, want %q", e, text)
	}
}

func TestErrorsWithoutADocumentKeepTheStatus(t *testing.T) {
	t.Parallel()
	long := htmlPage + strings.Repeat("x", 2<<20)
	for name, fault := range map[string]http.HandlerFunc{
		"HTML": html(502), "empty": answer(502, ""), "a JSON string": answer(502, `"no"`), "a list": answer(502, `[]`), "no errors": answer(502, `{"errors":[]}`),
		"truncated": truncate(502, `{"errors":[{"title":"x"}]}`), "errors of another form": answer(502, `{"errors":"down"}`),
		"very long": answer(502, long), "endless JSON": answer(502, `{"errors":[{"title":"`+strings.Repeat("x", klaviyo.MaxResponse)+`"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := listError(t, fault)
			if e.Status != 502 || len(e.Errors) != 0 || !e.IsHTML() || !strings.HasSuffix(e.Error(), "get_list: 502 Bad Gateway") {
				t.Errorf("error %v", e)
			}
		})
	}
}

// The whole document is no place.
func TestPointersToTheWholeDocumentAreNotShown(t *testing.T) {
	t.Parallel()
	for pointer, want := range map[string]string{"/data/": "", "/data": "", "/": "", "": "", "/data/id": " at /data/id", "/data/attributes/": " at /data/attributes/"} {
		e := listError(t, problem(401, "authentication_failed", "Wrong key.", pointer))
		if want := "get_list: 401 Unauthorized: Wrong key [authentication_failed]" + want; e.Error() != want {
			t.Errorf("%q is shown as %q, want %q", pointer, e, want)
		}
	}
}

// A wrong base URL is found in the text of what it leads to.
func TestExplainNamesABaseURLOtherThanKlaviyos(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		named  bool
	}{
		"404":           {problem(404, "not_found", "No.", ""), true},
		"404, HTML":     {html(404), true},
		"401, HTML":     {html(401), true},
		"403, HTML":     {html(403), true},
		"503, HTML":     {html(503), true},
		"200, HTML":     {html(200), true},
		"200, no list":  {answer(200, `{"message":"Welcome."}`), true},
		"404, no error": {answer(404, `{"message":"Cannot GET /"}`), true},
		"dropped":       {drop, true},
		"401":           {problem(401, "not_authenticated", "No.", ""), false},
		"403":           {problem(403, "permission_denied", "No.", ""), false},
		"503":           {problem(503, "down", "No.", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, tc.answer)
			_, err := a.List(t.Context(), "x")
			_, detail := klaviyo.Explain(err)
			if named := strings.Contains(detail, "went to "+a.url+basePath+": check base_url or the environment variable KLAVIYO_BASE_URL."); named != tc.named {
				t.Errorf("%s", detail)
			}
		})
	}
}

// Nobody reads a text to its end that has none.
func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	e := listError(t, answer(400, `{"errors":[{"title":"`+strings.Repeat("é", 1<<20)+`"}]}`))
	if text := e.Error(); len(text) > 2200 || !strings.HasSuffix(text, "éé…") {
		t.Errorf("an error of %d bytes: %.100s", len(text), text)
	}
}

// However many profiles Klaviyo refuses, it may name each of them at once.
func TestRefusalOfEveryProfile(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range klaviyo.MaxImportProfiles {
		all = append(all, fmt.Sprintf(`{"id":"0b1c1de5-8c36-4a7c-9a5a-1c6a3b1f5a37","status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid phone number format (Example of a valid format: +12345678901)",`+
			`"source":{"pointer":"/data/attributes/profiles/data/%d/attributes/phone_number"},"links":{},"meta":{}}`, i))
	}
	_, err := serve(t, klaviyo.Options{}, answer(400, `{"errors":[`+strings.Join(all, ",")+`]}`)).ImportProfiles(t.Context(), "x")
	var e *klaviyo.APIError
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	if named, ok := e.ProfileErrors(); !ok || len(named) != klaviyo.MaxImportProfiles {
		t.Errorf("%d profiles are named, %v", len(named), ok)
	}
}

// An error of another form than Klaviyo's is still Klaviyo's answer.
func TestErrorsOfOtherTypes(t *testing.T) {
	t.Parallel()
	e := listError(t, answer(404, `{"errors":[{"id":7,"code":404,"title":null,"detail":["No","list."],"source":{"pointer":3}}]}`))
	if want := `get_list: 404 Not Found: ["No","list."] [404] at 3`; e.Error() != want || !klaviyo.IsNotFound(e) {
		t.Errorf("error %q, want %q", e, want)
	}
}

// What is masked in a pointer is not the way to the profile.
func TestPointersAreMaskedInPart(t *testing.T) {
	t.Parallel()
	const pointer = "/data/attributes/profiles/data/3/attributes/properties/e-mail@work"
	_, err := serve(t, klaviyo.Options{}, problem(400, "invalid", "No.", pointer)).ImportProfiles(t.Context(), "x")
	var e *klaviyo.APIError
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	if named, ok := e.ProfileErrors(); !ok || len(named[3]) != 1 || strings.Contains(e.Error(), "@") {
		t.Errorf("%v, %v of %v", named, ok, e)
	}
	a := serve(t, klaviyo.Options{}, answer(200, `{"data":[{"attributes":{"code":7,"source":{"pointer":"`+pointer+`"}}}]}`))
	for failed, err := range a.ImportErrors(t.Context(), "job-1") {
		if i, ok := failed.Profile(); err != nil || !ok || i != 3 || failed.Code != "7" || strings.Contains(failed.Pointer, "@") {
			t.Errorf("%+v, %v", failed, err)
		}
	}
}

// Half of a refusal does not say which profiles are refused: it must be asked
// for again rather than taken for the whole.
func TestTruncatedRefusalsAreRepeated(t *testing.T) {
	t.Parallel()
	const pointer = "/data/attributes/profiles/data/1/attributes/email"
	a := serve(t, klaviyo.Options{}, truncate(400, `{"errors":[{"title":"x"}`), problem(400, "invalid", "No.", pointer))
	_, err := a.ImportProfiles(t.Context(), "x", []byte("{}"))
	var e *klaviyo.APIError
	if !errors.As(err, &e) || len(e.Errors) != 1 || len(a.received()) != 2 {
		t.Errorf("after %d requests: %v", len(a.received()), err)
	}
}

func TestPredicates(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 413, 429, 500} {
		e := listError(t, problem(status, "c", "d", ""))
		for _, err := range []error{e, fmt.Errorf("wrapped: %w", e)} {
			if klaviyo.StatusOf(err) != status || klaviyo.IsUnauthorized(err) != (status == 401) ||
				klaviyo.IsForbidden(err) != (status == 403) || klaviyo.IsNotFound(err) != (status == 404) {
				t.Errorf("%v is taken for another", err)
			}
		}
	}
	for _, err := range []error{nil, errors.New("404"), &klaviyo.TransportError{Operation: "x", Err: errors.New("y")}} {
		if klaviyo.StatusOf(err) != 0 || klaviyo.IsNotFound(err) || klaviyo.IsUnauthorized(err) || klaviyo.IsForbidden(err) {
			t.Errorf("%v has a status", err)
		}
	}
}

func TestErrorsMaskAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"The address ada@example.com is invalid.", "Invalid: 'ada@example.com'", `<ada@example.com>`, "email=ada@example.com", "ada@example.com",
		"ADA.Lovelace+news@Mail.Example.com, bob@example.com", "mailto:ada@example.com?subject=x", "(ada@example.com)", "ada@bücher.example",
		"ada}@example.com is invalid.", "{ada{@example.com", "https://a.klaviyo.com/api/profiles?filter=equals(email,%22ada%40example.com%22)",
		"+34600111222 is not the number of ada@example.com", "call +34 600 111 222 or (%2B34600111222_)",
	} {
		escaped := strings.ReplaceAll(text, `"`, `\"`)
		e := listError(t, answer(400, `{"errors":[{"title":"`+escaped+`","detail":"`+escaped+`"}]}`))
		_, detail := klaviyo.Explain(e)
		for _, shown := range []string{e.Error(), e.Errors[0].Title, e.Errors[0].Detail, detail, redact.Text(text)} {
			if strings.ContainsAny(shown, "@") || strings.Contains(strings.ToLower(shown), "ada") || strings.Contains(shown, "example") || strings.Contains(shown, "600111") {
				t.Errorf("%q is shown as %q", text, shown)
			}
		}
	}
}

func TestProfileErrors(t *testing.T) {
	t.Parallel()
	const rows = "/data/attributes/profiles/data/"
	for name, tc := range map[string]struct {
		status   int
		pointers []string
		want     map[int]int // how many errors a profile has
	}{
		"one":                   {400, []string{rows + "17/attributes/email"}, map[int]int{17: 1}},
		"the row itself":        {400, []string{rows + "0"}, map[int]int{0: 1}},
		"several":               {400, []string{rows + "3/attributes/email", rows + "3/attributes/phone_number", rows + "9999/attributes/email"}, map[int]int{3: 2, 9999: 1}},
		"of the request":        {400, []string{"/data"}, nil},
		"of a row and not":      {400, []string{rows + "1/attributes/email", "/data"}, nil},
		"without a pointer":     {400, []string{""}, nil},
		"of all rows":           {400, []string{strings.TrimSuffix(rows, "/")}, nil},
		"no number":             {400, []string{rows + "x/attributes/email"}, nil},
		"below zero":            {400, []string{rows + "-1/attributes/email"}, nil},
		"no index":              {400, []string{rows}, nil},
		"a number out of reach": {400, []string{rows + "99999999999999999999"}, nil},
		"another status":        {422, []string{rows + "1"}, nil},
		"no errors":             {400, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &klaviyo.APIError{Status: tc.status}
			for _, pointer := range tc.pointers {
				e.Errors = append(e.Errors, klaviyo.ErrorObject{Source: klaviyo.ErrorSource{Pointer: pointer}})
			}
			got, ok := e.ProfileErrors()
			if ok != (tc.want != nil) || len(got) != len(tc.want) {
				t.Fatalf("%v, %v; want %v", got, ok, tc.want)
			}
			for i, n := range tc.want {
				if len(got[i]) != n {
					t.Errorf("profile %d has %d errors, want %d", i, len(got[i]), n)
				}
			}
		})
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	gaveUp := func(e error) error { return fmt.Errorf("gave up after 9 attempts: %w", e) }
	said := []klaviyo.ErrorObject{{Code: "c-1", Detail: "Klaviyo's own words"}}
	for name, tc := range map[string]struct {
		err     error
		summary string
		says    []string
	}{
		"401":         {&klaviyo.APIError{Operation: "get_list", Status: 401, Errors: said}, "API Key Refused", []string{"Settings > API keys", "get_list: 401 Unauthorized: Klaviyo's own words [c-1]"}},
		"403":         {&klaviyo.APIError{Operation: "get_list", Status: 403, Errors: said}, "API Key Lacks A Scope", []string{"It needs the scope lists:read.", "accounts:read, flows:read, lists:read, lists:write, profiles:read, profiles:write", "Klaviyo's own words"}},
		"403, HTML":   {&klaviyo.APIError{Operation: "get_list", Status: 403}, "Klaviyo Blocks This Address", []string{"not about the scopes", "get_list: 403 Forbidden"}},
		"404":         {&klaviyo.APIError{Operation: "get_list", Status: 404, Errors: said}, "Klaviyo Refused The Request", []string{"Klaviyo's own words", "may have been deleted in Klaviyo"}},
		"400":         {&klaviyo.APIError{Operation: "get_list", Status: 400, Errors: said}, "Klaviyo Refused The Request", []string{"Klaviyo's own words", "Correct what it names"}},
		"429":         {gaveUp(&klaviyo.APIError{Operation: "get_list", Status: 429}), "Klaviyo's Rate Limit Is Used Up", []string{"gave up after 9 attempts", "Try again later", "waits for this limit for 8m, or for retry_timeout of the provider if that is longer", "set retry_timeout above 8m"}},
		"500":         {gaveUp(&klaviyo.APIError{Operation: "get_list", Status: 500, Errors: said}), "Klaviyo Fails", []string{"gave up after 9 attempts", "Klaviyo's own words"}},
		"503, later":  {&klaviyo.APIError{Operation: "get_list", Status: 503, RetryAfter: 10 * time.Minute}, "Klaviyo Fails", []string{"Klaviyo asks to wait for 10m. https://status.klaviyo.com"}},
		"400, HTML":   {&klaviyo.APIError{Operation: "get_list", Status: 400}, "Klaviyo's API Did Not Answer", []string{"get_list: 400 Bad Request"}},
		"502, HTML":   {&klaviyo.APIError{Operation: "get_list", Status: 502}, "Klaviyo Fails", []string{"502 Bad Gateway", "status.klaviyo.com"}},
		"transport":   {gaveUp(&klaviyo.TransportError{Operation: "get_list", Err: errors.New("connection refused")}), "Klaviyo Cannot Be Reached", []string{"connection refused", "Check the network"}},
		"other":       {errors.New("no account for pk_abc and ada@example.com"), "Klaviyo Request Failed", []string{"no account for pk_*** and ***. Try again"}},
		"unreachable": {&klaviyo.TransportError{Operation: "get_list", Err: errors.New("pk_abc and ada@example.com")}, "Klaviyo Cannot Be Reached", []string{"pk_*** and ***"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			summary, detail := klaviyo.Explain(tc.err)
			if summary != tc.summary {
				t.Errorf("summary %q, want %q", summary, tc.summary)
			}
			for _, part := range tc.says {
				if !strings.Contains(detail, part) {
					t.Errorf("detail %q does not say %q", detail, part)
				}
			}
			if strings.Contains(detail, "..") {
				t.Errorf("detail %q has two full stops", detail)
			}
		})
	}
}

// Whoever meets a 403 is told which scopes the operation needs.
func TestEveryOperationNamesItsScopes(t *testing.T) {
	t.Parallel()
	eachCall(t, func(t *testing.T, name string, c call) {
		err := c.do(t.Context(), serve(t, klaviyo.Options{}, problem(403, "permission_denied", "No.", "")).Client)
		if _, detail := klaviyo.Explain(err); !strings.Contains(detail, c.operation+": 403") || !regexp.MustCompile(`It needs the scopes? \w+:(read|write)`).MatchString(detail) {
			t.Errorf("%s: %s", name, detail)
		}
	})
}

package klaviyo_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func redirect(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

func TestRedirectsToAnotherHostAreRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, operation := range []string{"List", "ImportProfiles", "CreateList", "DeleteList"} {
			t.Run(fmt.Sprint(status, " ", operation), func(t *testing.T) {
				t.Parallel()
				stranger := serve(t, klaviyo.Options{}, document)
				a := serve(t, klaviyo.Options{}, redirect(status, stranger.url+basePath+"/api/lists/x?key="+testKey))
				err := calls()[operation].do(t.Context(), a.Client)
				var transport *klaviyo.TransportError
				if !errors.As(err, &transport) || !strings.Contains(err.Error(), "refused to follow a redirect to "+stranger.url) {
					t.Errorf("error %v", err)
				}
				if got := stranger.received(); len(got) != 0 {
					t.Errorf("the other host got %d requests", len(got))
				}
				a.only(t)
			})
		}
	}
}

func TestRedirectsToAnotherSchemeAreRefused(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) {
		redirect(307, "https://"+r.Host+"/")(w, r)
	})
	if _, err := a.List(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "refused to follow a redirect to https://") {
		t.Errorf("error %v", err)
	}
	a.only(t)
}

// A redirect may make a GET of whatever it was, which then does nothing.
func TestRedirectsToAnotherMethodAreRefused(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"UpdateList", "DeleteList", "ImportProfiles"} {
		a := serve(t, klaviyo.Options{}, redirect(301, "/elsewhere"), document)
		if err := calls()[operation].do(t.Context(), a.Client); err == nil || !strings.Contains(err.Error(), "refused to follow a redirect that makes a GET of a ") {
			t.Errorf("%s: error %v", operation, err)
		}
		a.only(t)
	}
}

func TestRedirectsOnTheHostAreFollowed(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, redirect(307, "/elsewhere"), answer(202, jobBody))
	if _, err := a.ImportProfiles(t.Context(), "x", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	all := a.received()
	if len(all) != 2 || all[1].method != "POST" || all[1].body != all[0].body || all[1].header.Get("Authorization") != all[0].header.Get("Authorization") {
		t.Errorf("requests %+v", all)
	}
	a = serve(t, klaviyo.Options{}, redirect(307, "/again"))
	if _, err := a.List(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "refused to follow a redirect: it is the fifth in a row") {
		t.Errorf("error %v", err)
	}
	if got := len(a.received()); got != 5 {
		t.Errorf("%d requests", got)
	}
}

// endless streams a document until the client has had enough.
func endless(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte(`{"data":{"id":"`))
	block := make([]byte, 1<<16)
	for i := range block {
		block[i] = 'x'
	}
	for sent := 0; sent < 4*klaviyo.MaxResponse; sent += len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func TestResponsesAreBounded(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{RetryTimeout: -1}, endless)
	_, err := a.List(t.Context(), "x")
	var transport *klaviyo.TransportError
	if !errors.As(err, &transport) || !strings.Contains(err.Error(), fmt.Sprintf("the response is larger than %d MiB", klaviyo.MaxResponse>>20)) {
		t.Errorf("error %v", err)
	}
	a.only(t)
}

// leaks are the ways a server can hand a key back.
func leaks(key string) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"HTML error":            answer(502, "<h1>"+key+"</h1>"),
		"401":                   problem(401, "not_authenticated", "The key "+key+" is not known.", ""),
		"403":                   problem(403, "permission_denied", "Authorization: Klaviyo-API-Key "+key, ""),
		"400":                   problem(400, "invalid", key, "/data"),
		"429":                   problem(429, "throttled", "'"+key+"' is too fast.", ""),
		"title":                 answer(400, `{"errors":[{"title":"`+key+`"}]}`),
		"HTML for 200":          answer(200, key),
		"JSON of another form":  answer(200, `{"data":"`+key+`"}`),
		"JSON of another type":  answer(200, `["`+key+`"]`),
		"truncated":             truncate(200, `{"data":"`+key),
		"dropped":               drop,
		"not HTTP":              raw(key + "\r\n\r\n"),
		"malformed status":      raw("HTTP/1.1 " + key + " OK\r\n\r\n"),
		"malformed header":      raw("HTTP/1.1 200 OK\r\n" + key + "\r\n\r\n"),
		"malformed length":      raw("HTTP/1.1 200 OK\r\nContent-Length: " + key + "\r\n\r\n"),
		"malformed chunk":       raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + key + "\r\n"),
		"malformed encoding":    raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + key + "\r\n\r\n"),
		"redirect elsewhere":    redirect(307, "https://evil.example/"+key),
		"redirect with a key":   redirect(307, "https://"+key+"@evil.example/"),
		"redirect to a host":    redirect(307, "https://"+key+".evil.example/"),
		"redirect to no URL":    redirect(307, "https://["+key),
		"redirect to no scheme": redirect(307, key+"://x"),
		"next page":             answer(200, `{"data":[],"links":{"next":"https://[`+key+`"}}`),
	}
}

// shown are all texts that an error can show itself with.
func shown(err error) string {
	summary, detail := klaviyo.Explain(err)
	var api *klaviyo.APIError
	_ = errors.As(err, &api)
	return fmt.Sprintf("%v\n%+v\n%#v\n%+v\n%s\n%s", err, err, err, api, summary, detail)
}

func TestNoErrorShowsTheKey(t *testing.T) {
	t.Parallel()
	secret := strings.TrimPrefix(testKey, "pk_")
	for name, fault := range leaks(testKey) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for operation, c := range calls() {
				a := serve(t, klaviyo.Options{RetryTimeout: time.Second}, fault)
				if err := c.do(t.Context(), a.Client); err != nil && strings.Contains(strings.ToLower(shown(err)), secret) {
					t.Errorf("%s: %s", operation, shown(err))
				}
			}
		})
	}
}

// Texts of an error other than title and detail end up in messages as well.
func TestNoErrorShowsTheKeyInAnyMember(t *testing.T) {
	t.Parallel()
	for member, body := range map[string]string{
		"id": `{"id":"%s","detail":"x"}`, "code": `{"code":"%s"}`, "pointer": `{"source":{"pointer":"%s"}}`, "parameter": `{"source":{"parameter":"%s"}}`,
	} {
		e := listError(t, answer(400, `{"errors":[`+fmt.Sprintf(body, testKey)+`]}`))
		if _, detail := klaviyo.Explain(e); strings.Contains(e.Error()+detail, testKey) {
			t.Errorf("%s: %v", member, e)
		}
	}
}

// CheckPrivateKey takes keys of any printable characters.
func TestNoErrorShowsAnUnusualKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"0123456789abcdef-key", "pk_live-0123456789.abc"} {
		if err := klaviyo.CheckPrivateKey(key); err != nil {
			continue
		}
		a := serve(t, klaviyo.Options{APIKey: key, RetryTimeout: -1}, problem(401, "not_authenticated", "The key "+key+" is not known.", ""))
		if _, err := a.List(t.Context(), "x"); strings.Contains(shown(err), key[len(key)-8:]) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

package klaviyo_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// endlessly repeats a text on the bare connection until the client hangs up, and then
// closes hungUp.
func endlessly(hungUp chan struct{}, begin, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer close(hungUp)
		defer conn.Close()
		_, err = conn.Write([]byte(begin))
		for err == nil {
			_, err = conn.Write([]byte(text))
		}
	}
}

// Whatever has no end is not read to it, and the error says so.
func TestAnswersWithoutEnd(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tc := range map[string]struct {
		begin, text string
		timeout     time.Duration
		want        string
	}{
		"body":       {ok + "\r\n" + `{"data":{"id":"`, strings.Repeat("x", 1<<16), 0, "the response is larger than 32 MiB"},
		"error body": {"HTTP/1.1 400 Bad Request\r\n\r\n" + `{"errors":[{"detail":"`, strings.Repeat("x", 1<<16), 0, "the response is larger than 32 MiB"},
		"500 body":   {"HTTP/1.1 500 Oh\r\n\r\n", strings.Repeat("x", 1<<16), 0, "500 Internal Server Error"},
		"headers":    {ok, strings.Repeat("X-Header: "+strings.Repeat("x", 1<<12)+"\r\n", 16), 0, "server response headers exceeded"},
		"one header": {ok + "X-Header: ", strings.Repeat("x", 1<<16), 0, "server response headers exceeded"},
		"chunks":     {ok + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 3 * time.Second, "no complete answer within 3s"},
		"one by one": {ok + "\r\n" + `{"data":{"id":"`, " ", 3 * time.Second, "no complete answer within 3s"},
		"interim":    {"", "HTTP/1.1 102 Processing\r\n\r\n", 3 * time.Second, ""}, // net/http counts them, or time is up
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hungUp := make(chan struct{})
			a := serve(t, klaviyo.Options{RetryTimeout: -1, Timeout: tc.timeout}, endlessly(hungUp, tc.begin, tc.text))
			_, err := a.List(t.Context(), "x")
			if err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 500 {
				t.Errorf("error %.1000v, want %q", err, tc.want)
			}
			select {
			case <-hungUp:
			case <-time.After(time.Minute):
				t.Fatal("the client does not hang up")
			}
			a.only(t)
		})
	}
}

func gzipped(text []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(text)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

// What counts is the size of an answer once it is decompressed.
func TestAnswersThatAreBombs(t *testing.T) {
	t.Parallel()
	block, err := gzipped(bytes.Repeat([]byte("x"), 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Repeat(block, 4*klaviyo.MaxResponse>>20) // the parts are one text
	for _, status := range []int{200, 400} {
		a := serve(t, klaviyo.Options{RetryTimeout: -1}, answer(status, string(bomb), "Content-Encoding", "gzip"))
		if _, err := a.List(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "the response is larger than 32 MiB") {
			t.Errorf("%d: error %v", status, err)
		}
		a.only(t)
	}
}

// JSON that is nested as deeply as an answer is long is an error, not a stack that
// overflows, wherever it is.
func TestAnswersThatAreDeep(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, 1<<20)
	objects := strings.Repeat(`{"data":`, 1<<17)
	for name, body := range map[string]string{
		"document": deep, "objects": objects, "data": `{"data":` + deep, "id": `{"data":{"id":` + deep, "a field before": `{"other":` + objects, "errors": `{"errors":` + deep,
	} {
		for _, status := range []int{200, 400} {
			a := serve(t, klaviyo.Options{RetryTimeout: -1}, answer(status, body))
			if _, err := a.List(t.Context(), "x"); err == nil || len(err.Error()) > 500 {
				t.Errorf("%s, %d: error %.1000v", name, status, err)
			}
			if _, err := a.ImportProfiles(t.Context(), "x", []byte("{}")); err == nil || len(err.Error()) > 1000 {
				t.Errorf("import, %s, %d: error %.1000v", name, status, err)
			}
		}
	}
}

// Bytes that are not UTF-8 reach neither values nor errors.
func TestAnswersThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	const odd = "VIP \xff\xc3\x28 \xed\xa0\x80"
	a := serve(t, klaviyo.Options{RetryTimeout: -1}, answer(200, strings.Replace(listBody, "VIP", odd, 1)))
	if list, err := a.List(t.Context(), "x"); err != nil || !utf8.ValidString(list.Name) || !strings.HasPrefix(list.Name, "VIP \uFFFD") {
		t.Errorf("list %q, %v", list.Name, err)
	}
	for name, fault := range map[string]http.HandlerFunc{
		"detail": problem(400, "c", odd, ""), "code": problem(400, odd, "d", ""), "pointer": problem(400, "c", "d", "/data/"+odd),
		"no JSON": answer(200, odd), "no document": answer(200, `{"`+odd+`":1}`), "next link": answer(200, `{"data":[],"links":{"next":"`+odd+`"}}`),
	} {
		err := drain(serve(t, klaviyo.Options{RetryTimeout: -1}, fault).ListsNamed(t.Context(), "x"))
		if err == nil || !utf8.ValidString(shown(err)) {
			t.Errorf("%s: error %q", name, err)
		}
	}
	_, err := serve(t, klaviyo.Options{RetryTimeout: -1}, answer(202, odd)).ImportProfiles(t.Context(), "x", []byte("{}"))
	if err == nil || !utf8.ValidString(shown(err)) {
		t.Errorf("import: error %q", err)
	}
}

// Pages that never end are not followed forever.
func TestPagesWithoutEnd(t *testing.T) {
	t.Parallel()
	next := func(n int) string { return fmt.Sprintf(`"/api/lists?page[cursor]=%d"`, n) }
	empty := func(n int) http.HandlerFunc { return answer(200, `{"data":[],"links":{"next":`+next(n)+`}}`) }
	var onlyEmpty, sometimes []http.HandlerFunc
	for n := range klaviyo.MaxEmptyPages {
		onlyEmpty = append(onlyEmpty, empty(n))
		sometimes = append(sometimes, empty(n))
	}
	sometimes[klaviyo.MaxEmptyPages/2] = listPage("L", next(1000))
	for name, tc := range map[string]struct {
		answers  []http.HandlerFunc
		requests int
		want     string
	}{
		"a loop of three":  {[]http.HandlerFunc{listPage("A", next(1)), listPage("B", next(2)), listPage("C", next(1))}, 3, "the next page has the cursor of a page before"},
		"empty pages":      {append(onlyEmpty, listPage("L", "null")), klaviyo.MaxEmptyPages, "100 pages in a row are empty, and the last one still links to a next page"},
		"nearly empty":     {append(sometimes, listPage("L", "null")), klaviyo.MaxEmptyPages + 1, ""},
		"ends with empty":  {append(onlyEmpty[:len(onlyEmpty)-1:len(onlyEmpty)-1], listPage("L", "null")), klaviyo.MaxEmptyPages, ""},
		"an endless link":  {[]http.HandlerFunc{listPage("A", `"/api/lists?page[cursor]=`+strings.Repeat("x", 1<<20)+`"`)}, 1, "the cursor of the next page is longer than 8192 bytes"},
		"the longest link": {[]http.HandlerFunc{listPage("A", `"/api/lists?page[cursor]=`+strings.Repeat("x", 8<<10)+`"`), listPage("B", "null")}, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, tc.answers...)
			err := drain(a.ListsNamed(t.Context(), "x"))
			if (tc.want == "") != (err == nil) || err != nil && err.Error() != "get_lists: "+tc.want {
				t.Errorf("error %.500v, want %q", err, tc.want)
			}
			if n := len(a.received()); n != tc.requests {
				t.Errorf("%d requests, want %d", n, tc.requests)
			}
		})
	}
}

// The key goes to no other host or port, by no form of redirect and by no operation.
func TestTheKeyStaysWithItsHost(t *testing.T) {
	t.Parallel()
	stranger := serve(t, klaviyo.Options{}, document)
	host := strings.TrimPrefix(stranger.url, "http://")
	for name, to := range map[string]string{
		"another port": stranger.url + "/x", "without a scheme": "//" + host + "/x", "with a user": "http://klaviyo@" + host + "/x", "another name": "http://localhost:" + host[strings.LastIndex(host, ":")+1:] + "/x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
				for operation, c := range calls() {
					a := serve(t, klaviyo.Options{RetryTimeout: -1}, redirect(status, to))
					if err := c.do(t.Context(), a.Client); err == nil || strings.Contains(shown(err), testKey) {
						t.Errorf("%d, %s: error %v", status, operation, err)
					}
				}
			}
		})
		t.Run("next page with "+name, func(t *testing.T) {
			t.Parallel()
			page := answer(200, `{"data":[],"links":{"next":"`+to+`?page[cursor]=c"}}`)
			a := serve(t, klaviyo.Options{}, page, answer(200, `{"data":[],"links":{"next":null}}`))
			if err := drain(a.ListsNamed(t.Context(), "x")); err != nil || len(a.received()) != 2 {
				t.Errorf("%d requests, error %v", len(a.received()), err)
			}
		})
	}
	t.Cleanup(func() {
		for _, r := range stranger.received() {
			t.Errorf("the other host got %s %s with the header %q", r.method, r.path, r.header)
		}
	})
}

// Ids are sent as one element of the path, whatever is in them.
func TestIDsWithOddCharacters(t *testing.T) {
	t.Parallel()
	for id, path := range map[string]string{
		"a\r\nAuthorization: x": "a%0D%0AAuthorization:%20x", "\x1b[2J": "%1B%5B2J", "../accounts": "..%2Faccounts", "a/b": "a%2Fb", "a?b#c": "a%3Fb%23c", "\u202e": "%E2%80%AE", "\xff": "%FF", "%2e%2e": "%252e%252e",
	} {
		a := serve(t, klaviyo.Options{RetryTimeout: -1}, problem(404, "not_found", "No.", ""))
		_, err := a.List(t.Context(), id)
		if got := a.only(t).path; got != "/api/lists/"+path {
			t.Errorf("%q: requested %s, want %s", id, got, path)
		}
		if var404 := (*klaviyo.APIError)(nil); !errors.As(err, &var404) || strings.ContainsAny(shown(err), "\x1b\u202e\r") {
			t.Errorf("%q: error %q", id, err)
		}
	}
}

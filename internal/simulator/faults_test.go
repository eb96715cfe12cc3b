package simulator_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	sent := func(email string) (reply, error) {
		return try(s, "POST", jobsPath, importBody([]string{`{"email":"` + email + `"}`}, list.ID))
	}

	s.Inject(simulator.Fault{
		Method: "POST", Path: jobsPath, Nth: 2, Times: 2, Status: 503,
		Header: http.Header{"Content-Type": {"text/html"}, "Retry-After": {"3"}}, Body: "<html>busy</html>",
	})
	var statuses []int
	for range 4 {
		answer, err := sent("a@x.com")
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, answer.status)
		if answer.status == 503 && (answer.text != "<html>busy</html>" || answer.header.Get("Retry-After") != "3") {
			t.Errorf("answer %v", answer)
		}
	}
	if !slices.Equal(statuses, []int{202, 503, 503, 202}) {
		t.Errorf("statuses %v", statuses)
	}

	s.Inject(simulator.Fault{Path: jobsPath, DropBefore: true})
	if _, err := sent("before@x.com"); err == nil {
		t.Error("a dropped request was answered")
	}
	if _, found := s.Profile("before@x.com"); found {
		t.Error("a request dropped before was carried out")
	}
	s.Inject(simulator.Fault{Path: jobsPath, DropAfter: true})
	if _, err := sent("after@x.com"); err == nil {
		t.Error("a lost answer arrived")
	}
	if _, found := s.Profile("after@x.com"); !found {
		t.Error("a request whose answer was lost was not carried out")
	}
	s.Inject(simulator.Fault{Path: jobsPath, Status: 202, Body: "Thank you.", Done: true})
	if answer, err := sent("done@x.com"); err != nil || answer.status != 202 || answer.text != "Thank you." {
		t.Errorf("answer %v, %v", answer, err)
	}
	if _, found := s.Profile("done@x.com"); !found {
		t.Error("a request that was answered otherwise was not carried out")
	}
	s.Inject(simulator.Fault{Path: "/api/lists/*/profiles", Truncate: true})
	get(t, s, "/api/lists/"+list.ID).want(t, 200)
	if answer, err := try(s, "GET", "/api/lists/"+list.ID+"/profiles/", ""); !errors.Is(err, io.ErrUnexpectedEOF) || answer.status != 200 {
		t.Errorf("status %d, error %v", answer.status, err)
	}
	s.Inject(simulator.Fault{Times: -1, RedirectTo: "https://elsewhere.example/"})
	for range 3 {
		if answer := get(t, s, "/api/lists").want(t, 307); answer.header.Get("Location") != "https://elsewhere.example/" {
			t.Errorf("Location %q", answer.header.Get("Location"))
		}
	}
	var status0 int
	for _, r := range s.Requests() {
		if r.Status == 0 {
			status0++
		}
	}
	if status0 != 2 {
		t.Errorf("%d requests without an answer", status0)
	}
}

func TestPendingFaults(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	pending := func(want ...string) {
		t.Helper()
		var got []string
		for _, f := range s.Pending() {
			got = append(got, f.Body)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pending %q, want %q", got, want)
		}
	}
	pending()
	s.Inject(simulator.Fault{Method: "POST", Status: 503, Body: "never"})
	s.Inject(simulator.Fault{Path: "/api/lists/*", Status: 503, Body: "once"})
	s.Inject(simulator.Fault{Path: "/api/lists", Nth: 2, Times: 2, Status: 503, Body: "twice"})
	s.Inject(simulator.Fault{Path: "/api/accounts", Nth: 2, Times: -1, Status: 503, Body: "all"})
	pending("never", "once", "twice", "all")
	if got := s.Pending()[1]; got.Times != 0 || got.Path != "/api/lists/*" {
		t.Errorf("pending %+v, which is not what was injected", got)
	}

	get(t, s, "/api/lists/"+list.ID).want(t, 503)
	pending("never", "twice", "all")
	get(t, s, "/api/lists").want(t, 200)
	get(t, s, "/api/accounts").want(t, 200)
	get(t, s, "/api/lists").want(t, 503)
	pending("never", "twice", "all")
	get(t, s, "/api/lists").want(t, 503)
	pending("never", "all")
	for range 3 {
		get(t, s, "/api/accounts").want(t, 503)
		pending("never")
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	s.Inject(simulator.Fault{Delay: 30 * time.Millisecond})
	before := time.Now()
	get(t, s, "/api/lists").want(t, 200)
	if took := time.Since(before); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	s.Inject(simulator.Fault{Delay: time.Hour})
	failed := make(chan error)
	go func() {
		_, err := try(s, "GET", "/api/lists", "")
		failed <- err
	}()
	for len(s.Requests()) < 2 {
		time.Sleep(time.Millisecond)
	}
	s.Close()
	if err := <-failed; err == nil {
		t.Error("answered before its time")
	}
}

// Answers that come before the whole body is read must still arrive.
func TestEarlyAnswersToLargeBodies(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	body := strings.Repeat(" ", 4_900_000)
	s.Inject(simulator.Fault{Method: "POST", Status: 502, Body: "<html>"})
	for _, want := range []int{502, 401, 401} {
		call(t, s, "POST", jobsPath, body, header("Authorization", "")).want(t, want)
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	s.OnRequest(func(r *http.Request) {
		if r.Method == "GET" {
			s.AddMembers(list.ID, "intruder@x.com")
		}
	})
	if got := get(t, s, "/api/lists/"+list.ID+"/profiles").all(t); len(got) != 1 {
		t.Errorf("members %v", got)
	}
}

func TestClearFaults(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	hooked := 0
	s.OnRequest(func(*http.Request) { hooked++ })
	s.Inject(simulator.Fault{Times: -1, Status: 503})
	get(t, s, "/api/accounts").want(t, 503)
	s.ClearFaults()
	get(t, s, "/api/accounts").want(t, 200)
	if hooked != 1 || s.Pending() != nil {
		t.Errorf("the hook was called %d times, pending %v", hooked, s.Pending())
	}
}

func TestRecording(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := newClock()
	s := start(t, simulator.Options{KeepBodies: true, Log: &log, Now: c.Now})
	list := s.AddList(simulator.List{})
	body := importBody([]string{`{"email":"secret@x.com","phone_number":"+34600111222"}`}, list.ID)
	call(t, s, "POST", jobsPath, body, header("X-Mark", "1")).want(t, 202)
	get(t, s, "/api/profiles", "filter", `equals(email,"secret@x.com")`, "sort", "email").want(t, 200)
	get(t, s, "/api/lists/secret@x.com", "secret@x.com", "secret@x.com").want(t, 400)
	get(t, s, "/api/secret@x.com").want(t, 404)
	call(t, s, "GET", "/api/lists/"+testKey, "").want(t, 404)

	requests := s.Requests()
	first := requests[0]
	if len(requests) != 5 || first.Method != "POST" || first.Path != jobsPath || string(first.Body) != body ||
		first.BodySize != len(body) || first.Status != 202 || !first.Time.Equal(c.Now()) || first.Header.Get("X-Mark") != "1" {
		t.Errorf("request %+v", first)
	}
	if requests[1].Query != encode("filter", `equals(email,"secret@x.com")`, "sort", "email")[1:] {
		t.Errorf("query %q", requests[1].Query)
	}
	for _, r := range requests {
		if r.Header.Get("Authorization") != "" {
			t.Error("a key was recorded")
		}
	}
	s.ResetRequests()
	if len(s.Requests()) != 0 {
		t.Error("requests are left after the reset")
	}
	s.Close()
	text := log.String()
	for _, secret := range []string{testKey, "secret", "x.com", "600111222"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log shows %q: %s", secret, text)
		}
	}
	if !strings.Contains(text, "GET /api/profiles?sort=email&filter=... 200") || strings.Count(text, "\n") != 5 {
		t.Errorf("log %s", text)
	}

	plain := start(t, simulator.Options{})
	call(t, plain, "POST", jobsPath, body).want(t, 400)
	if r := plain.Requests()[0]; r.Body != nil || r.BodySize != len(body) {
		t.Errorf("request %+v", r)
	}
}

func TestServesAsHandler(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{})
	s.AddKey(testKey)
	server := httptest.NewServer(s)
	defer server.Close()
	s.URL = server.URL
	get(t, s, "/api/accounts").want(t, 200)
	s.Close() // does nothing, and may
}

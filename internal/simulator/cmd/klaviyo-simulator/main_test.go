package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func TestServeUntilInterrupted(t *testing.T) {
	t.Parallel()
	ready := filepath.Join(t.TempDir(), "ready.json")
	ctx, interrupt := context.WithCancel(t.Context())
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-ready-file", ready, "-list-name", "Demo", "-refuse-email", "bad@x.com=invalid:No: really"}, &out, io.Discard)
	}()
	var told struct {
		URL    string `json:"url"`
		APIKey string `json:"api_key"`
		ListID string `json:"list_id"`
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		content, err := os.ReadFile(ready)
		if err == nil {
			if err := json.Unmarshal(content, &told); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("never ready")
		}
	}
	request, _ := http.NewRequest("GET", told.URL+"/api/lists/"+told.ListID, nil)
	request.Header.Set("Authorization", "Klaviyo-API-Key "+told.APIKey)
	request.Header.Set("revision", simulator.Revision)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !strings.Contains(string(body), `"name":"Demo"`) || response.Header.Get("RateLimit-Limit") != "750" {
		t.Errorf("answer %v %s", response.Header, body)
	}
	interrupt()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := "export KLAVIYO_BASE_URL=" + told.URL + " KLAVIYO_API_KEY=" + told.APIKey + "\n"
	if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), told.ListID) {
		t.Errorf("printed %s", out.String())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(ready), ".klaviyo*")); left != nil {
		t.Errorf("files left behind: %v", left)
	}
}

func TestMembersAndRemove(t *testing.T) {
	t.Parallel()
	s, err := simulator.Start(simulator.Options{RateLimits: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.AddKey("pk_test")
	list := s.AddList(simulator.List{})
	s.AddMembers(list.ID, "ann@x.com", "bob@x.com", "o'hara@x.com")
	reach := []string{"-url", s.URL + "/", "-key", "pk_test", "-list", list.ID}
	command := func(name string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if err := run(t.Context(), append(append([]string{name}, reach...), args...), &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := command("members", "-format", "emails"); got != "ann@x.com\nbob@x.com\no'hara@x.com\n" {
		t.Errorf("members %q", got)
	}
	if got := command("members", "-format", "json", "-limit", "1"); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"email":"ann@x.com"`) {
		t.Errorf("members %q", got)
	}
	if got := command("members"); !strings.HasPrefix(got, "EMAIL ") || strings.Count(got, "\n") != 4 {
		t.Errorf("members %q", got)
	}
	if got := command("remove", "ANN@x.com", "o'hara@x.com", "nobody@x.com"); !strings.HasPrefix(got, "removed 2 of 3 ") {
		t.Errorf("remove %q", got)
	}
	if got := s.MemberEmails(list.ID); len(got) != 1 || got[0] != "bob@x.com" {
		t.Errorf("members %v", got)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"dance":                 "no command",
		"serve -list-id x":      "6 letters",
		"serve extra":           "unexpected argument",
		"-refuse-email a@x.com": "ADDRESS=CODE:DETAIL",
		"-addr 256.0.0.1:0":     "listening",
		"members -url http://x -key k -list l -format xml": "not one of table, json, emails",
		"remove -url http://x -key k -list l":              "name the addresses",
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
	}
}

// A mistake is said once: the error, and where the flags are explained.
func TestMistakes_flags(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ args, want string }{
		{"-fualt 503:any", "flag provided but not defined: -fualt\nRun \"klaviyo-simulator help serve\" to see the flags"},
		{"members -lsit x", "flag provided but not defined: -lsit\nRun \"klaviyo-simulator help members\" to see the flags"},
		{"remove -lsit x", "flag provided but not defined: -lsit\nRun \"klaviyo-simulator help remove\" to see the flags"},
	} {
		var stdout, stderr strings.Builder
		err := run(t.Context(), strings.Fields(one.args), &stdout, &stderr)
		if err == nil || err.Error() != one.want {
			t.Errorf("%s: error %v, want %q", one.args, err, one.want)
		}
		if stdout.String()+stderr.String() != "" {
			t.Errorf("%s: something is printed besides the error: %s%s", one.args, &stdout, &stderr)
		}
	}
}

// The head of the table is printed only if there is an answer to put below it.
func TestMembers_stopped(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := run(t.Context(), []string{"members", "-url", "http://127.0.0.1:1", "-key", "k", "-list", "DemoVP"}, &out, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "reading the list") || out.String() != "" {
		t.Errorf("printed %q, error %v", out.String(), err)
	}
}

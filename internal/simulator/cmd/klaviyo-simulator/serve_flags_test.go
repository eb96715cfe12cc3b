package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// startServe starts what a command line would serve.
func startServe(t *testing.T, args ...string) *simulator.Server {
	t.Helper()
	f, err := parseServe(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := simulator.Start(simulator.Options{Control: f.control})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := f.prepare(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// get sends a request and returns the status, the header and the body.
func get(t *testing.T, method, url, key, body string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("revision", simulator.Revision)
	if key != "" {
		request.Header.Set("Authorization", "Klaviyo-API-Key "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, response.Header, err.Error()
	}
	return response.StatusCode, response.Header, string(answer)
}

func TestServe_setup(t *testing.T) {
	t.Parallel()
	// People come before their lists, and lists before their accounts, on purpose.
	s := startServe(t,
		"-member", "NewsLt=ann@x.com", "-member", "bob@x.com", "-unsubscribed", "cat@x.com", "-opted-out", "dan@x.com",
		"-live-flow", "OthrLs=Welcome", "-add-list", "NewsLt=News", "-add-list", "Second/OthrLs=Other", "-add-account", "Second=pk_second",
		"-scopes", "lists:read,accounts:read", "-add-key", "pk_flows=flows:read,lists:read")
	for _, one := range []struct {
		key, path string
		status    int
		says      string
	}{
		{defaultKey, "/api/lists/DemoVP", 200, "VIP customers"},
		{defaultKey, "/api/lists/NewsLt", 200, "News"},
		{defaultKey, "/api/lists/OthrLs", 404, "does not exist"},
		{"pk_second", "/api/lists/OthrLs", 200, "Other"},
		{"pk_second", "/api/accounts", 200, `"id":"Second"`},
		{"pk_second", "/api/lists/OthrLs/flow-triggers", 200, "Welcome"},
		{defaultKey, "/api/lists/DemoVP/flow-triggers", 403, "flows:read"},
		{"pk_flows", "/api/lists/DemoVP/flow-triggers", 200, "data"},
		{"pk_flows", "/api/accounts", 403, "accounts:read"},
		{"pk_flows", "/api/lists/NewsLt/profiles", 403, "profiles:read"},
	} {
		if status, _, answer := get(t, "GET", s.URL+one.path, one.key, ""); status != one.status || !strings.Contains(answer, one.says) {
			t.Errorf("%s %s: %d %s", one.key, one.path, status, answer)
		}
	}
	if got := fmt.Sprint(s.MemberEmails("DemoVP"), s.MemberEmails("NewsLt")); got != "[bob@x.com] [ann@x.com]" {
		t.Errorf("members %s", got)
	}
	if got := s.Consent("dan@x.com", "email").Status; got != "UNSUBSCRIBED" {
		t.Errorf("who opted out of everything is %s", got)
	}
	if got := s.Consent("cat@x.com", "email").Status; got != "NEVER_SUBSCRIBED" {
		t.Errorf("who unsubscribed from the list is %s", got)
	}
}

func TestServe_faults(t *testing.T) {
	t.Parallel()
	s := startServe(t, "-fault", "503:get_lists:2", "-fault", "429=7:get_account:1@2", "-fault", "reset:POST /api/lists",
		"-fault", "reset-after:delete_list", "-fault", "cut:get_profiles", "-fault", "500-after:create_profile")
	want := func(method, path string, status int, says string) {
		t.Helper()
		if got, _, answer := get(t, method, s.URL+path, defaultKey, ""); got != status || !strings.Contains(answer, says) {
			t.Errorf("%s %s: %d %s", method, path, got, answer)
		}
	}
	want("GET", "/api/lists/DemoVP", 200, "VIP") // another operation
	want("GET", "/api/lists", 503, "was told to make")
	want("GET", "/api/lists", 503, "was told to make")
	want("GET", "/api/lists", 200, "VIP")
	want("GET", "/api/accounts/SiMu1a", 200, "SiMu1a")
	status, header, answer := get(t, "GET", s.URL+"/api/accounts/SiMu1a", defaultKey, "")
	if status != 429 || header.Get("Retry-After") != "7" || !strings.Contains(answer, "throttled") {
		t.Errorf("429: %d %v %s", status, header, answer)
	}
	want("POST", "/api/lists", 0, "EOF")
	want("GET", "/api/profiles", 200, "unexpected EOF")
	want("DELETE", "/api/lists/DemoVP", 0, "EOF")
	if s.HasList("DemoVP") {
		t.Error("a connection that was reset afterwards left the list")
	}
	if left := s.Pending(); len(left) != 1 || !left[0].Done || left[0].Operation != "create_profile" {
		t.Errorf("pending %+v", left)
	}
}

func TestServe_control(t *testing.T) {
	t.Parallel()
	s := startServe(t, "-member", "ann@x.com", "-member", "bob@x.com")
	control := func(method, path, body string, status int, says string) {
		t.Helper()
		if got, _, answer := get(t, method, s.URL+"/control"+path, "", body); got != status || !strings.Contains(answer, says) {
			t.Errorf("%s %s: %d %s, want %d %q", method, path, got, answer, status, says)
		}
	}
	control("GET", "/", "", 200, "/control/lists/{id}/members")
	control("GET", "/lists", "", 200, `"members": 2`)
	control("GET", "/lists/DemoVP/members", "", 200, `"email": "ann@x.com"`)
	control("GET", "/lists/NoList/members", "", 404, "no list")
	control("DELETE", "/lists/DemoVP/members", `{"emails": ["ANN@x.com", "nobody@x.com"]}`, 200, `"changed": 1`)
	control("POST", "/lists/DemoVP/members", `{"emails": ["cat@x.com", "bob@x.com"]}`, 200, `"changed": 1`)
	control("POST", "/lists/DemoVP/members", `{"emails": []}`, 400, "no address")
	control("POST", "/unsubscribe", `{"email": "cat@x.com", "list": "DemoVP"}`, 200, "{}")
	control("GET", "/profiles?email=cat@x.com", "", 200, `"list_id": "DemoVP"`)
	control("POST", "/unsubscribe", `{"email": "bob@x.com"}`, 200, "{}")
	control("GET", "/profiles?email=bob@x.com", "", 200, `"UNSUBSCRIBED"`)
	if got := s.MemberEmails("DemoVP"); len(got) != 1 || got[0] != "bob@x.com" {
		t.Errorf("members %v", got)
	}
	control("POST", "/lists", `{"id": "NewsLt", "name": "News"}`, 200, `"NewsLt"`)
	control("POST", "/lists", `{"id": "NewsLt"}`, 400, "exists")
	control("POST", "/lists", `{"account": "Nobody", "name": "x"}`, 400, "no account")
	control("DELETE", "/lists/NewsLt", "", 200, "{}")
	control("POST", "/faults", `{"fault": "503:get_lists:all"}`, 200, `"pending": 1`)
	control("POST", "/faults", `{"fault": "503"}`, 400, "TROUBLE:OPERATION")
	control("POST", "/faults", `{"falt": "503"}`, 400, "unknown field")
	get(t, "GET", s.URL+"/api/lists", defaultKey, "")
	control("DELETE", "/faults", "", 200, `"pending": 0`)
	get(t, "GET", s.URL+"/api/lists", defaultKey, "")
	_, _, answer := get(t, "GET", s.URL+"/control/requests", "", "")
	var seen []struct {
		Operation string
		Status    int
	}
	if err := json.Unmarshal([]byte(answer), &seen); err != nil {
		t.Fatalf("%s: %s", err, answer)
	}
	if got := fmt.Sprint(seen); got != "[{get_lists 503} {get_lists 200}]" {
		t.Errorf("requests %s", got)
	}
	control("DELETE", "/requests", "", 200, "{}")
	control("PUT", "/lists", "", 404, "GET /control/")
}

// Neither another machine nor a page in a browser reaches the control endpoint.
func TestServe_controlIsLocal(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Control: true})
	for name, change := range map[string]func(*http.Request){
		"another machine":           func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" },
		"a name that leads here":    func(r *http.Request) { r.Host = "evil.example" },
		"a page of another website": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"this machine":              func(*http.Request) {},
	} {
		request := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/control/lists", nil)
		request.RemoteAddr = "127.0.0.1:1234"
		change(request)
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, request)
		want := http.StatusForbidden
		if name == "this machine" {
			want = http.StatusOK
		}
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", name, answer.Code, want)
		}
	}
	if status, _, _ := get(t, "GET", startServe(t, "-control=false").URL+"/control/lists", "", ""); status != http.StatusNotFound {
		t.Errorf("without control: %d", status)
	}
}

func TestServe_jobs(t *testing.T) {
	t.Parallel()
	s := startServe(t, "-cancel-jobs", "1", "-fail-email", "bad@x.com=invalid:No", "-fail-for-now", "1:1")
	job := func(email string) string {
		t.Helper()
		body := `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[{"type":"profile","attributes":{"email":"` + email + `"}}]}}}}`
		request, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/profile-bulk-import-jobs", strings.NewReader(body))
		request.Header.Set("Authorization", "Klaviyo-API-Key "+defaultKey)
		request.Header.Set("revision", simulator.Revision)
		request.Header.Set("Content-Type", "application/vnd.api+json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		_, _, answer := get(t, "GET", response.Header.Get("Location"), defaultKey, "")
		var content struct {
			Data struct {
				Attributes struct {
					Status    string
					Completed int `json:"completed_count"`
					Failed    int `json:"failed_count"`
				}
			}
		}
		if err := json.Unmarshal([]byte(answer), &content); err != nil {
			t.Fatalf("%s: %s", err, answer)
		}
		return fmt.Sprint(content.Data.Attributes)
	}
	for _, one := range []struct{ email, want string }{
		{"ann@x.com", "{cancelled 0 0}"},
		{"ann@x.com", "{complete 0 1}"}, // for now
		{"ann@x.com", "{complete 1 0}"},
		{"bad@x.com", "{complete 0 1}"}, // always
		{"bad@x.com", "{complete 0 1}"},
	} {
		if got := job(one.email); got != one.want {
			t.Errorf("the job of %s is %s, want %s", one.email, got, one.want)
		}
	}
}

func TestServe_mistakes(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ flag, value, want string }{
		{"-fault", "503", "TROUBLE:OPERATION"},
		{"-fault", "200:any", `no trouble "200"`},
		{"-fault", "503=1:any", "no trouble"},
		{"-fault", "slow=soon:any", "duration"},
		{"-fault", "503:make_tea", "bulk_import_profiles"},
		{"-fault", "503:GET lists", "/api/"},
		{"-fault", "503:any:none", "count"},
		{"-fault", "503:any:1@0", "after @"},
		{"-scopes", "lists:eat", "accounts:read"},
		{"-add-key", "pk_x", "KEY=SCOPE"},
		{"-add-account", "x", "ID=KEY"},
		{"-add-list", "x=Name", "6 letters"},
		{"-live-flow", "Welcome", "LIST=NAME"},
		{"-member", "bob", "EMAIL"},
		{"-opted-out", "bob", "email address"},
		{"-fail-for-now", "2", "N:TIMES"},
		{"-cancel-jobs", "-1", "below 0"},
		{"-live-flow", "NoList=Welcome", "no list"},
		{"-add-list", "DemoVP=Twice", "exists"},
		{"-add-list", "Nobody/NewsLt=News", "no account"},
		{"-add-account", "SiMu1a=pk_x", "exists"},
	} {
		err := run(t.Context(), []string{one.flag, one.value}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s %s: %v, want %q", one.flag, one.value, err, one.want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ args, want string }{
		{"help", "help [TOPIC]"},
		{"help serve", "-fault TROUBLE"},
		{"help members", "-format FORMAT"},
		{"help remove", "EMAIL..."},
		{"help faults", "bulk_import_profiles"},
		{"help control", "/control/faults"},
	} {
		var out strings.Builder
		if err := run(t.Context(), strings.Fields(one.args), &out, io.Discard); err != nil || !strings.Contains(out.String(), one.want) {
			t.Errorf("%s: %v\n%s", one.args, err, &out)
		}
	}
	if err := run(t.Context(), []string{"help", "tea"}, io.Discard, io.Discard); err == nil {
		t.Error("help on what there is not")
	}
	for _, args := range []string{"-h", "members -h", "remove -help"} {
		var stderr strings.Builder
		if err := run(t.Context(), strings.Fields(args), io.Discard, &stderr); !errors.Is(err, flag.ErrHelp) || !strings.Contains(stderr.String(), "klaviyo-simulator ") {
			t.Errorf("%s: %v %s", args, err, &stderr)
		}
	}
}

// The guide has every flag, operation and control request as the command has it. The test
// prints what belongs between the marks.
func TestGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "templates", "guides", "testing.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"flags": flagTable(), "faults": faultTable(), "operations": operationTable(), "control": controlTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		_, rest, found := strings.Cut(string(text), begin)
		got, _, closed := strings.Cut(rest, end)
		if !found || !closed || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("the guide does not have, between %q and %q:\n%s", strings.TrimSpace(begin), end, want)
		}
	}
}

func flagTable() string {
	var out strings.Builder
	out.WriteString("| Flag | Value | Default | Meaning |\n|---|---|---|---|\n")
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	(&serveFlags{}).register(flags)
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if value != "" {
			value = "`" + value + "`"
		}
		standard := f.DefValue
		if standard != "" {
			standard = "`" + standard + "`"
		}
		fmt.Fprintf(&out, "| `-%s` | %s | %s | %s |\n", f.Name, value, standard, usage)
	})
	return out.String()
}

func faultTable() string { return "```text\n" + simulator.FaultSyntax + "\n```\n" }

func operationTable() string {
	var out strings.Builder
	out.WriteString("| Operation | Request |\n|---|---|\n")
	for _, o := range simulator.Operations() {
		fmt.Fprintf(&out, "| `%s` | `%s %s` |\n", o.ID, o.Method, o.Path)
	}
	return out.String()
}

func controlTable() string {
	var out strings.Builder
	out.WriteString("| Request | Body | What it does |\n|---|---|---|\n")
	for _, c := range simulator.ControlRequests() {
		body := c.Body
		if body != "" {
			body = "`" + body + "`"
		}
		fmt.Fprintf(&out, "| `%s %s` | %s | %s |\n", c.Method, c.Path, body, c.Does)
	}
	return out.String()
}

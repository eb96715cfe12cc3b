package simulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const jobsPath = "/api/profile-bulk-import-jobs"

// counts are the status and counts of a job, for comparing.
func counts(job resource) string {
	a := job.Attributes
	return fmt.Sprintf("%v %v/%v/%v", a["status"], a["total_count"], a["completed_count"], a["failed_count"])
}

func TestImportUpserts(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	first := `{"email":"Ann@X.com","external_id":"7","first_name":"Ann","location":{"city":"Palma","country":"Spain"},"properties":{"tier":"gold","n":1}}`
	job := sendImport(t, s, []string{first, `{"external_id":"8"}`, `{"phone_number":"+34600111222"}`}, list.ID).want(t, 202).one(t)
	if counts(job) != "queued 3/0/0" || job.Attributes["expires_at"] != "2026-08-08T12:00:00+00:00" {
		t.Errorf("job %v", job.Attributes)
	}
	if done := get(t, s, jobsPath+"/"+job.ID).want(t, 200).one(t); counts(done) != "complete 3/3/0" {
		t.Errorf("job %v", done.Attributes)
	}
	c.Add(time.Hour)
	before := s.Members(list.ID)
	sendImport(t, s, []string{first}, list.ID).want(t, 202)
	if after := s.Members(list.ID); !equal(before, after) {
		t.Errorf("a second identical import made %v of %v", after, before)
	}

	sendImport(t, s, []string{
		`{"email":"ann@x.com","last_name":"Lee","first_name":null,"location":{"city":"Inca"},"properties":{"n":2,"new":[true,null]}}`,
		`{"external_id":"8","email":"eight@x.com"}`, `{"phone_number":"+34600111222","title":"Dr"}`,
	}, list.ID).want(t, 202)
	ann, _ := s.Profile("ANN@x.com")
	wantAttributes := map[string]any{"first_name": "Ann", "last_name": "Lee", "location": map[string]any{"city": "Inca", "country": "Spain"}}
	wantProperties := map[string]any{"tier": "gold", "n": 2.0, "new": []any{true, nil}}
	if !equal(ann.Attributes, wantAttributes) || !equal(ann.Properties, wantProperties) || ann.ExternalID != "7" {
		t.Errorf("profile %+v", ann)
	}
	if !ann.Updated.Equal(c.Now()) || ann.Created.Equal(ann.Updated) {
		t.Errorf("created %v, updated %v", ann.Created, ann.Updated)
	}
	members := s.Members(list.ID)
	if len(members) != 3 || members[1].Email != "eight@x.com" || members[2].Attributes["title"] != "Dr" || members[0].JoinedGroupAt.Equal(c.Now()) {
		t.Errorf("members %+v", members)
	}
	// Two addresses are two people, whatever they share.
	sendImport(t, s, []string{`{"email":"bob@x.com","external_id":"7"}`}, list.ID).want(t, 202)
	if bob, _ := s.Profile("bob@x.com"); bob.ExternalID != "" || len(s.Members(list.ID)) != 4 {
		t.Errorf("profile %+v", bob)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	s.RefuseEmail("Bad@x.com", "invalid", "Invalid email address")
	s.RefusePhone("+34600111222", "invalid", "Phone number is valid but is not in a supported region for this account.")
	for row, field := range map[string]string{
		`{"email":"no-at"}`:      "/attributes/email",
		`{"email":"a@b"}`:        "/attributes/email",
		`{"email":"a b@x.com"}`:  "/attributes/email",
		`{"email":"a..b@x.com"}`: "/attributes/email",
		`{"email":"a@-x.com"}`:   "/attributes/email",
		`{"email":""}`:           "/attributes/email",
		`{"email":"` + strings.Repeat("a", 65) + `@x.com"}`:  "/attributes/email",
		`{"email":"bad@x.com"}`:                              "/attributes/email",
		`{"email":7}`:                                        "/attributes/email",
		`{"email":"a@x.com","phone_number":"600111222"}`:     "/attributes/phone_number",
		`{"email":"a@x.com","phone_number":"+0600111222"}`:   "/attributes/phone_number",
		`{"email":"a@x.com","phone_number":""}`:              "/attributes/phone_number",
		`{"email":"a@x.com","phone_number":"+34600111222"}`:  "/attributes/phone_number",
		`{"external_id":"` + strings.Repeat("é", 256) + `"}`: "/attributes/external_id",
		`{}`:                              "/attributes",
		`{"email":null,"external_id":""}`: "/attributes",
		`{"email":"a@x.com","properties":{"$consent":"x"}}`:                  "/attributes/properties/$consent",
		`{"email":"a@x.com","properties":[]}`:                                "/attributes/properties",
		`{"email":"a@x.com","subscriptions":{}}`:                             "/attributes/subscriptions",
		`{"email":"a@x.com","location":{"planet":"x"}}`:                      "/attributes/location/planet",
		`{"email":"a@x.com","title":"` + strings.Repeat("x", 100_000) + `"}`: "",
	} {
		answer := sendImport(t, s, []string{`{"email":"good@x.com"}`, row}, list.ID)
		answer.refused(t, 400, "invalid", "/data/attributes/profiles/data/1"+field)
		if len(answer.Errors) != 1 {
			t.Errorf("%.100s: %d errors", row, len(answer.Errors))
		}
	}
	s.RefuseEmail("odd@x.com", "odd_code", "Odd.")
	sendImport(t, s, []string{`{"email":"Odd@x.com"}`}).refused(t, 400, "odd_code", "/data/attributes/profiles/data/0/attributes/email")
	if got := s.MemberEmails(list.ID); len(got) != 0 {
		t.Errorf("refused imports left %v", got)
	}
	if _, found := s.Profile("good@x.com"); found {
		t.Error("a refused import left a profile")
	}
	fine := []string{`{"external_id":"` + strings.Repeat("é", 255) + `"}`, `{"email":"o'hara+tag@mail.x-y.co.uk"}`, `{"email":"\u0061@x.com","properties":null}`}
	sendImport(t, s, fine, list.ID).want(t, 202)
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"", "a@x.com", "o'hara+tag@mail.x-y.co.uk"}) {
		t.Errorf("members %v", got)
	}
}

func TestImportRequestsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	row := `{"email":"a@x.com"}`
	many := slices.Repeat([]string{row}, 10_001)
	for name, test := range map[string]struct {
		body    string
		status  int
		code    string
		pointer string
	}{
		"not JSON":         {`{"data":{"type":}}`, 400, "parse_error", "/"},
		"cut short":        {importBody([]string{row})[:60], 400, "parse_error", "/"},
		"no profiles":      {importBody(nil), 400, "invalid", "/data/attributes/profiles/data"},
		"no attributes":    {`{"data":{"type":"profile-bulk-import-job"}}`, 400, "invalid", "/data/attributes"},
		"wrong type":       {strings.Replace(importBody([]string{row}), "-job", "", 1), 400, "invalid", "/data/type"},
		"row of no type":   {strings.Replace(importBody([]string{row}), `"type":"profile",`, "", 1), 400, "invalid", "/data/attributes/profiles/data/0/type"},
		"row no object":    {strings.Replace(importBody([]string{row}), `{"type":"profile","attributes":`+row+`}`, "7", 1), 400, "invalid", "/data/attributes/profiles/data/0"},
		"unknown list":     {importBody([]string{`{"email":"no"}`}, "NoList"), 400, "invalid", "/data"},
		"list of no type":  {strings.Replace(importBody([]string{row}, "x"), `"type":"list",`, "", 1), 400, "invalid", "/data/relationships/lists/data/0/type"},
		"too many":         {importBody(many), 413, "request_too_large", "/data"},
		"too large":        {importBody([]string{row}) + strings.Repeat(" ", 5_000_000), 413, "request_too_large", "/data"},
		"much too large":   {importBody([]string{row}) + strings.Repeat(" ", 9_000_000), 413, "request_too_large", "/data"},
		"patching by meta": {strings.Replace(importBody([]string{row}), `"type":"profile",`, `"type":"profile","meta":{"patch_properties":{"append":{"x":1}}},`, 1), 400, "invalid", "/data/attributes/profiles/data/0/meta/patch_properties/append"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := call(t, s, "POST", jobsPath, test.body)
			answer.refused(t, test.status, test.code, test.pointer)
			if test.pointer == "/data" && test.status == 400 && answer.Errors[0].Detail != "List ID NoList does not exist." {
				t.Errorf("detail %q", answer.Errors[0].Detail)
			}
		})
	}
	call(t, s, "POST", jobsPath, importBody(many[:10_000])).want(t, 202)
	full := importBody([]string{row})
	call(t, s, "POST", jobsPath, full+strings.Repeat(" ", 5_000_000-len(full))).want(t, 202)
}

func TestImportErrorsArePiecemeal(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{MaxErrorsPerResponse: 2})
	rows := []string{`{"email":"a"}`, `{"email":"a@x.com"}`, `{"email":"b","phone_number":"b"}`, `{"email":"c"}`}
	answer := sendImport(t, s, rows).want(t, 400)
	var pointers []string
	for _, e := range answer.Errors {
		pointers = append(pointers, strings.TrimPrefix(e.Source.Pointer, "/data/attributes/profiles/data/"))
	}
	if !slices.Equal(pointers, []string{"0/attributes/email", "2/attributes/email"}) {
		t.Errorf("pointers %v", pointers)
	}
}

func TestJobsTakeTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now, QueueDelay: time.Minute, ProcessDelay: time.Minute})
	list := s.AddList(simulator.List{})
	job := sendImport(t, s, []string{`{"email":"a@x.com","first_name":"A","properties":{"k":"v"}}`}, list.ID).want(t, 202).one(t)
	call(t, s, "POST", "/api/profiles", strings.Repeat("x", 4096)) // lest the job still read the request's buffer
	state := func() resource { return get(t, s, jobsPath+"/"+job.ID).want(t, 200).one(t) }
	for _, want := range []string{"queued 1/0/0", "processing 1/0/0", "complete 1/1/0"} {
		if got := counts(state()); got != want {
			t.Errorf("job %s, want %s", got, want)
		}
		if members := len(s.Members(list.ID)); (members == 1) != strings.HasPrefix(want, "complete") {
			t.Errorf("%d members while %s", members, want)
		}
		c.Add(time.Minute)
	}
	done := state().Attributes
	if done["started_at"] != "2026-08-01T12:01:00+00:00" || done["completed_at"] != "2026-08-01T12:02:00+00:00" {
		t.Errorf("job %v", done)
	}
	if a, _ := s.Profile("a@x.com"); a.Attributes["first_name"] != "A" || a.Properties["k"] != "v" {
		t.Errorf("profile %v", a)
	}
}

func TestRowsFailLate(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	var rows []string
	for i, email := range addresses(150) {
		rows = append(rows, fmt.Sprintf(`{"email":%q,"external_id":"%d"}`, email, i))
		if i > 0 {
			s.FailEmail(strings.ToUpper(email), "duplicate", "Merged away.")
		}
	}
	job := sendImport(t, s, rows, list.ID).want(t, 202).one(t)
	if done := get(t, s, jobsPath+"/"+job.ID).one(t); counts(done) != "complete 150/1/149" {
		t.Errorf("job %v", done.Attributes)
	}
	path := jobsPath + "/" + job.ID + "/import-errors"
	ids, pages := walk(t, s, path, "page[size]", "100")
	if len(ids) != 149 || pages != 2 {
		t.Errorf("%d errors on %d pages", len(ids), pages)
	}
	want := map[string]any{
		"code": "duplicate", "title": "Invalid input.", "detail": "Merged away.",
		"source":           map[string]any{"pointer": "/data/attributes/profiles/data/1/attributes/email"},
		"original_payload": map[string]any{"email": "p0001@example.com", "external_id": "1"},
	}
	if first := get(t, s, path).all(t)[0]; first.Type != "import-error" || !equal(first.Attributes, want) {
		t.Errorf("error %v", first)
	}
	if got := s.MemberEmails(list.ID); len(got) != 1 {
		t.Errorf("members %v", got)
	}
}

func TestJobCollections(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now, ProcessDelay: time.Minute})
	list, gone := s.AddList(simulator.List{Name: "VIP"}), s.AddList(simulator.List{})
	s.CancelJobs(1)
	var jobs []string
	for range 3 {
		jobs = append(jobs, sendImport(t, s, []string{`{"email":"a@x.com"}`, `{"email":"b@x.com"}`, `{"email":"A@x.com"}`}, list.ID, gone.ID).want(t, 202).one(t).ID)
		c.Add(40 * time.Second)
	}
	s.DeleteList(gone.ID)
	if ids, _ := walk(t, s, jobsPath, "sort", "-created_at", "page[size]", "2"); !slices.Equal(ids, []string{jobs[2], jobs[1], jobs[0]}) {
		t.Errorf("jobs %v", ids)
	}
	for filter, want := range map[string][]string{
		`equals(status,"complete")`:                {jobs[1]},
		`any(status,["queued","processing"])`:      {jobs[2]},
		`equals(status,["processing","complete"])`: {jobs[1], jobs[2]},
	} {
		if ids, _ := walk(t, s, jobsPath, "filter", filter); !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", filter, ids, want)
		}
	}
	if cancelled := get(t, s, jobsPath+"/"+jobs[0]).one(t); counts(cancelled) != "cancelled 3/0/0" {
		t.Errorf("job %v", cancelled.Attributes)
	}
	one := jobsPath + "/" + jobs[1]
	if done := get(t, s, one, "include", "lists").want(t, 200); counts(done.one(t)) != "complete 3/3/0" || len(done.Included) != 1 {
		t.Errorf("job %s", done.text)
	}
	for path, want := range map[string]int{"/lists": 1, "/relationships/lists": 2, "/profiles": 2, "/relationships/profiles": 2, "/import-errors": 0} {
		if got := get(t, s, one+path).want(t, 200).all(t); len(got) != want {
			t.Errorf("%s: %v", path, got)
		}
		get(t, s, jobsPath+"/nope"+path).refused(t, 404, "not_found", "/data")
	}
}

func TestCountsMayBeNull(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{NullCounts: true})
	job := sendImport(t, s, []string{`{"email":"a@x.com"}`}).want(t, 202).one(t)
	if done := get(t, s, jobsPath+"/"+job.ID).one(t); counts(done) != "complete 1/<nil>/<nil>" {
		t.Errorf("job %v", done.Attributes)
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{Discard: true})
	list := s.AddList(simulator.List{})
	job := sendImport(t, s, []string{`{"email":"a@x.com"}`, `{"email":"b@x.com"}`}, list.ID).want(t, 202).one(t)
	if done := get(t, s, jobsPath+"/"+job.ID).one(t); counts(done) != "complete 2/2/0" || len(s.Members(list.ID)) != 0 {
		t.Errorf("job %v, members %v", done.Attributes, s.Members(list.ID))
	}
	sendImport(t, s, []string{`{"email":"a@x.com"}`}, "NoList").refused(t, 400, "invalid", "/data")
	call(t, s, "POST", jobsPath, `{"data":{"type":"profile-bulk-`).refused(t, 400, "parse_error", "/")
}

// A big import is a hundred requests in the making; what is quadratic would
// show as a test that takes minutes.
func TestBigImport(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	const batches, size = 2, 10_000
	for batch := range batches {
		rows := make([]string, size)
		for i := range rows {
			n := batch*size + i
			rows[i] = fmt.Sprintf(`{"email":"p%06d@example.com","external_id":"%d","properties":{"n":%d}}`, n, n, n)
		}
		sendImport(t, s, rows, list.ID).want(t, 202)
	}
	count := get(t, s, "/api/lists/"+list.ID, "additional-fields[list]", "profile_count").one(t)
	if count.Attributes["profile_count"] != float64(batches*size) {
		t.Errorf("list %v", count.Attributes)
	}
	if ids, pages := walk(t, s, "/api/lists/"+list.ID+"/relationships/profiles", "page[size]", "100"); len(ids) != batches*size || pages != batches*size/100 {
		t.Errorf("%d members on %d pages", len(ids), pages)
	}
}

func TestPhoneNumbersAreRefusedByTheirBeginning(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	s.RefusePhones("+33", "invalid", "Not in a supported region.")
	s.RefusePhone("+34600111222", "invalid", "No.")
	rows := []string{`{"phone_number":"+33612345678"}`, `{"phone_number":"+34600111333"}`, `{"phone_number":"+34600111222"}`, `{"email":"a@x.com"}`}
	answer := sendImport(t, s, rows).want(t, 400)
	var got []string
	for _, e := range answer.Errors {
		got = append(got, strings.TrimPrefix(e.Source.Pointer, "/data/attributes/profiles/data/")+" "+e.Detail)
	}
	if want := []string{"0/attributes/phone_number Not in a supported region.", "2/attributes/phone_number No."}; !slices.Equal(got, want) {
		t.Errorf("errors %q, want %q", got, want)
	}
	sendImport(t, s, []string{rows[1], rows[3]}).want(t, 202)
}

// Jobs of others are in the account, and for their lists; nobody joins those.
func TestAddedJobs(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now, QueueDelay: time.Minute})
	list := s.AddList(simulator.List{})
	s.AddJobs(2, list.ID)
	unfinished := func() []string {
		ids, _ := walk(t, s, jobsPath, "filter", `any(status,["queued","processing"])`, "sort", "created_at")
		return ids
	}
	jobs := unfinished()
	if len(jobs) != 2 {
		t.Fatalf("jobs %q", jobs)
	}
	if lists, _ := walk(t, s, jobsPath+"/"+jobs[0]+"/relationships/lists"); !slices.Equal(lists, []string{list.ID}) {
		t.Errorf("lists %q", lists)
	}
	c.Add(time.Minute)
	if done := get(t, s, jobsPath+"/"+jobs[1]).one(t); counts(done) != "complete 1/1/0" || len(unfinished()) != 0 || len(s.Members(list.ID)) != 0 {
		t.Errorf("job %v, members %v", done.Attributes, s.Members(list.ID))
	}
}

// A job that is miscounted imports everybody all the same.
func TestMiscountedJobs(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	list := s.AddList(simulator.List{})
	s.MiscountJobs(2, 2)
	rows := []string{`{"email":"a@x.com"}`, `{"email":"b@x.com"}`, `{"email":"c@x.com"}`}
	for _, want := range []string{"complete 3/1/0", "complete 1/0/0", "complete 1/1/0"} {
		job := sendImport(t, s, rows, list.ID).want(t, 202).one(t)
		rows = rows[:1]
		if done := get(t, s, jobsPath+"/"+job.ID).one(t); counts(done) != want {
			t.Errorf("job %v, want %s", done.Attributes, want)
		}
	}
	if got := len(s.Members(list.ID)); got != 3 {
		t.Errorf("%d members", got)
	}
}

// A job that is delayed is done after those that were created later, and what it
// holds is what counts then.
func TestDelayedJobsAreOvertaken(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{Now: c.Now})
	list := s.AddList(simulator.List{})
	s.DelayJobs(1, time.Hour)
	for _, name := range []string{"Old", "New"} {
		sendImport(t, s, []string{`{"email":"a@x.com","first_name":"` + name + `"}`}, list.ID).want(t, 202)
	}
	for _, want := range []string{"New", "Old"} {
		if got, _ := s.Profile("a@x.com"); got.Attributes["first_name"] != want {
			t.Errorf("profile %+v, want %s", got, want)
		}
		c.Add(time.Hour)
	}
}

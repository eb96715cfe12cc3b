package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// jobLifetime is how long Klaviyo keeps a job.
const jobLifetime = 7 * 24 * time.Hour

// job is a bulk import. Its state follows from the time: nothing runs in the
// background.
type job struct {
	number    int
	id        string
	lists     []string
	created   time.Time
	starts    time.Time
	ends      time.Time
	total     int
	cancelled bool // how it ends
	uncounted int  // profiles left out of its count of the completed

	ended     bool
	rows      []importRow // until then
	completed int
	failures  []failure
	people    []uint32 // who was imported
}

type importRow struct {
	*details
	index int
	// payload is the row as sent, kept for those that are to fail.
	payload json.RawMessage
	cause   *verdict
}

var (
	jobFields = []string{
		"completed_at", "completed_count", "created_at", "expires_at", "failed_count", "id", "started_at", "status", "total_count",
	}
	jobScopes = []string{"lists:read", "profiles:read"}
)

func importOperations() []*operation {
	fields := fieldsOf("profile-bulk-import-job", jobFields)
	lists := fieldsOf("list", listFields)
	all := append([]parameter{fields, sortedBy("created_at"), filteredBy(filterField{
		name: "status", operators: lookups, enum: []string{"queued", "processing", "complete"},
	})}, paged(20, 100)...)
	profiles := append([]parameter{
		fieldsOf("profile", profileFields), additional("profile", "subscriptions", "predictive_analytics"),
	}, paged(20, 100)...)
	const jobs, one = "profile-bulk-import-jobs", "profile-bulk-import-jobs/{id}"
	get := func(path string, scopes []string, handle func(*exchange) response, parameters ...parameter) *operation {
		return &operation{method: "GET", path: path, scopes: scopes, limit: medium, parameters: parameters, handle: handle}
	}
	return []*operation{
		get(jobs, jobScopes, getJobs, all...),
		{
			method: "POST", path: jobs, scopes: []string{"lists:write", "profiles:write"}, limit: medium,
			parameters: []parameter{fields}, body: true, handle: createJob,
		},
		get(one, jobScopes, getJob, fields, lists, including("lists")),
		get(one+"/lists", jobScopes[:1], getJobLists, lists),
		get(one+"/relationships/lists", jobScopes[:1], getJobListIDs),
		get(one+"/profiles", jobScopes[1:], getJobProfiles, profiles...),
		get(one+"/relationships/profiles", jobScopes[1:], getJobProfileIDs, paged(20, 100)...),
	}
}

// createJob validates all of an import and takes it all, or none of it.
func createJob(x *exchange) response {
	discard := x.server.options.Discard
	if !discard && !json.Valid(x.body) {
		return refuse(malformedJSON())
	}
	parsed, problems := parseImport(x.body)
	if problems == nil {
		problems = x.checkImport(parsed)
	}
	if problems != nil {
		return refuse(problems...)
	}
	var rows []importRow
	if !discard {
		if rows, problems = x.server.readRows(parsed.rows); problems != nil {
			return refuse(problems...)
		}
	}
	defer x.lock()()
	j := x.server.startJob(x.account, parsed.lists, len(parsed.rows), x.now)
	j.rows = rows
	answer := document(http.StatusAccepted, map[string]any{"data": x.jobObject(j, "queued"), "links": x.selfLink()})
	answer.header.Set("Location", x.link("profile-bulk-import-jobs", j.id))
	x.account.settle(x.now) // while the rows still point into the request
	return answer
}

// checkImport is what can be said before looking at the rows.
func (x *exchange) checkImport(parsed importBody) []problem {
	const at = "/data/attributes/profiles/data"
	switch {
	case len(parsed.rows) == 0:
		return []problem{invalid(at, "At least one profile is required.")}
	case len(parsed.rows) > maxImportRows:
		return []problem{tooLarge(fmt.Sprintf("A request may have %d profiles, this one has %d.", maxImportRows, len(parsed.rows)))}
	}
	defer x.lock()()
	for _, id := range parsed.lists {
		if x.account.list(id) == nil {
			return []problem{invalid("/data", fmt.Sprintf("List ID %s does not exist.", id))}
		}
	}
	return nil
}

// readRows checks the rows and copies what outlives the request.
func (s *Server) readRows(rows [][]byte) ([]importRow, []problem) {
	s.mu.Lock()
	keep := s.accounts[0].flaky != nil || s.accounts[0].unique
	refusals, late := s.refusals, s.options.QueueDelay+s.options.ProcessDelay > 0 || s.delayed > 0
	s.mu.Unlock()
	checker := rowChecker{refusals: refusals, maxProblems: s.options.MaxErrorsPerResponse}
	all := make([]importRow, 0, len(rows))
	for i, row := range rows {
		if late {
			row = slices.Clone(row)
		}
		d := checker.check(i, row)
		if checker.full() {
			break
		}
		if len(checker.problems) > 0 {
			continue
		}
		read := importRow{details: d, index: i, cause: refusals.late[strings.ToLower(d.email)]}
		if read.cause != nil || d.id != "" || keep {
			read.payload = slices.Clone(row)
		}
		all = append(all, read)
	}
	if len(checker.problems) > checker.maxProblems {
		checker.problems = checker.problems[:checker.maxProblems]
	}
	return all, checker.problems
}

func (s *Server) startJob(a *account, lists []string, total int, now time.Time) *job {
	j := &job{number: len(a.jobs), lists: lists, total: total, created: now, starts: now.Add(s.options.QueueDelay)}
	if s.delayed > 0 {
		s.delayed--
		j.starts = j.starts.Add(s.delay)
	}
	j.ends = j.starts.Add(s.options.ProcessDelay)
	j.id = "01SMVWAT0RJ0B" + profileID(a.people.account, uint32(j.number))[13:]
	if s.cancelled > 0 {
		s.cancelled--
		j.cancelled = true
	}
	if s.miscounted > 0 {
		s.miscounted--
		j.uncounted = s.uncounted
	}
	a.jobs = append(a.jobs, j)
	a.pending = append(a.pending, j)
	return j
}

// AddJobs makes import jobs of one profile each, which is nobody's, as others who
// use the account would. They take as long as any job.
func (s *Server) AddJobs(jobs int, lists ...string) {
	a, unlock := s.lock()
	defer unlock()
	for range jobs {
		s.startJob(a, lists, 1, s.options.Now())
	}
}

// settle finishes the jobs that have ended by now.
func (a *account) settle(now time.Time) {
	a.pending = slices.DeleteFunc(a.pending, func(j *job) bool {
		if now.Before(j.ends) {
			return false
		}
		a.finish(j)
		return true
	})
}

// finish imports what was sent. A list that is gone by now gets nobody.
func (a *account) finish(j *job) {
	j.ended = true
	if j.cancelled {
		j.rows = nil
		return
	}
	if j.rows == nil {
		j.completed = j.total // discarded
	}
	for _, row := range j.rows {
		if why := a.fault(row); why != nil {
			j.fail(row, *why)
			continue
		}
		if a.people.failTaken && a.people.taken(row.details) {
			j.fail(row, verdict{"duplicate_profile", "A profile already exists with one of these identifiers."})
			continue
		}
		who := a.people.upsert(row.details, j.ends)
		if who == nil {
			j.fail(row, verdict{"not_found", "The profile does not exist."})
			continue
		}
		j.completed++
		j.people = append(j.people, who.number)
		for _, id := range j.lists {
			if l := a.list(id); l != nil {
				l.join(who.number, j.ends)
			}
		}
	}
	j.rows = nil
	j.completed = max(j.completed-j.uncounted, 0)
}

func (j *job) status(now time.Time) string {
	switch {
	case j.ended && j.cancelled:
		return "cancelled"
	case j.ended:
		return "complete"
	case now.Before(j.starts):
		return "queued"
	}
	return "processing"
}

// CancelJobs makes the next n jobs that are created end cancelled, with nothing
// imported.
func (s *Server) CancelJobs(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancelled += n
}

// MiscountJobs makes the next jobs that are created count so many profiles fewer
// as completed than they import.
func (s *Server) MiscountJobs(jobs, profiles int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.miscounted, s.uncounted = jobs, profiles
}

// DelayJobs makes the next jobs that are created stay queued for so much longer,
// so that later ones overtake them.
func (s *Server) DelayJobs(jobs int, by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delayed, s.delay = jobs, by
}

// ReleaseJobs ends the jobs that have not ended, however long they were to take.
func (s *Server) ReleaseJobs() {
	a, unlock := s.lock()
	defer unlock()
	now := s.options.Now()
	for _, j := range a.pending {
		j.starts, j.ends = now, now
	}
	a.settle(now)
}

package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func getJobs(x *exchange) response {
	defer x.lock()()
	found := inOrder(x.account.jobs, func(j *job) string { return fmt.Sprintf("%012d", j.number) }).only(func(j *job) bool {
		return !slices.ContainsFunc(x.query.filters, func(c condition) bool { return !c.holdsText(j.status(x.now)) })
	})
	items, links := page(x, found, strings.HasPrefix(x.query.sort, "-"))
	return document(http.StatusOK, map[string]any{
		"data":  convert(items, func(j *job) object { return x.jobObject(j, j.status(x.now)) }),
		"links": links,
	})
}

// onJob runs what needs the job of the path, with the state locked.
func onJob(x *exchange, handle func(*job) response) response {
	defer x.lock()()
	for _, j := range x.account.jobs {
		if j.id == x.id {
			return handle(j)
		}
	}
	return refuse(notFound("profile-bulk-import-job", x.id))
}

func getJob(x *exchange) response {
	return onJob(x, func(j *job) response {
		content := map[string]any{"data": x.jobObject(j, j.status(x.now)), "links": x.selfLink()}
		if x.query.asks("include", "lists") {
			content["included"] = x.jobLists(j)
		}
		return document(http.StatusOK, content)
	})
}

func getJobLists(x *exchange) response {
	return onJob(x, func(j *job) response {
		return document(http.StatusOK, map[string]any{"data": x.jobLists(j), "links": x.wholeLinks()})
	})
}

func getJobListIDs(x *exchange) response {
	return onJob(x, func(j *job) response {
		ids := convert(j.lists, func(id string) ref { return ref{"list", id} })
		return document(http.StatusOK, map[string]any{"data": ids, "links": x.wholeLinks()})
	})
}

func getJobProfiles(x *exchange) response {
	return x.jobPeople(func(who *person) any { return x.profileObject(who, nil) })
}

func getJobProfileIDs(x *exchange) response {
	return x.jobPeople(func(who *person) any { return ref{"profile", x.account.people.id(who.number)} })
}

// jobPeople pages the profiles of a job, each once however often it was sent.
func (x *exchange) jobPeople(show func(*person) any) response {
	return onJob(x, func(j *job) response {
		slices.Sort(j.people)
		j.people = slices.Compact(j.people)
		found := convert(j.people, func(number uint32) *person { return x.account.people.all[number] })
		items, links := page(x, inOrder(found, func(who *person) string { return who.sortKey("") }), false)
		return document(http.StatusOK, map[string]any{"data": convert(items, show), "links": links})
	})
}

// jobLists are the lists of a job that still exist.
func (x *exchange) jobLists(j *job) []object {
	lists := []object{}
	for _, id := range j.lists {
		if l := x.account.list(id); l != nil {
			lists = append(lists, x.listObject(l))
		}
	}
	return lists
}

// jobObject shows a job in a state: an answer to an import says queued, however
// quickly the job ends.
func (x *exchange) jobObject(j *job, status string) object {
	attributes := map[string]any{
		"status": status, "created_at": timestamp(j.created), "expires_at": timestamp(j.created.Add(jobLifetime)),
		"started_at": nil, "completed_at": nil,
		"total_count": j.total, "completed_count": 0, "failed_count": 0,
	}
	if status != "queued" {
		attributes["started_at"] = timestamp(j.starts)
	}
	if status == "complete" || status == "cancelled" {
		attributes["completed_at"] = timestamp(j.ends)
		attributes["completed_count"], attributes["failed_count"] = j.completed, len(j.failures)
	}
	if x.server.options.NullCounts {
		attributes["completed_count"], attributes["failed_count"] = nil, nil
	}
	asked, given := x.query.fields("profile-bulk-import-job")
	relationships := map[string]any{
		"lists":    x.relation("profile-bulk-import-jobs", j.id, "lists", convert(j.lists, func(id string) ref { return ref{"list", id} })),
		"profiles": x.relation("profile-bulk-import-jobs", j.id, "profiles", nil),
		"import-errors": map[string]any{"links": map[string]any{
			"related": x.link("profile-bulk-import-jobs", j.id, "import-errors"),
		}},
	}
	return object{
		Type: "profile-bulk-import-job", ID: j.id, Attributes: sparse(attributes, asked, given),
		Relationships: relationships, Links: map[string]any{"self": x.link("profile-bulk-import-jobs", j.id)},
	}
}

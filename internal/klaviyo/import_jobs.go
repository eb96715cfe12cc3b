package klaviyo

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"slices"
	"time"
)

// Limits of one bulk import (operation bulk_import_profiles of Klaviyo's
// OpenAPI document). Whether 5 MB are 5,000,000 bytes or 5 MiB is not said, so
// it is the smaller.
const (
	MaxImportProfiles = 10_000
	MaxImportBytes    = 5_000_000
)

// ImportsTake returns how long the rate limits make that many imports take at
// least, from the first to the last.
func ImportsTake(jobs int64) time.Duration { return bulkImportProfiles.limit.MinDuration(jobs) }

// JobStatus is where a bulk import job stands.
type JobStatus string

// The statuses of a job.
const (
	JobQueued     JobStatus = "queued"
	JobProcessing JobStatus = "processing"
	JobComplete   JobStatus = "complete"
	JobCancelled  JobStatus = "cancelled"
)

// ImportJob is a bulk import that Klaviyo accepted.
type ImportJob struct {
	ID     string
	Status JobStatus // may be one that is not known

	// TotalCount, CompletedCount and FailedCount are the numbers of profiles in
	// the job, of those that were imported and of those that could not be; -1
	// when Klaviyo does not say.
	TotalCount, CompletedCount, FailedCount int64

	CreatedAt, ExpiresAt time.Time // zero when Klaviyo does not say

	// Twice means that the import may have become another job as well, since an
	// answer was lost. It is known to [Client.ImportProfiles] only, which says it
	// with an error too.
	Twice bool
}

// Known reports whether this package knows what the status means.
func (s JobStatus) Known() bool {
	switch s {
	case JobQueued, JobProcessing, JobComplete, JobCancelled:
		return true
	default:
		return false
	}
}

// Done reports whether nothing more will happen to the job.
func (j ImportJob) Done() bool { return j.Status == JobComplete || j.Status == JobCancelled }

// Expired reports whether Klaviyo has given the job up by now, whatever its
// status.
func (j ImportJob) Expired(now time.Time) bool {
	return !j.ExpiresAt.IsZero() && now.After(j.ExpiresAt)
}

type importJobResource struct {
	ID         string `json:"id"`
	Attributes struct {
		Status         lenientString `json:"status"`
		TotalCount     *int64        `json:"total_count"`
		CompletedCount *int64        `json:"completed_count"`
		FailedCount    *int64        `json:"failed_count"`
		CreatedAt      string        `json:"created_at"`
		ExpiresAt      string        `json:"expires_at"`
	} `json:"attributes"`
}

type importJobDocument struct {
	Data importJobResource `json:"data"`
}

func (d *importJobDocument) complete() bool { return d.Data.ID != "" }

// job converts a resource. An unknown status may be any text, so it is redacted
// before it is shown.
func (c *Client) job(r importJobResource) ImportJob {
	a := r.Attributes
	status := JobStatus(a.Status)
	if !status.Known() {
		status = JobStatus(c.redact(a.Status))
	}
	return ImportJob{
		ID: r.ID, Status: status,
		TotalCount: countOf(a.TotalCount), CompletedCount: countOf(a.CompletedCount), FailedCount: countOf(a.FailedCount),
		CreatedAt: timeOf(a.CreatedAt), ExpiresAt: timeOf(a.ExpiresAt),
	}
}

// countOf returns -1 for a count that is null or negative.
func countOf(count *int64) int64 {
	if count == nil || *count < 0 {
		return -1
	}
	return *count
}

// The envelope of an import, around the profiles and the list id.
const (
	importHead    = `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[`
	importMiddle  = `]}},"relationships":{"lists":{"data":[{"type":"list","id":`
	importTail    = `}]}}}}`
	importListMax = 64
)

// ImportOverhead bounds what the envelope adds to the bytes of the profiles.
const ImportOverhead = len(importHead) + len(importMiddle) + len(importTail) + importListMax

// ImportProfiles starts a job that creates or updates profiles and adds them
// to a list. profiles are JSON:API resource objects, separated by commas, in
// one part or several. A second, identical import changes nothing, so a lost
// answer is no loss. One that tells of success and not of the job is not asked
// for again: the error is then an *[AcceptedError].
// Scopes: lists:write, profiles:write.
//
// https://developers.klaviyo.com/en/reference/bulk_import_profiles
func (c *Client) ImportProfiles(ctx context.Context, listID string, profiles ...[]byte) (ImportJob, error) {
	id, err := json.Marshal(listID)
	if err != nil {
		return ImportJob{}, err
	}
	var doc importJobDocument
	var twice bool
	err = c.do(ctx, request{
		operation: &bulkImportProfiles, final: true, arrived: &twice,
		body: slices.Concat([][]byte{[]byte(importHead)}, profiles, [][]byte{[]byte(importMiddle), id, []byte(importTail)}),
	}, &doc)
	job, err := c.accepted(c.job(doc.Data), err)
	if err == nil {
		c.jobLists.add(job.ID, []string{listID})
	}
	job.Twice = twice
	return job, err
}

// ImportJob returns one job. Scopes: lists:read, profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_bulk_import_profiles_job
func (c *Client) ImportJob(ctx context.Context, id string) (ImportJob, error) {
	var doc importJobDocument
	err := c.do(ctx, request{operation: &getImportJob, id: id}, &doc)
	return c.job(doc.Data), err
}

// ImportJobs yields the account's jobs, newest first: at most maxPages pages of a
// hundred. Scopes: lists:read, profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_bulk_import_profiles_jobs
func (c *Client) ImportJobs(ctx context.Context, maxPages int) iter.Seq2[ImportJob, error] {
	return c.importJobs(ctx, maxPages, url.Values{"page[size]": {"100"}, "sort": {"-created_at"}})
}

// UnfinishedImportJobs yields those of the account's jobs that Klaviyo has still
// to do, oldest first, so that whatever is created meanwhile comes last. Scopes:
// lists:read, profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_bulk_import_profiles_jobs
func (c *Client) UnfinishedImportJobs(ctx context.Context) iter.Seq2[ImportJob, error] {
	unfinished := anyOf("status", string(JobQueued), string(JobProcessing))
	return c.importJobs(ctx, allPages, url.Values{"filter": {unfinished}, "page[size]": {"100"}, "sort": {"created_at"}})
}

func (c *Client) importJobs(ctx context.Context, maxPages int, query url.Values) iter.Seq2[ImportJob, error] {
	r := request{operation: &getImportJobs, query: query}
	return func(yield func(ImportJob, error) bool) {
		for j, err := range firstPages[importJobResource](ctx, c, r, maxPages) {
			if !yield(c.job(j), err) {
				return
			}
		}
	}
}

// CheckReadScopes asks for one job, which fails unless the key may read lists
// and profiles.
func (c *Client) CheckReadScopes(ctx context.Context) error {
	for _, err := range c.importJobs(ctx, 1, url.Values{"page[size]": {"1"}, "sort": {"-created_at"}}) {
		return err
	}
	return nil
}

// ImportError is a profile that a job could not import.
type ImportError struct {
	Code    string
	Title   string
	Detail  string // without email addresses
	Pointer string

	// Email is the address in the payload, as it was sent; empty when the
	// payload is not there. It must not be logged.
	Email string
}

// Profile returns the position of the profile in the import, false when the
// error does not tell.
func (e ImportError) Profile() (int, bool) { return profileIndex(e.Pointer) }

type importErrorResource struct {
	Attributes struct {
		Code   lenientString `json:"code"`
		Title  lenientString `json:"title"`
		Detail lenientString `json:"detail"`
		Source struct {
			Pointer lenientString `json:"pointer"`
		} `json:"source"`
		OriginalPayload json.RawMessage `json:"original_payload"`
	} `json:"attributes"`
}

// ImportErrors yields the profiles that a job could not import. Scope:
// profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_errors_for_bulk_import_profiles_job
func (c *Client) ImportErrors(ctx context.Context, jobID string) iter.Seq2[ImportError, error] {
	r := request{
		operation: &getImportErrors, id: jobID,
		query: url.Values{"page[size]": {"100"}},
	}
	return func(yield func(ImportError, error) bool) {
		for e, err := range pages[importErrorResource](ctx, c, r) {
			a := e.Attributes
			out := ImportError{
				Code: c.redact(a.Code), Title: c.redact(a.Title), Detail: c.redact(a.Detail),
				Pointer: c.redactPointer(a.Source.Pointer), Email: payloadEmail(a.OriginalPayload),
			}
			if !yield(out, err) {
				return
			}
		}
	}
}

// payloadEmail finds the address in a payload, which is a profile's resource
// object or only its attributes.
func payloadEmail(payload json.RawMessage) string {
	var p struct {
		Email      string `json:"email"`
		Attributes struct {
			Email string `json:"email"`
		} `json:"attributes"`
		Data struct {
			Attributes struct {
				Email string `json:"email"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &p) != nil {
		return ""
	}
	for _, email := range []string{p.Email, p.Attributes.Email, p.Data.Attributes.Email} {
		if email != "" {
			return email
		}
	}
	return ""
}

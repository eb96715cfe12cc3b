package klaviyo

import (
	"context"
	"sync"
)

// jobLists remembers which lists import jobs are for, since that never changes
// and asking for it counts against a limit.
type jobLists struct {
	mu    sync.Mutex
	known map[string][]string // ids of lists by job
}

func (l *jobLists) add(job string, lists []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string][]string{}
	}
	l.known[job] = lists
}

func (l *jobLists) find(job string) (lists []string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lists, ok = l.known[job]
	return lists, ok
}

// KnowsImportJobLists reports whether ImportJobLists need not ask Klaviyo.
func (c *Client) KnowsImportJobLists(jobID string) bool {
	_, ok := c.jobLists.find(jobID)
	return ok
}

type listID struct {
	ID string `json:"id"`
}

// ImportJobLists returns the ids of the lists that a job puts profiles on. It
// asks Klaviyo once for each job, and never for one of the client's own. Scope:
// lists:read.
//
// https://developers.klaviyo.com/en/reference/get_list_ids_for_bulk_import_profiles_job
func (c *Client) ImportJobLists(ctx context.Context, jobID string) ([]string, error) {
	if ids, ok := c.jobLists.find(jobID); ok {
		return ids, nil
	}
	r := request{operation: &getImportLists, id: jobID}
	ids := []string{}
	for list, err := range pages[listID](ctx, c, r) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, list.ID)
	}
	c.jobLists.add(jobID, ids)
	return ids, nil
}

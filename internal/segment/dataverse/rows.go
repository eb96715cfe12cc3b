package dataverse

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Profiles are either looked up by the ids of the members, some per request, or
// all profiles are read, a page per request: whatever takes fewer requests.
const (
	maxLookupIDs    = 200
	maxLookupLength = 12_000 // of the ids in an address; Dataverse takes addresses of 32 KB

	minCounted     = 2_000   // members above which counting the profiles pays
	maxBlindLookup = 20_000  // members that are looked up if the profiles cannot be counted
	maxKeptIDs     = 100_000 // members whose ids are kept in memory
)

// plan decides how the profiles of members are read. It drops the ids if all
// profiles shall be read.
func (c *client) plan(ctx context.Context, m *members) error {
	if m.ids == nil || m.count() <= minCounted {
		return nil
	}
	profiles, err := c.countProfiles(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && m.count() > maxBlindLookup || err == nil && m.count()/maxLookupIDs > profiles/pageSize {
		m.ids = nil
	}
	return nil
}

// countProfiles returns the number of profiles, which may be a day old.
func (c *client) countProfiles(ctx context.Context) (int, error) {
	body, err := c.get(ctx, c.address(fmt.Sprintf("RetrieveTotalRecordCount(EntityNames=['%s'])", profileTable)))
	if err != nil {
		return 0, err
	}
	var counts struct {
		EntityRecordCountCollection struct{ Values []int }
	}
	err = json.Unmarshal(body, &counts)
	if values := counts.EntityRecordCountCollection.Values; err == nil && len(values) == 1 {
		return values[0], nil
	}
	return 0, cmp.Or(err, errNoValue)
}

// rows joins members with their profiles. Requests run ahead of the reader,
// their results are queued in order.
type rows struct {
	ctx       context.Context
	cancel    context.CancelFunc
	client    *client
	group     *errgroup.Group
	selection *selection
	members   *members
	empty     *segment.Error // why there are no members

	queue   chan chan result
	current result
}

// result is what one request yields.
type result struct {
	records [][]string
	missing int // members without a profile
	err     error
}

func newRows(ctx context.Context, c *client, s *selection, m *members, empty *segment.Error) *rows {
	ahead := maxConcurrent
	if m.ids == nil {
		ahead = 1 // pages are large
	}
	r := &rows{client: c, selection: s, members: m, empty: empty, group: &errgroup.Group{}, queue: make(chan chan result, ahead)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.group.Go(func() error {
		defer close(r.queue)
		if m.ids != nil {
			r.lookUp()
		} else if m.count() > 0 {
			r.scan()
		}
		return nil
	})
	return r
}

// JSON implements [segment.Rows].
func (r *rows) JSON() []bool {
	all := make([]bool, len(r.selection.at))
	for i := range all {
		all[i] = true
	}
	return all
}

// Next implements [segment.Rows].
func (r *rows) Next(dst []string) ([]string, error) {
	for len(r.current.records) == 0 && r.current.missing == 0 {
		if r.current.err != nil {
			return dst, r.client.explain(r.ctx, r.current.err)
		}
		pending, ok := <-r.queue
		if !ok {
			return dst, cmp.Or(r.ctx.Err(), io.EOF)
		}
		select {
		case r.current = <-pending:
		case <-r.ctx.Done():
			return dst, r.ctx.Err()
		}
	}
	if len(r.current.records) == 0 {
		r.current.missing--
		return dst, &segment.RowError{Code: segment.CodeMissingProfile, Problem: "is of a member whose unified profile is not in Dataverse"}
	}
	record := r.current.records[0]
	r.current.records = r.current.records[1:]
	for _, at := range r.selection.at {
		dst = append(dst, record[at])
	}
	return dst, nil
}

// WhyEmpty implements [segment.Explainer].
func (r *rows) WhyEmpty() error {
	if r.empty == nil {
		return nil
	}
	return r.empty
}

// Close implements [segment.Rows]. It waits for the requests, which end with the
// context.
func (r *rows) Close() error {
	r.cancel()
	return r.group.Wait()
}

// enqueue queues a result that is still to come. It reports false once nobody
// reads any more.
func (r *rows) enqueue(pending chan result) bool {
	select {
	case r.queue <- pending:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// lookUp reads profiles by the ids of the members, in concurrent requests.
func (r *rows) lookUp() {
	var requests errgroup.Group
	requests.SetLimit(maxConcurrent)
	for _, ids := range splitIDs(r.members.ids) {
		pending := make(chan result, 1)
		if !r.enqueue(pending) {
			break
		}
		requests.Go(func() error {
			pending <- r.profiles(ids)
			return nil
		})
	}
	_ = requests.Wait() // errors are in the results
}

// profiles reads the profiles with the given ids, which are sorted, in their
// order.
func (r *rows) profiles(ids []string) (found result) {
	address := r.client.address(profileSet, "$select", strings.Join(r.selection.names, ","), "$filter", idFilter(ids))
	seen := make(map[string]bool, len(ids))
	err := r.client.pages(r.ctx, address, r.selection.names, func(records [][]string) bool {
		for _, record := range records {
			id := textOf(record[0])
			if _, wanted := slices.BinarySearch(ids, id); wanted {
				seen[id] = true
				found.records = append(found.records, record)
			}
		}
		return true
	})
	if err != nil {
		return result{err: err}
	}
	slices.SortStableFunc(found.records, func(x, y []string) int { return strings.Compare(x[0], y[0]) })
	found.missing = len(ids) - len(seen)
	return found
}

func idFilter(ids []string) string {
	quotedIDs := make([]string, len(ids))
	for i, id := range ids {
		quotedIDs[i] = jsonString(id)
	}
	return "Microsoft.Dynamics.CRM.In(PropertyName='" + customerIDColumn + "',PropertyValues=[" + strings.Join(quotedIDs, ",") + "])"
}

// splitIDs cuts ids into slices for one request each.
func splitIDs(ids []string) (out [][]string) {
	start, length := 0, 0
	for i, id := range ids {
		escaped := len(url.QueryEscape(jsonString(id) + ","))
		if i-start >= maxLookupIDs || i > start && length+escaped > maxLookupLength {
			out = append(out, ids[start:i])
			start, length = i, 0
		}
		length += escaped
	}
	if start < len(ids) {
		out = append(out, ids[start:])
	}
	return out
}

// scan reads all profiles and keeps those of the members, in the order of
// Dataverse, which is that of its own keys.
func (r *rows) scan() {
	seen := make([]bool, r.members.count())
	missing := r.members.count()
	address := r.client.address(profileSet, "$select", strings.Join(r.selection.names, ","))
	err := r.client.pages(r.ctx, address, r.selection.names, func(records [][]string) bool {
		var found result
		for _, record := range records {
			at, ok := r.members.find(textOf(record[0]))
			if !ok {
				continue
			}
			if !seen[at] {
				seen[at] = true
				missing--
			}
			found.records = append(found.records, record)
		}
		return r.enqueue(ready(found))
	})
	if err != nil {
		r.enqueue(ready(result{err: err}))
		return
	}
	r.enqueue(ready(result{missing: missing}))
}

func ready(r result) chan result {
	pending := make(chan result, 1)
	pending <- r
	return pending
}

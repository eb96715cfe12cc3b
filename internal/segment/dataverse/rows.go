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

// How the profiles of members are asked for: by their ids, in chunks whose
// address stays far below the 32 KB that Dataverse takes, or by reading all
// profiles, 5,000 a request; whatever takes fewer requests.
const (
	chunkIDs     = 200
	chunkAddress = 12_000

	alwaysLookUp = 2_000   // members for whom counting the profiles is not worth it
	blindLookUp  = 20_000  // at most, where nobody knows how many profiles there are
	scanAbove    = 100_000 // members whose ids are too many to keep
)

// plan decides how the profiles of members are read: it forgets the ids where
// reading all profiles is better.
func (c *dataverseClient) plan(ctx context.Context, of *members) error {
	if of.ids == nil || of.count() <= alwaysLookUp {
		return nil
	}
	profiles, err := c.countProfiles(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && of.count() > blindLookUp || err == nil && of.count()/chunkIDs > profiles/pageSize {
		of.ids = nil
	}
	return nil
}

// countProfiles asks for a number that may be a day old.
func (c *dataverseClient) countProfiles(ctx context.Context) (int, error) {
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

// dataverseRows joins members with their profiles. Requests run ahead of the
// reader, answers come in order.
type dataverseRows struct {
	ctx    context.Context
	cancel context.CancelFunc
	client *dataverseClient
	group  *errgroup.Group
	sel    *selection
	of     *members
	empty  *segment.Error // why there are no members

	queue   chan chan answer
	current answer
}

// answer is a part of the rows.
type answer struct {
	rows    [][]string
	missing int // members that have no profile
	err     error
}

func newDataverseRows(ctx context.Context, client *dataverseClient, s *selection, of *members, empty *segment.Error) *dataverseRows {
	ahead := atOnce
	if of.ids == nil {
		ahead = 1 // a whole page
	}
	r := &dataverseRows{client: client, sel: s, of: of, empty: empty, group: &errgroup.Group{}, queue: make(chan chan answer, ahead)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.group.Go(func() error {
		defer close(r.queue)
		if of.ids != nil {
			r.lookUp()
		} else if of.count() > 0 {
			r.scan()
		}
		return nil
	})
	return r
}

// JSON implements [segment.Rows].
func (r *dataverseRows) JSON() []bool {
	all := make([]bool, len(r.sel.at))
	for i := range all {
		all[i] = true
	}
	return all
}

// Next implements [segment.Rows].
func (r *dataverseRows) Next(dst []string) ([]string, error) {
	for len(r.current.rows) == 0 && r.current.missing == 0 {
		if r.current.err != nil {
			return dst, r.client.explain(r.ctx, r.current.err)
		}
		part, ok := <-r.queue
		if !ok {
			return dst, cmp.Or(r.ctx.Err(), io.EOF)
		}
		select {
		case r.current = <-part:
		case <-r.ctx.Done():
			return dst, r.ctx.Err()
		}
	}
	if len(r.current.rows) == 0 {
		r.current.missing--
		return dst, &segment.RowError{Code: segment.CodeMissingProfile, Problem: "is of a member whose unified profile is not in Dataverse"}
	}
	row := r.current.rows[0]
	r.current.rows = r.current.rows[1:]
	for _, at := range r.sel.at {
		dst = append(dst, row[at])
	}
	return dst, nil
}

// WhyEmpty implements [segment.Explainer].
func (r *dataverseRows) WhyEmpty() error {
	if r.empty == nil {
		return nil
	}
	return r.empty
}

// Close implements [segment.Rows]. Nothing runs on after it.
func (r *dataverseRows) Close() error {
	r.cancel()
	err := r.group.Wait()
	r.client.close()
	return err
}

// put queues a part that is to come; false means that nobody waits for it.
func (r *dataverseRows) put(part chan answer) bool {
	select {
	case r.queue <- part:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// lookUp asks for profiles by the ids of the members, several chunks at once.
func (r *dataverseRows) lookUp() {
	var requests errgroup.Group
	requests.SetLimit(atOnce)
	for _, ids := range chunks(r.of.ids) {
		part := make(chan answer, 1)
		if !r.put(part) {
			break
		}
		requests.Go(func() error {
			part <- r.chunk(ids)
			return nil
		})
	}
	_ = requests.Wait() // errors are in the answers
}

// chunk reads the profiles with some ids, which are sorted, in their order.
func (r *dataverseRows) chunk(ids []string) (a answer) {
	address := r.client.address(profileSet, "$select", strings.Join(r.sel.names, ","), "$filter", idFilter(ids))
	found := make(map[string]bool, len(ids))
	a.err = r.client.pages(r.ctx, address, r.sel.names, func(records [][]string) bool {
		for _, record := range records {
			id := textOf(record[0])
			if _, asked := slices.BinarySearch(ids, id); asked {
				found[id] = true
				a.rows = append(a.rows, record)
			}
		}
		return true
	})
	if a.err != nil {
		return answer{err: a.err}
	}
	slices.SortStableFunc(a.rows, func(x, y []string) int { return strings.Compare(x[0], y[0]) })
	a.missing = len(ids) - len(found)
	return a
}

func idFilter(ids []string) string {
	quotedIDs := make([]string, len(ids))
	for i, id := range ids {
		quotedIDs[i] = jsonString(id)
	}
	return "Microsoft.Dynamics.CRM.In(PropertyName='" + customerIDColumn + "',PropertyValues=[" + strings.Join(quotedIDs, ",") + "])"
}

// chunks cuts ids into pieces for one request each.
func chunks(ids []string) (out [][]string) {
	start, size := 0, 0
	for i, id := range ids {
		escaped := len(url.QueryEscape(jsonString(id) + ","))
		if i-start >= chunkIDs || i > start && size+escaped > chunkAddress {
			out = append(out, ids[start:i])
			start, size = i, 0
		}
		size += escaped
	}
	if start < len(ids) {
		out = append(out, ids[start:])
	}
	return out
}

// scan reads all profiles and keeps those of the members, in Dataverse's order,
// which is that of its own keys.
func (r *dataverseRows) scan() {
	found := make([]bool, r.of.count())
	missing := r.of.count()
	address := r.client.address(profileSet, "$select", strings.Join(r.sel.names, ","))
	err := r.client.pages(r.ctx, address, r.sel.names, func(records [][]string) bool {
		var a answer
		for _, record := range records {
			at, ok := r.of.find(textOf(record[0]))
			if !ok {
				continue
			}
			if !found[at] {
				found[at] = true
				missing--
			}
			a.rows = append(a.rows, record)
		}
		return r.put(ready(a))
	})
	if err != nil {
		r.put(ready(answer{err: err}))
		return
	}
	r.put(ready(answer{missing: missing}))
}

func ready(a answer) chan answer {
	part := make(chan answer, 1)
	part <- a
	return part
}

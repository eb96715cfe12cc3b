package klaviyo

import (
	"context"
	"fmt"
	"iter"
	"net/url"
)

// List is a list of profiles.
type List struct {
	ID           string
	Name         string
	OptInProcess string // one of OptInProcesses, empty when Klaviyo does not say
	Created      string // ISO 8601
	Updated      string // ISO 8601

	// ProfileCount is the number of members, where it was asked for.
	ProfileCount int64
}

// OptInProcesses are the ways to join a list.
func OptInProcesses() []string { return []string{"double_opt_in", "single_opt_in"} }

type listDocument struct {
	Data listResource `json:"data"`
}

func (d *listDocument) complete() bool { return d.Data.ID != "" }

type listResource struct {
	Type       string         `json:"type"`
	ID         string         `json:"id,omitempty"`
	Attributes listAttributes `json:"attributes"`
}

type listAttributes struct {
	Name         string `json:"name,omitempty"`
	OptInProcess string `json:"opt_in_process,omitempty"`
	Created      string `json:"created,omitempty"`
	Updated      string `json:"updated,omitempty"`
	ProfileCount *int64 `json:"profile_count,omitempty"` // null if Klaviyo does not know it
}

func (r listResource) list() List {
	a := r.Attributes
	list := List{ID: r.ID, Name: a.Name, OptInProcess: a.OptInProcess, Created: a.Created, Updated: a.Updated}
	if a.ProfileCount != nil {
		list.ProfileCount = *a.ProfileCount
	}
	return list
}

// List returns a list without its number of members. Scope: lists:read.
//
// https://developers.klaviyo.com/en/reference/get_list
func (c *Client) List(ctx context.Context, id string) (List, error) {
	var doc listDocument
	err := c.do(ctx, request{operation: &getList, id: id}, &doc)
	return doc.Data.list(), err
}

// ListWithCount returns a list with its number of members, which Klaviyo
// allows only once a second. An answer without the number is an error: it does not mean
// that the list is empty. Scope: lists:read.
//
// https://developers.klaviyo.com/en/reference/get_list
func (c *Client) ListWithCount(ctx context.Context, id string) (List, error) {
	var doc listDocument
	err := c.do(ctx, request{
		operation: &getListWithCount, id: id,
		query: url.Values{"additional-fields[list]": {"profile_count"}},
	}, &doc)
	if err == nil && doc.Data.Attributes.ProfileCount == nil {
		err = notUnderstood{fmt.Errorf("%s: the number of members of the list %s is missing", getListWithCount.id, id)}
	}
	return doc.Data.list(), err
}

// ListsNamed yields the lists of exactly this name: Klaviyo allows several.
// Scope: lists:read.
//
// https://developers.klaviyo.com/en/reference/get_lists
func (c *Client) ListsNamed(ctx context.Context, name string) iter.Seq2[List, error] {
	r := request{
		operation: &getLists,
		query:     url.Values{"filter": {equals("name", name)}},
	}
	return func(yield func(List, error) bool) {
		for l, err := range pages[listResource](ctx, c, r) {
			if !yield(l.list(), err) {
				return
			}
		}
	}
}

// CreateList creates a list. Scope: lists:write. It is not repeated when the
// answer was lost, since Klaviyo would create a second list of the name.
//
// https://developers.klaviyo.com/en/reference/create_list
func (c *Client) CreateList(ctx context.Context, l List) (List, error) {
	return c.writeList(ctx, l, request{operation: &createList, once: true})
}

// UpdateList changes the name and the opt-in process of the list with l.ID.
// Scope: lists:write.
//
// https://developers.klaviyo.com/en/reference/update_list
func (c *Client) UpdateList(ctx context.Context, l List) (List, error) {
	return c.writeList(ctx, l, request{operation: &updateList, id: l.ID})
}

func (c *Client) writeList(ctx context.Context, l List, r request) (List, error) {
	body, err := marshal(listDocument{listResource{
		Type: "list", ID: l.ID, Attributes: listAttributes{Name: l.Name, OptInProcess: l.OptInProcess},
	}})
	if err != nil {
		return List{}, err
	}
	r.body = [][]byte{body}
	var doc listDocument
	err = c.do(ctx, r, &doc)
	return doc.Data.list(), err
}

// DeleteList deletes a list; its profiles stay. Scope: lists:write.
//
// https://developers.klaviyo.com/en/reference/delete_list
func (c *Client) DeleteList(ctx context.Context, id string) error {
	return c.do(ctx, request{operation: &deleteList, id: id}, &acceptance{})
}

package klaviyo

import (
	"context"
	"fmt"
	"net/url"
)

// MaxLists is how many lists one page holds (operation get_lists of Klaviyo's
// OpenAPI document).
const MaxLists = 10

// ListWithFlows is a list with the flows that start for profiles that join it.
type ListWithFlows struct {
	List
	Flows      []Flow
	FlowsKnown bool // Klaviyo has described all of them
}

type listsWithFlows struct {
	page[listWithFlowsResource]
	Included []flowResource `json:"included"`
}

type listWithFlowsResource struct {
	listResource
	Relationships struct {
		FlowTriggers struct {
			Data []struct {
				ID string `json:"id"`
			} `json:"data"` // nil if Klaviyo does not say
		} `json:"flow-triggers"`
	} `json:"relationships"`
}

// Lists returns up to MaxLists lists and their flows with one request, by list id.
// Lists that do not exist are missing from the result. The number of members is
// not among what Klaviyo answers. Scopes: flows:read, lists:read.
//
// https://developers.klaviyo.com/en/reference/get_lists
func (c *Client) Lists(ctx context.Context, ids []string) (map[string]ListWithFlows, error) {
	if len(ids) > MaxLists {
		return nil, fmt.Errorf("get_lists: %d lists, at most %d are allowed in one call", len(ids), MaxLists)
	}
	lists := make(map[string]ListWithFlows, len(ids))
	if len(ids) == 0 {
		return lists, nil
	}
	var doc listsWithFlows
	query := url.Values{"filter": {anyOf("id", ids...)}, "include": {"flow-triggers"}, "fields[flow]": {"name,status,archived"}}
	if err := c.do(ctx, request{operation: &getLists, query: query}, &doc); err != nil {
		return nil, err
	}
	flows := make(map[string]Flow, len(doc.Included))
	for _, f := range doc.Included {
		flows[f.ID] = f.flow()
	}
	for _, l := range doc.Data {
		triggers := l.Relationships.FlowTriggers.Data
		found := ListWithFlows{List: l.list(), FlowsKnown: triggers != nil}
		for _, trigger := range triggers {
			flow, ok := flows[trigger.ID]
			found.FlowsKnown = found.FlowsKnown && ok
			found.Flows = append(found.Flows, flow)
		}
		lists[l.ID] = found
	}
	return lists, nil
}

package klaviyo

import (
	"context"
	"iter"
)

// Flow is an automation.
type Flow struct {
	ID       string
	Name     string
	Status   string // live, manual or draft
	Archived bool
}

type flowResource struct {
	ID         string `json:"id"`
	Attributes struct {
		Name     string `json:"name"`
		Status   string `json:"status"`
		Archived bool   `json:"archived"`
	} `json:"attributes"`
}

func (r flowResource) flow() Flow {
	return Flow{ID: r.ID, Name: r.Attributes.Name, Status: r.Attributes.Status, Archived: r.Attributes.Archived}
}

// FlowTriggers yields the flows that start for a profile when it joins a list.
// Scopes: flows:read, lists:read.
//
// https://developers.klaviyo.com/en/reference/get_flows_triggered_by_list
func (c *Client) FlowTriggers(ctx context.Context, listID string) iter.Seq2[Flow, error] {
	r := request{operation: &getFlowsTriggeredByList, id: listID}
	return func(yield func(Flow, error) bool) {
		for f, err := range pages[flowResource](ctx, c, r) {
			if !yield(f.flow(), err) {
				return
			}
		}
	}
}

package export

import (
	"context"
	"fmt"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// FlowsUnknownError means that nobody knows whether joining the list starts
// flows, since the key may not see them.
type FlowsUnknownError struct{ Err error }

func (e *FlowsUnknownError) Error() string {
	return "the API key lacks the scope flows:read, so whether the list starts flows cannot be checked"
}

func (e *FlowsUnknownError) Unwrap() error { return e.Err }

// CheckFlows refuses to let people join a list that starts a live flow for
// them: who only moves a segment does not mean to mail all of it. joining is at
// most how many will. The error is a *[FlowsUnknownError] when the key may not
// see flows.
func (e *Export) CheckFlows(ctx context.Context, client *klaviyo.Client, joining int64) error {
	if e.Safeguards.AllowLiveFlows || joining == 0 {
		return nil
	}
	var names []string
	for flow, err := range client.FlowTriggers(ctx, e.ListID) {
		switch {
		case klaviyo.LacksScope(err):
			return &FlowsUnknownError{err}
		case err != nil:
			return ListError(e.ListID, err)
		case flow.Status == "live" && !flow.Archived:
			names = append(names, fmt.Sprintf("%q", flow.Name))
		}
	}
	if names == nil {
		return nil
	}
	starts := "a live flow: " + names[0]
	if len(names) > 1 {
		starts = fmt.Sprintf("%d live flows: %s", len(names), strings.Join(names, ", "))
	}
	return &Error{
		Attribute: []string{"safeguards", "allow_live_flows"},
		Summary:   "Joining The List Starts A Live Flow",
		Detail: fmt.Sprintf("Who is newly added to the list %q starts %s. Up to %s would join it and may be sent messages at once. Nothing was sent. "+
			"Set the flow to manual or draft in Klaviyo, use another list, or if the messages are meant, set safeguards.allow_live_flows = true.",
			e.ListID, starts, Count(joining, "profile")),
	}
}

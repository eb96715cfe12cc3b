package export

import (
	"context"
	"fmt"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// CheckFlows refuses to let people join a list that starts a live flow for
// them: an export is not meant to mail a whole segment unless that is said.
// joining is at most how many will. A key that may not read flows is refused, since
// what joining would start is then unknown.
func (e *Export) CheckFlows(ctx context.Context, client *klaviyo.Client, joining int64) error {
	return e.checkFlows(ctx, client, joining, sentNothing)
}

// checkFlows is CheckFlows with what had been done by then, for its error.
func (e *Export) checkFlows(ctx context.Context, client *klaviyo.Client, joining int64, done string) error {
	if e.Safeguards.AllowLiveFlows || joining == 0 {
		return nil
	}
	flows, err := client.LookUpFlows(ctx, e.ListID)
	switch {
	case klaviyo.LacksScope(err):
		return e.flowsUnknown(joining, done, err)
	case err != nil:
		return ListError(e.ListID, err)
	}
	var names []string
	for _, flow := range flows {
		if flow.Status == "live" && !flow.Archived {
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
	return &diagnostic.Error{
		Attribute: []string{"safeguards", "allow_live_flows"},
		Summary:   "Joining The List Starts A Live Flow",
		Detail: fmt.Sprintf("A profile that joins the list %q starts %s. Up to %s would join it and may be sent messages at once. %s "+
			"Set the flow to manual or draft in Klaviyo, use another list, or if the messages are meant, set safeguards.allow_live_flows = true.",
			e.ListID, starts, tally.Count(joining, "profile"), done),
	}
}

// flowsUnknown refuses a run when it is not known whether joining starts flows.
func (e *Export) flowsUnknown(joining int64, done string, err error) error {
	return &diagnostic.Error{
		Attribute: []string{"safeguards", "allow_live_flows"},
		Summary:   "Flows Cannot Be Checked",
		Detail: fmt.Sprintf("Up to %s would join the list %q. The API key lacks the scope flows:read, so it is not known whether joining the list starts a live flow, which would send them messages. %s "+
			"The scopes of a key cannot be changed: create a key with the scopes %s in Klaviyo under Settings > API keys. Or, if messages are meant or you know that no flow sends any, set safeguards.allow_live_flows = true.",
			tally.Count(joining, "profile"), e.ListID, done, strings.Join(klaviyo.RequiredScopes(), ", ")),
		Err: err,
	}
}

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// explainNoList explains with the help of the state that a list does not exist. Any
// other error it returns as it is.
func (p *exportPlan) explainNoList(ctx context.Context, err error) error {
	if p.state == nil || p.used == nil || !klaviyo.IsNotFound(err) {
		return err
	}
	before, now := p.lastList(ctx), p.plan.inputs(p.export).List
	switch {
	case before.AccountID != now.AccountID:
		return &diagnostic.Error{
			Attribute: []string{destinationArgument}, Summary: "API Key Of Another Account", Err: err,
			Detail: fmt.Sprintf("%s in the account %s, but the API key in use belongs to %s, which has no list %q. Nothing was sent. "+
				"Use a key of account %s; or, to export to account %s from now on, set list_id to a list there.",
				p.wasLast(), before.AccountID, p.accountName(ctx, now.AccountID), now.ListID, before.AccountID, now.AccountID),
		}
	case before == now && p.state.ListID.Equal(p.plan.ListID) && p.state.ListName.ValueString() != "":
		return &diagnostic.Error{
			Attribute: []string{"list_id"}, Summary: "List Not Found", Err: err,
			Detail: fmt.Sprintf("The list %q, with the id %s, was probably deleted in Klaviyo. %s to this list, and now there is none with the id. Nothing was sent. "+
				"Make a new list in Klaviyo and set list_id to its id; or declare a klaviyo_list and use its id. The next run then sends all profiles to it.",
				p.state.ListName.ValueString(), now.ListID, p.wasLast()),
		}
	default:
		return err
	}
}

// lastList is the list of the last run, or that of the state if there was no run.
func (p *exportPlan) lastList(ctx context.Context) due.List {
	if last := p.state.lastRun(); last != nil {
		return p.lastRun(ctx, last).Inputs.List
	}
	return p.state.inputs(p.export).List
}

// wasLast is the beginning of a sentence on where the export was last.
func (p *exportPlan) wasLast() string {
	if last := p.state.lastRun(); last != nil {
		return fmt.Sprintf("The last run, at %s, was", last.text(runCompletedAt).ValueString())
	}
	return "The export in the state is"
}

// accountName is the account of the key, with its organization.
func (p *exportPlan) accountName(ctx context.Context, id string) string {
	if account, err := p.used.client.Account(ctx); err == nil && account.ID == id { // it was asked for before
		return fmt.Sprintf("%s (%q)", id, account.OrganizationName)
	}
	return id
}

// warnMoved warns of a run in another account than that of the last one.
func (p *exportPlan) warnMoved(ctx context.Context) {
	if p.state == nil || p.used == nil {
		return
	}
	before, now := p.lastList(ctx).AccountID, p.plan.inputs(p.export).List.AccountID
	if before == now {
		return
	}
	p.diags.AddAttributeWarning(path.Root(destinationArgument), "Export Goes To Another Account: "+p.plan.name(),
		redact.Controls(fmt.Sprintf("%s in the account %s, but the API key in use belongs to %s. If you apply, the run sends all profiles to a list of that account; "+
			"the list in the account %s stays as it is. If that is not what you want, do not apply, and use a key of account %s.",
			p.wasLast(), before, p.accountName(ctx, now), before, before)))
}

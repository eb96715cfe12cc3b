package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// ImportState implements resource.ResourceWithImportState. Where the segments
// are and how they are mapped is unknown, so the state has little more than the
// list, whose name is the display name of the export until it has one.
func (r *segmentExportResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	account, list, _ := strings.Cut(req.ID, "/")
	identity := exportIdentity{AccountID: types.StringValue(account), ListID: types.StringValue(list)}
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	e := export.Export{
		ListID:      identity.ListID.ValueString(),
		Destination: export.Destination{AccountID: identity.AccountID.ValueString()},
	}
	if !idPattern.MatchString(e.Destination.AccountID) || !idPattern.MatchString(e.ListID) {
		resp.Diagnostics.AddError("Not The Id Of An Export", fmt.Sprintf(
			"An export is imported by the id of the account and the id of the list with a slash between them, such as AbC123/Y6nRLr; %q is not of that form.", identity.id()))
		return
	}
	found, err := call(r.data, func(c *klaviyo.Client) (klaviyo.List, error) {
		if err := e.CheckAccount(ctx, c); err != nil {
			return klaviyo.List{}, err
		}
		return e.CheckList(ctx, c)
	})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), identity.id())...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("list_id"), identity.ListID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("display_name"), found.Name)...)
}

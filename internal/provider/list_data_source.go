package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

var (
	_ datasource.DataSource              = (*listDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*listDataSource)(nil)
)

type listDataSource struct {
	data *providerData
}

func newListDataSource() datasource.DataSource { return &listDataSource{} }

type listDataModel struct {
	ID           types.String `tfsdk:"id"`
	Name         types.String `tfsdk:"name"`
	Destination  types.Object `tfsdk:"destination"`
	OptInProcess types.String `tfsdk:"opt_in_process"`
	Created      types.String `tfsdk:"created"`
	Updated      types.String `tfsdk:"updated"`
}

// Metadata implements datasource.DataSource.
func (d *listDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_list"
}

// Schema implements datasource.DataSource.
func (d *listDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A list in Klaviyo, looked up by its id or its exact name.",
		Attributes: map[string]schema.Attribute{
			// Optional
			"id": schema.StringAttribute{
				MarkdownDescription: "Id of the list, such as `Y6nRLr`. Exactly one of `id` and `name` is needed.",
				Optional:            true,
				Computed:            true,
				Validators: []validator.String{
					validID,
					stringvalidator.ExactlyOneOf(path.MatchRoot("id"), path.MatchRoot("name")),
				},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Exact name of the list. If several lists have this name, that is an error.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{notBlank},
			},
			destinationArgument: listDestinationAttribute(""),

			// Computed
			"opt_in_process": schema.StringAttribute{
				MarkdownDescription: "How people who subscribe join the list: " + oneOf(klaviyo.OptInProcesses()) + ".",
				Computed:            true,
			},
			"created": schema.StringAttribute{MarkdownDescription: "When the list was created, ISO 8601.", Computed: true},
			"updated": schema.StringAttribute{MarkdownDescription: "When the list was last changed, ISO 8601.", Computed: true},
		},
	}
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *listDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = toProviderData(req.ProviderData, &resp.Diagnostics)
}

// Read implements datasource.DataSource.
func (d *listDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config listDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	in := decodeAccount(ctx, config.Destination, &resp.Diagnostics)
	list, err := callIn(ctx, d.data, in, func(c *klaviyo.Client) (klaviyo.List, error) {
		if config.ID.IsNull() {
			return listNamed(ctx, c, config.Name.ValueString())
		}
		list, err := c.List(ctx, config.ID.ValueString())
		if klaviyo.IsNotFound(err) {
			return list, lookupError("id", "List Not Found", fmt.Sprintf("There is no list with the id %q in the account of the API key. It may have been deleted, or belong to another account. In Klaviyo the id of a list is at the end of its address: https://www.klaviyo.com/list/<id>.", config.ID.ValueString()))
		}
		return list, err
	})
	if errors.Is(err, errAccessUnknown) && req.ClientCapabilities.DeferralAllowed {
		resp.Deferred = &datasource.Deferred{Reason: datasource.DeferredReasonProviderConfigUnknown}
		return
	}
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	var state listModel
	state.set(list)
	resp.Diagnostics.Append(resp.State.Set(ctx, &listDataModel{
		ID: state.ID, Name: state.Name, Destination: config.Destination, OptInProcess: state.OptInProcess, Created: state.Created, Updated: state.Updated,
	})...)
}

// listNamed finds the one list of a name.
func listNamed(ctx context.Context, c *klaviyo.Client, name string) (klaviyo.List, error) {
	var found []klaviyo.List
	var ids []string
	for list, err := range c.ListsNamed(ctx, name) {
		if err != nil {
			return klaviyo.List{}, err
		}
		if list.Name == name { // Klaviyo's filter may be less exact
			found = append(found, list)
			ids = append(ids, list.ID)
		}
	}
	switch len(found) {
	case 0:
		return klaviyo.List{}, lookupError("name", "List Not Found",
			fmt.Sprintf("There is no list with the name %q in the account of the API key. Names are compared letter by letter. Correct the name, or use a key of the account that has the list.", name))
	case 1:
		return found[0], nil
	default:
		return klaviyo.List{}, lookupError("name", "List Name Is Not Unique",
			fmt.Sprintf("There are %d lists with the name %q. Use the id of one of them: %s.", len(found), name, strings.Join(ids, ", ")))
	}
}

func lookupError(attribute, summary, detail string) error {
	return &diagnostic.Error{Attribute: []string{attribute}, Summary: summary, Detail: detail}
}

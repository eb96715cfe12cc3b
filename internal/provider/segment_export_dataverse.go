package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
)

type dataverseModel struct {
	EnvironmentURL  types.String `tfsdk:"environment_url"`
	Segment         types.String `tfsdk:"segment"`
	TenantID        types.String `tfsdk:"tenant_id"`
	ClientID        types.String `tfsdk:"client_id"`
	ClientSecretEnv types.String `tfsdk:"client_secret_env"`
}

func dataverseBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "A segment of Dynamics 365 Customer Insights - Data, read from its Dataverse environment. " +
			"The columns are the unified attributes. Their names may be in capitals or not, with or without the prefix `msdynci_`. " +
			"Terraform signs in to Microsoft Entra ID with the app registration `client_id`. Without it, Terraform uses the first of these credentials that the machine has: " +
			"`AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH`; a workload identity; a managed identity; the Azure CLI.",
		Validators: []validator.Object{
			blockNeeds{"dataverse", "environment_url", `"https://contoso.crm.dynamics.com"`},
			blockNeeds{"dataverse", "segment", `"VIPCustomers"`},
		},
		Attributes: map[string]schema.Attribute{
			"environment_url": schema.StringAttribute{
				MarkdownDescription: "Required. URL of the Dataverse environment, such as `https://contoso.crm.dynamics.com`. The Power Platform admin center shows it.",
				Optional:            true,
				Validators:          []validator.String{environmentURL},
			},
			"segment": schema.StringAttribute{
				MarkdownDescription: "Required. Output name of the segment, letter by letter. It may differ from the name that Customer Insights displays. If no segment has the name, the error lists segments that exist, or suggests one with nearly the same name.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"tenant_id": schema.StringAttribute{
				MarkdownDescription: "Id or domain of the Microsoft Entra tenant. Required with `client_id`. Defaults to the tenant of the machine's own credential.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"client_id": schema.StringAttribute{
				MarkdownDescription: "Application (client) id of the app registration to sign in with. For configurations with several environments or tenants. Needs `tenant_id` and `client_secret_env`. Defaults to the machine's own credential.",
				Optional:            true,
				Validators:          []validator.String{notBlank, alsoRequires("tenant_id", "client_secret_env")},
			},
			"client_secret_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable with the client secret, set where Terraform runs. The secret itself never reaches the state.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable, alsoRequires("client_id")},
			},
		},
	}
}

// alsoRequires refuses an argument without some of its siblings.
func alsoRequires(siblings ...string) validator.String {
	var paths []path.Expression
	for _, name := range siblings {
		paths = append(paths, path.MatchRelative().AtParent().AtName(name))
	}
	return stringvalidator.AlsoRequires(paths...)
}

func (m *dataverseModel) source() segment.Source {
	return dataverse.Source{
		EnvironmentURL: m.EnvironmentURL.ValueString(), Segment: m.Segment.ValueString(),
		TenantID: m.TenantID.ValueString(), ClientID: m.ClientID.ValueString(), ClientSecretEnv: m.ClientSecretEnv.ValueString(),
	}
}

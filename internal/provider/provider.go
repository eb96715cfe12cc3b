// Package provider is the Terraform surface: schemas, plans and state. What it
// declares, internal/export does.
package provider

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// The environment variables that stand in for provider arguments.
const (
	envAPIKey         = "KLAVIYO_API_KEY"
	envBaseURL        = "KLAVIYO_BASE_URL"
	envRequestTimeout = "KLAVIYO_REQUEST_TIMEOUT"
	envMaxRetries     = "KLAVIYO_MAX_RETRIES"
)

// mostRetries bounds max_retries: beyond it a request would wait for longer
// than anybody watches.
const mostRetries = 50

var (
	_ provider.Provider            = (*klaviyoProvider)(nil)
	_ provider.ProviderWithActions = (*klaviyoProvider)(nil)
)

type klaviyoProvider struct {
	version string
	now     func() time.Time

	mu   sync.Mutex
	data *providerData // of the latest configuration, nil before
}

type providerModel struct {
	APIKey         types.String `tfsdk:"api_key"`
	BaseURL        types.String `tfsdk:"base_url"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	MaxRetries     types.Int64  `tfsdk:"max_retries"`
}

// New returns the constructor of the provider in the given version.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &klaviyoProvider{version: version, now: time.Now} }
}

// Metadata implements provider.Provider.
func (p *klaviyoProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "klaviyo"
	resp.Version = p.version
}

// Schema implements provider.Provider.
func (p *klaviyoProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Exports customer segments to [Klaviyo](https://www.klaviyo.com) lists.",
		Attributes: map[string]schema.Attribute{
			"api_key": schema.StringAttribute{
				MarkdownDescription: "Private API key (`pk_...`) for everything that does not bring a key of its own. May be ephemeral. Defaults to the environment variable `" + envAPIKey + "`. A missing key is an error only where Klaviyo is needed.",
				Optional:            true,
				Sensitive:           true,
				Validators:          []validator.String{privateKey},
			},
			"base_url": schema.StringAttribute{
				MarkdownDescription: "Where Klaviyo's API is, for proxies and for the simulator. `https` only; plain `http` for loopback addresses. Defaults to the environment variable `" + envBaseURL + "`, else `" + klaviyo.DefaultBaseURL + "`.",
				Optional:            true,
				Validators:          []validator.String{baseURL},
			},
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Longest time for one attempt of a request, as a duration such as `90s`. Defaults to the environment variable `%s`, else `%s`.", envRequestTimeout, klaviyo.DefaultTimeout),
				Optional:            true,
				Validators:          []validator.String{duration},
			},
			"max_retries": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("How often a request is repeated that failed for a passing reason (broken connection, error of Klaviyo's own), 0 to %d. The waits between attempts grow and obey Klaviyo's `Retry-After`. A request that the rate limit holds up, because others use the account too, has not failed: it waits for up to this many minutes. Defaults to the environment variable `%s`, else %d.", mostRetries, envMaxRetries, klaviyo.DefaultMaxRetries),
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, mostRetries)},
			},
		},
	}
}

// Configure implements provider.Provider. It makes no request, so everything
// that does not need Klaviyo works without a key and without a network.
func (p *klaviyoProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	d := &providerData{
		apiKey: config.APIKey,
		now:    p.now,

		addressUnknown: config.BaseURL.IsUnknown(),

		options: klaviyo.Options{UserAgent: "terraform-provider-klaviyo/" + p.version + " (+https://registry.terraform.io/providers/klaviyo-community/klaviyo)"},
	}
	d.options.BaseURL = stringOrEnv(config.BaseURL, envBaseURL)
	if d.options.BaseURL != "" {
		if _, err := klaviyo.ParseBaseURL(d.options.BaseURL); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("base_url"), "Base URL Not Allowed",
				fmt.Sprintf("The base URL, from base_url or the environment variable %s, cannot be used: %s.", envBaseURL, err))
		}
	}
	if value := stringOrEnv(config.RequestTimeout, envRequestTimeout); value != "" {
		timeout, err := time.ParseDuration(value)
		if err != nil || timeout <= 0 {
			resp.Diagnostics.AddAttributeError(path.Root("request_timeout"), "Request Timeout Not A Duration",
				fmt.Sprintf("The request timeout, from request_timeout or the environment variable %s, must be a duration above zero such as \"90s\"; it is %q.", envRequestTimeout, value))
		}
		d.options.Timeout = timeout
	}
	d.options.MaxRetries = maxRetries(config.MaxRetries, resp)
	p.replaceData(d)
	resp.ResourceData = d
	resp.DataSourceData = d
	resp.ActionData = d
}

// replaceData keeps the data of a configuration and closes that of the one
// before, which nobody else would.
func (p *klaviyoProvider) replaceData(d *providerData) {
	p.mu.Lock()
	before := p.data
	p.data = d
	p.mu.Unlock()
	if before != nil {
		before.close()
	}
}

// maxRetries is the number of retries in the terms of the client, where zero
// means the default.
func maxRetries(value types.Int64, resp *provider.ConfigureResponse) int {
	retries := value.ValueInt64()
	if value.IsUnknown() {
		return klaviyo.DefaultMaxRetries
	}
	if value.IsNull() {
		text := os.Getenv(envMaxRetries)
		if text == "" {
			return klaviyo.DefaultMaxRetries
		}
		var err error
		retries, err = strconv.ParseInt(text, 10, 64)
		if err != nil || retries < 0 || retries > mostRetries {
			resp.Diagnostics.AddAttributeError(path.Root("max_retries"), "Number Of Retries Out Of Range",
				fmt.Sprintf("The environment variable %s must be a number from 0 to %d; it is %q.", envMaxRetries, mostRetries, text))
			return klaviyo.DefaultMaxRetries
		}
	}
	if retries == 0 {
		return -1
	}
	return int(retries)
}

// Resources implements provider.Provider.
func (p *klaviyoProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newConnectionResource,
		newListResource,
		newSegmentExportResource,
	}
}

// DataSources implements provider.Provider.
func (p *klaviyoProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newListDataSource,
		newSegmentExportRunDataSource,
	}
}

// Actions implements provider.ProviderWithActions.
func (p *klaviyoProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{
		newSegmentExportRunAction,
	}
}

// stringOrEnv is a configured value, else the environment variable's. A value
// that is not known yet is empty: it is configured, so the variable does not
// count.
func stringOrEnv(value types.String, env string) string {
	if value.IsNull() {
		return os.Getenv(env)
	}
	return value.ValueString()
}

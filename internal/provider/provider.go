// Package provider is the Terraform surface: schemas, plans and state. Package
// export does the work.
package provider

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// The environment variables that replace provider arguments.
const (
	envAPIKey         = "KLAVIYO_API_KEY"
	envBaseURL        = "KLAVIYO_BASE_URL"
	envRequestTimeout = "KLAVIYO_REQUEST_TIMEOUT"
	envRetryTimeout   = "KLAVIYO_RETRY_TIMEOUT"
)

// maxRetryTimeout bounds retry_timeout.
const maxRetryTimeout = time.Hour

var (
	_ provider.Provider            = (*klaviyoProvider)(nil)
	_ provider.ProviderWithActions = (*klaviyoProvider)(nil)
)

type klaviyoProvider struct {
	version string
	now     func() time.Time
	clock   wait.Clock         // of runs; nil for that of the machine
	salt    func() sketch.Salt // of new sketches; nil for random ones

	mu   sync.Mutex
	data *providerData // of the latest configuration, nil before
}

type providerModel struct {
	APIKey         types.String `tfsdk:"api_key"`
	BaseURL        types.String `tfsdk:"base_url"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	RetryTimeout   types.String `tfsdk:"retry_timeout"`
}

// New returns the constructor of the provider in the given version.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &klaviyoProvider{version: version, now: time.Now, salt: linkedSalt()} }
}

// fixedSalt is the salt of each new sketch, up to 16 bytes. Only the linker sets it (-X),
// and only for tests: with random salts chance says which changes of a small segment can
// be listed.
var fixedSalt string

// linkedSalt returns what makes the salts of new sketches: nil, for random ones, unless
// the linker has set another.
func linkedSalt() func() sketch.Salt {
	if fixedSalt == "" {
		return nil
	}
	return func() (salt sketch.Salt) {
		copy(salt[:], fixedSalt)
		return salt
	}
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
				MarkdownDescription: "Private API key (`pk_...`) for connections that have no key of their own, and for lists without a `destination`. May be ephemeral. Defaults to the environment variable `" + envAPIKey + "`.",
				Optional:            true,
				Sensitive:           true,
				Validators:          []validator.String{privateKey},
			},
			"base_url": schema.StringAttribute{
				MarkdownDescription: "URL of Klaviyo's API, for a reverse proxy or for the simulator. It must begin with `https`; `http` is allowed for loopback addresses. Defaults to the environment variable `" + envBaseURL + "`, else `" + klaviyo.DefaultBaseURL + "`.",
				Optional:            true,
				Validators:          []validator.String{baseURL},
			},
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Maximum time to wait for the answer to one attempt of a request, as a duration such as `90s`. While a request is being sent, it limits the time without progress. Defaults to the environment variable `%s`, else `%s`.", envRequestTimeout, klaviyo.DefaultTimeout),
				Optional:            true,
				Validators:          []validator.String{duration},
			},
			"retry_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("How long a request is retried after a temporary failure, such as a broken connection or a server error of Klaviyo's. A duration from `0s` (no retry) to `1h`. "+
					"The time counts from the first failure of the request; `timeouts` of an export can end it earlier. The waits between attempts grow to 30 seconds and follow Klaviyo's `Retry-After`. "+
					"If Klaviyo cannot be reached at all, so that no request has had an answer yet, not even an error such as 503, a request is retried for at most 20 seconds. If a request has used up its time, later ones are retried for at most 5 seconds, until Klaviyo answers again. "+
					"A permanent failure, such as an untrusted certificate, is not retried. "+
					"If other programs have used up the rate limit of the account, a request waits for up to 8 minutes, or for `retry_timeout` if that is longer. "+
					"Defaults to the environment variable `%s`, else `5m`.", envRetryTimeout),
				Optional:   true,
				Validators: []validator.String{retryTimeoutRule},
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
		clock:  p.clock,
		salt:   p.salt,

		addressUnknown: config.BaseURL.IsUnknown(),

		options: klaviyo.Options{Clock: p.clock, UserAgent: "terraform-provider-klaviyo/" + p.version + " (+https://registry.terraform.io/providers/klaviyo-community/klaviyo)"},
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
	d.options.RetryTimeout = retryTimeout(config.RetryTimeout, resp)
	p.replaceData(d)
	resp.ResourceData = d
	resp.DataSourceData = d
	resp.ActionData = d
}

// replaceData keeps the data of a configuration and closes that of the previous one.
func (p *klaviyoProvider) replaceData(d *providerData) {
	p.mu.Lock()
	before := p.data
	p.data = d
	p.mu.Unlock()
	if before != nil {
		before.close()
	}
}

// parseRetryTimeout parses how long failing requests are retried. The problem is
// empty if that is allowed.
func parseRetryTimeout(text string) (d time.Duration, problem string) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxRetryTimeout {
		return 0, fmt.Sprintf("must be a duration from \"0s\", for no repetition, to \"1h\", such as \"5m\"; it is %q", text)
	}
	return d, ""
}

// retryTimeoutRule accepts what parseRetryTimeout does.
var retryTimeoutRule = stringRule{"must be a duration from 0s to 1h", "Retry Timeout Not Allowed", func(text string) string {
	if _, problem := parseRetryTimeout(text); problem != "" {
		return fmt.Sprintf("The retry timeout %s.", problem)
	}
	return ""
}}

// retryTimeout converts the configured time for the client, where zero means the
// default.
func retryTimeout(value types.String, resp *provider.ConfigureResponse) time.Duration {
	text := stringOrEnv(value, envRetryTimeout)
	if text == "" {
		return klaviyo.DefaultRetryTimeout
	}
	d, problem := parseRetryTimeout(text)
	if problem != "" {
		resp.Diagnostics.AddAttributeError(path.Root("retry_timeout"), retryTimeoutRule.summary,
			fmt.Sprintf("The retry timeout, from retry_timeout or the environment variable %s, %s.", envRetryTimeout, problem))
	}
	if d == 0 {
		return -1
	}
	return d
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

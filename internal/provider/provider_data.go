package provider

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// providerData is what resources, data sources and actions share in one configuration of the
// provider.
type providerData struct {
	apiKey  types.String // the provider's; may be unknown while planning
	options klaviyo.Options
	now     func() time.Time
	clock   wait.Clock         // of runs; nil for that of the machine
	salt    func() sketch.Salt // of new sketches; nil for random ones

	addressUnknown bool // while planning

	mu      sync.Mutex
	clients map[[sha256.Size]byte]*klaviyo.Client // by hash of the key

	surveys   surveys
	refreshes refreshes
	renames   sync.Map // names that lists are about to get, by id of the list
	rejects   rejectsFiles
	claims    claims
	turns     turns
	runs      runs
	account   ownAccount
}

// toProviderData unwraps what Configure passed on. nil without a diagnostic means
// that the provider is not configured yet.
func toProviderData(data any, diags *diag.Diagnostics) *providerData {
	if data == nil {
		return nil
	}
	d, ok := data.(*providerData)
	if !ok {
		diags.AddError("Provider Data Of The Wrong Type",
			fmt.Sprintf("Expected *provider.providerData, got %T. This is a bug in the provider; please report it to its developers.", data))
	}
	return d
}

// keyRef is where a resource has its key. The zero value means the provider's key.
type keyRef struct {
	apiKey    types.String
	apiKeyEnv types.String
	at        []string // path of the object that holds them; empty at the root
}

func (r keyRef) attribute(name string) []string { return append(slices.Clone(r.at), name) }

// access is a client and what to say about its key.
type access struct {
	client *klaviyo.Client
	origin string // where the key came from
}

// blame adds to an error where the key came from. It returns nil for nil.
func (a *access) blame(err error) error {
	if err == nil {
		return nil
	}
	return &usedKeyError{a.origin, err}
}

// usedKeyError is an error of a request, with the origin of the key it used.
type usedKeyError struct {
	origin string
	err    error
}

func (e *usedKeyError) Error() string { return e.err.Error() }

func (e *usedKeyError) Unwrap() error { return e.err }

// errAccessUnknown means that the key, or the address that it goes to, is known
// only after apply. Until both are known no request is made.
var errAccessUnknown = errors.New("how to reach Klaviyo is not known yet")

// accessUnknown says which argument is not known, and which environment variable
// can stand in for it; empty if none can.
func accessUnknown(argument, variable string) error {
	detail := fmt.Sprintf("Terraform needs Klaviyo for this plan, but %s depends on a resource that is not applied yet. No request was made. "+
		"Apply that resource first, with terraform apply -target=<its address>", argument)
	if variable != "" {
		detail += ", or leave the argument out and set the environment variable " + variable
	}
	return &diagnostic.Error{Summary: "API Key Or Address Not Known Yet", Detail: detail + ".", Err: errAccessUnknown}
}

// keyError says what is wrong with a key, at the attribute that it comes from.
func keyError(at []string, summary, detail string) error {
	return &diagnostic.Error{Attribute: at, Summary: summary, Detail: detail}
}

// access returns a client for the first of these keys: the resource's own, the
// environment variable that it names, the provider's, KLAVIYO_API_KEY. The
// error is a *diagnostic.Error, which wraps errAccessUnknown while the key or the
// address is not known.
func (d *providerData) access(ref keyRef) (*access, error) {
	if d.addressUnknown {
		return nil, accessUnknown(`base_url of the provider "klaviyo" block`, envBaseURL)
	}
	key, origin, at, err := d.findKey(ref)
	if err != nil {
		return nil, err
	}
	client, err := d.client(key)
	if err != nil {
		return nil, keyError(at, "API Key Not Usable", fmt.Sprintf("The API key from %s cannot be used: %s.", origin, err))
	}
	return &access{client, origin}, nil
}

// findKey returns the first key that is set, where it came from and, for errors,
// its attribute.
func (d *providerData) findKey(ref keyRef) (key, origin string, at []string, err error) {
	switch {
	case ref.apiKey.IsUnknown():
		return "", "", at, accessUnknown("api_key of the connection", "")
	case ref.apiKeyEnv.IsUnknown():
		return "", "", at, accessUnknown("api_key_env of the connection", "")
	case !ref.apiKey.IsNull():
		return ref.apiKey.ValueString(), "api_key of the connection", ref.attribute("api_key"), nil
	case !ref.apiKeyEnv.IsNull():
		name := ref.apiKeyEnv.ValueString()
		at = ref.attribute("api_key_env")
		if key = os.Getenv(name); key == "" {
			return "", "", at, keyError(at, "API Key Missing", fmt.Sprintf(
				"The connection takes its API key from the environment variable %s, which is empty or not set where Terraform runs. Set it, or change api_key_env.", name))
		}
		return key, "the environment variable " + name, at, nil
	case d.apiKey.IsUnknown():
		return "", "", at, accessUnknown(`api_key of the provider "klaviyo" block`, envAPIKey)
	case !d.apiKey.IsNull():
		return d.apiKey.ValueString(), "api_key of the provider", at, nil
	}
	if key = os.Getenv(envAPIKey); key != "" {
		return key, "the environment variable " + envAPIKey, at, nil
	}
	return "", "", at, keyError(at, "API Key Missing", "A request to Klaviyo is needed, and there is no API key. The key is the first of these that is set:\n"+
		"  1. api_key of the klaviyo_connection (kept in the state),\n"+
		"  2. the environment variable that api_key_env of the klaviyo_connection names,\n"+
		"  3. api_key of the provider \"klaviyo\" block,\n"+
		"  4. the environment variable "+envAPIKey+".\n"+
		"Create a private key in Klaviyo under Settings > API keys with the scopes "+strings.Join(klaviyo.RequiredScopes(), ", ")+".")
}

// client returns the one client of a key, so that all requests with it share
// connections and rate limits.
func (d *providerData) client(key string) (*klaviyo.Client, error) {
	hash := sha256.Sum256([]byte(key))
	d.mu.Lock()
	defer d.mu.Unlock()
	if client := d.clients[hash]; client != nil {
		return client, nil
	}
	options := d.options
	options.APIKey = key
	client, err := klaviyo.New(options)
	if err != nil {
		return nil, err
	}
	if d.clients == nil {
		d.clients = map[[sha256.Size]byte]*klaviyo.Client{}
	}
	d.clients[hash] = client
	return client, nil
}

// close closes the connections of the clients.
func (d *providerData) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, client := range d.clients {
		client.Close()
	}
}

// call makes a request with the provider's own key.
func call[T any](d *providerData, request func(*klaviyo.Client) (T, error)) (T, error) {
	used, err := d.access(keyRef{})
	if err != nil {
		var none T
		return none, err
	}
	result, err := request(used.client)
	return result, used.blame(err)
}

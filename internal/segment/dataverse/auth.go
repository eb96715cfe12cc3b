package dataverse

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// expiresSoon is how long a token must still hold to be sent.
const expiresSoon = 2 * time.Minute

// tokens keeps the token of an environment, since some credentials do not. It
// is safe for concurrent use.
type tokens struct {
	scope string
	sign  func() (azcore.TokenCredential, error) // a credential that has cached nothing

	// session holds the one session, for whoever takes it out. A mutex would
	// do, but who waits for one cannot give up when its context ends, and
	// signing in is a request.
	session chan session
}

// session is a credential and the token it gave last; both may be missing.
type session struct {
	credential azcore.TokenCredential
	token      azcore.AccessToken
}

func newTokens(scope string, sign func() (azcore.TokenCredential, error)) *tokens {
	t := &tokens{scope: scope, sign: sign, session: make(chan session, 1)}
	t.session <- session{}
	return t
}

func (t *tokens) get(ctx context.Context) (string, error) {
	var s session
	select {
	case s = <-t.session:
		defer func() { t.session <- s }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if s.token.Token != "" && time.Until(s.token.ExpiresOn) > expiresSoon {
		return s.token.Token, nil
	}
	if s.credential == nil {
		credential, err := t.sign()
		if err != nil {
			return "", err
		}
		s.credential = credential
	}
	token, err := s.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{t.scope}})
	if err != nil {
		return "", &signInError{err}
	}
	s.token = token
	return token.Token, nil
}

// forget drops a token that was refused, unless another has taken its place. It
// does nothing once the context has ended.
func (t *tokens) forget(ctx context.Context, refused string) {
	select {
	case s := <-t.session:
		if s.token.Token == refused {
			s = session{}
		}
		t.session <- s
	case <-ctx.Done():
	}
}

// signInError means that there is no token.
type signInError struct{ err error }

func (*signInError) Error() string { return "signing in to Microsoft Entra ID failed" }

func (e *signInError) Unwrap() error { return e.err }

// signIn returns the credential of the source.
func (d Source) signIn() (azcore.TokenCredential, error) {
	if d.credential != nil {
		return d.credential, nil
	}
	options, local := authority()
	if d.ClientID == "" {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: local, TenantID: d.TenantID,
		})
	}
	secret := os.Getenv(d.ClientSecretEnv)
	if secret == "" {
		return nil, dataverseError("client_secret_env", "Set it where Terraform runs, to the value of the secret, not to its id.", nil,
			"The environment variable %q is not set.", d.ClientSecretEnv)
	}
	credential, err := azidentity.NewClientSecretCredential(d.TenantID, d.ClientID, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: options, DisableInstanceDiscovery: local,
	})
	if err != nil {
		return nil, dataverseError("tenant_id", "", err, "The tenant %q cannot be used: %s.", d.TenantID, "it is neither an id nor a domain")
	}
	return credential, nil
}

// authority makes room for a stand-in of Microsoft Entra ID on this machine,
// which AZURE_AUTHORITY_HOST may name, also without TLS. Any other authority is
// left to azidentity.
func authority() (options policy.ClientOptions, local bool) {
	u, err := url.Parse(os.Getenv("AZURE_AUTHORITY_HOST"))
	if err != nil || !httpx.IsLoopback(u.Hostname()) {
		return options, false
	}
	if u.Scheme == "http" {
		options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + u.Host}
		options.Transport = plainTo(u.Host)
	}
	return options, true
}

// plainTo sends requests to one host without TLS, which azidentity would not
// do.
type plainTo string

// Do implements policy.Transporter.
func (host plainTo) Do(req *http.Request) (*http.Response, error) {
	if req.URL.Host == string(host) {
		req = req.Clone(req.Context())
		req.URL.Scheme = "http"
	}
	return http.DefaultTransport.RoundTrip(req)
}

// explainSignIn says why there is no token, in Microsoft's words where a code
// vouches for them. The cause is not passed on, since it holds whole answers.
func (c *dataverseClient) explainSignIn(err error) error {
	match := entraError.FindStringSubmatch(strings.NewReplacer(`\u0027`, "'", `\r`, " ", `\n`, " ").Replace(err.Error()))
	if match == nil {
		return c.explainNoCredential(err)
	}
	code, sentence := match[1], redact.Line(redact.EmailAddress.ReplaceAllString(strings.TrimSpace(match[2]), redact.Hidden))
	argument, remedy := "environment_url", "Check tenant, client id and secret of the app registration."
	for _, known := range entraCodes {
		if known.code == code {
			argument, remedy = known.argument, known.remedy
		}
	}
	if c.source.ClientID == "" {
		argument = "environment_url" // the others come from the machine
	}
	return dataverseError(argument, remedy, nil, "Microsoft Entra ID refused to sign in: AADSTS%s: %s.", code, sentence)
}

// entraError is code and first sentence; what follows are ids and times.
var entraError = regexp.MustCompile(`AADSTS(\d+): (.+?)(?:\.\s|\.?"|\.?$)`)

// entraCodes are the refusals that a remedy is known for.
var entraCodes = []struct{ code, argument, remedy string }{
	{"7000215", "client_secret_env", "Use the value of the client secret, not its id; it is shown only when the secret is created."},
	{"7000222", "client_secret_env", "The client secret has expired: create a new one in the app registration."},
	{"700016", "client_id", "Check the client id, and that the app registration is in this tenant."},
	{"90002", "tenant_id", "Check the tenant id: it is on the overview page of the app registration."},
	{"500011", "environment_url", "Check that the environment URL is right, and that the environment belongs to this tenant."},
}

func (c *dataverseClient) explainNoCredential(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) || c.source.ClientID != "" {
		return dataverseError("environment_url", "Check the network, and the app registration.", nil, "Microsoft Entra ID gave no token.")
	}
	return dataverseError("environment_url",
		"Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET where Terraform runs, or use a workload or managed identity, "+
			"or run az login, or set tenant_id, client_id and client_secret_env.", nil,
		"There is nothing to sign in to Microsoft Entra ID with.")
}

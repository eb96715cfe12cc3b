package dataverse

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// signInError means that Microsoft Entra ID gave no token.
type signInError struct{ err error }

func (*signInError) Error() string { return "signing in to Microsoft Entra ID failed" }

func (e *signInError) Unwrap() error { return e.err }

// signIn returns a new credential of the source.
func (s Source) signIn() (azcore.TokenCredential, error) {
	if s.credential != nil {
		return s.credential, nil
	}
	// Microsoft's list of authorities does not have those of private clouds.
	ownAuthority := os.Getenv("AZURE_AUTHORITY_HOST") != ""
	if s.ClientID == "" {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: s.options, DisableInstanceDiscovery: ownAuthority, TenantID: s.TenantID,
		})
	}
	secret := os.Getenv(s.ClientSecretEnv)
	if secret == "" {
		return nil, argumentError("client_secret_env", "Set it where Terraform runs, to the value of the secret, not to its id.", nil,
			"The environment variable %q is not set.", s.ClientSecretEnv)
	}
	credential, err := azidentity.NewClientSecretCredential(s.TenantID, s.ClientID, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: s.options, DisableInstanceDiscovery: ownAuthority,
	})
	if err != nil {
		return nil, argumentError("tenant_id", "Use the tenant's id or one of its domains.", err, "The tenant %q cannot be used: it is neither an id nor a domain.", s.TenantID)
	}
	return credential, nil
}

// explainSignIn says why there is no token, in Microsoft's own words if there is
// an error code. The cause is left out, since its text holds whole answers.
func (c *client) explainSignIn(err error) error {
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
		argument = "environment_url" // tenant, client and secret come from the machine
	}
	return argumentError(argument, remedy, nil, "Microsoft Entra ID refused to sign in: AADSTS%s: %s.", code, sentence)
}

// entraError matches the code and the first sentence. Ids and times follow.
var entraError = regexp.MustCompile(`AADSTS(\d+): (.+?)(?:\.\s|\.?"|\.?$)`)

// entraCodes are the codes with a known remedy.
var entraCodes = []struct{ code, argument, remedy string }{
	{"7000215", "client_secret_env", "Use the value of the client secret, not its id; it is shown only when the secret is created."},
	{"7000222", "client_secret_env", "The client secret has expired: create a new one in the app registration."},
	{"700016", "client_id", "Check the client id, and that the app registration is in this tenant."},
	{"90002", "tenant_id", "Check the tenant id: it is on the overview page of the app registration."},
	{"500011", "environment_url", "Check that the environment URL is right, and that the environment belongs to this tenant."},
}

func (c *client) explainNoCredential(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) || c.source.ClientID != "" {
		return argumentError("environment_url", "Check the network, and the app registration.", nil, "Microsoft Entra ID gave no token.")
	}
	return argumentError("environment_url",
		"Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET where Terraform runs, or use a workload or managed identity, "+
			"or run az login, or set tenant_id, client_id and client_secret_env.", nil,
		"There is nothing to sign in to Microsoft Entra ID with.")
}

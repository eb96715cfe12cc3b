package dataverse

import (
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/entra"
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
	ownAuthority := entra.HasOwnAuthority()
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
	refusal := entra.RefusalOf(err)
	if refusal.Code == "" {
		return c.explainNoCredential(err)
	}
	argument, remedy := "environment_url", refusal.Remedy()
	switch known := entraArguments[refusal.Code]; {
	case refusal.Code == unknownResource:
		remedy = "Check that the environment URL is right, and that the environment belongs to this tenant."
	case known != "" && c.source.ClientID != "": // otherwise tenant, client and secret come from the machine
		argument = known
	}
	return argumentError(argument, remedy, nil, "Microsoft Entra ID refused to sign in: AADSTS%s: %s.", refusal.Code, refusal.Sentence)
}

// unknownResource is the code for an environment that the tenant does not have.
const unknownResource = "500011"

// entraArguments are the arguments that codes are about.
var entraArguments = map[string]string{
	"7000215": "client_secret_env",
	"7000222": "client_secret_env",
	"700016":  "client_id",
	"90002":   "tenant_id",
}

func (c *client) explainNoCredential(err error) error {
	if c.source.ClientID != "" || !entra.HasNoCredential(err) && !entra.NamesNoIdentity() {
		return argumentError("environment_url", "Check the network, and the app registration.", nil, "Microsoft Entra ID gave no token.")
	}
	return argumentError("environment_url",
		"Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET where Terraform runs, or use a workload or managed identity, "+
			"or run az login, or set tenant_id, client_id and client_secret_env.", nil,
		"There are no credentials to sign in to Microsoft Entra ID with: no variable names any, and neither the machine nor the Azure CLI gave a token.")
}

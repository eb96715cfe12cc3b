package sql

import (
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/entra"
)

// The ways to sign in to Microsoft Entra ID, as the driver's users know them.
var (
	entraNames = []string{
		"ActiveDirectoryApplication", "ActiveDirectoryAzCli", "ActiveDirectoryDefault", "ActiveDirectoryEnvironment", "ActiveDirectoryManagedIdentity",
		"ActiveDirectoryMSI", "ActiveDirectoryServicePrincipal", "ActiveDirectoryServicePrincipalAccessToken", "ActiveDirectoryWorkloadIdentity",
	}
	entraWays = lowered(entraNames)
)

const (
	entraDefault         = "activedirectorydefault"
	entraAccessToken     = "activedirectoryserviceprincipalaccesstoken"
	entraManagedIdentity = "activedirectorymanagedidentity"
	entraMSI             = "activedirectorymsi"
)

func lowered(names []string) []string {
	lower := slices.Clone(names)
	for i, name := range lower {
		lower[i] = strings.ToLower(name)
	}
	return lower
}

// sqlResources are the services that tokens are for, in the clouds of Microsoft. The
// first is that of the public one, Microsoft Fabric included.
var sqlResources = []string{"database.windows.net", "database.usgovcloudapi.net", "database.chinacloudapi.cn", "sql.azuresynapse.net", "sql.azuresynapse.usgovcloudapi.net"}

// connector returns what connects and logs in. A token goes to the server with the
// login if the URL has it, and after the server has named its tenant otherwise.
func (s *sqlServerSession) connector() (*mssql.Connector, error) {
	switch s.config.fedauth {
	case "":
		return mssql.NewConnectorConfig(s.config.driver), nil
	case entraAccessToken:
		return mssql.NewSecurityTokenConnector(s.config.driver, func(context.Context) (string, error) { return s.config.driver.Password, nil })
	case entraManagedIdentity, entraMSI:
		return mssql.NewActiveDirectoryTokenConnector(s.config.driver, mssql.FedAuthADALWorkflowMSI, s.entraToken)
	default:
		return mssql.NewActiveDirectoryTokenConnector(s.config.driver, mssql.FedAuthADALWorkflowPassword, s.entraToken)
	}
}

// entraToken returns a token for a server. The server names its tenant and the
// service that the token is for. A service that is no database is not believed: its
// token could do more than read this segment.
func (s *sqlServerSession) entraToken(ctx context.Context, service, authority string) (string, error) {
	host := sqlResources[0]
	if named, err := url.Parse(service); err == nil && slices.Contains(sqlResources, named.Hostname()) {
		host = named.Hostname()
	}
	tenant := authority[strings.LastIndexByte(authority, '/')+1:]
	credential, err := s.entraCredential(tenant)
	if err != nil {
		return "", s.explainSignIn(err)
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://" + host + "/.default"}})
	if err != nil {
		if ctx.Err() != nil {
			return "", argumentError("url", "Check the network, and plan again.", "Microsoft Entra ID gave no token for %s in time.", s.config.where)
		}
		return "", s.explainSignIn(err)
	}
	return token.Token, nil
}

// entraCredential returns the credential of the URL or the environment. serverTenant
// is used if neither names a tenant.
func (s *sqlServerSession) entraCredential(serverTenant string) (azcore.TokenCredential, error) {
	client, tenant, _ := strings.Cut(s.config.driver.User, "@")
	for _, other := range []string{os.Getenv("AZURE_TENANT_ID"), serverTenant} {
		if tenant == "" {
			tenant = other
		}
	}
	own := entra.HasOwnAuthority()
	switch way := s.config.fedauth; {
	case way == entraManagedIdentity, way == entraMSI:
		options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: s.entraOptions}
		if client == "" {
			client = os.Getenv("AZURE_CLIENT_ID")
		}
		if client != "" {
			options.ID = azidentity.ClientID(client)
		}
		return azidentity.NewManagedIdentityCredential(options)
	case way == "activedirectoryworkloadidentity":
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: s.entraOptions, ClientID: client, DisableInstanceDiscovery: own,
		})
	case way == "activedirectoryazcli":
		return azidentity.NewAzureCLICredential(nil)
	case way == entraDefault:
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: s.entraOptions, DisableInstanceDiscovery: own, TenantID: tenant,
		})
	case client != "" && way != "activedirectoryenvironment":
		secret := s.config.driver.Password
		if secret == "" {
			secret = os.Getenv("AZURE_CLIENT_SECRET")
		}
		if secret == "" {
			return nil, argumentError("url", "Set AZURE_CLIENT_SECRET where Terraform runs, to the value of the secret, not to its id.", "There is no client secret for the application %q.", client)
		}
		return azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: s.entraOptions, DisableInstanceDiscovery: own,
		})
	default: // a secret or a certificate
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
			ClientOptions: s.entraOptions, DisableInstanceDiscovery: own,
		})
	}
}

// explainSignIn says why there is no token. The cause is left out, since its text
// holds whole answers.
func (s *sqlServerSession) explainSignIn(err error) *segment.Error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return explained
	}
	if refusal := entra.RefusalOf(err); refusal.Code != "" {
		return argumentError("url", refusal.Remedy(), "Microsoft Entra ID refused to sign in: AADSTS%s: %s.", refusal.Code, refusal.Sentence)
	}
	if !entra.HasNoCredential(err) {
		return argumentError("url", "Check the network, and the identity.", "Microsoft Entra ID gave no token for %s.", s.config.where)
	}
	return argumentError("url", "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET where Terraform runs, or use a workload or managed identity, "+
		"or run az login, or write user and password into the URL.", "There are no credentials to sign in to Microsoft Entra ID with, for %s.", s.config.where)
}

// Package entra explains why Microsoft Entra ID gives no token.
package entra

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// HasOwnAuthority reports whether the environment names an authority. Microsoft's
// list does not have those of private clouds.
func HasOwnAuthority() bool { return os.Getenv("AZURE_AUTHORITY_HOST") != "" }

// Refusal is why Entra ID refuses to sign in.
type Refusal struct {
	Code     string // of AADSTS: 7000215
	Sentence string // the first of the message, in Entra's own words
}

// RefusalOf finds the refusal in an error of azidentity, whose text holds whole
// answers. It is the zero value if Entra ID has not answered.
func RefusalOf(err error) Refusal {
	match := refusal.FindStringSubmatch(strings.NewReplacer(`\u0027`, "'", `\r`, " ", `\n`, " ").Replace(err.Error()))
	if match == nil {
		return Refusal{}
	}
	return Refusal{match[1], redact.Line(redact.EmailAddress.ReplaceAllString(strings.TrimSpace(match[2]), redact.Hidden))}
}

// refusal matches the code and the first sentence. Ids and times follow.
var refusal = regexp.MustCompile(`AADSTS(\d+): (.+?)(?:\.\s|\.?"|\.?$)`)

// Remedy is what to do about a refusal.
func (r Refusal) Remedy() string {
	if remedy := remedies[r.Code]; remedy != "" {
		return remedy
	}
	return "Check tenant, client id and secret of the app registration."
}

var remedies = map[string]string{
	"7000215": "Use the value of the client secret, not its id; it is shown only when the secret is created.",
	"7000222": "The client secret has expired: create a new one in the app registration.",
	"700016":  "Check the client id, and that the app registration is in this tenant.",
	"90002":   "Check the tenant id: it is on the overview page of the app registration.",
}

// NamesNoIdentity reports whether no variable of the environment names an identity. Then
// only the machine or the Azure CLI may have one.
func NamesNoIdentity() bool {
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"} {
		if os.Getenv(name) != "" {
			return false
		}
	}
	return true
}

// HasNoCredential reports whether an error says that there is nothing to sign in
// with, rather than that signing in failed.
func HasNoCredential(err error) bool {
	var failed *azidentity.AuthenticationFailedError
	return !errors.As(err, &failed)
}

package dataverse

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// With returns the source with a credential (nil: that of the source), a
// network, and the number of members whose ids are kept (0: the default).
func (s Source) With(credential azcore.TokenCredential, network http.RoundTripper, maxKeptIDs int) Source {
	s.credential, s.maxKeptIDs = credential, maxKeptIDs
	s.options = policy.ClientOptions{Transport: transport{network}}
	return s
}

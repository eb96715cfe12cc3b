package dataverse

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// With returns the source with a credential and a clock of a test's, and with
// how many members are the most to look up one by one.
func (d Source) With(credential azcore.TokenCredential, sleep func(context.Context, time.Duration) error, scanAbove int) Source {
	d.credential, d.sleep, d.scanAbove = credential, sleep, scanAbove
	return d
}

package segment

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// With returns the source with a credential and a clock of a test's, and with
// how many members are the most to look up one by one.
func (d Dataverse) With(credential azcore.TokenCredential, sleep func(context.Context, time.Duration) error, scanAbove int) Dataverse {
	d.credential, d.sleep, d.scanAbove = credential, sleep, scanAbove
	return d
}

// Hasty returns the file with a patience that suits tests, and, where
// transport is not nil, with a way of its own to a web server.
func (f File) Hasty(wait time.Duration, transport http.RoundTripper) File {
	p := patience{answer: wait, idle: wait, pause: time.Millisecond, tries: 2}
	switch at := placeOf(f.Path).(type) {
	case bucket:
		f.place = bucket{p}
	case web:
		f.place = web{p, at.client}
		if transport != nil {
			f.place = web{p, newWebClient(transport)}
		}
	}
	return f
}

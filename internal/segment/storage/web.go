package storage

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// web is a web server. A URL is often signed: whoever has it may read the file,
// so its query is a secret.
type web struct {
	retryPolicy
	client *http.Client
}

// sharedTransport keeps connections for the next file.
var sharedTransport = sync.OnceValue(func() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // or sizes and offsets would not be those of the file
	return transport
})

func newWebClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

const maxRedirects = 10

// checkRedirect keeps a redirect from giving away what is in the file or in
// the URL.
func checkRedirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer") // holds the signature
	if len(via) >= maxRedirects {
		return &readError{problem: "the server redirects again and again"}
	}
	if err := checkScheme(req.URL); err != nil {
		return &readError{problem: "the server redirects to an address that is not https, which is not followed"}
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return &readError{problem: "the server redirects from https to http, which is not followed"}
	}
	return nil
}

// checkScheme accepts https, and plain http on this machine.
func checkScheme(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && httpx.IsLoopback(u.Hostname()) {
		return nil
	}
	return &readError{problem: "plain http sends the segment and the signature in the clear", remedy: "Use https. Only addresses of this machine may be http."}
}

// Find requests one byte: the answer says everything about the file, and many
// signed URLs allow no other method than GET.
func (w web) Find(ctx context.Context, path string) ([]Object, error) {
	name := redact.URL(path)
	u, err := url.Parse(path)
	switch {
	case err != nil || u.Host == "":
		return nil, PathErrorf("Write it as in https://example.com/segments/vip.csv, special characters of a password percent-encoded.", nil, "%q is not a valid URL.", name)
	case redact.IsAmbiguousURL(path):
		return nil, PathErrorf("Percent-encode them: / is %2F, ? is %3F, # is %23, and an @ that does not end the password is %40.", nil,
			"%q is not a valid URL: there is an @ beyond its host, so a / in its password cannot be told from the path.", name)
	}
	if err := checkScheme(u); err != nil {
		return nil, pathError(name, err)
	}
	file := webFile{web: w, url: path, path: u.Path, masked: name}
	err = w.retry(ctx, func() error {
		found, err := withTimeout(ctx, w.retryPolicy, file.probe)
		if err == nil {
			file = found
		}
		return explainWebError(err)
	})
	if err != nil {
		return nil, pathError(name, err)
	}
	return []Object{file}, nil
}

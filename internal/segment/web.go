package segment

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// web is a web server. A URL is often signed: whoever has it may read the
// file, so its query is a secret.
type web struct {
	patience
	client *http.Client
}

// webClient keeps connections for the next file.
var webClient = sync.OnceValue(func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // or sizes and offsets would not be those of the file
	return newWebClient(transport)
})

func newWebClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

const mostRedirects = 10

// checkRedirect keeps a redirect from giving away what is in the file or in
// the URL.
func checkRedirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer") // holds the signature
	if len(via) >= mostRedirects {
		return &fault{problem: "the server redirects again and again"}
	}
	if err := checkScheme(req.URL); err != nil {
		return &fault{problem: "the server redirects to an address that is not https, which is not followed"}
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return &fault{problem: "the server redirects from https to http, which is not followed"}
	}
	return nil
}

// checkScheme accepts https, and plain http on this machine.
func checkScheme(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return &fault{problem: "plain http sends the segment and the signature in the clear", remedy: "Use https. Only addresses of this machine may be http."}
}

// maskedURL is for messages: without credentials.
func maskedURL(path string) string {
	if before, _, ok := strings.Cut(path, "#"); ok {
		path = before
	}
	if _, err := url.Parse(path); err != nil { // so nobody knows where in it a password ends
		scheme, _, _ := strings.Cut(path, "://")
		return scheme + "://…"
	}
	path, _, signed := strings.Cut(path, "?")
	if scheme, rest, ok := strings.Cut(path, "://"); ok {
		host, file, _ := strings.Cut(rest, "/")
		path = scheme + "://" + host[strings.LastIndex(host, "@")+1:] + "/" + file
	}
	if signed {
		path += "?…"
	}
	return path
}

// HoldsSecret reports whether a path is a URL by which whoever has it may read
// the file.
func HoldsSecret(path string) bool {
	if _, isWeb := placeOf(path).(web); !isWeb {
		return false
	}
	u, err := url.Parse(path)
	if err != nil {
		return strings.Contains(path, "?")
	}
	for name := range u.Query() {
		switch strings.ToLower(name) {
		case "x-amz-signature", "x-amz-security-token", "x-goog-signature", "signature", "sig", "token", "access_token", "key", "code":
			return true
		}
	}
	_, hasPassword := u.User.Password()
	return hasPassword
}

// find asks for one byte: that tells all there is to know, and a signed URL
// allows nothing but reading.
func (w web) find(ctx context.Context, path string) ([]object, error) {
	name := maskedURL(path)
	u, err := url.Parse(path)
	if err != nil || u.Host == "" {
		return nil, fileError("Write it as in https://example.com/segments/vip.csv.", nil, "%q is not a valid URL.", name)
	}
	if err := checkScheme(u); err != nil {
		return nil, blameFault(name, err)
	}
	file := webFile{web: w, url: path, masked: name}
	err = w.retry(ctx, func() error {
		_, err := ask(ctx, w.patience, func(ctx context.Context) (struct{}, error) { return struct{}{}, file.look(ctx) })
		return webFault(err)
	})
	if err != nil {
		return nil, blameFault(name, err)
	}
	return []object{file}, nil
}

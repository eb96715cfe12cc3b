package sql

import (
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// parseAddress parses the URL of a server that is spoken to over HTTP. Parameters
// other than those known are refused, so that none is misspelled without a word.
// example is the remedy for a malformed URL. No error quotes the URL.
func parseAddress(text, example string, known []string) (*url.URL, url.Values, *segment.Error) {
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" || address.Fragment != "" {
		return nil, nil, argumentError("url", example+" Special characters of user and password must be percent-encoded.", "The URL of the database is malformed.")
	}
	parameters, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return nil, nil, argumentError("url", example, "The parameters of the URL are malformed.")
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if !slices.Contains(known, name) {
			return nil, nil, argumentError("url", "The parameters are "+segment.Quoted(known)+".", "The URL has a parameter %q, which a %s URL does not have.", name, address.Scheme)
		}
		if len(parameters[name]) > 1 {
			return nil, nil, argumentError("url", "Keep one of them.", "The URL has the parameter %q more than once.", name)
		}
	}
	return address, parameters, nil
}

// statementTimeout returns the parameter of that name, 0 if there is none.
func statementTimeout(parameters url.Values) (time.Duration, *segment.Error) {
	text := parameters.Get("statement_timeout")
	if text == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(text)
	if err != nil || timeout < time.Second {
		return 0, argumentError("url", "Write a number with its unit, such as 90s, 10m or 1h30m, of at least a second.", "The parameter statement_timeout of the URL is not a duration: %q.", text)
	}
	return timeout, nil
}

// parseEndpoint parses the address of a private link, or of a test's server. Without
// TLS it may only be this machine.
func parseEndpoint(text string) (*url.URL, *segment.Error) {
	endpoint, err := url.Parse(text)
	if err != nil || endpoint.Hostname() == "" || endpoint.Scheme != "https" && endpoint.Scheme != "http" ||
		endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Path != "" && endpoint.Path != "/" {
		return nil, argumentError("url", "Write https:// and a host, with a port if need be.", "The parameter endpoint of the URL is not the address of a server.")
	}
	if endpoint.Scheme == "http" && !httpx.IsLoopback(endpoint.Hostname()) {
		return nil, argumentError("url", "Write https://.", "The parameter endpoint of the URL has http://, which is only for a server on this machine.")
	}
	endpoint.Path = ""
	return endpoint, nil
}

package storage

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// Schemes of the paths of objects.
const (
	schemeS3    = "s3"
	schemeGCS   = "gs"
	schemeAzure = "azblob"
)

// address is the path of an object, or of several that match a pattern.
type address struct {
	scheme, bucket, key string
	query               string // parameters: how to reach the store
}

// parseAddress splits a path. The key is not percent-decoded; only ? ends it.
func parseAddress(path string) (address, error) {
	scheme, rest, _ := strings.Cut(path, "://")
	rest, query, _ := strings.Cut(rest, "?")
	name, key, _ := strings.Cut(rest, "/")
	a := address{scheme: strings.ToLower(scheme), bucket: name, key: key, query: query}
	switch {
	case strings.ContainsAny(name, "@:"): // it may contain half of a password
		return address{}, PathErrorf("Leave them out of the path, which is kept in the state. "+a.credentialsHint(), nil,
			"There are credentials where the name of the bucket has to be, or the name is not valid: %q.", a.scheme+"://…")
	case hasPassword(query):
		return address{}, PathErrorf("Name the host alone, as in ?endpoint=https://storage.example.com. "+a.credentialsHint(), nil,
			"%q has a URL with credentials in its parameters.", a)
	case name == "" || key == "" || strings.HasSuffix(key, "/"):
		return a, PathErrorf("Write the bucket and the key of the object, such as "+a.scheme+"://my-bucket/segments/vip.csv.", nil,
			"%q names no object in a bucket.", a)
	}
	return a, nil
}

// hasPassword reports whether a parameter is a URL with credentials, which
// errors of the clients would quote.
func hasPassword(query string) bool {
	for pair := range strings.SplitSeq(query, "&") {
		text, err := url.QueryUnescape(pair)
		if err != nil {
			text = pair
		}
		if redact.HoldsUser(text) {
			return true
		}
	}
	return false
}

// String is for messages: without the query, and without a key that may be the
// rest of a password.
func (a address) String() string {
	if a.isMasked() {
		return a.scheme + "://" + a.bucket + "/…"
	}
	return a.scheme + "://" + a.bucket + "/" + a.key
}

// isMasked reports whether messages do not show the key.
func (a address) isMasked() bool {
	return strings.Contains(a.key, ":") && strings.Contains(a.key+a.query, "@")
}

// withKey is the address of another object in the same bucket.
func (a address) withKey(key string) address {
	a.key = key
	return a
}

// credentialsHint says where credentials come from.
func (a address) credentialsHint() string {
	switch a.scheme {
	case schemeS3:
		return "Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN), from the profile that AWS_PROFILE or ?profile= names, " +
			"from web identity, or from the role of the container or the instance."
	case schemeGCS:
		return "Credentials come from the file that GOOGLE_APPLICATION_CREDENTIALS names, from gcloud auth application-default login, or from the metadata server; ?anonymous=true uses none."
	default:
		return "Credentials come from AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, from AZURE_STORAGE_CONNECTION_STRING, " +
			"or, with AZURE_STORAGE_ACCOUNT alone, from AZURE_CLIENT_ID and its siblings, workload identity, managed identity, or az login."
	}
}

// bucketHint says how the bucket is found.
func (a address) bucketHint() string {
	switch a.scheme {
	case schemeS3:
		return "Check the name and the region (AWS_REGION or ?region=). Another store than Amazon's is named by ?endpoint=https://..., often with &use_path_style=true."
	case schemeGCS:
		return "Check the name of the bucket."
	default:
		return "Check the name of the container. The account comes from AZURE_STORAGE_ACCOUNT, or from ?storage_account= in the path."
	}
}

// params are the parameters of a path, each at most once.
type params map[string]string

// obsoleteParams are parameters that have no effect on reading, or that others
// replace, with what to write instead.
var obsoleteParams = map[string]string{
	"hostname_immutable":           "Write use_path_style=true instead.",
	"rate_limiter_capacity":        "Leave it out: the number of requests is not limited.",
	"request_checksum_calculation": "Leave it out: it concerns writing.",
	"awssdk":                       "Leave it out.",
	"access_id":                    "Write anonymous=true for an object that everybody may read, else leave it out: credentials come from GOOGLE_APPLICATION_CREDENTIALS.",
	"private_key_path":             "Leave it out, and name the file of the key in GOOGLE_APPLICATION_CREDENTIALS.",
	"grpc":                         "Leave it out: objects are read over HTTP.",
	"zonal":                        "Copy the object to a bucket that is not zonal: objects are read over HTTP.",
}

// params returns the parameters, all of which must be known.
func (a address) params(known ...string) (params, error) {
	values, err := url.ParseQuery(a.query)
	if err != nil {
		return nil, &readError{problem: "the parameters after the ? are not valid", remedy: "Write them as in ?name=value&name=value, special characters percent-encoded."}
	}
	p := make(params, len(values))
	for name, all := range values {
		switch {
		case obsoleteParams[name] != "" && !slices.Contains(known, name):
			return nil, &readError{problem: fmt.Sprintf("the parameter %q is not supported", name), remedy: obsoleteParams[name]}
		case !slices.Contains(known, name):
			return nil, &readError{
				problem: fmt.Sprintf("the parameter %q is not known", redact.Line(name)),
				remedy:  fmt.Sprintf("Parameters of %s:// are %s.", a.scheme, strings.Join(known, ", ")),
			}
		case len(all) > 1:
			return nil, &readError{problem: fmt.Sprintf("the parameter %q is given more than once", name)}
		}
		p[name] = all[0]
	}
	return p, nil
}

// bool returns a parameter that is true or false; false where it is not given.
func (p params) bool(name string) (bool, error) {
	value, given := p[name]
	if !given {
		return false, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, &readError{problem: fmt.Sprintf("the parameter %q is neither true nor false", name)}
	}
	return on, nil
}

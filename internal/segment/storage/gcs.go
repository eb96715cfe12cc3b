package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// gcsClient reads a bucket of Google Cloud Storage over its JSON API:
// https://cloud.google.com/storage/docs/json_api/v1
type gcsClient struct {
	http    *http.Client
	objects string // URL of the objects of the bucket
}

var _ bucketClient = gcsClient{}

func newGCSClient(ctx context.Context, a address, transport http.RoundTripper) (bucketClient, error) {
	p, err := a.params("anonymous", "universe_domain")
	if err != nil {
		return nil, err
	}
	anonymous, err := p.bool("anonymous")
	if err != nil {
		return nil, err
	}
	emulator := os.Getenv("STORAGE_EMULATOR_HOST")
	base, err := gcsEndpoint(p["universe_domain"], emulator)
	if err != nil {
		return nil, err
	}
	if !anonymous && emulator == "" {
		// Tokens are fetched when they are needed, long after this call. Without a
		// timeout, a fetch that hangs would block all later ones.
		tokenCtx := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: sharedTransport(), Timeout: defaultRetryPolicy.responseTimeout})
		credentials, err := google.FindDefaultCredentials(tokenCtx, gcsScope)
		if err != nil {
			return nil, asCredentialsError(err)
		}
		transport = &oauth2.Transport{Base: transport, Source: gcsTokens{credentials.TokenSource}}
	}
	return gcsClient{
		http:    newStoreClient(transport, func(query url.Values) bool { return query.Get("alt") != "media" }),
		objects: base + "/storage/v1/b/" + url.PathEscape(a.bucket) + "/o",
	}, nil
}

// gcsScope covers reading, and impersonating a service account that may read.
const gcsScope = "https://www.googleapis.com/auth/cloud-platform"

// gcsEndpoint returns the URL of the API: that of an emulator, such as
// "localhost:4443", where there is one.
func gcsEndpoint(universe, emulator string) (string, error) {
	switch {
	case emulator != "":
		if !strings.Contains(emulator, "://") {
			emulator = "http://" + emulator
		}
		u, err := url.Parse(emulator)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", &readError{problem: "STORAGE_EMULATOR_HOST is not a host", remedy: "Set it to one such as localhost:4443, or unset it to read from Google."}
		}
		return u.Scheme + "://" + u.Host, nil
	case universe == "":
		return "https://storage.googleapis.com", nil
	case !plainCode.MatchString(universe):
		return "", &readError{problem: `the parameter "universe_domain" is not a domain`, remedy: "Leave it out to read from Google Cloud itself."}
	default:
		return "https://storage." + universe, nil
	}
}

// gcsTokens marks the errors of a source of tokens as those of credentials.
type gcsTokens struct{ oauth2.TokenSource }

func (s gcsTokens) Token() (*oauth2.Token, error) {
	token, err := s.TokenSource.Token()
	if err != nil {
		return nil, &credentialsError{err, isRetryableTokenError(err)}
	}
	return token, nil
}

// isRetryableTokenError reports whether the server of tokens is out of order
// or cannot be reached, rather than refusing the credentials.
func isRetryableTokenError(err error) bool {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response != nil {
		return isRetryableStatus(answer.Response.StatusCode)
	}
	var netErr net.Error
	return errors.As(err, &netErr)
}

// gcsObject is an object as the API describes it. Numbers of 64 bits are
// strings in its JSON.
type gcsObject struct {
	Name       string    `json:"name"`
	Size       int64     `json:"size,string"`
	Generation int64     `json:"generation,string"`
	ETag       string    `json:"etag"`
	Updated    time.Time `json:"updated"`
}

const gcsObjectFields = "name,size,generation,etag,updated"

func (o gcsObject) revision() revision {
	if o.Generation != 0 {
		return revision{o.Size, gcsGeneration(strconv.FormatInt(o.Generation, 10))}
	}
	return newRevision(o.Size, o.ETag, o.Updated)
}

// gcsGenerationPrefix distinguishes generations from entity tags.
const gcsGenerationPrefix = "generation "

func gcsGeneration(number string) string { return gcsGenerationPrefix + number }

func (c gcsClient) stat(ctx context.Context, key string) (revision, error) {
	var object gcsObject
	err := c.getJSON(ctx, c.objectURL(key), url.Values{"fields": {gcsObjectFields}}, &object)
	return object.revision(), err
}

func (c gcsClient) list(ctx context.Context, prefix, delimiter, token string) (page listPage, err error) {
	query := url.Values{"prefix": {prefix}, "maxResults": {strconv.Itoa(objectsPerPage)}, "fields": {"nextPageToken,items(" + gcsObjectFields + ")"}}
	if delimiter != "" {
		query.Set("delimiter", delimiter)
	}
	if token != "" {
		query.Set("pageToken", token)
	}
	var listed struct {
		Items         []gcsObject `json:"items"`
		NextPageToken string      `json:"nextPageToken"`
	}
	err = c.getJSON(ctx, c.objects, query, &listed)
	var answer *gcsError
	if errors.As(err, &answer) && answer.status == http.StatusNotFound && answer.reason == gcsNotFound {
		answer.reason = gcsNoBucket // nothing else that a listing names can be missing
	}
	for _, object := range listed.Items {
		page.objects = append(page.objects, listedObject{object.Name, object.revision()})
	}
	page.next = listed.NextPageToken
	return page, err
}

func (c gcsClient) read(ctx context.Context, key string, offset, length int64, want revision) (download, error) {
	query := url.Values{"alt": {"media"}}
	if number, isGeneration := strings.CutPrefix(want.tag, gcsGenerationPrefix); isGeneration {
		query.Set("ifGenerationMatch", number)
	}
	// Google unpacks what is stored with Content-Encoding: gzip, unless gzip is
	// accepted. Offsets are those of the stored bytes.
	header := http.Header{"Accept-Encoding": {"gzip"}}
	if part := rangeHeader(offset, length); part != "" {
		header.Set("Range", part)
	}
	return c.get(ctx, c.objectURL(key), query, header)
}

// objectURL is the URL of an object, whose key is a single segment of the path.
// Google wants all reserved characters encoded, which url.PathEscape does not do.
func (c gcsClient) objectURL(key string) string {
	return c.objects + "/" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}

// getJSON decodes the answer to a request.
func (c gcsClient) getJSON(ctx context.Context, address string, query url.Values, answer any) error {
	d, err := c.get(ctx, address, query, nil)
	if err != nil {
		return err
	}
	defer func() { _ = d.body.Close() }() // only read from
	return json.NewDecoder(d.body).Decode(answer)
}

// get makes a request. The caller closes the body.
func (c gcsClient) get(ctx context.Context, address string, query url.Values, header http.Header) (download, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return download{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if err != nil {
		return download{}, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer func() { _ = resp.Body.Close() }() // only read from
		return download{}, newGCSError(resp)
	}
	d := download{body: resp.Body, length: resp.ContentLength, contentRange: resp.Header.Get("Content-Range"), tag: resp.Header.Get("ETag")}
	if number := resp.Header.Get("X-Goog-Generation"); number != "" {
		d.tag = gcsGeneration(number)
	}
	d.changed, _ = http.ParseTime(resp.Header.Get("Last-Modified")) // only compared where there is no tag
	return d, nil
}

// gcsError is an answer that is an error.
type gcsError struct {
	status int
	reason string // Google's code, such as notFound
}

// Reasons of errors: https://cloud.google.com/storage/docs/json_api/v1/status-codes
const (
	gcsNotFound = "notFound"
	gcsNoBucket = "bucketNotFound" // our own: Google's code is notFound, too
)

func (e *gcsError) Error() string {
	return fmt.Sprintf("Google Cloud Storage answers %d %s", e.status, redact.Line(e.reason))
}

func newGCSError(resp *http.Response) *gcsError {
	var body struct {
		Error struct {
			Errors []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	const maxErrorBody = 1 << 20
	e := &gcsError{status: resp.StatusCode}
	if json.NewDecoder(io.LimitReader(resp.Body, maxErrorBody)).Decode(&body) == nil && len(body.Error.Errors) > 0 {
		e.reason = body.Error.Errors[0].Reason
	}
	return e
}

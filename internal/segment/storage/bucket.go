package storage

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// bucket is an object store: Amazon S3 and what speaks its protocol, Google
// Cloud Storage, Azure Blob Storage.
type bucket struct {
	retryPolicy
	transport http.RoundTripper // to Google; the clients of the others have their own
}

// bucketClient makes the requests to one bucket in the API of its cloud.
type bucketClient interface {
	// stat returns what is stored under a key.
	stat(ctx context.Context, key string) (revision, error)

	// list returns the objects whose keys begin with a prefix. A delimiter
	// leaves out those with the delimiter after the prefix; empty: none. The
	// token is that of the page before; empty: the first page.
	list(ctx context.Context, prefix, delimiter, token string) (listPage, error)

	// read opens a range of an object, to its end where length is negative. It
	// may refuse to if the object is not of this revision any more.
	read(ctx context.Context, key string, offset, length int64, want revision) (download, error)
}

// listPage is one page of a listing.
type listPage struct {
	objects []listedObject
	next    string // token of the next page; empty after the last one
}

type listedObject struct {
	key string
	revision
}

// objectsPerPage is the maximum of Amazon S3 and of Google Cloud Storage.
const objectsPerPage = 1000

var errListingRepeats = &readError{
	problem: "the pages of the listing repeat",
	remedy:  "Check that the server is one that the scheme of the path is for, or name the object instead of a pattern.",
}

// connect creates the client of the bucket, with the credentials that its
// cloud's own library finds.
func (b bucket) connect(ctx context.Context, a address) (bucketClient, error) {
	switch a.scheme {
	case schemeS3:
		return newS3Client(ctx, a)
	case schemeGCS:
		return newGCSClient(ctx, a, b.transport)
	default:
		return newAzureClient(a)
	}
}

func (b bucket) Find(ctx context.Context, path string) ([]Object, error) {
	f, err := b.finder(ctx, path)
	if err != nil {
		return nil, err
	}
	objects, err := f.find(ctx)
	return objects, pathError(f.address.String(), err)
}

// finder connects to the bucket of a path.
func (b bucket) finder(ctx context.Context, path string) (finder, error) {
	a, err := parseAddress(path)
	if err != nil {
		return finder{}, err
	}
	client, err := request(ctx, b.retryPolicy, a, func(ctx context.Context) (bucketClient, error) { return b.connect(ctx, a) })
	if err != nil {
		return finder{}, pathError(a.String(), err)
	}
	return finder{b.retryPolicy, client, a}, nil
}

// request makes a request to a store, each attempt with a timeout of its own.
func request[T any](ctx context.Context, p retryPolicy, a address, f func(context.Context) (T, error)) (result T, err error) {
	err = p.retry(ctx, func() (err error) {
		result, err = withTimeout(ctx, p, f)
		return a.explain(err)
	})
	return result, err
}

// finder finds the objects of an address.
type finder struct {
	retryPolicy
	client  bucketClient
	address address
}

// find returns the object with this very key, else those that the key matches
// as a pattern.
func (f finder) find(ctx context.Context) ([]Object, error) {
	key := f.address.key
	found, err := request(ctx, f.retryPolicy, f.address, func(ctx context.Context) (Object, error) {
		stored, err := f.client.stat(ctx, key)
		switch {
		case err == nil:
			return f.object(key, stored), nil
		case isPattern(key) && ctx.Err() == nil:
			return nil, nil //nolint:nilnil // what does not exist under this name may still be a pattern
		default:
			return nil, f.moreSpecific(ctx, err)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return f.list(ctx)
	default:
		return []Object{found}, nil
	}
}

func (f finder) object(key string, stored revision) bucketObject {
	return bucketObject{f.retryPolicy, f.client, f.address.withKey(key), stored}
}

// isPattern reports whether a key has wildcards. ? is not one, since it ends
// the key.
func isPattern(key string) bool { return strings.ContainsAny(key, `*[`) }

// list finds the objects that a pattern matches.
func (f finder) list(ctx context.Context) ([]Object, error) {
	pattern := f.address.key
	if err := checkPattern(pattern); err != nil {
		problem, remedy := patternProblem(err)
		return nil, &readError{problem: problem, remedy: remedy}
	}
	prefix := pattern[:strings.IndexAny(pattern, `*[\`)]
	delimiter := ""
	if !strings.Contains(pattern[len(prefix):], "/") && !isRecursive(pattern) {
		delimiter = "/" // no pattern matches what is further below
	}
	found, err := f.listAll(ctx, prefix, delimiter, func(key string) bool {
		return matchesPattern(pattern, key) && !strings.HasSuffix(key, "/")
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, &readError{problem: "no object matches", remedy: "* stands for any characters but /, and ** for any folders. Check the bucket and the pattern."}
	default:
		return sortedByKey(found), nil
	}
}

// listAll returns the wanted objects of all pages of a listing.
func (f finder) listAll(ctx context.Context, prefix, delimiter string, wanted func(key string) bool) ([]bucketObject, error) {
	var found []bucketObject
	seen := map[string]bool{}
	for token := ""; ; {
		page, err := request(ctx, f.retryPolicy, f.address, func(ctx context.Context) (listPage, error) {
			return f.client.list(ctx, prefix, delimiter, token)
		})
		if err != nil {
			return nil, err
		}
		for _, item := range page.objects {
			if wanted(item.key) {
				found = append(found, f.object(item.key, item.revision))
			}
		}
		if token = page.next; token == "" {
			return found, nil
		}
		if seen[token] {
			return nil, errListingRepeats
		}
		seen[token] = true
	}
}

// sortedByKey orders objects.
func sortedByKey(found []bucketObject) []Object {
	slices.SortFunc(found, func(a, b bucketObject) int { return strings.Compare(a.address.key, b.address.key) })
	objects := make([]Object, len(found))
	for i, object := range found {
		objects[i] = object
	}
	return objects
}

// moreSpecific replaces the error of a request for one object by that of a
// listing, where that says more: S3 answers HEAD without a body, and Google
// says "not found" of objects and buckets alike.
func (f finder) moreSpecific(ctx context.Context, err error) error {
	answer := statusOf(err).http
	if f.address.scheme == schemeAzure || answer < http.StatusMultipleChoices || isRetryableStatus(answer) {
		return err
	}
	_, listErr := f.client.list(ctx, f.address.key, "", "")
	if s := statusOf(listErr); s.code != "" && !s.isDenied() {
		return listErr
	}
	return err
}

// revision identifies what is stored in an object.
type revision struct {
	size int64
	tag  string // differs where the content does
}

// newRevision takes the tag that the store itself distinguishes contents by:
// a generation or an entity tag, which may come with quotes and without, else
// the time of the last change.
func newRevision(size int64, tag string, changed time.Time) revision {
	if tag = strings.Trim(tag, `"`); tag != "" {
		return revision{size, tag}
	}
	return revision{size, changed.UTC().Format(time.RFC3339)}
}

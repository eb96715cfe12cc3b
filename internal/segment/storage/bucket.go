package storage

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// bucket is an object store: Amazon S3 and what speaks its protocol, Google
// Cloud Storage, Azure Blob Storage.
type bucket struct{ patience }

// address is a path of an object.
type address struct {
	scheme, bucket, key string
	query               string // how to get there
}

// parseAddress takes a path apart. A key is taken as it is, not as an URL has
// it; only ? ends it.
func parseAddress(path string) (address, error) {
	scheme, rest, _ := strings.Cut(path, "://")
	rest, query, _ := strings.Cut(rest, "?")
	name, key, _ := strings.Cut(rest, "/")
	a := address{scheme: strings.ToLower(scheme), bucket: name, key: key, query: query}
	switch {
	case strings.ContainsAny(name, "@:"): // in which there may be half a password
		return address{}, PathErrorf("Leave them out of the path, which is kept in the state. "+a.chain(), nil,
			"There are credentials where the name of the bucket has to be, or the name is not valid: %q.", a.scheme+"://…")
	case holdsPassword(query):
		return address{}, PathErrorf("Name the host alone, as in ?endpoint=https://storage.example.com. "+a.chain(), nil,
			"%q has a URL with credentials in its parameters.", a)
	case name == "" || key == "" || strings.HasSuffix(key, "/"):
		return a, PathErrorf("Write the bucket and the key of the object, such as "+a.scheme+"://my-bucket/segments/vip.csv.", nil,
			"%q names no object in a bucket.", a)
	}
	return a, nil
}

// holdsPassword reports whether a parameter is a URL with credentials, which
// the clients of the stores would quote in their errors.
func holdsPassword(query string) bool {
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

// with is the address of another object in the same bucket.
func (a address) with(key string) address {
	a.key = key
	return a
}

// open opens the bucket.
func (a address) open(ctx context.Context) (*blob.Bucket, error) {
	opened, err := openBucket(ctx, &url.URL{Scheme: a.scheme, Host: a.bucket, RawQuery: a.query})
	if err != nil {
		return nil, a.explain(err)
	}
	return opened, nil
}

func (b bucket) Find(ctx context.Context, path string) ([]Object, error) {
	a, err := parseAddress(path)
	if err != nil {
		return nil, err
	}
	opened, err := request(ctx, b, a, a.open)
	if err != nil {
		return nil, blameFault(a.String(), err)
	}
	defer func() { _ = opened.Close() }() // nothing was written
	objects, err := b.look(ctx, opened, a)
	return objects, blameFault(a.String(), err)
}

// request makes one request to a store, which has time of its own, and repeats
// it if what fails passes.
func request[T any](ctx context.Context, b bucket, a address, f func(context.Context) (T, error)) (result T, err error) {
	err = b.retry(ctx, func() (err error) {
		result, err = ask(ctx, b.patience, f)
		return a.explain(err)
	})
	return result, err
}

// look asks the bucket for the object of this key, else for those that the key
// matches as a pattern.
func (b bucket) look(ctx context.Context, opened *blob.Bucket, a address) ([]Object, error) {
	found, err := request(ctx, b, a, func(ctx context.Context) (Object, error) {
		attributes, err := opened.Attributes(ctx, a.key)
		switch {
		case err == nil:
			return bucketFile{b.patience, a, revisionOf(attributes.As, attributes.Size, attributes.ModTime)}, nil
		case isPattern(a.key) && ctx.Err() == nil:
			return nil, nil //nolint:nilnil // what does not exist under this name may still be a pattern
		default:
			return nil, clearer(ctx, opened, a, err)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return b.list(ctx, opened, a)
	default:
		return []Object{found}, nil
	}
}

// isPattern reports whether a key has wildcards. ? is none, since it ends the
// key.
func isPattern(key string) bool { return strings.ContainsAny(key, `*[`) }

// list finds the objects that a pattern matches.
func (b bucket) list(ctx context.Context, opened *blob.Bucket, a address) ([]Object, error) {
	if _, err := path.Match(a.key, ""); err != nil {
		return nil, &fault{problem: "the pattern is not valid", remedy: "A [ begins a set of characters that a ] ends, and \\ takes the next character as it is."}
	}
	prefix := a.key[:strings.IndexAny(a.key, `*[\`)]
	options := &blob.ListOptions{Prefix: prefix}
	if !strings.Contains(a.key[len(prefix):], "/") {
		options.Delimiter = "/" // what is below is of no interest
	}
	var found []bucketFile
	for next := blob.FirstPageToken; len(next) > 0; {
		page, err := request(ctx, b, a, func(ctx context.Context) (p listed, err error) {
			p.items, p.next, err = opened.ListPage(ctx, next, listedAtOnce, options)
			return p, err
		})
		if err != nil {
			return nil, err
		}
		for _, item := range page.items {
			if matches, _ := path.Match(a.key, item.Key); matches && !item.IsDir {
				found = append(found, bucketFile{b.patience, a.with(item.Key), revisionOf(item.As, item.Size, item.ModTime)})
			}
		}
		next = page.next
	}
	return sorted(found)
}

// listed is a page of a list of objects.
type listed struct {
	items []*blob.ListObject
	next  []byte // nothing after the last one
}

// listedAtOnce is how many objects a page holds, the most of Amazon S3.
const listedAtOnce = 1000

// sorted puts objects into the order of their keys.
func sorted(found []bucketFile) ([]Object, error) {
	if len(found) == 0 {
		return nil, &fault{problem: "no object matches", remedy: "* stands for any characters but /. Check the bucket and the pattern."}
	}
	slices.SortFunc(found, func(a, b bucketFile) int { return strings.Compare(a.address.key, b.address.key) })
	objects := make([]Object, len(found))
	for i, file := range found {
		objects[i] = file
	}
	return objects, nil
}

// clearer replaces the error of a request that is answered without a body,
// where listing says more: S3 tells only there that the bucket is not there,
// is elsewhere, or does not know the key.
func clearer(ctx context.Context, opened *blob.Bucket, a address, err error) error {
	if a.scheme != "s3" || statusOf(err).http == 0 {
		return err
	}
	_, listing := opened.List(&blob.ListOptions{Prefix: a.key}).Next(ctx)
	if s := statusOf(listing); s.code != "" && s.code != "AccessDenied" && gcerrors.Code(listing) != gcerrors.PermissionDenied {
		return listing
	}
	return err
}

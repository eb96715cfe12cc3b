package storage

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// FolderStore is a store whose folders can be listed.
type FolderStore interface {
	Store

	// Folder returns the folder with a path. Whether it exists is found out when
	// something in it is looked for.
	Folder(ctx context.Context, path string) (Folder, error)
}

// Folder is a folder of a store. Its methods take paths below it, with slashes. No
// character in them has a special meaning, so they name one file or none.
type Folder interface {
	// Name is for messages, so it contains no credentials.
	Name() string

	// List returns the files directly in a folder whose names are wanted, in the
	// order of their names; none if there is no such folder.
	List(ctx context.Context, below string, wanted func(name string) bool) ([]Object, error)

	// File returns a file. The error wraps [fs.ErrNotExist] if there is none.
	File(ctx context.Context, below string) (Object, error)
}

// Referrer is an object whose content may name other files of its store.
type Referrer interface {
	Object

	// Refer returns the file at a location that the content gives: relative to the
	// folder of the object, or the URL of a file in the same store. The error wraps
	// [fs.ErrNotExist] if there is none, and [ErrElsewhere] if the location is not in
	// the store.
	Refer(ctx context.Context, location string) (Object, error)
}

// ErrElsewhere means that a location is not in the store of the file that names it.
var ErrElsewhere error = &readError{
	problem: "it is not in the store of the file that names it",
	remedy:  "Only files below the folder of that file, or in the same container, are read.",
}

// IsBelow reports whether a path leads to a place below the folder that it starts at.
func IsBelow(below string) bool {
	return filepath.IsLocal(filepath.FromSlash(below)) && path.Clean(below) == below && below != "." && !strings.ContainsAny(below, "\\\x00") && !strings.Contains(below, "://")
}

// elsewhere refuses a location, without the signature that a URL may have.
func elsewhere(location string) error {
	location, _, _ = strings.Cut(redact.URL(location), "?")
	return pathError(location, ErrElsewhere)
}

// relativeTo joins the folder of a file and a location that the file names, which must
// be below that folder.
func relativeTo(file, location string) (joined string, ok bool) {
	location = strings.TrimPrefix(location, "./")
	return path.Join(path.Dir(file), location), IsBelow(location)
}

// referTo looks for a file at a relative location. Some writers percent-encode it, so
// it is tried as it stands and then decoded.
func referTo(file, location string, exact func(path string) (Object, error)) (Object, error) {
	for {
		joined, ok := relativeTo(file, location)
		if !ok {
			return nil, elsewhere(location)
		}
		object, err := exact(joined)
		if !errors.Is(err, fs.ErrNotExist) {
			return object, err
		}
		plain, unescapeErr := url.PathUnescape(location)
		if unescapeErr != nil || plain == location {
			return nil, err
		}
		location = plain
	}
}

type diskFolder struct {
	disk
	path string
}

// Folder implements [FolderStore].
func (d disk) Folder(ctx context.Context, path string) (Folder, error) {
	if redact.MayHoldSecret(path) {
		if _, err := interruptible(ctx, func() (fs.FileInfo, error) { return d.stat(path) }, nil); IsContextError(err) {
			return nil, err
		} else if err != nil {
			return nil, notAFile()
		}
	}
	return diskFolder{d, path}, nil
}

func (f diskFolder) Name() string { return f.path }

func (f diskFolder) List(ctx context.Context, below string, wanted func(name string) bool) ([]Object, error) {
	folder := filepath.Join(f.path, filepath.FromSlash(below))
	return interruptible(ctx, func() ([]Object, error) {
		entries, err := os.ReadDir(folder)
		switch {
		case err != nil && ignoreNotOnDisk(err) == nil:
			return nil, nil
		case err != nil:
			return nil, openError(folder, err)
		}
		var objects []Object
		for _, entry := range entries { // ordered by name
			if !wanted(entry.Name()) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			file, err := f.exact(filepath.Join(folder, entry.Name()))
			if err != nil {
				return nil, err
			}
			objects = append(objects, file)
		}
		return objects, nil
	}, nil)
}

func (f diskFolder) File(ctx context.Context, below string) (Object, error) {
	return interruptible(ctx, func() (Object, error) {
		return f.exact(filepath.Join(f.path, filepath.FromSlash(below)))
	}, nil)
}

// exact returns the file with this very path.
func (d disk) exact(path string) (Object, error) {
	info, err := d.stat(path)
	switch {
	case err != nil:
		return nil, openError(path, err)
	case info.IsDir():
		return nil, PathErrorf("", nil, "%q is a directory, not a file.", path)
	default:
		return d.file(path, info)
	}
}

// Refer implements [Referrer].
func (f diskFile) Refer(ctx context.Context, location string) (Object, error) {
	d := disk{osCalls}
	return referTo(filepath.ToSlash(f.path), location, func(path string) (Object, error) {
		return interruptible(ctx, func() (Object, error) { return d.exact(filepath.FromSlash(path)) }, nil)
	})
}

type bucketFolder struct{ finder }

// Folder implements [FolderStore].
func (b bucket) Folder(ctx context.Context, path string) (Folder, error) {
	path, query, hasQuery := strings.Cut(path, "?")
	path = strings.TrimRight(path, "/")
	if hasQuery {
		path += "?" + query
	}
	f, err := b.finder(ctx, path)
	if err != nil {
		return nil, err
	}
	return bucketFolder{f}, nil
}

func (f bucketFolder) Name() string { return f.address.String() }

func (f bucketFolder) key(below string) string { return f.address.key + "/" + below }

func (f bucketFolder) List(ctx context.Context, below string, wanted func(name string) bool) ([]Object, error) {
	prefix := f.key(below) + "/"
	found, err := f.listAll(ctx, prefix, "/", func(key string) bool {
		name, ok := strings.CutPrefix(key, prefix)
		return ok && !strings.Contains(name, "/") && wanted(name)
	})
	if err != nil {
		return nil, pathError(f.Name(), err)
	}
	return sortedByKey(found), nil
}

func (f bucketFolder) File(ctx context.Context, below string) (Object, error) {
	return f.exact(ctx, f.key(below))
}

// exact returns the object with this very key.
func (f finder) exact(ctx context.Context, key string) (Object, error) {
	f.address = f.address.withKey(key)
	stored, err := request(ctx, f.retryPolicy, f.address, func(ctx context.Context) (revision, error) {
		stored, err := f.client.stat(ctx, key)
		if err != nil {
			err = f.moreSpecific(ctx, err)
		}
		return stored, err
	})
	if err != nil {
		return nil, pathError(f.address.String(), err)
	}
	return f.object(key, stored), nil
}

// urlClient is the client of a bucket whose objects have well-known URLs.
type urlClient interface {
	// keyOf returns the key of the object at a URL, if it is in the bucket.
	keyOf(u *url.URL) (key string, ok bool)
}

// Refer implements [Referrer].
func (o bucketObject) Refer(ctx context.Context, location string) (Object, error) {
	f := finder{o.retryPolicy, o.client, o.address}
	if strings.Contains(location, "://") {
		key, ok := o.keyAt(location)
		if !ok {
			return nil, elsewhere(location)
		}
		return f.exact(ctx, key)
	}
	return referTo(o.address.key, location, func(key string) (Object, error) { return f.exact(ctx, key) })
}

// keyAt returns the key of the object with a URL, if it is in the same bucket.
func (o bucketObject) keyAt(location string) (key string, ok bool) {
	if same, err := parseAddress(location); err == nil && same.scheme == o.address.scheme {
		return same.key, same.bucket == o.address.bucket && IsBelow(same.key)
	}
	u, err := url.Parse(location)
	if client, hasURLs := o.client.(urlClient); err == nil && hasURLs {
		if key, ok := client.keyOf(u); ok {
			return key, IsBelow(key)
		}
	}
	return "", false
}

// keyOf implements [urlClient]. One account has two hosts: that of the blobs, and that
// of Data Lake Storage, which has its own scheme besides.
// https://learn.microsoft.com/en-us/azure/storage/blobs/data-lake-storage-introduction-abfs-uri
func (c azureClient) keyOf(u *url.URL) (key string, ok bool) {
	own, err := url.Parse(c.container.URL())
	if err != nil {
		return "", false
	}
	at := u.Path
	switch strings.ToLower(u.Scheme) {
	case "abfs", "abfss", "wasb", "wasbs":
		at = "/" + u.User.Username() + at
	case "https", "http":
	default:
		return "", false
	}
	if !strings.EqualFold(blobHost(u.Host), blobHost(own.Host)) {
		return "", false
	}
	return strings.CutPrefix(at, own.Path+"/")
}

func blobHost(host string) string {
	return strings.Replace(strings.ToLower(host), ".dfs.", ".blob.", 1)
}

// Refer implements [Referrer]. The signature of a URL may be that of a whole folder,
// so it is part of the URLs of other files on the same server, and only there.
func (f webFile) Refer(ctx context.Context, location string) (Object, error) {
	base, err := url.Parse(f.url)
	if err != nil {
		return nil, elsewhere("…") // cannot happen, since the file was found
	}
	if !strings.Contains(location, "://") {
		return referTo(base.Path, location, func(path string) (Object, error) { return f.sibling(ctx, base, path) })
	}
	u, err := url.Parse(location)
	if err != nil || u.User != nil || u.Scheme != base.Scheme || !strings.EqualFold(u.Host, base.Host) || !IsBelow(strings.TrimPrefix(u.Path, "/")) {
		return nil, elsewhere(location)
	}
	return f.sibling(ctx, base, u.Path)
}

func (f webFile) sibling(ctx context.Context, base *url.URL, path string) (Object, error) {
	u := *base
	u.Path, u.RawPath, u.Fragment = path, "", ""
	objects, err := f.web.Find(ctx, u.String())
	if err != nil {
		return nil, err
	}
	return objects[0], nil
}

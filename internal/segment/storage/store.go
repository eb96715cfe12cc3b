// Package storage finds and reads files where they are kept: on this machine, in
// the buckets of object stores, on web servers and SFTP servers. It knows nothing of formats.
package storage

import (
	"context"
	"io"
	"strings"
)

// Store is where files are kept: a file system, a bucket, a web server.
type Store interface {
	// Find returns the files that path names, in the order of their names: at
	// least one, or an error.
	Find(ctx context.Context, path string) ([]Object, error)
}

// Object is a file in a store.
type Object interface {
	// Name is for messages, so it contains no credentials.
	Name() string

	// Path is the path within the store, whose extension may name the format. It
	// is not for messages: it may contain what [Object.Name] leaves out.
	Path() string

	// Version identifies the content: the same version, the same bytes. Empty
	// where the store does not say.
	Version() string

	Open(ctx context.Context) (Content, error)
}

// Content is an open file. It may be read in both ways, one at a time.
type Content interface {
	io.Reader
	io.ReaderAt
	io.Closer

	Size() int64 // in bytes; 0 where it is not known

	// EndKnown reports whether reading a file that is cut off is an error. Where
	// it is not, only a format with an end of its own is safe.
	EndKnown() bool
}

// Of returns the store of the file with a path.
func Of(path string) Store {
	scheme, _, _ := strings.Cut(path, "://")
	switch scheme = strings.ToLower(scheme); scheme {
	case "s3", "gs", "azblob":
		return bucket{defaultRetryPolicy, sharedTransport()}
	case "https", "http":
		return web{defaultRetryPolicy, newWebClient(sharedTransport())}
	case schemeSFTP:
		return sftpStore{defaultRetryPolicy}
	default:
		return disk{osCalls}
	}
}

// TellsChanges reports whether the same version of the file with a path is proof, for
// longer than from a plan to its apply, that the content is the same. The size and time
// of a file on a disk or an SFTP server can be kept by whoever changes it.
func TellsChanges(path string) bool {
	_, isSFTP := Of(path).(sftpStore)
	return !isSFTP && !OnDisk(path)
}

// OnDisk reports whether a path is that of a file on this machine.
func OnDisk(path string) bool {
	_, onDisk := Of(path).(disk)
	return onDisk
}

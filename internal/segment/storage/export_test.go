package storage

import (
	"context"
	"io/fs"
	"net/http"
	"time"
)

// MatchesPattern reports whether a pattern matches a name.
func MatchesPattern(pattern, name string) bool { return matchesPattern(pattern, name) }

// GlobFiles finds what a pattern matches on the disk.
func GlobFiles(ctx context.Context, pattern string) ([]string, error) {
	return globFiles(ctx, pattern)
}

// WithWaits returns the store of a path with timeouts that suit tests and hardly
// any backoff. transport is that to a web server or to Google; it may be nil.
func WithWaits(path string, timeout time.Duration, transport http.RoundTripper) Store {
	p := retryPolicy{responseTimeout: timeout, idleTimeout: timeout, backoff: time.Millisecond, maxRetries: 2}
	if transport == nil {
		transport = sharedTransport()
	}
	switch at := Of(path).(type) {
	case bucket:
		return bucket{p, transport}
	case web:
		return web{p, newWebClient(transport)}
	case sftpStore:
		return sftpStore{p}
	default:
		return at
	}
}

// DiskHandle is an open file of the file system.
type DiskHandle = diskHandle

// DiskReadSize is how much of a file is read at once.
const DiskReadSize = diskReadSize

// DiskCalls are the calls to the file system; those that are nil are the
// system's own.
type DiskCalls struct {
	Stat func(path string) (fs.FileInfo, error)
	Glob func(ctx context.Context, pattern string) ([]string, error)
	Open func(path string) (DiskHandle, error)
}

// Disk is the file system with calls of a test's.
func Disk(calls DiskCalls) Store {
	d := disk{osCalls}
	if calls.Stat != nil {
		d.stat = calls.Stat
	}
	if calls.Glob != nil {
		d.glob = calls.Glob
	}
	if calls.Open != nil {
		d.diskCalls.open = calls.Open
	}
	return d
}

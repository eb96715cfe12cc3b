package storage

import (
	"io/fs"
	"net/http"
	"time"
)

// Hasty returns the store of a path with a patience that suits tests, and,
// where transport is not nil, with a way of its own to a web server.
func Hasty(path string, wait time.Duration, transport http.RoundTripper) Store {
	p := patience{answer: wait, idle: wait, pause: time.Millisecond, tries: 2}
	switch at := Of(path).(type) {
	case bucket:
		return bucket{p}
	case web:
		if transport != nil {
			return web{p, newWebClient(transport)}
		}
		return web{p, at.client}
	default:
		return at
	}
}

// DiskHandle is an open file of the file system.
type DiskHandle = diskHandle

// DiskBlock is how much of a file is read at once.
const DiskBlock = diskBlock

// DiskCalls are the calls to the file system; those that are nil are the
// system's own.
type DiskCalls struct {
	Stat func(path string) (fs.FileInfo, error)
	Glob func(pattern string) ([]string, error)
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

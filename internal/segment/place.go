package segment

import (
	"context"
	"io"
	"strings"
)

// place is where files are kept: a file system, a bucket, a web server.
type place interface {
	// find returns the files that path names, in the order of their names: at
	// least one, or an error.
	find(ctx context.Context, path string) ([]object, error)
}

// object is a file in a place.
type object interface {
	// name is for messages, so it holds no credentials.
	name() string

	// format is what the name says that the rows are written in.
	format() Format

	// version tells what is in the file: the same version, the same bytes.
	// Empty where that cannot be told.
	version() string

	open(ctx context.Context) (content, error)
}

// content is an open file. Both ways of reading it may be used, one at a time.
type content interface {
	io.Reader
	io.ReaderAt
	io.Closer

	size() int64 // in bytes; 0 where it is not known

	// endKnown reports whether a file that is cut off is an error. Where it is
	// not, what is in the file must tell.
	endKnown() bool
}

// placeOf returns where the file with a path is.
func placeOf(path string) place {
	scheme, _, _ := strings.Cut(path, "://")
	switch scheme = strings.ToLower(scheme); scheme {
	case "s3", "gs", "azblob":
		return bucket{usualPatience}
	case "https", "http":
		return web{usualPatience, webClient()}
	default:
		return disk{osCalls}
	}
}

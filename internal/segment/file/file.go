// Package file reads segments from files: CSV, TSV, NDJSON and Parquet,
// compressed or not, one file or several as one.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// Source is a segment in a file, or in several that a pattern matches.
type Source struct {
	Path      string // relative to the working directory, or absolute; may be a pattern
	Format    Format // empty: what the name of the file says
	Delimiter rune   // between the fields of CSV; 0 is a comma

	// LeaveOut are files on this machine that a pattern in the path does not
	// match, whatever name it finds them by.
	LeaveOut []string

	Store storage.Store // that keeps the files; nil: the one that the path names
}

func (f Source) find(ctx context.Context) ([]storage.Object, error) {
	store := f.Store
	if store == nil {
		store = storage.Of(f.Path)
	}
	objects, err := store.Find(ctx, f.Path)
	if err != nil || len(f.LeaveOut) == 0 {
		return objects, err
	}
	return storage.LeaveOut(ctx, f.Path, objects, f.LeaveOut)
}

// readBuffer is large enough that system calls do not show in a profile of
// reading a large file.
const readBuffer = 128 << 10

// part is one file of a segment.
type part interface {
	segment.Rows

	// names are the columns that there are; nil where only reading on tells.
	names() []string
}

// opener begins to read a file of one format, which it closes with the part.
// It lives as long as the segment is open, so it can know of all its files.
type opener interface {
	open(ctx context.Context, in storage.Content, name string) (part, error)

	// end is called after the last row of the last file; io.EOF if all is well.
	end() error
}

// Open implements [segment.Source].
func (f Source) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	objects, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	format, err := f.format(objects)
	if err != nil {
		return nil, err
	}
	c := &chain{ctx: ctx, objects: objects, opener: format.opener(f, columns)}
	if err := c.next(); err != nil {
		return nil, err
	}
	return c, nil
}

// TellsChanges implements [segment.ChangeTeller]. Sizes and times of files on a disk can
// be made to stay the same; what a store tells revisions apart by cannot.
func (f Source) TellsChanges() bool {
	return !storage.OnDisk(f.Path)
}

// Version implements [segment.Source]. The names are part of it, since another file may
// be as long and as old.
func (f Source) Version(ctx context.Context) (string, error) {
	objects, err := f.find(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, o := range objects {
		version := o.Version()
		if version == "" {
			return "", nil
		}
		_, _ = io.WriteString(sum, o.Name()+"\x00"+version+"\x00") // a hash takes anything
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

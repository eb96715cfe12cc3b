package segment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// File is a segment in a file, or in several that a pattern matches.
type File struct {
	Path      string // relative to the working directory, or absolute; may be a pattern
	Format    Format // empty: what the name of the file says
	Delimiter rune   // between the fields of CSV; 0 is a comma

	// LeaveOut are files on this machine that a pattern in the path does not
	// match, whatever name it finds them by.
	LeaveOut []string

	place place // nil: the one that the path names
}

func (f File) find(ctx context.Context) ([]object, error) {
	at := f.place
	if at == nil {
		at = placeOf(f.Path)
	}
	objects, err := at.find(ctx, f.Path)
	if err != nil || len(f.LeaveOut) == 0 {
		return objects, err
	}
	return await(ctx, func() ([]object, error) { return f.leaveOut(objects) }, nil)
}

// readBuffer is large enough that system calls do not show in a profile of
// reading a large file.
const readBuffer = 128 << 10

// part is one file of a segment.
type part interface {
	Rows

	// names are the columns that there are; nil where only reading on tells.
	names() []string
}

// opener begins to read a file of one format, which it closes with the part.
// It lives as long as the segment is open, so it can know of all its files.
type opener interface {
	open(ctx context.Context, in content, name string) (part, error)

	// end is called after the last row of the last file; io.EOF if all is well.
	end() error
}

// Open implements [Source].
func (f File) Open(ctx context.Context, columns []string) (Rows, error) {
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

// TellsChanges implements [ChangeTeller]. Sizes and times of files on a disk can
// be made to stay the same; what a store tells revisions apart by cannot.
func (f File) TellsChanges() bool {
	_, onDisk := placeOf(f.Path).(disk)
	return !onDisk
}

// Version implements [Source]. The names are part of it, since another file may
// be as long and as old.
func (f File) Version(ctx context.Context) (string, error) {
	objects, err := f.find(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, o := range objects {
		version := o.version()
		if version == "" {
			return "", nil
		}
		_, _ = io.WriteString(sum, o.name()+"\x00"+version+"\x00") // a hash takes anything
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

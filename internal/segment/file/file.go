// Package file reads segments from files: CSV, TSV, NDJSON and Parquet,
// compressed or not, one file or several as one; and from files that others list:
// those of a Delta table, and those of an entity of the Common Data Model.
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
	Format    Format // empty: by the name of the file
	Entity    string // of CDM: the name of that to read
	Delimiter rune   // between the fields of CSV; 0 is a comma

	// Of text files.
	Encoding   string   // one of [Encodings]; empty: UTF-8
	SkipLines  int      // before the header of CSV and TSV
	Comment    string   // begins lines of CSV and TSV that are no rows; empty: there are none
	Columns    []string // of CSV and TSV without a header; nil: there is one
	NullValues []string // texts that stand for no value; nil: those of the format

	// Newest leaves of what a pattern matches only the folder whose path comes last;
	// nil is false, with a notice if the folders look dated.
	Newest *bool

	// LeaveOut are files on this machine that a pattern in the path must not
	// match, under whatever name.
	LeaveOut []string

	Store storage.Store // where the files are; nil: by the path
}

func (f Source) store() storage.Store {
	if f.Store != nil {
		return f.Store
	}
	return storage.Of(f.Path)
}

// find returns the files of the segment, and what to say about the choice.
func (f Source) find(ctx context.Context) ([]storage.Object, string, error) {
	objects, err := f.store().Find(ctx, f.Path)
	if err == nil && len(f.LeaveOut) > 0 {
		objects, err = storage.LeaveOut(ctx, f.Path, objects, f.LeaveOut)
	}
	if err != nil {
		return nil, "", err
	}
	objects, notice := f.choose(objects)
	return objects, notice, nil
}

// readBufferSize is large enough that the time of system calls is negligible.
const readBufferSize = 128 << 10

// fileRows are the rows of one file of a segment.
type fileRows interface {
	segment.Rows

	// position is the line that the row of the last Next begins in; 0 where a file has no
	// lines.
	position() int64

	// names are all columns of the file; nil where they are only known once all
	// rows were read.
	names() []string
}

// opener opens the files of a segment, all of one format. It lives as long as
// the segment is open.
type opener interface {
	// open reads a file, which is closed with the rows. The cause of the error is
	// errEmptyFile if there is nothing in it.
	open(ctx context.Context, in storage.Content, at place) (fileRows, error)

	// notices say what may be wrong with what was read so far.
	notices() []string

	// end is called after the last row of the last file. It returns io.EOF unless
	// the segment as a whole is wrong.
	end() error
}

// Open implements [segment.Source].
func (f Source) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	switch f.Format {
	case Delta:
		return f.openDelta(ctx, columns)
	case CDM:
		return f.openCDM(ctx, columns)
	}
	objects, notice, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	format, err := f.format(objects)
	if err != nil {
		return nil, err
	}
	c := &concatRows{ctx: ctx, objects: objects, opener: format.opener(f, columns), notice: notice}
	if err := c.openNext(); err != nil {
		return nil, err
	}
	return c, nil
}

// TellsChanges implements [segment.ChangeTeller]. The size and time of a file on a
// disk can be kept by whoever changes it; the version of an object cannot, nor that of
// a table, whose log only grows.
func (f Source) TellsChanges() bool {
	return f.Format == Delta || storage.TellsChanges(f.Path)
}

// Version implements [segment.Source].
func (f Source) Version(ctx context.Context) (string, error) {
	switch f.Format {
	case Delta:
		return f.deltaVersion(ctx)
	case CDM:
		found, err := f.findCDM(ctx)
		if err != nil {
			return "", err
		}
		return versionOf(append(found.parts, found.file)), nil
	}
	objects, _, err := f.find(ctx)
	if err != nil {
		return "", err
	}
	return versionOf(objects), nil
}

// versionOf identifies the content of files. Their names are part of it, since another
// file may have the same size and time.
func versionOf(objects []storage.Object) string {
	sum := sha256.New()
	for _, o := range objects {
		version := o.Version()
		if version == "" {
			return ""
		}
		_, _ = io.WriteString(sum, o.Name()+"\x00"+version+"\x00") // a hash takes anything
	}
	return hex.EncodeToString(sum.Sum(nil))
}

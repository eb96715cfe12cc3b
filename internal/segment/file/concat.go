package file

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// concatRows reads the files of a segment one after another.
type concatRows struct {
	ctx     context.Context
	objects []storage.Object
	opener  opener
	notice  string // about the choice of the files; empty: none

	opened  int // number of objects
	current fileRows
	first   string   // name of the first file that is not empty
	columns []string // of that file, which all others must have
	json    []bool   // likewise
	err     error    // of Next, for good
}

// errEmptyFile is the cause of the error of a file without a single byte of text.
var errEmptyFile = errors.New("the file is empty")

func emptyFile(name string) error {
	return storage.PathErrorf("The first line must hold the column names.", errEmptyFile, "The file %q is empty.", name)
}

// openNext opens the next file that is not empty: programs that write several files
// may have had no rows for some of them. The error is that of the first file if all
// are empty, and io.EOF after the last one.
func (c *concatRows) openNext() error {
	var empty error
	for ; c.opened < len(c.objects); c.opened++ {
		err := c.openFile()
		if !errors.Is(err, errEmptyFile) {
			return err
		}
		if empty == nil {
			empty = err
		}
	}
	if c.current == nil {
		return empty
	}
	return io.EOF
}

// openFile opens a file and compares its columns with those of the first.
func (c *concatRows) openFile() error {
	o := c.objects[c.opened]
	file, err := o.Open(c.ctx)
	if err != nil {
		return err
	}
	next, err := c.opener.open(c.ctx, file, placeOf(o))
	if err != nil {
		_ = file.Close() // only read from
		return c.explainMissing(o, err)
	}
	names, json := next.names(), next.JSON()
	if c.current == nil {
		c.columns, c.json, c.first = names, json, o.Name()
	} else if err := c.compare(o, names, json); err != nil {
		_ = next.Close()
		return err
	}
	c.opened++
	c.current = next
	return nil
}

// explainMissing compares a later file that lacks columns with the first one.
func (c *concatRows) explainMissing(o storage.Object, err error) error {
	var missing *segment.MissingColumnsError
	if c.current != nil && errors.As(err, &missing) {
		if differ := c.compare(o, missing.Available, c.json); differ != nil {
			return differ
		}
	}
	return err
}

func (c *concatRows) compare(o storage.Object, names []string, json []bool) error {
	lacks, adds := difference(c.columns, names), difference(names, c.columns)
	const remedy = "All files that the path matches must have the same columns, in any order."
	switch {
	case len(lacks) > 0 && len(adds) > 0:
		return storage.PathErrorf(remedy, nil, "The columns of %q differ from those of %q: it lacks %s and adds %s.", o.Name(), c.first, segment.Quoted(lacks), segment.Quoted(adds))
	case len(lacks) > 0:
		return storage.PathErrorf(remedy, nil, "The columns of %q differ from those of %q: it lacks %s.", o.Name(), c.first, segment.Quoted(lacks))
	case len(adds) > 0:
		return storage.PathErrorf(remedy, nil, "The columns of %q differ from those of %q: it adds %s.", o.Name(), c.first, segment.Quoted(adds))
	case !slices.Equal(json, c.json):
		return storage.PathErrorf("Write the files with the same types.", nil, "A column of %q has another type than in %q.", o.Name(), c.first)
	}
	return nil
}

// difference returns the names that are not among others, without blank ones.
func difference(names, others []string) []string {
	have := make(map[string]bool, len(others))
	for _, name := range others {
		have[name] = true
	}
	var out []string
	for _, name := range names {
		if name != "" && !have[name] {
			out = append(out, name)
		}
	}
	return out
}

// JSON implements [segment.Rows].
func (c *concatRows) JSON() []bool { return c.json }

// Next implements [segment.Rows].
func (c *concatRows) Next(dst []string) ([]string, error) {
	for c.err == nil {
		row, err := c.current.Next(dst)
		if err != io.EOF { //nolint:errorlint // the contract is io.EOF itself, and this runs for every row
			return row, err
		}
		last := c.current
		switch err := c.openNext(); {
		case errors.Is(err, io.EOF): // the last file stays open until Close
			c.err = c.opener.end()
		case err != nil:
			c.err = err
		default:
			_ = last.Close() // only read from
		}
	}
	return dst, c.err
}

// Close implements [segment.Rows].
func (c *concatRows) Close() error { return c.current.Close() }

// Notices implements [segment.Noticer].
func (c *concatRows) Notices() []string {
	notices := c.opener.notices()
	if c.notice != "" {
		notices = append([]string{c.notice}, notices...)
	}
	return notices
}

// Position implements [segment.Locator].
func (c *concatRows) Position() (file int, line int64) { return c.opened - 1, c.current.position() }

// File implements [segment.Locator].
func (c *concatRows) File(n int) string { return c.objects[n].Name() }

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

	opened  int // number of objects
	current fileRows
	columns []string // of the first file, which all others must have
	json    []bool   // likewise
	err     error    // of Next, for good
}

// openNext opens the next file and compares its columns with those of the first.
func (c *concatRows) openNext() error {
	o := c.objects[c.opened]
	file, err := o.Open(c.ctx)
	if err != nil {
		return err
	}
	next, err := c.opener.open(c.ctx, file, o.Name())
	if err != nil {
		_ = file.Close() // only read from
		return c.explainMissing(o, err)
	}
	names, json := next.names(), next.JSON()
	if c.opened == 0 {
		c.columns, c.json = names, json
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
	if c.opened > 0 && errors.As(err, &missing) {
		if differ := c.compare(o, missing.Available, c.json); differ != nil {
			return differ
		}
	}
	return err
}

func (c *concatRows) compare(o storage.Object, names []string, json []bool) error {
	first := c.objects[0].Name()
	lacks, adds := difference(c.columns, names), difference(names, c.columns)
	const remedy = "All files that the path matches must have the same columns, in any order."
	switch {
	case len(lacks) > 0 && len(adds) > 0:
		return storage.PathErrorf(remedy, nil, "The columns of %q differ from those of %q: it lacks %s and adds %s.", o.Name(), first, segment.Quoted(lacks), segment.Quoted(adds))
	case len(lacks) > 0:
		return storage.PathErrorf(remedy, nil, "The columns of %q differ from those of %q: it lacks %s.", o.Name(), first, segment.Quoted(lacks))
	case len(adds) > 0:
		return storage.PathErrorf(remedy, nil, "The columns of %q differ from those of %q: it adds %s.", o.Name(), first, segment.Quoted(adds))
	case !slices.Equal(json, c.json):
		return storage.PathErrorf("Write the files with the same types.", nil, "A column of %q has another type than in %q.", o.Name(), first)
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
		switch {
		case c.opened == len(c.objects):
			c.err = c.opener.end()
		default:
			_ = c.current.Close() // only read from
			if err := c.openNext(); err != nil {
				c.err = err
			}
		}
	}
	return dst, c.err
}

// Close implements [segment.Rows].
func (c *concatRows) Close() error { return c.current.Close() }

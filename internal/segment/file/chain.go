package file

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// chain reads the files of a segment one after another.
type chain struct {
	ctx     context.Context
	objects []storage.Object
	opener  opener

	opened  int // how many of the objects
	current part
	columns []string // that every file has
	json    []bool
	end     error // that the last file gave; nil until then
}

// next opens the next file and compares its columns with those of the first.
func (c *chain) next() error {
	o := c.objects[c.opened]
	file, err := o.Open(c.ctx)
	if err != nil {
		return err
	}
	next, err := c.opener.open(c.ctx, file, o.Name())
	if err != nil {
		_ = file.Close() // only read from
		return c.mismatch(o, err)
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

// mismatch explains that a later file lacks columns by what the first has.
func (c *chain) mismatch(o storage.Object, err error) error {
	var missing *segment.MissingColumnsError
	if c.opened > 0 && errors.As(err, &missing) {
		if differ := c.compare(o, missing.Available, c.json); differ != nil {
			return differ
		}
	}
	return err
}

func (c *chain) compare(o storage.Object, names []string, json []bool) error {
	first := c.objects[0].Name()
	lacks, adds := without(c.columns, names), without(names, c.columns)
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

// without returns the names that are not among others, the blank ones aside.
func without(names, others []string) []string {
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
func (c *chain) JSON() []bool { return c.json }

// Next implements [segment.Rows].
func (c *chain) Next(dst []string) ([]string, error) {
	for c.end == nil {
		row, err := c.current.Next(dst)
		if err != io.EOF { //nolint:errorlint // the contract is io.EOF itself, and this is asked for every row
			return row, err
		}
		switch {
		case c.opened == len(c.objects):
			c.end = c.opener.end()
		default:
			_ = c.current.Close() // only read from
			if err := c.next(); err != nil {
				c.end = err
			}
		}
	}
	return dst, c.end
}

// Close implements [segment.Rows].
func (c *chain) Close() error { return c.current.Close() }

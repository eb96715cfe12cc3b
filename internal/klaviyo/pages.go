package klaviyo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/url"
)

// page is a JSON:API collection document.
type page[T any] struct {
	Data  []T `json:"data"` // nil unless the document has it
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

func (p *page[T]) complete() bool { return p.Data != nil }

// errStuck guards against a server whose pages form a loop, and errEmptyPages
// against one that has a next page forever.
var (
	errStuck      = errors.New("the next page has the cursor of a page before")
	errEmptyPages = fmt.Errorf("%d pages in a row are empty, and the last one still links to a next page", maxEmptyPages)
	errLongCursor = fmt.Errorf("the cursor of the next page is longer than %d bytes", maxCursor)
)

const (
	maxEmptyPages = 100
	maxCursor     = 8 << 10 // servers refuse longer URLs
)

// pages yields the items of a collection page by page, following its cursors.
// After an error nothing more is yielded.
func pages[T any](ctx context.Context, c *Client, r request) iter.Seq2[T, error] {
	return firstPages[T](ctx, c, r, allPages)
}

// allPages is the number of pages for reading all of them.
const allPages = math.MaxInt

// firstPages yields the items of at most maxPages pages.
func firstPages[T any](ctx context.Context, c *Client, r request, maxPages int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		query := maps.Clone(r.query)
		if query == nil {
			query = url.Values{}
		}
		seen := map[string]bool{}
		empty := 0 // pages in a row
		for range maxPages {
			r.query = query
			var p page[T]
			if err := c.do(ctx, r, &p); err != nil {
				yield(zero, err)
				return
			}
			for _, item := range p.Data {
				if !yield(item, nil) {
					return
				}
			}
			if empty++; len(p.Data) > 0 {
				empty = 0
			}
			cursor, err := nextCursor(p.Links.Next)
			switch {
			case seen[cursor]:
				err = errStuck
			case cursor != "" && empty == maxEmptyPages:
				err = errEmptyPages
			}
			if err != nil {
				yield(zero, fmt.Errorf("%s: %w", r.operation.id, err))
				return
			}
			if cursor == "" {
				return
			}
			seen[cursor] = true
			query.Set("page[cursor]", cursor)
		}
	}
}

// nextCursor takes the cursor out of a link. Only the cursor: the host of the
// link is not trusted with the key.
func nextCursor(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", errors.New("the link to the next page is not a URL")
	}
	cursor := u.Query().Get("page[cursor]")
	if cursor == "" {
		return "", errors.New("the link to the next page has no cursor")
	}
	if len(cursor) > maxCursor {
		return "", errLongCursor
	}
	return cursor, nil
}

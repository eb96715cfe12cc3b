package simulator

import (
	"encoding/base64"
	"iter"
	"slices"
	"sort"
	"strings"
)

// pageCursor says where a page starts: after, or in reverse before, the item
// that has the key. Keys stay good while other items come and go.
type pageCursor struct {
	backward bool
	key      string
}

// scope ties a cursor to the collection and order it was made for.
func (x *exchange) scope() string {
	return x.operation.path + " " + x.id + " " + x.query.sort
}

func (x *exchange) encodeCursor(backward bool, key string) string {
	direction := "next"
	if backward {
		direction = "prev"
	}
	return base64.RawURLEncoding.EncodeToString([]byte(direction + "|" + x.scope() + "|" + key))
}

func (x *exchange) decodeCursor(text string) (*pageCursor, bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.SplitN(string(decoded), "|", 3)
	if err != nil || len(parts) != 3 || parts[1] != x.scope() || parts[0] != "next" && parts[0] != "prev" {
		return nil, false
	}
	return &pageCursor{backward: parts[0] == "prev", key: parts[2]}, true
}

// collection is something that can be walked from any of its items, both ways.
type collection[T any] struct {
	key func(T) string
	// walk goes over the items after from (before, when backward); from "" is
	// the end that the direction starts at.
	walk func(from string, backward bool) iter.Seq[T]
}

// page collects the items the query asks for and the links around them.
func page[T any](x *exchange, all collection[T], descending bool) ([]T, map[string]any) {
	from, backward := "", false
	if x.query.cursor != nil {
		from, backward = x.query.cursor.key, x.query.cursor.backward
	}
	items, more := collect(all.walk(from, backward != descending), x.query.size)
	if backward {
		slices.Reverse(items)
	}
	links := map[string]any{"self": x.selfLink()["self"], "next": nil, "prev": nil}
	if len(items) == 0 {
		return []T{}, links
	}
	first, last := all.key(items[0]), all.key(items[len(items)-1])
	if more && !backward || backward && !isEmpty(all.walk(last, descending)) {
		links["next"] = x.withQuery("page[cursor]", x.encodeCursor(false, last))
	}
	if more && backward || !backward && from != "" && !isEmpty(all.walk(first, !descending)) {
		links["prev"] = x.withQuery("page[cursor]", x.encodeCursor(true, first))
	}
	return items, links
}

func collect[T any](all iter.Seq[T], size int) (items []T, more bool) {
	for item := range all {
		if len(items) == size {
			return items, true
		}
		items = append(items, item)
	}
	return items, false
}

func isEmpty[T any](all iter.Seq[T]) bool {
	for range all {
		return false
	}
	return true
}

// inOrder is the collection of a slice that is sorted by key.
func inOrder[T any](items []T, key func(T) string) collection[T] {
	return collection[T]{key: key, walk: func(from string, backward bool) iter.Seq[T] {
		return func(yield func(T) bool) {
			step, at := 1, 0
			if backward {
				step, at = -1, len(items)-1
			}
			if from != "" {
				at = sort.Search(len(items), func(i int) bool {
					return key(items[i]) > from || backward && key(items[i]) == from
				})
				if backward {
					at--
				}
			}
			for ; at >= 0 && at < len(items); at += step {
				if !yield(items[at]) {
					return
				}
			}
		}
	}}
}

// only is the part of a collection that a condition holds for.
func (c collection[T]) only(holds func(T) bool) collection[T] {
	return collection[T]{key: c.key, walk: func(from string, backward bool) iter.Seq[T] {
		return func(yield func(T) bool) {
			for item := range c.walk(from, backward) {
				if holds(item) && !yield(item) {
					return
				}
			}
		}
	}}
}

// convert maps each item of a page.
func convert[T, U any](items []T, to func(T) U) []U {
	all := make([]U, 0, len(items))
	for _, item := range items {
		all = append(all, to(item))
	}
	return all
}

package dataverse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/zeebo/xxh3"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// members are the customers in a segment, by the hashes of their ids: a million
// of them take 16 MB. The ids themselves are kept for small segments only.
type members struct {
	hashes [][16]byte // sorted
	ids    []string   // sorted; nil if they are not kept
}

func hashOf(id string) [16]byte { return xxh3.HashString128(id).Bytes() }

func (m *members) count() int { return len(m.hashes) }

// find returns the index of a member.
func (m *members) find(id string) (int, bool) {
	hash := hashOf(id)
	return slices.BinarySearchFunc(m.hashes, hash, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
}

// members reads who is in a segment. Dataverse ignores case and takes some
// characters for wildcards, so membersWhere compares the names again.
func (c *client) members(ctx context.Context, segment string, limit int) (*members, error) {
	filter := fmt.Sprintf("contains(%s,'%s')", segmentsColumn, strings.ReplaceAll(jsonString(segment), "'", "''"))
	return c.membersWhere(ctx, segment, limit, "$select", customerIDColumn+","+segmentsColumn, "$filter", filter)
}

func (c *client) membersWhere(ctx context.Context, segment string, limit int, options ...string) (*members, error) {
	m := &members{ids: []string{}}
	err := c.pages(ctx, c.address(membershipSet, options...), []string{customerIDColumn, segmentsColumn}, func(records [][]string) bool {
		for _, r := range records {
			id := textOf(r[0])
			if id == "" || !slices.Contains(segmentNames(r[1]), segment) {
				continue
			}
			m.hashes = append(m.hashes, hashOf(id))
			if m.ids != nil {
				m.ids = append(m.ids, id)
			}
			if len(m.ids) > limit {
				m.ids = nil
			}
		}
		return true
	})
	// There is one record of a customer for each app that publishes segments.
	slices.SortFunc(m.hashes, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	m.hashes = slices.Compact(m.hashes)
	slices.Sort(m.ids)
	m.ids = slices.Compact(m.ids)
	return m, err
}

// segmentNames decodes the column that lists segments: a string that holds a
// JSON list.
func segmentNames(value string) []string {
	var names []string
	if json.Unmarshal([]byte(textOf(value)), &names) != nil {
		return nil
	}
	return names
}

// jsonString encodes text as JSON, with no more escapes than JSON needs.
func jsonString(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return `"` + text + `"`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// maxSamplePages bounds how many pages of memberships are read to learn the
// names of segments, which Dataverse does not list.
const maxSamplePages = 4

// resolveEmpty decides what it means that a segment has no members. Dataverse
// knows segments by their members only, so it cannot tell an empty segment from
// one that does not exist; empty then says what is known. A segment with nearly
// the same name is an error.
func (c *client) resolveEmpty(ctx context.Context, name string, limit int) (m *members, empty *segment.Error, err error) {
	names, all, err := c.sampleSegments(ctx)
	if err != nil {
		return nil, nil, err
	}
	if slices.Contains(names, name) { // escaped in another way than the filter expects
		m, err := c.membersWhere(ctx, name, limit, "$select", customerIDColumn+","+segmentsColumn)
		return m, nil, err
	}
	for _, other := range names {
		if normalize(other) == normalize(name) {
			return nil, nil, argumentError("segment", fmt.Sprintf("Did you mean %q?", other), nil, "There is no segment %q.", name)
		}
	}
	remedy := "Nobody is in any segment there: check that segments were refreshed, and that the environment is the right one."
	if len(names) > 0 {
		remedy = "Take the output name of the segment, which may differ from its display name. There are " + segment.Quoted(names)
		if !all {
			remedy += " and perhaps others"
		}
		remedy += "."
	}
	return &members{}, argumentError("segment", remedy+" If nobody is in it for now, set safeguards.allow_empty_segment = true.", nil,
		"Nobody is in a segment %q. Dataverse lists segments only by their members, so the segment may be empty or not exist.", name), nil
}

// sampleSegments returns the segments of the first customers, sorted, and whether
// those are all segments.
func (c *client) sampleSegments(ctx context.Context) (names []string, all bool, err error) {
	read := 0
	all = true
	err = c.pages(ctx, c.address(membershipSet, "$select", segmentsColumn), []string{segmentsColumn}, func(records [][]string) bool {
		for _, r := range records {
			names = append(names, segmentNames(r[0])...)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		read++
		all = read < maxSamplePages
		return all
	})
	return names, all, err
}

// normalize returns a name without case, white space and punctuation.
func normalize(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

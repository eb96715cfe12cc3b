package klaviyo

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

type profileIdentifier struct {
	ID string `json:"id"`
}

// ProfileIDs returns the ids of the profiles that up to MaxLookup addresses lead to. An
// address that a merge has made a secondary one leads to the profile that is left.
// Addresses that Klaviyo does not know are left out. Scope: profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) ProfileIDs(ctx context.Context, emails []string) ([]string, error) {
	if len(emails) == 0 {
		return nil, nil
	}
	if len(emails) > MaxLookup {
		return nil, fmt.Errorf("get_profiles: %d people, at most %d are allowed in one call", len(emails), MaxLookup)
	}
	r := request{operation: &getProfiles, query: url.Values{
		"filter": {anyOf("email", emails...)}, "fields[profile]": {"email"}, "page[size]": {"100"},
	}}
	var ids []string
	for p, err := range pages[profileIdentifier](ctx, c, r) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, p.ID)
	}
	return ids, nil
}

// LookupsTake returns how long the rate limits make that many calls take at least that
// look profiles up, from the first to the last.
func LookupsTake(calls int64) time.Duration { return getProfiles.limit.MinDuration(calls) }

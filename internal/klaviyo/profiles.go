package klaviyo

import (
	"context"
	"iter"
	"net/url"
)

type profileResource struct {
	Attributes struct {
		Email string `json:"email"`
	} `json:"attributes"`
}

// OptOuts yields the email addresses of the profiles that got a suppression for
// the list during a time range, because they unsubscribed from it or complained. A
// profile may be yielded more than once. Scope:
// profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) OptOuts(ctx context.Context, listID string, during TimeRange) iter.Seq2[string, error] {
	const field = "subscriptions.email.marketing.list_suppressions"
	filter := equals(field+".list_id", listID)
	if span := within(field+".timestamp", during); span != "" {
		filter += "," + span
	}
	return c.addresses(ctx, filter)
}

// addresses yields the email addresses of the profiles that a filter selects.
func (c *Client) addresses(ctx context.Context, filter string) iter.Seq2[string, error] {
	r := request{
		operation: &getProfiles,
		query:     url.Values{"filter": {filter}, "fields[profile]": {"email"}, "page[size]": {"100"}},
	}
	return func(yield func(string, error) bool) {
		for p, err := range pages[profileResource](ctx, c, r) {
			if !yield(p.Attributes.Email, err) {
				return
			}
		}
	}
}

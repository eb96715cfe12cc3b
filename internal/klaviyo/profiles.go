package klaviyo

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// TimeRange is a span of time, with its beginning and without its end. The
// zero value is all time.
type TimeRange struct{ From, To time.Time }

type profileResource struct {
	Attributes struct {
		Email string `json:"email"`
	} `json:"attributes"`
}

// OptOuts yields the email addresses of the profiles that unsubscribed from a
// list, or were taken off it for complaining, in a span of time: those with a
// suppression for the list. A profile may come more than once. Scope:
// profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) OptOuts(ctx context.Context, listID string, during TimeRange) iter.Seq2[string, error] {
	const field = "subscriptions.email.marketing.list_suppressions"
	filter := equals(field+".list_id", listID)
	if !during.From.IsZero() {
		filter += ",greater-or-equal(" + field + ".timestamp," + during.From.UTC().Format(time.RFC3339) + ")"
	}
	if !during.To.IsZero() {
		filter += ",less-than(" + field + ".timestamp," + during.To.UTC().Format(time.RFC3339) + ")"
	}
	r := request{
		operation: "get_profiles", method: "GET", path: []string{"profiles"},
		query: url.Values{"filter": {filter}, "fields[profile]": {"email"}, "page[size]": {"100"}},
	}
	return func(yield func(string, error) bool) {
		for p, err := range pages[profileResource](ctx, c, r) {
			if !yield(p.Attributes.Email, err) {
				return
			}
		}
	}
}

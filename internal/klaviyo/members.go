package klaviyo

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// Member is a profile on a list.
type Member struct {
	ID       string
	Email    string    // empty for a profile without an address
	JoinedAt time.Time // zero when Klaviyo does not say
}

type memberResource struct {
	ID         string `json:"id"`
	Attributes struct {
		Email    string `json:"email"`
		JoinedAt string `json:"joined_group_at"`
	} `json:"attributes"`
}

func (r memberResource) member() Member {
	return Member{ID: r.ID, Email: r.Attributes.Email, JoinedAt: timeOf(r.Attributes.JoinedAt)}
}

// timeOf parses a timestamp of Klaviyo's. It returns the zero time for anything else.
func timeOf(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Members yields the members of a list that joined it in a span of time, in
// the order of joining, so that members who join during the walk come last. A
// member may be yielded more than once. Scopes: lists:read, profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles_for_list
func (c *Client) Members(ctx context.Context, listID string, during TimeRange) iter.Seq2[Member, error] {
	r := request{
		operation: &getProfilesForList, id: listID,
		query: url.Values{"fields[profile]": {"email,joined_group_at"}, "page[size]": {"100"}, "sort": {"joined_group_at"}},
	}
	if filter := within("joined_group_at", during); filter != "" {
		r.query.Set("filter", filter)
	}
	return func(yield func(Member, error) bool) {
		for m, err := range pages[memberResource](ctx, c, r) {
			if !yield(m.member(), err) {
				return
			}
		}
	}
}

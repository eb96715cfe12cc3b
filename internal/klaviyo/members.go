package klaviyo

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"time"
)

// Member is a profile on a list.
type Member struct {
	ID          string
	Email       string // empty for a profile without an address
	PhoneNumber string
	ExternalID  string
	JoinedAt    time.Time // zero when Klaviyo does not say
}

type memberResource struct {
	ID         string `json:"id"`
	Attributes struct {
		Email       string `json:"email"`
		PhoneNumber string `json:"phone_number"`
		ExternalID  string `json:"external_id"`
		JoinedAt    string `json:"joined_group_at"`
	} `json:"attributes"`
}

func (r memberResource) member() Member {
	a := r.Attributes
	return Member{ID: r.ID, Email: a.Email, PhoneNumber: a.PhoneNumber, ExternalID: a.ExternalID, JoinedAt: timeOf(a.JoinedAt)}
}

// timeOf reads a time of Klaviyo's, zero where it is none.
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
		query: url.Values{"fields[profile]": {"email,phone_number,external_id,joined_group_at"}, "page[size]": {"100"}, "sort": {"joined_group_at"}},
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

// MembersAmong yields the addresses of those of up to MaxLookup people who are on a
// list, as Klaviyo has them. Scopes: lists:read, profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles_for_list
func (c *Client) MembersAmong(ctx context.Context, listID string, emails []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		switch {
		case len(emails) == 0:
			return
		case len(emails) > MaxLookup:
			yield("", fmt.Errorf("get_profiles_for_list: %d people, at most %d are allowed in one call", len(emails), MaxLookup))
			return
		}
		r := request{
			operation: &getProfilesForList, id: listID,
			query: url.Values{"filter": {anyOf("email", emails...)}, "fields[profile]": {"email"}, "page[size]": {"100"}},
		}
		for p, err := range pages[profileResource](ctx, c, r) {
			if !yield(p.Attributes.Email, err) {
				return
			}
		}
	}
}

// MaxRemovedMembers is how many profiles one call takes off a list (operation
// remove_profiles_from_list of Klaviyo's OpenAPI document).
const MaxRemovedMembers = 1000

type removedMember struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// RemoveMembers takes up to MaxRemovedMembers profiles off a list, by profile id.
// Their consent stays as it is. Removing a profile twice does no more than once, so
// the request is retried. Scopes: lists:write, profiles:write.
//
// https://developers.klaviyo.com/en/reference/remove_profiles_from_list
func (c *Client) RemoveMembers(ctx context.Context, listID string, profileIDs []string) error {
	if len(profileIDs) == 0 {
		return nil
	}
	if len(profileIDs) > MaxRemovedMembers {
		return fmt.Errorf("remove_profiles_from_list: %d profiles, at most %d are allowed in one call", len(profileIDs), MaxRemovedMembers)
	}
	removed := make([]removedMember, len(profileIDs))
	for i, id := range profileIDs {
		removed[i] = removedMember{"profile", id}
	}
	body, err := marshal(map[string]any{"data": removed})
	if err != nil {
		return err
	}
	return c.do(ctx, request{operation: &removeProfilesFromList, id: listID, body: [][]byte{body}}, &acceptance{})
}

package klaviyo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"time"
)

// MaxLookup is how many people one request looks up (values of any(...) in the
// filters of Klaviyo's API).
const MaxLookup = 100

// Suppression is a refusal of email: to one list, or to everything.
type Suppression struct {
	ListID string // empty for everything
	Reason string // such as UNSUBSCRIBE or HARD_BOUNCE
	At     time.Time
}

// Suppressed is a profile with its suppressions.
type Suppressed struct {
	Email        string
	Suppressions []Suppression
}

type suppressionResource struct {
	ListID    string `json:"list_id"`
	Reason    string `json:"reason"`
	Timestamp string `json:"timestamp"`
}

type subscribedResource struct {
	Attributes struct {
		Email         string `json:"email"`
		Subscriptions *struct {
			Email struct {
				Marketing struct {
					Suppression      []suppressionResource `json:"suppression"`
					ListSuppressions []suppressionResource `json:"list_suppressions"`
				} `json:"marketing"`
			} `json:"email"`
		} `json:"subscriptions"`
	} `json:"attributes"`
}

// suppressed returns the suppressions of a profile.
func (r *subscribedResource) suppressed() (Suppressed, error) {
	if r.Attributes.Subscriptions == nil {
		return Suppressed{}, errors.New("get_profiles: the answer lacks the subscriptions of a profile, so opt-outs are unknown")
	}
	marketing := r.Attributes.Subscriptions.Email.Marketing
	s := Suppressed{Email: r.Attributes.Email}
	for _, one := range slices.Concat(marketing.Suppression, marketing.ListSuppressions) {
		s.Suppressions = append(s.Suppressions, Suppression{ListID: one.ListID, Reason: one.Reason, At: timeOf(one.Timestamp)})
	}
	return s, nil
}

// Suppressions returns the suppressions of up to MaxLookup people, in no particular
// order. People whom Klaviyo does not know are missing from the result. Scope:
// profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) Suppressions(ctx context.Context, emails []string) ([]Suppressed, error) {
	if len(emails) > MaxLookup {
		return nil, fmt.Errorf("get_profiles: %d people, at most %d are allowed in one call", len(emails), MaxLookup)
	}
	if len(emails) == 0 {
		return nil, nil
	}
	found := make([]Suppressed, 0, len(emails))
	for s, err := range c.suppressed(ctx, anyOf("email", emails...)) {
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}

// earliest is before any suppression of Klaviyo's.
var earliest = time.Unix(0, 0)

// Suppressed yields the profiles that got a suppression of everything during a time
// range, whatever its reason, with all suppressions that they have. A profile may be
// yielded more than once. Scope: profiles:read.
//
// The reasons are not part of the filter: Klaviyo's own documents spell one of them
// in two ways, and it may refuse a filter for a value that it does not know.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) Suppressed(ctx context.Context, during TimeRange) iter.Seq2[Suppressed, error] {
	if during.From.IsZero() && during.To.IsZero() {
		during.From = earliest
	}
	return c.suppressed(ctx, within("subscriptions.email.marketing.suppression.timestamp", during))
}

// suppressed yields the profiles that a filter selects.
func (c *Client) suppressed(ctx context.Context, filter string) iter.Seq2[Suppressed, error] {
	r := request{operation: &getProfiles, query: url.Values{
		"filter": {filter}, "additional-fields[profile]": {"subscriptions"}, "fields[profile]": {"email"}, "page[size]": {"100"},
	}}
	return func(yield func(Suppressed, error) bool) {
		for p, err := range pages[subscribedResource](ctx, c, r) {
			var s Suppressed
			if err == nil {
				s, err = p.suppressed()
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

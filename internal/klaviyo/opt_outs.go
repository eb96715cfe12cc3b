package klaviyo

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"time"
)

// MaxLookup is how many people one request looks up (values of any(...) in the
// filters of Klaviyo's API).
const MaxLookup = 100

// Suppression is a refusal to get email: of one list, or of everything.
type Suppression struct {
	ListID string // empty for everything
	Reason string // such as UNSUBSCRIBE; [OptOutReasons] are a person's own will
	At     time.Time
}

// OptOutReasons are the reasons of a suppression of everything that say what a
// person wants. The others, HARD_BOUNCE and INVALID_EMAIL, come from mail servers.
func OptOutReasons() []string { return []string{"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"} }

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

// Suppressions returns the suppressions of up to MaxLookup people, by the address
// that Klaviyo has for them. People whom Klaviyo does not know are missing from the
// result. Scope: profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) Suppressions(ctx context.Context, emails []string) (map[string][]Suppression, error) {
	if len(emails) > MaxLookup {
		return nil, fmt.Errorf("get_profiles: %d people, at most %d are allowed in one call", len(emails), MaxLookup)
	}
	found := make(map[string][]Suppression, len(emails))
	if len(emails) == 0 {
		return found, nil
	}
	r := request{operation: &getProfiles, query: url.Values{
		"filter": {anyOf("email", emails...)}, "additional-fields[profile]": {"subscriptions"},
		"fields[profile]": {"email"}, "page[size]": {"100"},
	}}
	for p, err := range pages[subscribedResource](ctx, c, r) {
		if err != nil {
			return nil, err
		}
		a := p.Attributes
		if a.Subscriptions == nil {
			return nil, fmt.Errorf("get_profiles: the answer lacks the subscriptions of a profile, so opt-outs are unknown")
		}
		marketing := a.Subscriptions.Email.Marketing
		all := []Suppression{}
		for _, s := range append(marketing.Suppression, marketing.ListSuppressions...) {
			all = append(all, Suppression{ListID: s.ListID, Reason: s.Reason, At: timeOf(s.Timestamp)})
		}
		found[a.Email] = all
	}
	return found, nil
}

// Suppressed yields the email addresses of the profiles that got a suppression of
// everything for a reason during a time range. A profile may be yielded more than
// once. Scope: profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) Suppressed(ctx context.Context, reason string, during TimeRange) iter.Seq2[string, error] {
	const field = "subscriptions.email.marketing.suppression"
	filter := equals(field+".reason", reason)
	if span := within(field+".timestamp", during); span != "" {
		filter += "," + span
	}
	return c.addresses(ctx, filter)
}

package klaviyo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxSubscribers is how many people one call subscribes (operation
// bulk_subscribe_profiles of Klaviyo's OpenAPI document).
const MaxSubscribers = 1000

// SubscribeTakes returns how long the rate limits make that many calls of
// [Client.Subscribe] take at least, from the first to the last.
func SubscribeTakes(calls int64) time.Duration { return bulkSubscribeProfiles.limit.MinDuration(calls) }

// Channel is a channel of marketing that people agree to one by one.
type Channel string

// The channels. All but email need a phone number.
const (
	ChannelEmail    Channel = "email"
	ChannelSMS      Channel = "sms"
	ChannelWhatsApp Channel = "whatsapp"
)

// Channels lists the channels.
func Channels() []Channel { return []Channel{ChannelEmail, ChannelSMS, ChannelWhatsApp} }

// NeedsPhone reports whether a person without a phone number cannot be subscribed to
// the channel.
func (c Channel) NeedsPhone() bool { return c != ChannelEmail }

// Subscriber is a person to subscribe.
type Subscriber struct {
	Email       string // empty for a person who is known by phone number only
	PhoneNumber string // in E.164; beside an address and without a channel for it, the profile just gets it
	Channels    []Channel
	ConsentedAt time.Time // of a historical import, else zero
}

// SubscribeRequest asks Klaviyo to subscribe people to marketing and to put them
// on a list.
type SubscribeRequest struct {
	ListID       string
	CustomSource string // where the consent comes from, in words that Klaviyo shows; empty for none
	People       []Subscriber

	// Historical says that everybody gave consent at the time in ConsentedAt. They are
	// subscribed without confirming, and without starting the flows of the list.
	Historical bool

	// Confirms says that the list has double opt-in. Unless the request is historical,
	// Klaviyo then sends a message to each person that asks for a confirmation, and
	// nobody is subscribed before answering it.
	Confirms bool
}

// Subscribed is what Klaviyo says about a request that it has accepted. There is no
// job to follow.
type Subscribed struct {
	// Dropped are the fields, such as phone_number, of which Klaviyo has left out the
	// value for at least one person, with the consent on its channels. It does not say
	// whose.
	Dropped []string
}

// headerPartialFailure names the fields of which Klaviyo has left out values.
const headerPartialFailure = "X-Klaviyo-Partial-Failure"

// Subscribe subscribes up to MaxSubscribers people, all of them or none: where single
// people are at fault, the error is an [*APIError] that tells them by
// [APIError.ProfileErrors], and the others can be sent again. Klaviyo lifts the
// suppressions of everybody in the request: ask [Client.Consents] before, and never
// send anybody who has not consented.
//
// A second, identical request changes nothing, so it is repeated like any other; but
// where the first one has sent messages, a second one sends them again. Such a request
// is not repeated once it may have arrived; [MayHaveArrived] tells that of its error.
// Scopes: lists:write, profiles:write, subscriptions:write.
//
// https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
func (c *Client) Subscribe(ctx context.Context, r SubscribeRequest) (Subscribed, error) {
	if len(r.People) == 0 {
		return Subscribed{}, nil
	}
	if err := r.check(); err != nil {
		return Subscribed{}, fmt.Errorf("%s: %w", bulkSubscribeProfiles.id, err)
	}
	body, err := marshal(r.document())
	if err != nil {
		return Subscribed{}, err
	}
	var header http.Header
	err = c.do(ctx, request{
		operation: &bulkSubscribeProfiles, body: [][]byte{body}, header: &header,
		once: r.Confirms && !r.Historical,
	}, &acceptance{})
	return Subscribed{Dropped: c.dropped(header)}, err
}

// dropped reads the fields of which values were left out.
func (c *Client) dropped(header http.Header) (fields []string) {
	for _, value := range header.Values(headerPartialFailure) {
		for field := range strings.SplitSeq(value, ",") {
			if field = strings.TrimSpace(field); field != "" {
				fields = append(fields, c.redact(lenientString(field)))
			}
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// check finds what Klaviyo would refuse the whole request for. It tells people by
// their position, never by an identifier.
func (r *SubscribeRequest) check() error {
	switch {
	case r.ListID == "":
		return errors.New("there is no list to subscribe to")
	case len(r.People) > MaxSubscribers:
		return fmt.Errorf("%d people, at most %d are allowed in one call", len(r.People), MaxSubscribers)
	}
	for i := range r.People {
		if problem := r.People[i].problem(r.Historical); problem != "" {
			return fmt.Errorf("person %d of %d %s", i+1, len(r.People), problem)
		}
	}
	return nil
}

func (s *Subscriber) problem(historical bool) string {
	switch {
	case len(s.Channels) == 0:
		return "has no channel"
	case s.Email == "" && slices.Contains(s.Channels, ChannelEmail):
		return "has no address for the channel email"
	case s.PhoneNumber == "" && slices.ContainsFunc(s.Channels, Channel.NeedsPhone):
		return "has no phone number for a channel that needs one"
	case historical && s.ConsentedAt.IsZero():
		return "has no date of consent, which a historical import needs"
	case !historical && !s.ConsentedAt.IsZero():
		return "has a date of consent, which only a historical import takes"
	}
	return ""
}

type subscribedList struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// subscriberResource is a person in a request. Klaviyo refuses any other attribute.
type subscriberResource struct {
	Type       string `json:"type"`
	Attributes struct {
		Email         string                      `json:"email,omitempty"`
		PhoneNumber   string                      `json:"phone_number,omitempty"`
		Subscriptions map[Channel]marketingParams `json:"subscriptions"`
	} `json:"attributes"`
}

type marketingParams struct {
	Marketing consentParams `json:"marketing"`
}

type consentParams struct {
	Consent     string `json:"consent"`
	ConsentedAt string `json:"consented_at,omitempty"`
}

func (s *Subscriber) resource() subscriberResource {
	consent := consentParams{Consent: StatusSubscribed}
	if !s.ConsentedAt.IsZero() {
		consent.ConsentedAt = s.ConsentedAt.UTC().Format(time.RFC3339)
	}
	out := subscriberResource{Type: "profile"}
	out.Attributes.Email, out.Attributes.PhoneNumber = s.Email, s.PhoneNumber
	out.Attributes.Subscriptions = make(map[Channel]marketingParams, len(s.Channels))
	for _, channel := range s.Channels {
		out.Attributes.Subscriptions[channel] = marketingParams{consent}
	}
	return out
}

func (r *SubscribeRequest) document() any {
	people := make([]subscriberResource, len(r.People))
	for i := range r.People {
		people[i] = r.People[i].resource()
	}
	attributes := map[string]any{"profiles": map[string]any{"data": people}}
	if r.CustomSource != "" {
		attributes["custom_source"] = r.CustomSource
	}
	if r.Historical {
		attributes["historical_import"] = true
	}
	return map[string]any{"data": map[string]any{
		"type": "profile-subscription-bulk-create-job", "attributes": attributes,
		"relationships": map[string]any{"list": map[string]any{"data": subscribedList{"list", r.ListID}}},
	}}
}

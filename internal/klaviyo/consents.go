package klaviyo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The states of consent.
const (
	StatusSubscribed      = "SUBSCRIBED"
	StatusUnsubscribed    = "UNSUBSCRIBED"
	StatusNeverSubscribed = "NEVER_SUBSCRIBED"
)

// ChannelConsent is what somebody has agreed to on one channel.
type ChannelConsent struct {
	Status string    // such as StatusSubscribed; empty when Klaviyo does not say
	At     time.Time // when it became that; zero when Klaviyo does not say
}

// ProfileConsent is what a profile has agreed to and refused.
type ProfileConsent struct {
	Email, PhoneNumber string // as Klaviyo has them; empty for none
	Channels           map[Channel]ChannelConsent
	Suppressions       []Suppression
}

// Subscribed reports whether the profile is subscribed to a channel.
func (p *ProfileConsent) Subscribed(channel Channel) bool {
	return p.Channels[channel].Status == StatusSubscribed
}

// Allows reports whether the profile may be subscribed to a channel through a list,
// given when the person consented, zero for unknown: it has not opted out, or did so
// before. An opt-out without a date forbids it. Opting out of email forbids the other
// channels too, since subscribing to any of them lifts the suppression of email.
func (p *ProfileConsent) Allows(channel Channel, listID string, consentedAt time.Time) bool {
	forbids := func(optOut time.Time) bool { return optOut.IsZero() || !consentedAt.After(optOut) }
	for _, one := range []Channel{ChannelEmail, channel} {
		if c := p.Channels[one]; c.Status == StatusUnsubscribed && forbids(c.At) {
			return false
		}
	}
	return !slices.ContainsFunc(p.Suppressions, func(s Suppression) bool {
		return s.isOptOut() && (s.ListID == "" || s.ListID == listID) && forbids(s.At)
	})
}

// isOptOut reports whether a suppression is not just the work of a mail server. A
// reason that is not known is taken for the person's own will.
func (s Suppression) isOptOut() bool { return s.Reason != "HARD_BOUNCE" && s.Reason != "INVALID_EMAIL" }

// channelResource is a channel of a profile's subscriptions.
type channelResource struct {
	Marketing *struct {
		Consent          string                `json:"consent"`
		ConsentTimestamp string                `json:"consent_timestamp"`
		Suppression      []suppressionResource `json:"suppression"`
		ListSuppressions []suppressionResource `json:"list_suppressions"`
	} `json:"marketing"`
}

type consentResource struct {
	Attributes struct {
		Email         string `json:"email"`
		PhoneNumber   string `json:"phone_number"`
		Subscriptions *struct {
			Email    *channelResource `json:"email"`
			SMS      *channelResource `json:"sms"`
			WhatsApp *channelResource `json:"whatsapp"`
		} `json:"subscriptions"`
	} `json:"attributes"`
}

// consent reports false for a resource that lacks its subscriptions. Those to email may
// be null where there is no address.
func (r consentResource) consent() (ProfileConsent, bool) {
	a := r.Attributes
	if a.Subscriptions == nil || a.Email != "" && (a.Subscriptions.Email == nil || a.Subscriptions.Email.Marketing == nil) {
		return ProfileConsent{}, false
	}
	p := ProfileConsent{Email: a.Email, PhoneNumber: a.PhoneNumber, Channels: map[Channel]ChannelConsent{}}
	for channel, c := range map[Channel]*channelResource{
		ChannelEmail: a.Subscriptions.Email, ChannelSMS: a.Subscriptions.SMS, ChannelWhatsApp: a.Subscriptions.WhatsApp,
	} {
		if c != nil && c.Marketing != nil {
			p.Channels[channel] = ChannelConsent{Status: c.Marketing.Consent, At: timeOf(c.Marketing.ConsentTimestamp)}
		}
	}
	if email := a.Subscriptions.Email; email != nil && email.Marketing != nil {
		for _, s := range slices.Concat(email.Marketing.Suppression, email.Marketing.ListSuppressions) {
			p.Suppressions = append(p.Suppressions, Suppression{ListID: s.ListID, Reason: s.Reason, At: timeOf(s.Timestamp)})
		}
	}
	return p, true
}

// Consents returns what up to MaxLookup people have agreed to and refused, by their
// addresses in lower case. People whom Klaviyo does not know are missing from the
// result. Scope: profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) Consents(ctx context.Context, emails []string) (map[string]ProfileConsent, error) {
	return c.consents(ctx, "email", emails, func(p ProfileConsent) string { return strings.ToLower(p.Email) })
}

// ConsentsByPhone is Consents by phone numbers in E.164. Whoever has opted out by
// phone may have another address than in the segment, or none. Scope: profiles:read.
//
// https://developers.klaviyo.com/en/reference/get_profiles
func (c *Client) ConsentsByPhone(ctx context.Context, numbers []string) (map[string]ProfileConsent, error) {
	return c.consents(ctx, "phone_number", numbers, func(p ProfileConsent) string { return p.PhoneNumber })
}

func (c *Client) consents(ctx context.Context, field string, values []string, key func(ProfileConsent) string) (map[string]ProfileConsent, error) {
	if len(values) > MaxLookup {
		return nil, fmt.Errorf("get_profiles: %d people, at most %d are allowed in one call", len(values), MaxLookup)
	}
	found := make(map[string]ProfileConsent, len(values))
	if len(values) == 0 {
		return found, nil
	}
	r := request{operation: &getProfiles, query: url.Values{
		"filter": {anyOf(field, values...)}, "additional-fields[profile]": {"subscriptions"},
		"fields[profile]": {"email,phone_number"}, "page[size]": {"100"},
	}}
	for one, err := range pages[consentResource](ctx, c, r) {
		if err != nil {
			return nil, err
		}
		p, ok := one.consent()
		if !ok {
			return nil, fmt.Errorf("get_profiles: the answer lacks the subscriptions of a profile, so opt-outs are unknown")
		}
		found[key(p)] = p
	}
	return found, nil
}

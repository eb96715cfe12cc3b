package export

import (
	"context"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// consenting is what is known of somebody who says yes.
type consenting struct {
	subscriber klaviyo.Subscriber // without a channel for somebody who is not to be subscribed
	optedOut   bool               // of a channel, not before consenting
	noChannel  bool               // every channel needs a phone number, and there is none
}

// consentedAt is when somebody consented as far as it counts against opt-outs: zero if
// that is not known.
func (e *Export) consentedAt(p *pipeline.Profile) time.Time {
	if !e.historical() {
		return time.Time{}
	}
	return p.Consent.Time.Earliest()
}

// judge decides on which channels somebody is subscribed. byEmail and byPhone are the
// profiles that Klaviyo has with the address and with the phone number, which is empty
// for none.
func (e *Export) judge(p *pipeline.Profile, phone string, byEmail, byPhone []klaviyo.ProfileConsent) consenting {
	at := e.consentedAt(p)
	verdict := consenting{noChannel: true}
	person := &verdict.subscriber
	for _, channel := range e.Subscription.Channels {
		found, holders := byEmail, byEmail
		if channel.NeedsPhone() {
			if phone == "" {
				continue
			}
			found, holders = slices.Concat(byEmail, byPhone), byPhone
		}
		verdict.noChannel = false
		switch {
		case !e.allAllow(found, channel, at):
			verdict.optedOut = true
		case slices.ContainsFunc(holders, func(c klaviyo.ProfileConsent) bool { return c.Subscribed(channel) }) && e.allAllow(found, channel, time.Time{}):
		default:
			person.Channels = append(person.Channels, channel)
		}
	}
	if len(person.Channels) == 0 {
		return verdict
	}
	person.Email = profile.AddressOf(p.JSON)
	if slices.ContainsFunc(person.Channels, klaviyo.Channel.NeedsPhone) {
		person.PhoneNumber = phone
	}
	if e.historical() {
		person.ConsentedAt = p.Consent.Time.At
	}
	return verdict
}

// allAllow reports whether all of some profiles allow a subscription to a channel, given
// when the person consented. Subscribing to any channel lifts the opt-outs from email, so
// a consent to other channels alone overrides none of these.
func (e *Export) allAllow(found []klaviyo.ProfileConsent, channel klaviyo.Channel, at time.Time) bool {
	withEmail := slices.Contains(e.Subscription.Channels, klaviyo.ChannelEmail)
	return !slices.ContainsFunc(found, func(c klaviyo.ProfileConsent) bool {
		return !c.Allows(channel, e.ListID, at) || !withEmail && !c.Allows(klaviyo.ChannelEmail, e.ListID, time.Time{})
	})
}

// overrides reports whether the consent of somebody can be later than an opt-out that
// would withhold the profile.
func (e *Export) overrides(p *pipeline.Profile) bool {
	return e.Subscription != nil && e.historical() && p.Consent.Usable() && slices.Contains(e.Subscription.Channels, klaviyo.ChannelEmail)
}

// findConsents returns what some people have agreed to and refused, by what they were
// asked for.
func findConsents(ctx context.Context, ask func(context.Context, []string) (map[string]klaviyo.ProfileConsent, error), wanted []string) (map[string][]klaviyo.ProfileConsent, error) {
	return askFor(ctx, wanted, func(value string) string { return value }, ask, true)
}

// lookUpConsents judges people by what Klaviyo knows of them. addresses are theirs, in
// all spellings.
func (s *subscribeStep) lookUpConsents(ctx context.Context, people []pipeline.Profile, addresses []string) (map[profile.Hash]consenting, error) {
	byEmail, err := findConsents(ctx, s.client.Consents, addresses)
	if err != nil {
		return nil, err
	}
	phones := make([]string, len(people))
	var numbers []string
	for i := range people {
		if phones[i] = s.phone(&people[i]); phones[i] != "" {
			numbers = append(numbers, phones[i])
		}
	}
	byPhone, err := findConsents(ctx, s.client.ConsentsByPhone, numbers)
	if err != nil {
		return nil, err
	}
	all := make(map[profile.Hash]consenting, len(people))
	for i := range people {
		var found []klaviyo.ProfileConsent
		for _, address := range profile.Spellings(people[i].JSON) {
			found = append(found, byEmail[address]...)
		}
		all[people[i].Email] = s.export.judge(&people[i], phones[i], found, byPhone[phones[i]])
	}
	return all, nil
}

// phone is the number to which somebody is subscribed: none if no channel needs one, or
// if it belongs to another profile in Klaviyo.
func (s *subscribeStep) phone(p *pipeline.Profile) string {
	if !slices.ContainsFunc(s.export.Subscription.Channels, klaviyo.Channel.NeedsPhone) || s.imports.retries.isShared(p.Email.Lo) {
		return ""
	}
	return string(profile.PhoneNumber(p.JSON))
}

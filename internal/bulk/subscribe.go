package bulk

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// Subscribed is what became of a request to subscribe people.
type Subscribed struct {
	// Accepted is how many people Klaviyo took, on all their channels or on some.
	Accepted int

	// Refusals are the people whom Klaviyo refused, on all their channels or on some.
	Refusals []Refusal

	// Dropped are the fields of which Klaviyo left out values without saying whose;
	// see [klaviyo.Subscribed].
	Dropped []string
}

// Refusal is why Klaviyo did not subscribe somebody.
type Refusal struct {
	Position int               // in the people of the request
	Channels []klaviyo.Channel // to which the person is not subscribed; none if only the phone number is left out
	Code     string
	Reason   string // Klaviyo's words, without personal data
}

// Subscribe subscribes the people of a request, at most [klaviyo.MaxSubscribers].
// Klaviyo refuses a request as a whole because of single people, and need not name
// all of them at once: those that it names are taken out, or only the channels that it
// objects to, and the rest is sent again. Each refused request takes out a channel or a
// phone number at least, so this ends.
//
// With an error, the people that are not in Refusals have not been subscribed, or may
// have been if [klaviyo.MayHaveArrived] says so.
func Subscribe(ctx context.Context, client *klaviyo.Client, r klaviyo.SubscribeRequest) (Subscribed, error) {
	var out Subscribed
	left := newRemaining(r.People)
	for len(left.people) > 0 {
		r.People = left.people
		said, err := client.Subscribe(ctx, r)
		if err == nil {
			out.Accepted, out.Dropped = len(left.people), said.Dropped
			break
		}
		named, ok := left.named(err)
		if !ok {
			return out, err
		}
		out.Refusals = append(out.Refusals, left.strip(named)...)
	}
	return out, nil
}

// remaining are the people of a request who have not been refused.
type remaining struct {
	people    []klaviyo.Subscriber
	positions []int // in the request
}

// newRemaining copies the people, since channels are taken from them.
func newRemaining(people []klaviyo.Subscriber) *remaining {
	r := &remaining{people: slices.Clone(people), positions: make([]int, len(people))}
	for i := range r.positions {
		r.positions[i] = i
	}
	return r
}

// named sorts what Klaviyo says by person. ok is false unless all of it is about
// people of the request.
func (r *remaining) named(err error) (named map[int][]klaviyo.ErrorObject, ok bool) {
	var apiError *klaviyo.APIError
	if !errors.As(err, &apiError) {
		return nil, false
	}
	named, ok = apiError.ProfileErrors()
	for i := range named {
		ok = ok && i < len(r.people)
	}
	return named, ok
}

// strip takes out what Klaviyo objects to, and whoever has no channel left.
func (r *remaining) strip(named map[int][]klaviyo.ErrorObject) (refusals []Refusal) {
	kept := remaining{people: r.people[:0], positions: r.positions[:0]}
	for i, person := range r.people {
		if found := named[i]; len(found) > 0 {
			refusals = append(refusals, refuse(&person, r.positions[i], found))
		}
		if len(person.Channels) > 0 {
			kept.people, kept.positions = append(kept.people, person), append(kept.positions, r.positions[i])
		}
	}
	*r = kept
	return refusals
}

// refuse takes the channels that Klaviyo objects to from a person: all of them,
// unless it objects to the phone number or to single channels only.
func refuse(person *klaviyo.Subscriber, position int, found []klaviyo.ErrorObject) Refusal {
	why := found[max(slices.IndexFunc(found, isAboutAnythingElse), 0)]
	refusal := Refusal{Position: position, Code: why.Code, Reason: words(why.Title, why.Detail)}
	var lost []klaviyo.Channel
	for _, e := range found {
		lost = append(lost, objectedTo(e, person)...)
	}
	if slices.ContainsFunc(found, func(e klaviyo.ErrorObject) bool { return !isAboutAnythingElse(e) }) {
		person.PhoneNumber = ""
	}
	var left []klaviyo.Channel
	for _, channel := range person.Channels {
		if slices.Contains(lost, channel) {
			refusal.Channels = append(refusal.Channels, channel)
		} else {
			left = append(left, channel)
		}
	}
	person.Channels = left
	return refusal
}

// objectedTo returns the channels of a person that an error is about.
func objectedTo(e klaviyo.ErrorObject, person *klaviyo.Subscriber) []klaviyo.Channel {
	if !isAboutAnythingElse(e) && person.PhoneNumber != "" {
		return slices.DeleteFunc(slices.Clone(person.Channels), func(c klaviyo.Channel) bool { return !c.NeedsPhone() })
	}
	rest, ok := strings.CutPrefix(target(e.Source.Pointer).Name, "subscriptions/")
	name, _, _ := strings.Cut(rest, "/")
	if channel := klaviyo.Channel(name); ok && slices.Contains(person.Channels, channel) {
		return []klaviyo.Channel{channel}
	}
	return person.Channels
}

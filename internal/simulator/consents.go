package simulator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The channels of marketing that people can be subscribed to.
const (
	emailChannel    = "email"
	smsChannel      = "sms"
	whatsappChannel = "whatsapp"
)

var channels = []string{emailChannel, smsChannel, whatsappChannel}

// The states of consent, as the API names them.
const (
	subscribed      = "SUBSCRIBED"
	unsubscribed    = "UNSUBSCRIBED"
	neverSubscribed = "NEVER_SUBSCRIBED"
)

// consent is what a profile has agreed to on one channel.
type consent struct {
	status      string // subscribed or unsubscribed
	at          time.Time
	source      string // custom_source
	doubleOptIn bool
}

func (who *person) setConsent(channel string, c consent) {
	if who.consents == nil {
		who.consents = map[string]consent{}
	}
	who.consents[channel] = c
}

// lastOptOut is when the person last opted out of a channel, zero for never.
func (who *person) lastOptOut(channel string) (at time.Time) {
	if c := who.consents[channel]; c.status == unsubscribed {
		at = c.at
	}
	for _, s := range who.suppressions {
		if channel == emailChannel && s.isOptOut() && s.at.After(at) {
			at = s.at
		}
	}
	return at
}

// subscriptions is the consent of a profile as the API shows it. Importing gives none.
func (who *person) subscriptions() map[string]any {
	global, suppressions := []map[string]any{}, []map[string]any{}
	for _, s := range who.suppressions {
		if s.list == "" {
			global = append(global, map[string]any{"reason": s.reason, "timestamp": timestamp(s.at)})
			continue
		}
		suppressions = append(suppressions, map[string]any{"list_id": s.list, "reason": s.reason, "timestamp": timestamp(s.at)})
	}
	email := who.consentObject(emailChannel, "can_receive_email_marketing")
	email["can_receive_email_marketing"] = who.email != "" && len(global) == 0 // even without consent
	email["custom_method_detail"], email["double_optin"] = nil, nil
	if c := who.consents[emailChannel]; c.status == subscribed {
		email["custom_method_detail"], email["double_optin"] = orNull(c.source), c.doubleOptIn
	}
	email["suppression"], email["list_suppressions"] = global, suppressions
	shown := map[string]any{
		"email": map[string]any{"marketing": email},
		"sms":   map[string]any{"marketing": who.consentObject(smsChannel, "can_receive_sms_marketing")},
		"mobile_push": map[string]any{"marketing": map[string]any{
			"can_receive_push_marketing": false, "consent": neverSubscribed, "consent_timestamp": nil,
		}},
		"whatsapp": nil,
	}
	if c, known := who.consents[whatsappChannel]; known {
		whatsapp := who.consentObject(whatsappChannel, "can_receive")
		whatsapp["created_timestamp"], whatsapp["phone_number"] = timestamp(c.at), orNull(who.phone)
		whatsapp["metadata"], whatsapp["valid_until"] = nil, nil
		shown["whatsapp"] = map[string]any{"marketing": whatsapp}
	}
	return shown
}

func (who *person) consentObject(channel, permission string) map[string]any {
	c := who.consents[channel]
	shown := map[string]any{
		permission: c.status == subscribed, "consent": neverSubscribed, "consent_timestamp": timestamp(c.at), "last_updated": timestamp(c.at),
	}
	if c.status != "" {
		shown["consent"] = c.status
	}
	if channel == emailChannel || channel == smsChannel {
		shown["method"], shown["method_detail"] = nil, nil
		if c.status == subscribed {
			shown["method"], shown["method_detail"] = "API", ""
		}
	}
	return shown
}

// Consent is what somebody has agreed to on a channel, as tests look at it.
type Consent struct {
	Status       string // SUBSCRIBED, UNSUBSCRIBED or NEVER_SUBSCRIBED
	At           time.Time
	Pending      bool // asked for a confirmation, and not confirmed
	CustomSource string
	DoubleOptIn  bool // confirmed
}

// known finds a profile by an address or a phone number.
func (p *people) known(identifier string) *person {
	if strings.HasPrefix(identifier, "+") {
		return p.in(p.byPhone, identifier)
	}
	return p.byAddress(strings.TrimSpace(identifier))
}

// Consent returns the consent of whoever has an address or a phone number, for a
// channel: email, sms or whatsapp.
func (s *Server) Consent(identifier, channel string) Consent {
	a, unlock := s.lock()
	defer unlock()
	who := a.people.known(identifier)
	if who == nil {
		return Consent{Status: neverSubscribed}
	}
	c := who.consents[channel]
	if c.status == "" {
		c.status = neverSubscribed
	}
	pending := slices.ContainsFunc(a.unanswered, func(u unanswered) bool { return u.profile == who.number && u.channel == channel })
	return Consent{Status: c.status, At: c.at, Pending: pending, CustomSource: c.source, DoubleOptIn: c.doubleOptIn}
}

// Subscribed returns who is subscribed to a channel, sorted: addresses for email,
// and phone numbers for sms and whatsapp.
func (s *Server) Subscribed(channel string) []string {
	a, unlock := s.lock()
	defer unlock()
	all := map[string]bool{}
	for _, who := range a.people.all {
		switch {
		case who.consents[channel].status != subscribed:
		case channel == emailChannel:
			all[who.email] = true
		default:
			all[who.phone] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// AddSubscribers puts people on a list who are subscribed to email marketing.
func (s *Server) AddSubscribers(listID string, emails ...string) {
	s.AddMembers(listID, emails...)
	a, unlock := s.lock()
	defer unlock()
	for _, email := range emails {
		a.people.byAddress(email).setConsent(emailChannel, consent{status: subscribed, at: s.options.Now().UTC().Truncate(time.Second)})
	}
}

// OptOutOfPhone does what happens when somebody answers STOP to a message on a
// channel, sms or whatsapp. A number that nobody has gets a profile without an address.
func (s *Server) OptOutOfPhone(phone, channel string) {
	a, unlock := s.lock()
	defer unlock()
	now := s.options.Now()
	who := a.people.upsert(&details{phone: phone}, now)
	who.setConsent(channel, consent{status: unsubscribed, at: now.UTC().Truncate(time.Second)})
}

// Confirmation is a message that asks somebody to confirm a subscription.
type Confirmation struct {
	Email, PhoneNumber string // where it went
	Channel, ListID    string
}

// unanswered is a subscription that somebody has yet to confirm.
type unanswered struct {
	profile         uint32
	channel, listID string
	source          string
}

// Confirmations returns the messages that asked for a confirmation, as they were sent.
func (s *Server) Confirmations() []Confirmation {
	a, unlock := s.lock()
	defer unlock()
	return slices.Clone(a.confirmations)
}

// Confirm answers all that somebody was asked to confirm: they are subscribed then
// and join the lists.
func (s *Server) Confirm(identifier string) {
	a, unlock := s.lock()
	defer unlock()
	who, now := a.people.known(identifier), s.options.Now()
	a.unanswered = slices.DeleteFunc(a.unanswered, func(u unanswered) bool {
		if who == nil || u.profile != who.number {
			return false
		}
		who.setConsent(u.channel, consent{subscribed, now.UTC().Truncate(time.Second), u.source, true})
		if l := a.list(u.listID); l != nil {
			l.join(who.number, now)
		}
		return true
	})
}

package export

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Subscription is how people are subscribed who say yes to marketing.
type Subscription struct {
	Channels     []klaviyo.Channel // at least one
	CustomSource string            // where the consent comes from, in words that Klaviyo shows; empty for none
}

// Subscriptions are what became of the consents that a run was to pass on. Each is in
// exactly one of Subscribed, Pending, Already, OptedOut, Unconfirmed, Refused and Left.
type Subscriptions struct {
	News int64 // profiles whose consent was to be passed on

	Subscribed  int64       // subscribed now, to some channel at least
	Pending     int64       // Klaviyo has asked them for a confirmation
	Already     int64       // subscribed to all channels before
	OptedOut    int64       // not subscribed to any channel since they opted out, not before they consented
	Unconfirmed int64       // the request may have arrived; it is not repeated, or Klaviyo could ask them twice
	Refused     tally.Tally // whom Klaviyo did not subscribe to any channel, in its words
	Left        int64       // still to be passed on; 0 unless Denied is set or the run failed

	// Partly are those of Subscribed and Pending whom Klaviyo did not subscribe to all
	// channels, in its words.
	Partly tally.Tally

	// Dropped is how many requests had values of a field, such as phone_number, that
	// Klaviyo has left out without saying whose.
	Dropped map[string]int64

	// Denied is the error of a key that may not subscribe anybody, with a summary and a
	// detail that say what to do; else nil.
	Denied error
}

// Subscribes is how many profiles at most a run would subscribe.
func (e *Export) Subscribes(s *Survey) int64 {
	switch {
	case e.Subscription == nil || s.Consents == nil:
		return 0
	case e.isSince(s.Consents) && s.Consents.News:
		return int64(len(s.Consents.New))
	case e.isSince(s.Consents):
		return s.Consents.Given - s.Consents.Begun
	default:
		return s.Consents.Given
	}
}

// isSince reports whether consents were compared with those that are dealt with.
func (e *Export) isSince(c *pipeline.Consents) bool {
	return e.Subscribed != nil && c.Since == e.Subscribed.Identity()
}

// knowsConsents reports whether a survey tells whose consent is news, as far as that is
// known. It does not if somebody consented in the future, which has come by now.
func (e *Export) knowsConsents(s *Survey) bool {
	switch {
	case e.Mapping.Consent == nil:
		return true
	case s.Consents == nil || consentedInFuture(s.Consents):
		return false
	default:
		return e.Subscribed == nil || e.isSince(s.Consents)
	}
}

// compareConsents finds out whose consent is news since the earlier sketch.
func (e *Export) compareConsents(s *Survey, now *sketch.Sketch) {
	if e.Subscribed == nil || s.Consents == nil || now == nil {
		return
	}
	news, ok := onlyIn(now, e.Subscribed)
	s.Consents.Since, s.Consents.News, s.Consents.New = e.Subscribed.Identity(), ok, keysOf(news)
}

// keysOf are the keys of sorted entries.
func keysOf(entries []sketch.Entry) (keys pipeline.Keys) {
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	return keys
}

// historical reports whether consents are passed on with their dates. Then nobody is
// asked for a confirmation, and no flow starts.
func (e *Export) historical() bool {
	return e.Mapping.Consent != nil && e.Mapping.Consent.DateColumn != ""
}

// Confirms reports whether Klaviyo asks people for a confirmation whom the export
// subscribes through a list. It does unless it says that the list is another kind.
func (e *Export) Confirms(list klaviyo.List) bool {
	return !e.historical() && list.OptInProcess != "single_opt_in"
}

// CheckConfirmations refuses to have Klaviyo send a confirmation message to each of
// so many people unless that is allowed.
func (e *Export) CheckConfirmations(list klaviyo.List, people int64) error {
	return e.checkConfirmations(list, people, sentNothing)
}

// checkConfirmations is CheckConfirmations with what had been done by then, for its error.
func (e *Export) checkConfirmations(list klaviyo.List, people int64, done string) error {
	if e.Subscription == nil || people == 0 || e.Safeguards.AllowConfirmationMails || !e.Confirms(list) {
		return nil
	}
	return &diagnostic.Error{
		Attribute: []string{"safeguards", "allow_confirmation_mails"},
		Summary:   "Klaviyo Would Ask For Confirmations",
		Detail: fmt.Sprintf("The list %q (%s) has double opt-in. The run would subscribe up to %s without the dates of their consent, so Klaviyo would send each of them a message that asks for a confirmation. "+
			"Nobody is subscribed before answering it. %s If the messages are meant, set safeguards.allow_confirmation_mails = true. "+
			"If the source knows when people consented, name the column in marketing_consent.consented_at_field: then nobody is asked. "+
			"Or set the list to single opt-in.",
			cmp.Or(list.Name, e.ListID), e.ListID, tally.Count(people, "profile"), done),
	}
}

// CheckAskedOnce refuses to have people asked for a confirmation who may have been asked
// before: where so many consents have changed that the sketch does not tell.
func (e *Export) CheckAskedOnce(list klaviyo.List, s *Survey) error {
	known := e.Subscribed == nil || e.Subscribed.Count() == 0 || s.Consents == nil || s.Consents.Given == 0 ||
		e.isSince(s.Consents) && (s.Consents.News || s.Consents.Begun > 0)
	if e.Subscription == nil || known || !e.Confirms(list) {
		return nil
	}
	return nothingSent(notKnownWhoWasAsked(list, s.Consents.Given))
}

func notKnownWhoWasAsked(list klaviyo.List, people int64) error {
	return &diagnostic.Error{
		Attribute: []string{profile.GroupConsent},
		Summary:   "Not Known Who Was Asked",
		Detail: fmt.Sprintf("The list %q (%s) has double opt-in, and so many consents have changed since the last run that it is not known whom Klaviyo has asked for a confirmation before. Do one of these:\n"+
			"  - Name the column with the dates in marketing_consent.consented_at_field: then nobody is asked.\n"+
			"  - Set the list to single opt-in.\n"+
			"  - Let the consents change in smaller steps, or add new rows at the end of the source.\n"+
			"  - To have everybody asked once more who says yes and is not subscribed, %s at most, take the block marketing_consent out, apply, and put it back.",
			list.Name, list.ID, tally.Count(people, "profile")),
	}
}

// consentedInFuture reports whether a survey found dates of consent in the future.
func consentedInFuture(c *pipeline.Consents) bool {
	return slices.ContainsFunc(c.Faults.Reasons(), func(r tally.Reason) bool { return r.Code == string(profile.ConsentInFuture) })
}

// PartlySubscribed is the error of a run that failed when the profiles had been sent,
// while or after consents were passed on. It tells what the next run need not do again.
// The error in it may be an [*UnfinishedRemoval] or a [*PartlySent], which tell more.
type PartlySubscribed struct {
	Err error

	// Subscribed is that of the next run, for which those consents are no news that this
	// run has dealt with. It is nil if the export keeps no sketches.
	Subscribed *sketch.Sketch

	Subscriptions Subscriptions // so far; its Left are still to be passed on

	// Acknowledged and AcknowledgedKeys are those of the next run. They are nil if the
	// error in this one has them, or if nothing is known to be acknowledged.
	Acknowledged, AcknowledgedKeys *sketch.Sketch
}

func (e *PartlySubscribed) Error() string { return e.Err.Error() }

func (e *PartlySubscribed) Unwrap() error { return e.Err }

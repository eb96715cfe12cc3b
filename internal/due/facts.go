// Package due decides whether a run of an export is due, and why. Its input are
// plain values and its output are words: it reads nothing, sends nothing, and
// knows neither Terraform nor Klaviyo's API.
package due

import "time"

// Facts is all that the decision rests on.
type Facts struct {
	// Last is the last run. If it is nil there was none, and nothing else counts.
	Last *Run

	Now Inputs // what a run would be made with now

	// What is declared differs from what was declared so far.
	EnabledAgain    bool // the export was switched off until now
	MappingChanged  bool // columns fill something else, or it is not known yet what
	SegmentsChanged bool // the segments are declared otherwise; they may hold the same
	ScheduleChanged bool
	FullSendChanged bool // after how long everything is sent once more
	Edited          bool // anything at all differs

	Survey *Survey // of the segments as they are declared now; nil if they were not read

	// Refresh is what refreshing found. It is nil if the plan is made without a
	// refresh, or if refreshing found nothing that makes a run due.
	Refresh       *Refresh
	JustRefreshed bool // this process has refreshed the export, whatever that found

	MembershipCheck string // CheckCount, CheckFull, CheckSample or CheckNone
	Send            string // SendChanges or SendEverything; empty while it is not known

	// FullSend says that everything was last sent so long ago, as seen now, that it
	// is to be sent once more.
	FullSend bool

	// Tick is when the schedule has made a run due since the last one, as seen
	// now. It is zero if it has not.
	Tick time.Time
}

// How the members of the list are compared with the segments.
const (
	CheckCount  = "count"  // by their number
	CheckFull   = "full"   // one by one
	CheckSample = "sample" // some of them
	CheckNone   = "none"
)

// List is where an export sends profiles to.
type List struct {
	AccountID string `json:"account_id"`
	ListID    string `json:"list_id"`
}

// Inputs are what a run is made with, other than the profiles themselves. A
// change of any of them makes a run due. They are kept as JSON between plans.
type Inputs struct {
	List
	SyncMode string            `json:"sync_mode"`
	Removes  string            `json:"removes,omitempty"` // who may be removed from the list; empty for the usual
	OptOuts  string            `json:"opt_outs"`
	Channels string            `json:"channels,omitempty"` // that people are subscribed to; empty if nobody is
	Triggers map[string]string `json:"triggers"`
}

// Run is a run that is over.
type Run struct {
	Inputs      Inputs // what it was made with
	Fingerprint string // of the profiles that it exported
	Profiles    int64  // in the segments then, those withheld included
	Unconfirmed int64  // profiles that Klaviyo did not confirm
	Untaken     int64  // profiles that Klaviyo could not take because of trouble of its own
	Known       bool   // which profiles Klaviyo acknowledged is known

	// PartlySent says that a later run failed after it had sent profiles, so that nobody
	// knows what Klaviyo has of them. Unless PartlySentListed, it is not known either which
	// profiles these were.
	PartlySent, PartlySentListed bool

	// Succeeded says that it is not known because the segments changed while this run sent
	// their changes, and not because a run failed.
	Succeeded bool

	// Killed says that a later run was killed. Terraform then drops what was kept of this
	// one, and nobody knows what Klaviyo has got since.
	Killed bool

	// DestroyUnfinished says that a destroy failed while it removed from the list whom the
	// export has put there, so that the list lacks members whom this run exported.
	DestroyUnfinished bool

	// RemovalUnfinished says that a later run failed while it removed members from the list
	// who left the segments. Unremoved is how many were left then; below 0 if that is not
	// known. If one of them is in the segments again, they are among the updated with
	// UnremovedListed, else among the added.
	RemovalUnfinished bool
	Unremoved         int64
	UnremovedListed   bool

	// Unsubscribed is how many people still are to be subscribed, because the last run, or
	// a later one that failed, did not get to them; below 0 if their number is not known.
	Unsubscribed int64

	// Missing is who was missing on the list right after the run, because Klaviyo
	// merged or skipped profiles. It is zero if nobody looked.
	Missing Missing
}

// Survey is what reading the segments found.
type Survey struct {
	Fingerprint string
	Profiles    int64
	Changes     *Difference // since the last run; nil if they are too many or not known
	Consents    int64       // that no run has passed on yet, as far as they are listed
}

// Difference is how many profiles have changed since the last run.
type Difference struct {
	Added, Updated, Removed int64
}

// Refresh is what refreshing found.
type Refresh struct {
	List         List        // that was looked at
	SegmentsRead bool        // the segments could be read
	Lost         int64       // members since the last run, opt-outs aside
	Membership   *Membership // nil if the members were not compared one by one
	Sample       *Sample     // nil if no sample was looked up
	Tick         time.Time   // when the schedule has made a run due; zero if it has not
	FullSend     bool        // as in Facts, at the time of the refresh
	ListGone     bool        // List does not exist any more
}

// Membership is how the list and the segments compare.
type Membership struct {
	Missing   Missing
	Listed    bool  // it is known who is missing, so that only they need be sent
	Strangers int64 // members that are in none of the segments
}

// Sample is what looking up some of the people on the list found.
type Sample struct {
	People  int64 // who should be on the list
	Missing int64 // of these who are not
}

// Missing identifies the profiles of the segments that are not on the list. It
// is kept as JSON between plans.
type Missing struct {
	Count       int64  `json:"count"`
	Fingerprint string `json:"fingerprint"` // of their addresses, abridged
}

// Beyond reports whether somebody is missing who was not before.
func (m Missing) Beyond(before Missing) bool {
	return m.Count > before.Count || m.Count == before.Count && m.Count > 0 && m.Fingerprint != before.Fingerprint
}

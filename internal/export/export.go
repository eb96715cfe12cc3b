// Package export is an export of segments to a list: what must hold before
// anything is sent, a survey (read and count, send nothing), and a run, which is
// made of steps. Package pipeline turns rows into profiles, package bulk sends
// them to Klaviyo.
package export

import (
	"cmp"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Export is a declared export: which people, how they are written, and where
// they go.
type Export struct {
	Segments []pipeline.Segment // their union is exported, in this order
	Mapping  profile.Mapping
	ListID   string

	Destination Destination
	Safeguards  Safeguards

	// SegmentProperty is a custom property that receives the names of the
	// segments that a profile is in; empty for none.
	SegmentProperty string

	// RejectsPath names a file that gets a line for each row that is not
	// exported: segment, row, reason, code. Empty for none.
	RejectsPath string

	// TrackChanges keeps track of which profiles Klaviyo has acknowledged, so that
	// later runs need to send only what has changed.
	TrackChanges bool

	// Acknowledged are the profiles that Klaviyo has acknowledged so far. If it is
	// set, only what has changed since is sent. It needs TrackChanges.
	Acknowledged *sketch.Sketch

	// AcknowledgedAt is when that was; zero if it is not known.
	AcknowledgedAt time.Time

	// SendEverything sends all profiles even if Acknowledged tells what has changed.
	SendEverything bool

	// Mirror is who is removed from the list that is not in the segments. It needs
	// TrackChanges, unless it is MirrorNone or MirrorAll.
	Mirror Mirror

	// AcknowledgedKeys are the keys of Acknowledged by a sketch of their own, of
	// entries without values. With it a mirror knows whom this export has put on the
	// list even if the changes are too many to be listed.
	AcknowledgedKeys *sketch.Sketch

	// MayHaveJoined are the keys of profiles that are not in Acknowledged, and that a run
	// that failed may have put on the list. Those that are not in the segments have left.
	MayHaveJoined pipeline.Keys

	// KeepKeys has a run return AcknowledgedKeys even if the export is no mirror.
	KeepKeys bool

	// RemovalUnfinished says that an earlier run has not removed everybody from the list
	// who left, and that only AcknowledgedKeys and Leaving still have them.
	RemovalUnfinished bool

	// Leaving are further keys of members who are to be removed, unless that has
	// happened already. They are made like AcknowledgedKeys, which does not have them.
	Leaving pipeline.Keys

	// Subscription is how people are subscribed who say yes to marketing, according to
	// the consent of Mapping, which it needs. With nil nobody is.
	Subscription *Subscription

	// Subscribed are the consents that earlier runs have dealt with: passed on, found to
	// be there already, or found to be overridden by an opt-out. They are not dealt with
	// again. With nil, or if too many consents have changed since, everybody who says yes
	// is news. It needs TrackChanges, and must be nil if Channels were others then.
	Subscribed *sketch.Sketch

	// OptOuts is who is withheld because they do not want email.
	OptOuts OptOuts

	// Clock tells the time and waits between polls; nil for the clock of the machine.
	Clock wait.Clock

	// NewSalt returns the salt of a sketch that is made anew; nil for random ones, which
	// alone keep addresses secret. With a known salt tests know what a sketch can list.
	NewSalt func() sketch.Salt

	limits bulk.Limits // of a batch; zero for as much as an import may hold
}

func (e *Export) clock() wait.Clock { return cmp.Or[wait.Clock](e.Clock, wait.System{}) }

// Destination is the connection an export uses.
type Destination struct {
	AccountID      string
	Consent        bool     // personal data may leave the source for Klaviyo
	AllowedListIDs []string // nil allows any list
	MaxProfiles    int64    // most profiles of one export; 0 for no limit
}

// allows reports whether the connection may be used for a list.
func (d Destination) allows(listID string) bool {
	return d.AllowedListIDs == nil || slices.Contains(d.AllowedListIDs, listID)
}

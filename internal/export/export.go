// Package export is the engine: it surveys segments (reads, counts,
// fingerprints, sends nothing) and runs exports (checks, sends, waits,
// reports).
//
// Rows stream through both the same way. One reader cuts the segments into
// chunks, workers map and encode them in parallel, and one consumer takes the
// chunks in the order of the rows. A run goes on from there: the packer fills
// batches, uploaders send them, one poller follows the jobs. Every stage hands
// on through a bounded channel, so the slowest one sets the pace and memory
// stays flat.
package export

import (
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
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

	// IgnoreOptOuts exports also who unsubscribed from the list.
	IgnoreOptOuts bool

	limits bulk.Limits // of a batch; zero for as much as an import may hold
}

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

package bulk

import (
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Report is what Klaviyo said of single profiles. It is safe for concurrent use
// while the import runs; its fields may be read once the import is over.
type Report struct {
	Refused     tally.Tally  // profiles that were not imported, and fail again as they are
	Untaken     tally.Tally  // profiles that were not imported, with nothing known to be wrong with them
	Unwanted    tally.Tally  // values that Klaviyo refused and that were left out
	Unconfirmed Unconfirmeds // in the order of the rows

	onReject func(row tally.Row, code, reason string)
	mu       sync.Mutex
}

// reject records a profile that was not imported.
func (r *Report) reject(f Failure, code string, target profile.Target, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := &r.Refused
	if f.Kind == Transient || f.Kind == Unexplained { // either may succeed another time as it is
		of = &r.Untaken
	}
	of.Add(f.Row, code, target, words)
	r.list(f.Row, code, words)
}

func (r *Report) list(row tally.Row, code, words string) {
	if r.onReject != nil {
		r.onReject(row, code, words)
	}
}

// Omit records a value that was left out since Klaviyo does not take it.
func (r *Report) Omit(row tally.Row, t profile.Target, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Unwanted.Add(row, tally.CodeDropped, t, words)
}

// omit records a value that was left out, unless the profile is sent again: then it was
// left out before, too.
func (im *Import) omit(row tally.Row, t profile.Target, words string) {
	if !im.again {
		im.Report.Omit(row, t, words)
	}
}

// String says what Klaviyo said of profiles and of values, a line for each
// reason.
func (r *Report) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Refused.String() + r.Untaken.String() + r.Unwanted.String()
}

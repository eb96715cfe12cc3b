package bulk

import (
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// FailureKind says what can be done about a profile that Klaviyo did not import.
type FailureKind int

// The kinds of failures.
const (
	// Refused is a profile with a value that Klaviyo does not take. It fails again
	// until its row changes.
	Refused FailureKind = iota

	// Unexplained is a profile that failed for a reason that this package does not
	// know and that is about no value. It may succeed when it is sent again.
	Unexplained

	// Transient is a profile that failed because of trouble on Klaviyo's side. It
	// is likely to succeed when it is sent again.
	Transient

	// Taken is a profile whose phone number or external id belongs to another
	// profile in Klaviyo. It succeeds without them.
	Taken
)

// Failure is a profile that Klaviyo did not import.
type Failure struct {
	Kind FailureKind
	Row  tally.Row // the zero value if it is not known which profile it is
	ID   ID        // likewise
}

// ID tells a profile from others, and what it was sent with from what it is sent
// with another time.
type ID struct {
	Email   uint64 // hash of the address
	Content uint64 // hash of the encoded profile
}

// codeTaken is Klaviyo's code for an identifier that belongs to another profile.
const codeTaken = "duplicate_profile"

// serverCodes are parts of the codes with which Klaviyo reports trouble of its
// own: "A server error occurred. Please try again." Its documentation lists no
// codes of import errors.
var serverCodes = []string{"server", "internal", "unavailable", "timeout", "timed_out", "throttle", "rate_limit", "try_again"}

// kindOf tells the kind of a failure from the code and the pointer of an import
// error.
func kindOf(e klaviyo.ImportError) FailureKind {
	code := strings.ToLower(e.Code)
	if code == codeTaken {
		return Taken
	}
	for _, part := range serverCodes {
		if strings.Contains(code, part) {
			return Transient
		}
	}
	if strings.Contains(code, "invalid") || target(e.Pointer).Name != "" {
		return Refused
	}
	return Unexplained
}

// fail records an import error of a job.
func (im *Import) fail(f Failure, e klaviyo.ImportError) {
	im.reject(f, e.Code, target(e.Pointer), words(e.Title, e.Detail))
}

// reject records a profile that was not imported, unless it will be sent again.
func (im *Import) reject(f Failure, code string, t profile.Target, words string) {
	if im.onFailure == nil || !im.onFailure(f) {
		im.Report.reject(f, code, t, words)
		return
	}
	im.ledger.fail(1)
}

// RejectGone records profiles that were to be sent again and no longer are in the
// segments.
func (im *Import) RejectGone(profiles int) {
	im.ledger.fail(-profiles)
	for range profiles {
		im.Report.reject(Failure{}, "not_imported", profile.Target{}, "Klaviyo had not imported the profile, and it was gone when it was to be sent again")
	}
}

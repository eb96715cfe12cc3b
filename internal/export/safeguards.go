package export

import (
	"fmt"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// DefaultMaxRejectedPercent is for exports that do not say how many rows may
// be rejected: when it is more, the source or the mapping is probably wrong.
const DefaultMaxRejectedPercent = 10

// DefaultMaxRemovedPercent is for mirrors that do not say how many members may be
// removed from the list at once: a segment that lost a quarter of its people has more
// often lost its source.
const DefaultMaxRemovedPercent = 25

// Safeguards stop runs that are probably mistakes.
type Safeguards struct {
	MaxRejectedPercent int64 // of the rows, 0 to 100
	MaxRemovedPercent  int64 // of the members of the list that may be removed, 0 to 100
	MaxProfiles        int64 // of the segments; 0 for no limit
	AllowEmptySegment  bool  // a segment without rows is no failure of its source
	AllowLiveFlows     bool  // joining the list may start flows

	// AllowConfirmationMails lets Klaviyo ask people for a confirmation of the
	// subscription.
	AllowConfirmationMails bool
}

// CheckSurvey refuses a survey that must not lead to a run.
func (e *Export) CheckSurvey(s *Survey) error {
	if err := e.checkRejected(s); err != nil {
		return nothingSent(err)
	}
	return nothingSent(e.checkSize(s.Profiles, true))
}

// checkRejected refuses segments too many of whose rows cannot be exported.
func (e *Export) checkRejected(s *Survey) error {
	if err := typeErrors(&s.Rejected); err != nil {
		return err
	}
	rejected := s.Rejected.Total
	switch limit := e.Safeguards.MaxRejectedPercent; {
	case s.Profiles == 0 && s.Unconsented > 0:
		return e.nobodyConsents(s)
	case s.Profiles == 0 && rejected > 0:
		return &diagnostic.Error{
			Attribute: []string{"segment"},
			Summary:   "No Row Can Be Exported",
			Detail:    fmt.Sprintf("Of %s none can become a profile:\n%s\nCorrect the source or the mapping.", tally.Count(s.Rows, "row"), s.Rejected.String()),
		}
	case rejected*100 > limit*s.Rows:
		return &diagnostic.Error{
			Attribute: []string{"safeguards", "max_rejected_percent"},
			Summary:   "Too Many Rows Cannot Be Exported",
			Detail: fmt.Sprintf("Of %s, %s cannot be exported: %s, where %d %% are allowed.\n%sCorrect the source or the mapping; "+
				"or if this is expected, raise safeguards.max_rejected_percent.",
				tally.Count(s.Rows, "row"), tally.Thousands(rejected), tally.Percent(rejected, s.Rows), limit, s.Rejected.String()),
		}
	}
	return nil
}

// nobodyConsents refuses an export of those who say yes if no row does: more often the
// column is a wrong one than everybody has refused.
func (e *Export) nobodyConsents(s *Survey) error {
	if e.Safeguards.AllowEmptySegment {
		return nil
	}
	return &diagnostic.Error{
		Attribute: profile.ConsentTarget.Attribute(),
		Summary:   "No Row Says Yes",
		Detail: fmt.Sprintf("With only_consented = true only rows that say yes are exported, and of %s none says yes in the column %q of %s. "+
			"Yes is any of %s, in upper or lower case. Name the column that has the consents; or if really nobody consents, set safeguards.allow_empty_segment = true.",
			tally.Count(s.Rows, "row"), e.Mapping.Consent.Column, profile.ConsentTarget, strings.Join(profile.ConsentWords(), ", ")),
	}
}

// checkSize refuses more profiles than may be exported. all says that there are
// no more to come.
func (e *Export) checkSize(profiles int64, all bool) error {
	held := func(limit int64) string {
		if all {
			return tally.Count(profiles, "profile")
		}
		return "more than " + tally.Count(limit, "profile")
	}
	if limit := e.Safeguards.MaxProfiles; limit > 0 && profiles > limit {
		return &diagnostic.Error{
			Attribute: []string{"safeguards", "max_profiles"},
			Summary:   "Too Many Profiles",
			Detail: fmt.Sprintf("The segments hold %s, and safeguards.max_profiles allows %s. "+
				"If they are all meant to be exported, raise it.", held(limit), tally.Thousands(limit)),
		}
	}
	if limit := e.Destination.MaxProfiles; limit > 0 && profiles > limit {
		return &diagnostic.Error{
			Attribute: []string{"destination"},
			Summary:   "Too Many Profiles",
			Detail: fmt.Sprintf("The segments hold %s, and the connection allows %s for one export. "+
				"If they are all meant to be exported, raise max_profiles_per_export of the connection.", held(limit), tally.Thousands(limit)),
		}
	}
	return nil
}

// typeErrors says of each property that is to stop the export which rows are not of
// its type. Such a run is refused before anything is sent.
func typeErrors(rejected *tally.Tally) error {
	var out diagnostic.Errors
	for _, r := range rejected.Reasons() {
		if r.Code != string(profile.PropertyType) {
			continue
		}
		out = append(out, &diagnostic.Error{
			Attribute: append(r.Target.Attribute(), "type"),
			Summary:   "Property Is Not Of Its Type",
			Detail: fmt.Sprintf("In %s, %s. Correct the rows, or set on_invalid of the property so that such values are left out.",
				r.Rows(), r.Words),
		})
	}
	if out == nil {
		return nil
	}
	return out
}

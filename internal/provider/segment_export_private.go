package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// Keys of the private state of an export.
const (
	// keyRefresh is what a refresh found that makes a run due. Terraform plans an
	// update twice, the second time when it applies, and requires the same result;
	// so both plans use what the refresh read. It is empty while the state is up to
	// date: Terraform saves what a refresh stores even if nothing is planned, and a
	// later plan without a refresh could not know how old it is.
	keyRefresh = "refresh"

	// keySurveyed is the last survey of segments whose versions are known.
	keySurveyed = "surveyed"

	// keyMissing is who was missing on the list after the last run, a [due.Missing].
	keyMissing = "missing"

	// keyAbsent is who of a sample was not on the list after the last run, an
	// [export.Absent].
	keyAbsent = "absent"

	// keyInputs is what the last run was made with, [due.Inputs]. The attributes
	// of the state may have changed since without a run.
	keyInputs = "last_run_inputs"

	// keyCounts are counts of the last run, [runCounts].
	keyCounts = "last_run_counts"

	// keyAcknowledged and keyAcknowledgedKeys are the sketches of the profiles that
	// Klaviyo has acknowledged, the second of keys alone and only of exports that take
	// people from the list. They are of the account and the list of keyInputs.
	keyAcknowledged     = "acknowledged"
	keyAcknowledgedKeys = "acknowledged_keys"

	// keySubscribed is which consents runs have dealt with, [subscribed].
	keySubscribed = "subscribed"

	// keyUnfinished is what is known of a removal that a run did not finish, an
	// [unfinishedRemoval].
	keyUnfinished = "unfinished_removal"

	// keyPartlySent is what is known of a run that failed after it had sent profiles, a
	// [partlySent].
	keyPartlySent = "partly_sent"

	// keyWithdrawn is what a destroy has not finished, an [unfinishedDestroy].
	keyWithdrawn = "unfinished_destroy"
)

// privateState is the data that the framework stores beside the attributes.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// load reads a value from the private state. It reports whether there is one.
func load(ctx context.Context, private privateState, key string, into any, diags *diag.Diagnostics) bool {
	value, found := private.GetKey(ctx, key)
	diags.Append(found...)
	return len(value) > 0 && json.Unmarshal(value, into) == nil
}

// store sets a value in the private state; nil removes the key.
func store(ctx context.Context, private privateState, key string, value any, diags *diag.Diagnostics) {
	var encoded []byte
	if value != nil {
		var err error
		if encoded, err = json.Marshal(value); err != nil {
			diags.AddError("Private State Not Written", "This is a bug in the provider; please report it to its developers: "+err.Error())
			return
		}
	}
	diags.Append(private.SetKey(ctx, key, encoded)...)
}

// refreshed is what refreshing found. Two refreshes that find the same are equal.
type refreshed struct {
	Survey *export.Survey `json:"survey"` // nil if the segments could not be read
	Lost   int64          `json:"lost"`   // members since the last run, opt-outs aside
	Tick   time.Time      `json:"tick"`   // when the schedule last made a run due; zero if it did not

	// FullSend says that it was time to send everything once more.
	FullSend bool `json:"full_send"`

	// ListGone says that the list does not exist any more.
	ListGone bool `json:"list_gone,omitempty"`

	// Membership is set where the list was read.
	Membership *export.Membership `json:"membership"`

	// Sample is set where a sample of the people was looked up on the list.
	Sample *export.SampleCheck `json:"sample,omitempty"`
}

// runCounts are counts of a run that its attributes do not have.
type runCounts struct {
	Profiles int64 `json:"profiles"` // in the segments
	Untaken  int64 `json:"untaken"`  // that Klaviyo could not take for now
}

// storeSketch keeps a sketch; nil removes the one that was kept.
func storeSketch(ctx context.Context, private privateState, key string, s *sketch.Sketch, diags *diag.Diagnostics) {
	if s == nil {
		store(ctx, private, key, nil, diags)
		return
	}
	store(ctx, private, key, s.Encode(), diags)
}

// loadSketch returns a sketch that was kept. It is nil if there is none, or if it
// cannot be read: a run then sends everything, which is always right.
func loadSketch(ctx context.Context, private privateState, key string, diags *diag.Diagnostics) *sketch.Sketch {
	value, found := private.GetKey(ctx, key)
	diags.Append(found...)
	if len(value) == 0 {
		return nil
	}
	var encoded []byte
	if err := json.Unmarshal(value, &encoded); err != nil {
		warnSketch(ctx, key, err)
		return nil
	}
	return decodeSketch(ctx, key, encoded)
}

// decodeSketch returns a sketch that was kept, nil if there is none or if it cannot be
// read.
func decodeSketch(ctx context.Context, key string, encoded []byte) *sketch.Sketch {
	if len(encoded) == 0 {
		return nil
	}
	s, err := sketch.Decode(encoded)
	if err != nil {
		warnSketch(ctx, key, err)
		return nil
	}
	return s
}

func warnSketch(ctx context.Context, key string, err error) {
	logging.Warn(ctx, "What was kept of the last run cannot be read, so everything is sent", logging.Fields{"key": key, "reason": err.Error()})
}

// surveyed is a survey, and what was declared then.
type surveyed struct {
	Source string         `json:"source"`
	Survey *export.Survey `json:"survey"`
}

// storeSurveyed keeps a survey for as long as the versions of the segments are the
// same.
func storeSurveyed(ctx context.Context, private privateState, m *segmentExportModel, e *export.Export, s *export.Survey, diags *diag.Diagnostics) {
	if s == nil || s.Version == "" || !e.TellsChanges() {
		store(ctx, private, keySurveyed, nil, diags)
		return
	}
	store(ctx, private, keySurveyed, surveyed{m.sourceDigest(), s}, diags)
}

// loadSurveyed returns the survey that was kept, nil if the declaration has changed
// since.
func loadSurveyed(ctx context.Context, private privateState, m *segmentExportModel, diags *diag.Diagnostics) *export.Survey {
	var last surveyed
	if !load(ctx, private, keySurveyed, &last, diags) || last.Source != m.sourceDigest() {
		return nil
	}
	return last.Survey
}

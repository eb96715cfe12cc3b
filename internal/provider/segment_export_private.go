package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// Keys of the private state of an export.
const (
	// keySurvey is what refreshing found in the segments. Terraform makes the
	// plan of an update twice, again when it applies it, and insists on the
	// same result; so a plan rests on what was read once, before it.
	keySurvey = "survey"

	// keyInputs is what the last run was made with. The attributes of the
	// state may have changed since without a run.
	keyInputs = "last_run_inputs"
)

// privateState is what the framework keeps beside the attributes.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// runInputs are the inputs, other than the profiles themselves, that make a
// run due when they change.
type runInputs struct {
	AccountID string            `json:"account_id"`
	ListID    string            `json:"list_id"`
	SyncMode  string            `json:"sync_mode"`
	OptOuts   string            `json:"opt_outs"`
	Triggers  map[string]string `json:"triggers"`
}

// sameList reports whether two runs go to one list.
func (i runInputs) sameList(other runInputs) bool {
	return i.AccountID == other.AccountID && i.ListID == other.ListID
}

// changedTriggers names the triggers that differ.
func (i runInputs) changedTriggers(now map[string]string) map[string]struct{} {
	changed := map[string]struct{}{}
	for name, value := range now {
		if before, ok := i.Triggers[name]; !ok || before != value {
			changed[name] = struct{}{}
		}
	}
	for name := range i.Triggers {
		if _, ok := now[name]; !ok {
			changed[name] = struct{}{}
		}
	}
	return changed
}

// load reads a value from the private state. It reports false when there is
// none.
func load(ctx context.Context, private privateState, key string, into any, diags *diag.Diagnostics) bool {
	value, found := private.GetKey(ctx, key)
	diags.Append(found...)
	return len(value) > 0 && json.Unmarshal(value, into) == nil
}

// store puts a value into the private state; nil takes the key out.
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

// storeSurvey keeps the survey of a refresh; nil for none.
func storeSurvey(ctx context.Context, private privateState, survey *export.Survey, diags *diag.Diagnostics) {
	if survey == nil {
		store(ctx, private, keySurvey, nil, diags)
		return
	}
	store(ctx, private, keySurvey, survey, diags)
}

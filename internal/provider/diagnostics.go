package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// addError turns an error of any layer into diagnostics, at the attribute that
// is to blame where one is.
func addError(diags *diag.Diagnostics, err error) {
	var several export.Errors
	var one *export.Error
	var key *keyError
	switch {
	case errors.As(err, &several):
		for _, e := range several {
			add(diags, attributePath(e.Attribute), e.Summary, e.Detail)
		}
	case errors.As(err, &one):
		add(diags, attributePath(one.Attribute), one.Summary, one.Detail+keyHint(err))
	case errors.As(err, &key):
		add(diags, key.at, key.summary, key.detail)
	case errors.Is(err, context.Canceled):
		diags.AddError("Interrupted", "The operation was cancelled before it was complete.")
	case errors.Is(err, context.DeadlineExceeded):
		diags.AddError("Time Is Up", "The operation took longer than its timeout allows. Nothing is lost; raise timeouts if it is to take this long.")
	default:
		summary, detail := klaviyo.Explain(err)
		diags.AddError(summary, detail+keyHint(err))
	}
}

func add(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	if len(at.Steps()) == 0 {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(at, summary, detail)
}

// keyHint says which key Klaviyo refused.
func keyHint(err error) string {
	var used *usedKeyError
	if !errors.As(err, &used) || !klaviyo.IsUnauthorized(err) && !klaviyo.IsForbidden(err) {
		return ""
	}
	return "\n\nThe key came from " + used.origin + "."
}

// attributePath turns the path of an argument into Terraform's terms. Segments
// and properties are maps, everything else is an attribute.
func attributePath(steps []string) path.Path {
	at := path.Empty()
	for i, step := range steps {
		switch {
		case i == 0:
			at = path.Root(step)
		case i == 1 && (steps[0] == "segments" || steps[0] == profile.GroupProperties):
			at = at.AtMapKey(step)
		default:
			at = at.AtName(step)
		}
	}
	return at
}

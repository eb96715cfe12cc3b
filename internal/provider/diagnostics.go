package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// addError turns an error of any layer into diagnostics, at the attribute that
// caused it if there is one.
func addError(diags *diag.Diagnostics, err error) { addErrorAt(diags, err, attributePath) }

// addErrorAt is addError with its own conversion of paths.
func addErrorAt(diags *diag.Diagnostics, err error, attributePath func(steps []string) path.Path) {
	var several diagnostic.Errors
	var one *diagnostic.Error
	switch {
	case errors.As(err, &several):
		for _, e := range several {
			add(diags, attributePath(e.Attribute), e.Summary, e.Detail)
		}
	case errors.As(err, &one):
		add(diags, attributePath(one.Attribute), one.Summary, one.Detail+keyHint(err))
	case errors.Is(err, context.Canceled):
		add(diags, path.Empty(), "Interrupted", "The operation was cancelled before it was complete."+waitHint(err)+" Run Terraform again to complete it.")
	case errors.Is(err, context.DeadlineExceeded):
		add(diags, path.Empty(), "Time Is Up", "The operation took longer than its timeout allows."+waitHint(err)+
			" Nothing is lost: run Terraform again, and raise timeouts if the operation needs more time.")
	default:
		summary, detail := klaviyo.Explain(err)
		add(diags, path.Empty(), summary, detail+keyHint(err))
	}
}

// add adds an error. It may quote sources and Klaviyo, so control characters are
// escaped.
func add(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	detail = redact.Controls(detail)
	if len(at.Steps()) == 0 {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(at, summary, detail)
}

// waitHint says what an operation that was interrupted was waiting for.
func waitHint(err error) string {
	if words := klaviyo.WaitedFor(err); words != "" {
		return " " + words
	}
	return ""
}

// keyHint says which key Klaviyo refused.
func keyHint(err error) string {
	var used *usedKeyError
	if !errors.As(err, &used) || !klaviyo.IsUnauthorized(err) && !klaviyo.LacksScope(err) {
		return ""
	}
	return "\n\nThe key came from " + used.origin + "."
}

// attributePath converts the path of an argument for Terraform.
func attributePath(steps []string) path.Path {
	at := path.Empty()
	for i, step := range steps {
		if i == 0 {
			at = path.Root(step)
		} else {
			at = at.AtName(step)
		}
	}
	return at
}

package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// failure explains why a run ended early and what it had done by then. All
// stages must have ended.
func (r *run) failure(ctx context.Context, err error) error {
	var explained *Error
	var several Errors
	switch {
	case ctx.Err() != nil:
		why := "It was cancelled."
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			why = cause.Error() + "."
		}
		return &Error{Summary: "Export Interrupted", Detail: why + " " + r.progress(), Err: ctx.Err()}
	case errors.As(err, &explained) || errors.As(err, &several):
		return err
	default:
		summary, detail := klaviyo.Explain(err)
		return &Error{Summary: summary, Detail: detail + "\n\n" + r.progress(), Err: err}
	}
}

// progress says what Klaviyo has of a run that ended early.
func (r *run) progress() string {
	if r.finished == 0 && len(r.open) == 0 {
		return "Klaviyo had not accepted any profile yet."
	}
	text := fmt.Sprintf("Klaviyo had finished %s", Count(r.finished, "import job"))
	if len(r.open) > 0 {
		var profiles int64
		for _, job := range r.open {
			profiles += int64(len(job.profiles))
		}
		text += fmt.Sprintf(" and accepted %s more with %s (%s), which it will most likely finish by itself",
			Thousands(int64(len(r.open))), Count(profiles, "profile"), abridged(slices.Sorted(maps.Keys(r.open))))
	}
	return text + ". Apply again: profiles that have arrived are not added twice, and those that have not are sent."
}

// abridged lists the first few of many names.
func abridged(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", ..."
}

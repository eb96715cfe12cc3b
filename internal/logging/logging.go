// Package logging writes to Terraform's log, without personal data and API
// keys.
//
// Text is masked here, before tflog gets it. The masks of tflog itself must not
// be used: they write into the map of fields that all goroutines of a request
// share, so that the process dies of concurrent map writes
// (https://github.com/hashicorp/terraform-plugin-log/issues/246).
package logging

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// Fields are named values of a log line: numbers, booleans, or what has a text.
type Fields map[string]any

// Debug logs what helps to find a fault.
func Debug(ctx context.Context, message string, fields Fields) {
	tflog.Debug(ctx, redact.Text(message), cleanFields(fields))
}

// Info logs how far something is.
func Info(ctx context.Context, message string, fields Fields) {
	tflog.Info(ctx, redact.Text(message), cleanFields(fields))
}

// Warn logs what went wrong without ending anything.
func Warn(ctx context.Context, message string, fields Fields) {
	tflog.Warn(ctx, redact.Text(message), cleanFields(fields))
}

// WithField returns a context whose log lines have one more field.
func WithField(ctx context.Context, name string, value any) context.Context {
	return tflog.SetField(ctx, name, cleanValue(value))
}

// cleanFields returns a map of its own, which tflog may write to.
func cleanFields(fields Fields) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		out[name] = cleanValue(value)
	}
	return out
}

func cleanValue(value any) any {
	switch v := value.(type) {
	case nil, bool, int, int32, int64, uint32, uint64, float64, time.Time:
		return v
	case string:
		return redact.Text(v)
	case error:
		return redact.Text(v.Error())
	default:
		return redact.Text(fmt.Sprint(v))
	}
}

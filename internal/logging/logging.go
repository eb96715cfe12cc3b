// Package logging writes to Terraform's log without personal data and API keys.
//
// It masks text before tflog gets it. The masks of tflog must not be used: they
// write to a map that all goroutines of a request share, and concurrent map
// writes end the process
// (https://github.com/hashicorp/terraform-plugin-log/issues/246).
package logging

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// Fields are the named values of a log line.
type Fields map[string]any

// Debug logs details that help to find an error.
func Debug(ctx context.Context, message string, fields Fields) {
	tflog.Debug(ctx, redact.Text(message), cleanFields(fields))
}

// Info logs a step of the work.
func Info(ctx context.Context, message string, fields Fields) {
	tflog.Info(ctx, redact.Text(message), cleanFields(fields))
}

// Warn logs a problem that does not end the work.
func Warn(ctx context.Context, message string, fields Fields) {
	tflog.Warn(ctx, redact.Text(message), cleanFields(fields))
}

// WithField returns a context that adds a field to its log lines.
func WithField(ctx context.Context, name string, value any) context.Context {
	return tflog.SetField(ctx, name, cleanValue(value))
}

// cleanFields returns a new map, since tflog may write to it.
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

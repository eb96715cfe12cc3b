package storage

import (
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// PathErrorf returns an error that blames the path of a file. The remedy is a
// full sentence or empty; the cause may be nil.
func PathErrorf(remedy string, cause error, format string, args ...any) *segment.Error {
	return &segment.Error{Argument: []string{"file", "path"}, Problem: fmt.Sprintf(format, args...), Remedy: remedy, Err: cause}
}

package storage

import (
	"fmt"
	"strings"
)

// rangeHeader is the header of a request for length bytes from an offset, or,
// if length is negative, for the rest. Empty: the whole file.
func rangeHeader(offset, length int64) string {
	switch {
	case length >= 0:
		return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	case offset > 0:
		return fmt.Sprintf("bytes=%d-", offset)
	default:
		return ""
	}
}

// parseContentRange returns where an answer begins and how large the whole file
// is, -1 for what the header does not say.
func parseContentRange(header string) (start, size int64) {
	span, total, _ := strings.Cut(strings.TrimPrefix(header, "bytes "), "/")
	if _, err := fmt.Sscanf(total, "%d", &size); err != nil {
		size = -1
	}
	if _, err := fmt.Sscanf(span, "%d-", &start); err != nil {
		start = -1
	}
	return start, size
}

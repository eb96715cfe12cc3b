// Package segmenttest reads the rows of any source in tests. Only tests use it.
package segmenttest

import (
	"errors"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Unreadable stands for a row that cannot be read.
const Unreadable = "(unreadable)"

// ReadAll reads rows to the end or to an error that is final.
func ReadAll(rows segment.Rows) (all [][]string, err error) {
	for {
		row, err := rows.Next(nil)
		var bad *segment.RowError
		switch {
		case err == nil:
			all = append(all, row)
		case errors.As(err, &bad):
			all = append(all, []string{Unreadable})
		case errors.Is(err, io.EOF):
			return all, nil
		default:
			return all, err
		}
	}
}

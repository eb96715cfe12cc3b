package file

import "bytes"

// skipComments skips the lines at the beginning of a record that are comments. A
// line within a cell in quotes is none.
func (r *csvRows) skipComments() error {
	for {
		end, next, err := r.lines.line(0)
		if err != nil || !bytes.HasPrefix(r.lines.bytes(0, end), r.comment) {
			return err
		}
		r.lines.skip(next, 1)
	}
}

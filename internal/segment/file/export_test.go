package file

import "io"

// LineEnds makes every line end an LF.
func LineEnds(in io.Reader) io.Reader { return &lineEnds{in: in} }

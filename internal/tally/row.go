package tally

// Row is the place of a row: the n-th of a segment, header not counted.
type Row struct {
	Segment string
	Number  int64 // from 1; 0 when it is not known
}

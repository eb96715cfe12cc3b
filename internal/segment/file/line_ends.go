package file

import (
	"bytes"
	"io"
)

// lineEnds makes every line end an LF: CRLF, CR alone as old Macs and some shops
// write it, and CR CR LF, which a file gets that is converted twice. It works in
// place, on what it read.
type lineEnds struct {
	in    io.Reader
	after int // how many of the bytes before were CR: 0, 1, or 2, the last of which is not written yet

	pair [2]byte // what is read for a buffer of one byte
	rest []byte  // the part of it that was not handed out yet
	err  error   // after rest
}

// Read implements [io.Reader]. A buffer of one byte has no room for a CR that is not
// written yet and for the byte after it, so that both are read into a larger one.
func (r *lineEnds) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		if len(p) != 1 {
			return r.read(p)
		}
		n, err := r.read(r.pair[:])
		r.rest, r.err = r.pair[:n], err
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) > 0 {
		return n, nil
	}
	err := r.err
	r.err = nil
	return n, err
}

// read reads into a buffer of two bytes or more, or into one of none.
func (r *lineEnds) read(p []byte) (int, error) {
	for {
		room := 0 // for the CR that is not written yet
		if r.after == 2 && len(p) > 0 {
			room = 1
		}
		n, err := r.in.Read(p[room:])
		if r.after == 0 && bytes.IndexByte(p[:n], '\r') < 0 {
			return n, err
		}
		written := r.convert(p, p[room:room+n])
		if written > 0 || n == 0 || err != nil {
			return written, err
		}
	}
}

// convert writes a text to dst, which it may be a part of, and returns the length.
func (r *lineEnds) convert(dst, text []byte) (n int) {
	for len(text) > 0 {
		if r.after > 0 {
			c := text[0]
			switch {
			case c == '\n': // ends the line that the CR has ended
				text = text[1:]
				r.after = 0
				continue
			case r.after == 2:
				dst[n] = '\n'
				n++
			}
			if r.after = 0; c == '\r' {
				text = text[1:]
				r.after = 2
				continue
			}
		}
		at := bytes.IndexByte(text, '\r')
		if at < 0 {
			return n + copy(dst[n:], text)
		}
		n += copy(dst[n:], text[:at])
		dst[n] = '\n'
		n++
		text = text[at+1:]
		r.after = 1
	}
	return n
}

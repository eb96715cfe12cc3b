package file

import (
	"encoding/binary"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Bounds of a structure. The elements bound the memory of a footer, whose lists
// take hundreds of times their size in the file.
const (
	maxThriftDepth    = 64
	maxThriftElements = 1 << 20 // structures in lists
)

// thriftSkimmer measures a structure of Thrift's compact protocol without building
// it. The decoder of the library allocates what a list or a text claims to hold
// before it reads it, which ends the process where that is too much.
type thriftSkimmer struct {
	text     []byte
	pos      int
	elements int // structures in lists
}

// Types of values.
const (
	thriftTrue, thriftFalse, thriftByte            = 1, 2, 3
	thriftInt16, thriftInt32, thriftInt64          = 4, 5, 6
	thriftDouble, thriftBinary, thriftList         = 7, 8, 9
	thriftSet, thriftMap, thriftStruct, thriftStop = 10, 11, 12, 0
)

// skimThrift returns the length of the structure that a text begins with. The error
// is io.ErrUnexpectedEOF if the text ends before.
func skimThrift(text []byte) (int, error) {
	s := thriftSkimmer{text: text}
	err := s.structure(1)
	return s.pos, err
}

func (s *thriftSkimmer) structure(depth int) error {
	if depth > maxThriftDepth {
		return parquet.ErrCorrupted
	}
	for {
		field, err := s.byte()
		if err != nil {
			return err
		}
		kind := field & 0xf
		if kind == thriftStop {
			return nil
		}
		if field>>4 == 0 { // the id of the field follows
			if _, err := s.number(); err != nil {
				return err
			}
		}
		if kind == thriftTrue || kind == thriftFalse {
			continue // is in the type
		}
		if err := s.value(kind, depth); err != nil {
			return err
		}
	}
}

func (s *thriftSkimmer) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return s.skip(1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := s.number()
		return err
	case thriftDouble:
		return s.skip(8)
	case thriftBinary:
		length, err := s.number()
		if err != nil {
			return err
		}
		return s.skip(length)
	case thriftList, thriftSet:
		return s.list(depth)
	case thriftMap:
		return s.mapping(depth)
	case thriftStruct:
		return s.structure(depth + 1)
	default:
		return parquet.ErrCorrupted
	}
}

func (s *thriftSkimmer) list(depth int) error {
	head, err := s.byte()
	if err != nil {
		return err
	}
	size, kind := uint64(head>>4), head&0xf
	if size == 0xf {
		if size, err = s.number(); err != nil {
			return err
		}
	}
	return s.values(size, depth, kind)
}

func (s *thriftSkimmer) mapping(depth int) error {
	size, err := s.number()
	if err != nil || size == 0 {
		return err
	}
	kinds, err := s.byte()
	if err != nil {
		return err
	}
	return s.values(size, depth, kinds>>4, kinds&0xf)
}

// values skims as many groups of values as a list or a map claims to have, each of
// at least a byte.
func (s *thriftSkimmer) values(size uint64, depth int, kinds ...byte) error {
	if depth > maxThriftDepth {
		return parquet.ErrCorrupted
	}
	for range size {
		for _, kind := range kinds {
			if kind == thriftStruct {
				if s.elements++; s.elements > maxThriftElements {
					return errTooManyElements
				}
			}
			if err := s.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *thriftSkimmer) byte() (byte, error) {
	if s.pos == len(s.text) {
		return 0, io.ErrUnexpectedEOF
	}
	s.pos++
	return s.text[s.pos-1], nil
}

func (s *thriftSkimmer) number() (uint64, error) {
	n, length := binary.Uvarint(s.text[s.pos:])
	switch {
	case length > 0:
		s.pos += length
		return n, nil
	case length == 0:
		return 0, io.ErrUnexpectedEOF
	default:
		return 0, parquet.ErrCorrupted
	}
}

func (s *thriftSkimmer) skip(n uint64) error {
	if n > uint64(len(s.text)-s.pos) {
		return io.ErrUnexpectedEOF
	}
	s.pos += int(n)
	return nil
}

package sql

import (
	"encoding/json"
	"errors"
	"io"
)

// jsonRows reads the elements of an array from a JSON text as it arrives: of the array
// with a name in an object, whose other fields it keeps, or of an array alone.
type jsonRows struct {
	body    io.ReadCloser
	decoder *json.Decoder
	budget  *rowBudget
	name    string // of the array; empty for an array alone
	state   jsonRowsState
	row     json.RawMessage // whose memory is used again
	ahead   json.RawMessage // a row that peek has read
	fields  map[string]json.RawMessage
	rest    []byte // of a text that is not JSON: its beginning, from the first value on that cannot be read
}

type jsonRowsState int

const (
	beforeObject jsonRowsState = iota
	inObject
	inRows
	afterAll
)

// maxRowBytes bounds a row, and each other field.
const maxRowBytes = 64 << 20

// maxRest bounds what may follow the end of a JSON text, such as a line end.
const maxRest = 4096

// rowBudget fails reading a row that is too long.
type rowBudget struct {
	io.Reader
	max  int
	left int
}

func (b *rowBudget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, argumentError("query", "Select fewer or shorter columns.", "A row of the result is longer than %d MiB.", b.max>>20)
	}
	n, err := b.Reader.Read(p)
	b.left -= n
	return n, err
}

func newJSONRows(body io.ReadCloser, name string) *jsonRows {
	budget := &rowBudget{Reader: body, max: maxRowBytes}
	return &jsonRows{body: body, decoder: json.NewDecoder(budget), budget: budget, name: name, fields: map[string]json.RawMessage{}}
}

// peek reports whether there is another row. Then the fields before the rows are
// known, and otherwise all of them.
func (r *jsonRows) peek() (bool, error) {
	if r.ahead != nil {
		return true, nil
	}
	row, err := r.next()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	r.ahead = row
	return err == nil, err
}

// next returns the next row, whose memory it may use again. After the last one it
// returns io.EOF, and the body is closed. A text that ends early is an error.
func (r *jsonRows) next() (json.RawMessage, error) {
	if row := r.ahead; row != nil {
		r.ahead = nil
		return row, nil
	}
	row, err := r.read()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			r.rest, _ = io.ReadAll(io.LimitReader(io.MultiReader(r.decoder.Buffered(), r.body), restMaxErrorBody)) // what there is of it
		}
		if r.state == afterAll { // a connection whose answer was read to its end serves the next request
			_, _ = io.CopyN(io.Discard, r.body, maxRest)
		}
		_ = r.body.Close()
		if errors.Is(err, io.EOF) && r.state != afterAll {
			err = io.ErrUnexpectedEOF
		}
	}
	return row, err
}

func (r *jsonRows) read() (json.RawMessage, error) {
	for {
		var err error
		r.budget.left = r.budget.max
		switch {
		case r.state == afterAll:
			return nil, io.EOF
		case r.state == beforeObject:
			err = r.begin()
		case r.state == inRows && r.decoder.More():
			err = r.decoder.Decode(&r.row)
			return r.row, err
		case r.state == inRows:
			err = r.endRows()
		case r.decoder.More():
			err = r.field()
		default:
			if _, err = r.decoder.Token(); err == nil {
				r.state = afterAll
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

func (r *jsonRows) begin() error {
	token, err := r.decoder.Token()
	switch {
	case err != nil:
		return err
	case r.name == "" && token == json.Delim('['):
		r.state = inRows
	case r.name != "" && token == json.Delim('{'):
		r.state = inObject
	default:
		return errJSONValue
	}
	return nil
}

func (r *jsonRows) endRows() error {
	if _, err := r.decoder.Token(); err != nil {
		return err
	}
	if r.state = inObject; r.name == "" {
		r.state = afterAll
	}
	return nil
}

// field reads a field, or begins the rows.
func (r *jsonRows) field() error {
	token, err := r.decoder.Token()
	if err != nil {
		return err
	}
	name, _ := token.(string)
	if name != r.name {
		var value json.RawMessage
		err = r.decoder.Decode(&value)
		r.fields[name] = value
		return err
	}
	if token, err = r.decoder.Token(); err == nil && token == json.Delim('[') {
		r.state = inRows
	} else if err == nil && token != nil {
		err = errJSONValue
	}
	return err
}

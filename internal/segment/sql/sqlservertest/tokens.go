package sqlservertest

import (
	"encoding/binary"
	"fmt"
)

// Tokens that end a statement, and their flags.
const (
	doneToken          = 0xfd
	procedureDoneToken = 0xfe
	inProcedureToken   = 0xff

	doneMore      = 0x01
	doneError     = 0x02
	doneCount     = 0x10
	doneAttention = 0x20
)

func (c *conn) raw(data []byte) {
	if c.broken == nil {
		_, c.broken = c.w.Write(data)
	}
}

// token sends a token with its length in two bytes.
func (c *conn) token(kind byte, content []byte) {
	c.raw(append(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(len(content))), content...))
}

func (c *conn) envChange(kind byte, values []byte) { c.token(0xe3, append([]byte{kind}, values...)) }

func (c *conn) error(e Error) {
	content := binary.LittleEndian.AppendUint32(nil, uint32(e.Number))
	content = appendText(append(content, e.State, e.Class), e.Message)
	content = appendShortText(appendShortText(content, "sqlservertest"), "")
	c.token(0xaa, binary.LittleEndian.AppendUint32(content, uint32(e.Line)))
}

// inform sends a message that is no error.
func (c *conn) inform(text string) {
	content := appendText([]byte{0, 0, 0, 0, 1, 0}, text)
	content = appendShortText(appendShortText(content, "sqlservertest"), "")
	c.token(0xab, binary.LittleEndian.AppendUint32(content, 1))
}

func (c *conn) done(kind byte, status uint16) { c.doneRows(kind, status, 0) }

func (c *conn) doneRows(kind byte, status uint16, rows uint64) {
	const selected = 0xc1
	content := binary.LittleEndian.AppendUint16([]byte{kind}, status)
	content = binary.LittleEndian.AppendUint16(content, selected)
	c.raw(binary.LittleEndian.AppendUint64(content, rows))
}

// fail ends a statement with errors.
func (c *conn) fail(kind byte, errs ...Error) {
	for _, e := range errs {
		c.error(e)
	}
	c.done(kind, doneError)
}

// run runs a statement.
func (c *conn) run(statement string, end byte) {
	result, found := c.server.result(statement)
	if !found {
		c.fail(end, *errorf(50000, 16, "The test has registered no such statement."))
		return
	}
	if result.Compile != nil {
		c.fail(end, result.Compile...)
		return
	}
	if result.Columns == nil && result.Err != nil {
		c.fail(end, *result.Err)
		return
	}
	for set := &result; ; set = set.Then {
		if ended := c.set(*set, end, set.Then != nil); ended || set.Then == nil {
			return
		}
	}
}

// set sends a set of rows. It reports whether that ended the reply.
func (c *conn) set(result Result, end byte, more bool) bool {
	status := uint16(doneCount)
	rowsEnd := end
	if end == procedureDoneToken {
		rowsEnd, status = inProcedureToken, status|doneMore
	}
	if more {
		status |= doneMore
	}
	count := uint64(0)
	if result.Columns != nil {
		c.inform("Changed language setting.")
		c.columns(result.Columns)
		for row := range result.Rows {
			if c.cancelled() || c.broken != nil {
				c.done(doneToken, doneAttention)
				return true
			}
			c.row(result.Columns, row, count%2 == 1)
			count++
		}
	}
	switch {
	case result.Hang:
		c.flush()
		select {
		case <-c.attention:
			c.done(doneToken, doneAttention)
		case <-c.gone:
			c.broken = errProtocol
		}
		return true
	case result.Cut:
		c.flush()
		c.socket.Close()
		c.broken = errProtocol
		return true
	case result.Err != nil:
		c.fail(end, *result.Err)
		return true
	}
	c.doneRows(rowsEnd, status, count)
	if end == procedureDoneToken && !more {
		c.raw([]byte{0x79, 0, 0, 0, 0}) // the procedure returns 0
		c.done(procedureDoneToken, 0)
	}
	return false
}

// cancelled reports whether the client cancels the running statement.
func (c *conn) cancelled() bool {
	select {
	case <-c.attention:
		return true
	default:
		return false
	}
}

// flush sends what is not sent yet, without ending the reply.
func (c *conn) flush() {
	if len(c.w.buf) > 0 && c.broken == nil {
		c.broken = c.w.send(c.w.buf, 0)
		c.w.buf = c.w.buf[:0]
	}
}

// describe sends the columns that a statement would return.
func (c *conn) describe(statement string) {
	c.server.mu.Lock()
	without := c.server.noDescribe
	c.server.mu.Unlock()
	result, found := c.server.result(statement)
	switch {
	case without:
		c.fail(procedureDoneToken, *errorf(2812, 16, "Could not find stored procedure 'sp_describe_first_result_set'."))
	case !found:
		c.fail(procedureDoneToken, *errorf(50000, 16, "The test has registered no such statement."))
	case result.Compile != nil:
		c.fail(procedureDoneToken, append(result.Compile, *errorf(11501, 16, "The batch could not be analyzed because of compile errors."))...)
	default:
		columns := result.Columns
		if result.Described != nil {
			columns = result.Described
		}
		var rows [][]any
		for i, column := range columns {
			system, user := any(column.Type), any(nil)
			if isCLR(column.Type) {
				system, user = nil, column.Type
			}
			rows = append(rows, []any{false, i + 1, column.Name, !column.NotNull, system, user})
		}
		c.set(Result{Columns: describedColumns, Rows: Rows(rows...)}, procedureDoneToken, false)
	}
}

// describedColumns are those columns of sp_describe_first_result_set that say what a
// column is.
var describedColumns = []Column{
	{"is_hidden", "bit", true},
	{"column_ordinal", "int", true},
	{"name", "nvarchar(128)", false},
	{"is_nullable", "bit", true},
	{"system_type_name", "nvarchar(256)", false},
	{"user_type_name", "nvarchar(128)", false},
}

// columns sends the description of columns.
func (c *conn) columns(columns []Column) {
	content := binary.LittleEndian.AppendUint16([]byte{0x81}, uint16(len(columns)))
	for _, column := range columns {
		flags := uint16(1)
		if column.NotNull {
			flags = 0
		}
		content = binary.LittleEndian.AppendUint16(append(content, 0, 0, 0, 0), flags)
		content = append(content, wireType(column).info...)
		content = appendShortText(content, column.Name)
	}
	c.raw(content)
}

// row sends a row, with a bit for each NULL if compressed.
func (c *conn) row(columns []Column, row []any, compressed bool) {
	if len(row) != len(columns) {
		panic(fmt.Sprintf("a row of %d values for %d columns", len(row), len(columns)))
	}
	content := []byte{0xd1}
	if compressed {
		content = append([]byte{0xd2}, make([]byte, (len(columns)+7)/8)...)
		for i, value := range row {
			if value == nil {
				content[1+i/8] |= 1 << (i % 8)
			}
		}
	}
	for i, value := range row {
		if value != nil || !compressed {
			content = wireType(columns[i]).append(content, value)
		}
	}
	c.raw(content)
}

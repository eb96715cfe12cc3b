package sqlservertest

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
)

const defaultPacket = 4096

// conn is a connection of a client.
type conn struct {
	server *Server
	socket net.Conn
	stream io.ReadWriter // the socket, or TLS on it
	w      *writer
	login  Login

	federated bool // agreed on in prelogin
	loginOnly bool // TLS ends after the login

	transaction uint64 // 0: none
	attention   chan struct{}
	gone        chan struct{} // closed once the client has hung up
	broken      error         // of writing
}

func serve(s *Server, socket net.Conn) {
	c := &conn{server: s, socket: socket, stream: socket, attention: make(chan struct{}, 1), gone: make(chan struct{})}
	if c.prelogin() != nil {
		return
	}
	if in, err := c.logIn(); !in || err != nil {
		return
	}
	requests, stop := make(chan message), make(chan struct{})
	defer close(stop)
	go c.read(requests, stop)
	for {
		select {
		case m, more := <-requests:
			if !more || c.request(m) != nil {
				return
			}
		case <-c.attention: // for a request that has ended
			if c.acknowledge() != nil {
				return
			}
		}
	}
}

// read reads requests, and what cancels them at any time.
func (c *conn) read(requests chan<- message, stop <-chan struct{}) {
	defer close(requests)
	defer close(c.gone)
	for {
		m, err := readMessage(c.stream)
		if err != nil {
			return
		}
		if m.kind == attentionMessage {
			c.server.mu.Lock()
			c.server.attentions++
			deaf := c.server.deaf
			c.server.mu.Unlock()
			if deaf {
				continue
			}
			select {
			case c.attention <- struct{}{}:
			default:
			}
			continue
		}
		select {
		case requests <- m:
		case <-stop:
			return
		}
	}
}

func (c *conn) acknowledge() error {
	c.done(doneToken, doneAttention)
	return c.w.end()
}

// request answers one request.
func (c *conn) request(m message) error {
	f := &fields{rest: m.content}
	if !c.headers(f) {
		return errProtocol
	}
	var statement Statement
	var answer func()
	switch m.kind {
	case batchMessage:
		statement = Statement{Kind: "batch", Text: text(f.rest)}
		answer = func() { c.run(statement.Text, doneToken) }
	case procedureMessage:
		statement, answer = c.procedure(f)
	case transactionMessage:
		statement, answer = c.transactionRequest(f)
	}
	if answer == nil {
		return errProtocol
	}
	statement.Transaction = c.transaction != 0
	c.server.record(statement)
	if failing := c.server.next(&c.server.failing); failing != nil {
		c.fail(doneToken, *failing)
	} else {
		answer()
	}
	if c.broken != nil {
		return c.broken
	}
	return c.w.end()
}

// headers reads the headers of a request. They must name the transaction.
func (c *conn) headers(f *fields) bool {
	all := &fields{rest: f.bytes(int(f.uint32()) - 4)}
	named := false
	for len(all.rest) > 0 && !all.short {
		header := &fields{rest: all.bytes(int(all.uint32()) - 4)}
		const transaction = 2
		if header.uint16() == transaction {
			named = header.uint64() == c.transaction && header.uint32() > 0 && !header.short
		}
	}
	return named && !all.short && !f.short
}

// transactionRequest begins and ends transactions.
func (c *conn) transactionRequest(f *fields) (Statement, func()) {
	const begin, commit, rollback = 5, 7, 8
	switch f.uint16() {
	case begin:
		return Statement{Kind: "begin"}, func() {
			c.transaction = 0x0000_0034_0000_0001
			c.envChange(8, append(binary.LittleEndian.AppendUint64([]byte{8}, c.transaction), 0))
			c.done(doneToken, 0)
		}
	case commit:
		return Statement{Kind: "commit"}, func() { c.endTransaction(9) }
	case rollback:
		return Statement{Kind: "rollback"}, func() { c.endTransaction(10) }
	}
	return Statement{}, nil
}

func (c *conn) endTransaction(kind byte) {
	c.envChange(kind, append([]byte{0}, binary.LittleEndian.AppendUint64([]byte{8}, c.transaction)...))
	c.transaction = 0
	c.done(doneToken, 0)
}

// procedure calls a stored procedure.
func (c *conn) procedure(f *fields) (Statement, func()) {
	const byNumber, executeSQL = 0xffff, 10
	var name string
	if size := f.uint16(); size == byNumber {
		if f.uint16() != executeSQL {
			return Statement{}, nil
		}
		name = "sp_executesql"
	} else {
		name = text(f.bytes(2 * int(size)))
	}
	f.uint16()
	params, ok := readParams(f)
	if !ok || len(params) == 0 {
		return Statement{}, nil
	}
	statement, _ := params[0].Value.(string)
	switch strings.ToLower(name) {
	case "sp_executesql":
		if !declared(params) {
			return Statement{}, nil
		}
		return Statement{Kind: "execute", Text: statement, Params: params[min(2, len(params)):]}, func() { c.run(statement, procedureDoneToken) }
	case "sp_describe_first_result_set":
		return Statement{Kind: "describe", Text: statement, Params: params[1:]}, func() { c.describe(statement) }
	}
	return Statement{}, nil
}

// declared reports whether each value of sp_executesql is declared, in order.
func declared(params []Param) bool {
	if len(params) < 2 {
		return true
	}
	declarations, _ := params[1].Value.(string)
	var names []string
	for declaration := range strings.SplitSeq(declarations, ",") {
		if name, _, typed := strings.Cut(strings.TrimSpace(declaration), " "); typed && strings.HasPrefix(name, "@") {
			names = append(names, name)
		}
	}
	return slices.EqualFunc(names, params[2:], func(name string, p Param) bool { return name == p.Name })
}

// readParams reads the parameters of a procedure.
func readParams(f *fields) ([]Param, bool) {
	var params []Param
	for len(f.rest) > 0 {
		p := Param{Name: f.shortText()}
		f.byte()
		const null, integer, bit, nvarchar = 0x1f, 0x26, 0x68, 0xe7
		switch f.byte() {
		case null:
		case integer, bit:
			f.byte()
			value := make([]byte, 8)
			copy(value, f.bytes(int(f.byte())))
			p.Value = int64(binary.LittleEndian.Uint64(value))
		case nvarchar:
			p.Value = readText(f)
		default:
			return nil, false
		}
		if f.short {
			return nil, false
		}
		params = append(params, p)
	}
	return params, true
}

// readText reads type and value of an nvarchar.
func readText(f *fields) any {
	const partly, none = 0xffff, 0xffff
	size := f.uint16()
	f.bytes(5) // collation
	if size != partly {
		n := f.uint16()
		if n == none {
			return nil
		}
		return text(f.bytes(int(n)))
	}
	if f.uint64() == ^uint64(0) {
		return nil
	}
	var value []byte
	for !f.short {
		n := f.uint32()
		if n == 0 {
			break
		}
		value = append(value, f.bytes(int(n))...)
	}
	return text(value)
}

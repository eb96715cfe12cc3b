package sqlservertest

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
)

// Values of the option ENCRYPTION of prelogin.
const (
	encryptLogin = 0
	encryptAll   = 1
	encryptNone  = 2
)

// Options of prelogin.
const (
	versionOption   = 0
	encryptOption   = 1
	federatedOption = 6
	lastOption      = 0xff
)

var errProtocol = errors.New("the client breaks the protocol")

// prelogin agrees on encryption. A client may also begin with TLS, as version 8 of the
// protocol does.
func (c *conn) prelogin() error {
	const strict, clientHello = 4, 22
	first := bufio.NewReader(c.socket)
	c.stream = struct {
		io.Reader
		io.Writer
	}{first, c.socket}
	begins, err := first.Peek(1)
	if err != nil {
		return err
	}
	if begins[0] == clientHello && c.server.tls != nil {
		config := c.server.tls.Clone()
		config.NextProtos = []string{"tds/8.0"}
		c.stream, c.login.Encrypted = tls.Server(bufferedConn{c.socket, first}, config), true
	}
	m, err := readMessage(c.stream)
	if err != nil || m.kind != preloginMessage {
		return errProtocol
	}
	asked, err := preloginOptions(m.content)
	if err != nil || len(asked[encryptOption]) != 1 {
		return errProtocol
	}
	encrypt := asked[encryptOption][0]
	if (encrypt == strict) != c.login.Encrypted {
		return errProtocol
	}
	if c.server.tls == nil || encrypt == encryptNone {
		encrypt = encryptNone
	}
	answer := map[byte][]byte{versionOption: {16, 0, 0x10, 0, 0, 0}, encryptOption: {encrypt}}
	if asked[federatedOption] != nil {
		answer[federatedOption] = []byte{1}
		c.federated = true
	}
	if err := c.sendPrelogin(answer); err != nil || encrypt == encryptNone || encrypt == strict {
		return err
	}
	carrier := &handshake{Conn: bufferedConn{c.socket, first}}
	secure := tls.Server(carrier, c.server.tls)
	if err := secure.Handshake(); err != nil { //nolint:noctx // closing the socket ends it
		return err
	}
	carrier.done = true
	c.stream, c.login.Encrypted, c.loginOnly = secure, true, encrypt == encryptLogin
	return nil
}

// bufferedConn reads first what a buffer holds.
type bufferedConn struct {
	net.Conn
	buffer *bufio.Reader
}

func (b bufferedConn) Read(p []byte) (int, error) { return b.buffer.Read(p) }

func preloginOptions(content []byte) (map[byte][]byte, error) {
	options := map[byte][]byte{}
	for at := 0; at < len(content); at += 5 {
		if content[at] == lastOption {
			return options, nil
		}
		if at+5 > len(content) {
			break
		}
		start, size := int(binary.BigEndian.Uint16(content[at+1:])), int(binary.BigEndian.Uint16(content[at+3:]))
		if start+size > len(content) {
			break
		}
		options[content[at]] = content[start : start+size]
	}
	return nil, errProtocol
}

func (c *conn) sendPrelogin(options map[byte][]byte) error {
	var list, values []byte
	start := 5*len(options) + 1
	for _, option := range slices.Sorted(maps.Keys(options)) {
		list = append(list, option)
		list = binary.BigEndian.AppendUint16(list, uint16(start+len(values)))
		list = binary.BigEndian.AppendUint16(list, uint16(len(options[option])))
		values = append(values, options[option]...)
	}
	w := &writer{to: c.stream, size: defaultPacket}
	if _, err := w.Write(append(append(list, lastOption), values...)); err != nil {
		return err
	}
	return w.end()
}

// logIn reads the login and answers it. It reports whether the client is in.
func (c *conn) logIn() (bool, error) {
	m, err := readMessage(c.stream)
	if err != nil || m.kind != loginMessage {
		return false, errProtocol
	}
	if c.loginOnly {
		c.stream = c.socket
	}
	l, err := parseLogin(m.content)
	if err != nil {
		return false, err
	}
	c.w = &writer{to: c.stream, size: min(max(l.packetSize, 512), 32767)}
	c.login.User, c.login.Database, c.login.App, c.login.ReadOnly, c.login.Token = l.user, l.database, l.app, l.readOnly, l.token
	if l.askForToken {
		if err := c.askForToken(); err != nil {
			return false, err
		}
	}
	if refusal := c.refusal(l); refusal != nil {
		c.error(*refusal)
		c.done(doneToken, doneError)
		return false, c.w.end()
	}
	return c.welcome()
}

// refusal is why a login is refused.
func (c *conn) refusal(l login) *Error {
	if refused := c.server.next(&c.server.refused); refused != nil {
		return refused
	}
	c.server.mu.Lock()
	token := c.server.token
	c.server.mu.Unlock()
	switch {
	case (l.askForToken || l.token != "") != c.federated:
		return errorf(18456, 14, "The login does not keep to what prelogin agreed on.")
	case c.federated && (token == "" || c.login.Token != token):
		return errorf(18456, 14, "Login failed for user '<token-identified principal>'.")
	case !c.federated && (l.user != User || l.password != Password):
		return errorf(18456, 14, "Login failed for user '%s'.", l.user)
	case l.database != "" && l.database != Database:
		return errorf(4060, 11, "Cannot open database \"%s\" requested by the login. The login failed.", l.database)
	}
	return nil
}

// welcome acknowledges the login, or sends the client elsewhere.
func (c *conn) welcome() (bool, error) {
	c.server.mu.Lock()
	redirect := c.server.redirect
	if redirect == nil {
		c.server.logins = append(c.server.logins, c.login)
	}
	c.server.mu.Unlock()
	c.envChange(1, appendShortText(appendShortText(nil, Database), "master"))
	acknowledged := append([]byte{1, 0x74, 0, 0, 4}, appendShortText(nil, "Microsoft SQL Server")...)
	c.token(0xad, append(acknowledged, 16, 0, 0x10, 0))
	if redirect != nil {
		host, port := redirect.hostPort()
		target := appendText(binary.LittleEndian.AppendUint16([]byte{0}, port), host)
		c.envChange(20, append(append(binary.LittleEndian.AppendUint16(nil, uint16(len(target))), target...), 0, 0))
	}
	if c.federated {
		c.raw([]byte{0xae, 2, 0, 0, 0, 0, 0xff}) // the feature of federated logins, without data
	}
	c.done(doneToken, 0)
	return redirect == nil, c.w.end()
}

// askForToken tells the client where tokens come from and waits for one.
func (c *conn) askForToken() error {
	c.server.mu.Lock()
	authority, service := wide(c.server.authority), wide(c.server.resource)
	c.server.mu.Unlock()
	const options = 4 + 2*9
	info := binary.LittleEndian.AppendUint32(nil, 2)
	info = binary.LittleEndian.AppendUint32(append(info, 1), uint32(len(authority)))
	info = binary.LittleEndian.AppendUint32(info, options)
	info = binary.LittleEndian.AppendUint32(append(info, 2), uint32(len(service)))
	info = binary.LittleEndian.AppendUint32(info, uint32(options+len(authority)))
	info = append(append(info, authority...), service...)
	c.raw(append(binary.LittleEndian.AppendUint32([]byte{0xee}, uint32(len(info))), info...))
	if err := c.w.end(); err != nil {
		return err
	}
	m, err := readMessage(c.stream)
	if err != nil || m.kind != tokenMessage {
		return errProtocol
	}
	f := &fields{rest: m.content}
	f.uint32()
	c.login.Token = text(f.bytes(int(f.uint32())))
	if f.short {
		return errProtocol
	}
	return nil
}

// login is the content of a login message.
type login struct {
	user, password, database, app string
	packetSize                    int
	readOnly                      bool
	token                         string
	askForToken                   bool // the client waits to hear where it comes from
}

func parseLogin(content []byte) (login, error) {
	const fixed = 94
	if len(content) < fixed || int(binary.LittleEndian.Uint32(content)) != len(content) {
		return login{}, errProtocol
	}
	failed := false
	variable := func(at int) []byte {
		start, size := int(binary.LittleEndian.Uint16(content[at:])), 2*int(binary.LittleEndian.Uint16(content[at+2:]))
		if start+size > len(content) {
			failed = true
			return nil
		}
		return content[start : start+size]
	}
	l := login{
		packetSize: int(binary.LittleEndian.Uint32(content[8:])), readOnly: content[26]&0x20 != 0,
		user: text(variable(40)), app: text(variable(48)), database: text(variable(68)),
	}
	password := slices.Clone(variable(44))
	for i, b := range password {
		b ^= 0xa5
		password[i] = b<<4 | b>>4
	}
	l.password = text(password)
	if content[27]&0x10 != 0 {
		at := int(binary.LittleEndian.Uint16(content[56:]))
		if at+4 > len(content) {
			return l, errProtocol
		}
		start := int(binary.LittleEndian.Uint32(content[at:]))
		if start > len(content) || !l.features(&fields{rest: content[start:]}) {
			return l, errProtocol
		}
	}
	if failed {
		return l, errProtocol
	}
	return l, nil
}

// features reads the extensions of a login.
func (l *login) features(f *fields) bool {
	for !f.short {
		feature := f.byte()
		if feature == 0xff {
			return !f.short
		}
		data := &fields{rest: f.bytes(int(f.uint32()))}
		const federated, security, interactive = 2, 1, 2
		if feature != federated {
			continue
		}
		switch data.byte() >> 1 {
		case security:
			l.token = text(data.bytes(int(data.uint32())))
		case interactive:
			l.askForToken = true
		default:
			return false
		}
		if data.short {
			return false
		}
	}
	return false
}

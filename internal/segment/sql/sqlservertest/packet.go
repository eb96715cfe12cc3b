package sqlservertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// Types of messages.
const (
	batchMessage       = 1
	procedureMessage   = 3
	replyMessage       = 4
	attentionMessage   = 6
	tokenMessage       = 8
	transactionMessage = 14
	loginMessage       = 16
	preloginMessage    = 18
)

const (
	headerSize   = 8
	endOfMessage = 1
	maxMessage   = 1 << 24
)

// readPacket reads one packet.
func readPacket(from io.Reader) (kind byte, last bool, content []byte, err error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return 0, false, nil, err
	}
	size := int(binary.BigEndian.Uint16(header[2:]))
	if size < headerSize {
		return 0, false, nil, errors.New("a packet is shorter than its header")
	}
	content = make([]byte, size-headerSize)
	_, err = io.ReadFull(from, content)
	return header[0], header[1]&endOfMessage != 0, content, err
}

// message is what a client sends in one or more packets.
type message struct {
	kind    byte
	content []byte
}

func readMessage(from io.Reader) (message, error) {
	var m message
	for number := 0; ; number++ {
		kind, last, content, err := readPacket(from)
		switch {
		case err != nil:
			return m, err
		case number > 0 && kind != m.kind:
			return m, errors.New("a message changes its type")
		case len(m.content)+len(content) > maxMessage:
			return m, errors.New("a message is too long")
		}
		m.kind, m.content = kind, append(m.content, content...)
		if last {
			return m, nil
		}
	}
}

// writer splits a reply into packets.
type writer struct {
	to     io.Writer
	size   int // of a packet
	buf    []byte
	number byte
}

// Write implements [io.Writer]: it sends what fills packets.
func (w *writer) Write(data []byte) (int, error) {
	w.buf = append(w.buf, data...)
	for len(w.buf) > w.size-headerSize {
		if err := w.send(w.buf[:w.size-headerSize], 0); err != nil {
			return 0, err
		}
		w.buf = append(w.buf[:0], w.buf[w.size-headerSize:]...)
	}
	return len(data), nil
}

// end sends the last packet of a reply.
func (w *writer) end() error {
	err := w.send(w.buf, endOfMessage)
	w.buf, w.number = w.buf[:0], 0
	return err
}

func (w *writer) send(content []byte, status byte) error {
	w.number++
	packet := append([]byte{replyMessage, status, 0, 0, 0, 52, w.number, 0}, content...)
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	_, err := w.to.Write(packet)
	return err
}

// handshake carries the handshake of TLS within packets of the type prelogin. Once
// done is set it passes bytes as they are.
type handshake struct {
	net.Conn
	pending bytes.Buffer
	done    bool
}

func (h *handshake) Read(p []byte) (int, error) {
	if h.done {
		return h.Conn.Read(p)
	}
	for h.pending.Len() == 0 {
		kind, _, content, err := readPacket(h.Conn)
		if err != nil {
			return 0, err
		}
		if kind != preloginMessage {
			return 0, errors.New("a packet within the handshake is not of the type prelogin")
		}
		h.pending.Write(content)
	}
	return h.pending.Read(p)
}

func (h *handshake) Write(p []byte) (int, error) {
	if h.done {
		return h.Conn.Write(p)
	}
	const most = 4000
	for rest := p; len(rest) > 0; {
		n := min(len(rest), most)
		packet := append([]byte{preloginMessage, endOfMessage, 0, 0, 0, 0, 0, 0}, rest[:n]...)
		binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
		if _, err := h.Conn.Write(packet); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

package sql_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// fakeDatabase accepts every statement without doing anything, and records it.
type fakeDatabase struct {
	address string // host and port
	tls     *tls.Config

	// refuse is the SQLSTATE and the message that refuse a statement.
	refuse func(statement string) (state, message string)

	mu         sync.Mutex
	statements []string
	encrypted  []bool // the logins: whether they came within TLS
}

// fakeServe serves on an address of this machine.
func fakeServe(t *testing.T, host string, database *fakeDatabase, serve func(*fakeDatabase, net.Conn)) *fakeDatabase {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	database.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(database, conn)
			}()
		}
	}()
	return database
}

func (d *fakeDatabase) login(encrypted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.encrypted = append(d.encrypted, encrypted)
}

// answer returns why a statement is refused; empty if it is accepted.
func (d *fakeDatabase) answer(statement string) (state, message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.statements = append(d.statements, statement)
	if d.refuse == nil {
		return "", ""
	}
	return d.refuse(statement)
}

// seen returns the statements and the logins so far.
func (d *fakeDatabase) seen() (statements []string, encrypted []bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.statements, d.encrypted
}

// serveMySQL speaks the part of MySQL's protocol that statements without rows
// need.
func serveMySQL(d *fakeDatabase, conn net.Conn) {
	const protocol41, secureConnection, longPassword, offersTLS = 0x200, 0x8000, 1, 0x800
	capabilities := uint16(protocol41 | secureConnection | longPassword)
	if d.tls != nil {
		capabilities |= offersTLS
	}
	greeting := append([]byte("\x0a8.0.0\x00"), make([]byte, 4)...) // version, number of the connection
	greeting = append(greeting, "scramble\x00"...)
	greeting = binary.LittleEndian.AppendUint16(greeting, capabilities)
	greeting = append(greeting, make([]byte, 3+2+1+10)...) // character set, status, more capabilities, reserved
	writeMySQL(conn, 0, append(greeting, "scramblings\x00\x00mysql_native_password\x00"...))
	sequence, login, err := readMySQL(conn)
	if err != nil {
		return
	}
	const requestOfTLS = 32 // bytes, without user and password
	encrypted := len(login) == requestOfTLS
	if encrypted {
		secure := tls.Server(conn, d.tls)
		conn = secure
		if sequence, _, err = readMySQL(conn); err != nil {
			return
		}
	}
	d.login(encrypted)
	for ok := []byte{0, 0, 0, 2, 0, 0, 0}; ; {
		writeMySQL(conn, sequence+1, ok)
		var command []byte
		if sequence, command, err = readMySQL(conn); err != nil || len(command) == 0 || command[0] == 1 { // quit
			return
		}
		ok = []byte{0, 0, 0, 2, 0, 0, 0}
		if state, message := d.answer(string(command[1:])); message != "" {
			ok = append([]byte{0xff, 0x28, 0x04, '#'}, state+message...)
		}
	}
}

func writeMySQL(to io.Writer, sequence byte, packet []byte) {
	n := len(packet)
	_, _ = to.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}, packet...))
}

func readMySQL(from io.Reader) (sequence byte, packet []byte, err error) {
	var header [4]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return 0, nil, err
	}
	packet = make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	_, err = io.ReadFull(from, packet)
	return header[3], packet, err
}

// servePostgres does the same for PostgreSQL's simple protocol.
func servePostgres(d *fakeDatabase, conn net.Conn) {
	server, encrypted := pgproto3.NewBackend(conn, conn), false
	for {
		message, err := server.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, wantsTLS := message.(*pgproto3.SSLRequest); !wantsTLS {
			break
		}
		if d.tls == nil {
			_, _ = conn.Write([]byte("N"))
			continue
		}
		_, _ = conn.Write([]byte("S"))
		conn, encrypted = tls.Server(conn, d.tls), true
		server = pgproto3.NewBackend(conn, conn)
	}
	d.login(encrypted)
	server.Send(&pgproto3.AuthenticationOk{})
	server.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "15.4"})
	for {
		server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if server.Flush() != nil {
			return
		}
		message, err := server.Receive()
		if err != nil {
			return
		}
		query, ok := message.(*pgproto3.Query)
		if !ok {
			return
		}
		state, text := d.answer(query.String)
		if text == "" {
			server.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
			continue
		}
		server.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: state, Message: text}) // after which PgBouncer hangs up
		_ = server.Flush()
		return
	}
}

// otherAddress returns an address of this machine that is not on the loopback
// interface, in place of another machine.
func otherAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	t.Skip("this machine has no IPv4 address but that of the loopback interface")
	return ""
}

// certified creates a self-signed certificate for a host, and its file.
func certified(t *testing.T, host string) (config *tls.Config, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(host)},
		IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: certificate}); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}, file
}

//nolint:paralleltest // credentials come from the environment
package storage_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/sftptest"
)

// newKey is a private key that nobody knows, and its public key.
func newKey(t *testing.T) (crypto.Signer, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private, publicKey(t, public)
}

func publicKey(t *testing.T, public crypto.PublicKey) ssh.PublicKey {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signerOf(t *testing.T, key crypto.Signer) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// encrypted is a private key in a file, with the passphrase.
func encrypted(t *testing.T, path string) string {
	t.Helper()
	key, err := ssh.ParseRawPrivateKey([]byte(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// tempFile is a file with that content.
func tempFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startAgent serves an agent that has the private key in a file.
func startAgent(t *testing.T, path string) string {
	t.Helper()
	key, err := ssh.ParseRawPrivateKey([]byte(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent-") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, conn) }() // until the client hangs up
		}
	}()
	return listener.Addr().String()
}

func TestSFTPCredentials(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv", numbered(3))
	key := readFile(t, s.KeyPath())
	stranger, _ := newKey(t)
	block, err := ssh.MarshalPrivateKey(stranger, "")
	if err != nil {
		t.Fatal(err)
	}
	strangersKey := string(pem.EncodeToMemory(block))
	for name, tc := range map[string]struct {
		env   map[string]string // with nothing else set
		query string
		want  string // error; empty: it can be read
	}{
		"key in a file":            {map[string]string{"SFTP_PRIVATE_KEY_PATH": s.KeyPath()}, "", ""},
		"key":                      {map[string]string{"SFTP_PRIVATE_KEY": key}, "", ""},
		"key without a line end":   {map[string]string{"SFTP_PRIVATE_KEY": strings.TrimSpace(key)}, "", ""},
		"key before a file":        {map[string]string{"SFTP_PRIVATE_KEY": key, "SFTP_PRIVATE_KEY_PATH": "no-such-file"}, "", ""},
		"passphrase":               {map[string]string{"SFTP_PRIVATE_KEY": encrypted(t, s.KeyPath()), "SFTP_PRIVATE_KEY_PASSPHRASE": secret}, "", ""},
		"agent":                    {map[string]string{"SSH_AUTH_SOCK": startAgent(t, s.KeyPath())}, "", ""},
		"parameters":               {map[string]string{"SFTP_PRIVATE_KEY": strangersKey, "CRM_KEY": encrypted(t, s.KeyPath()), "CRM_PASSPHRASE": secret}, "private_key_env=CRM_KEY&passphrase_env=CRM_PASSPHRASE", ""},
		"file in a parameter":      {map[string]string{"SFTP_PRIVATE_KEY": strangersKey}, "private_key_path=" + s.KeyPath(), ""},
		"nothing":                  {nil, "", "there are no credentials for the server. Credentials come from the private key in SFTP_PRIVATE_KEY or"},
		"other key":                {map[string]string{"SFTP_PRIVATE_KEY": strangersKey}, "", "the server refuses the credentials. Check the name of the user in the path"},
		"key before the agent":     {map[string]string{"SFTP_PRIVATE_KEY": strangersKey, "SSH_AUTH_SOCK": startAgent(t, s.KeyPath())}, "", "the server refuses the credentials"},
		"password":                 {map[string]string{"SFTP_PASSWORD": secret}, "", "the server refuses the credentials"},
		"no passphrase":            {map[string]string{"SFTP_PRIVATE_KEY": encrypted(t, s.KeyPath())}, "", "the private key in the environment has a passphrase. Set SFTP_PRIVATE_KEY_PASSPHRASE"},
		"wrong passphrase":         {map[string]string{"SFTP_PRIVATE_KEY": encrypted(t, s.KeyPath()), "SFTP_PRIVATE_KEY_PASSPHRASE": secret + "!"}, "", "the passphrase does not open the private key in the environment. Check SFTP_PRIVATE_KEY_PASSPHRASE"},
		"no key":                   {map[string]string{"SFTP_PRIVATE_KEY": secret}, "", "the private key in the environment is not a private key that can be read. It must be the whole text that ssh-keygen writes"},
		"PuTTY's key":              {map[string]string{"SFTP_PRIVATE_KEY": "PuTTY-User-Key-File-3: ssh-ed25519\n" + secret}, "", "is in PuTTY's format. Convert it with puttygen"},
		"file that is not there":   {map[string]string{"SFTP_PRIVATE_KEY_PATH": "no-such-file"}, "", `the private key in "no-such-file" cannot be read: no such file or directory`},
		"agent that is not there":  {map[string]string{"SSH_AUTH_SOCK": "/no/such/socket"}, "", "the agent that SSH_AUTH_SOCK names cannot be reached"},
		"variable that is not set": {map[string]string{"SFTP_PASSWORD": secret}, "password_env=CRM_PASSWORD", `the environment variable that the parameter "password_env" names is not set`},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range s.Environment() {
				if name != "SFTP_KNOWN_HOSTS" {
					value = ""
				}
				t.Setenv(name, value)
			}
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			source := withShortWaits(s.URL("a.csv?" + tc.query))
			if tc.want == "" {
				wantNumbered(t, source, 3)
				return
			}
			before := s.Connections()
			_, err := readIDs(t, source)
			wantError(t, err, tc.want)
			rejectWords(t, err, s.User+"@", "BEGIN OPENSSH")
			if got := s.Connections() - before; got > 1 {
				t.Errorf("%d logins: an account may be locked after some", got)
			}
		})
	}
}

// A host key that is not known and one that has changed are two errors; both show
// the fingerprint, and what to do.
func TestSFTPHostKeys(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv", numbered(3))
	_, strange := newKey(t)
	host := knownhosts.Normalize(s.Address)
	line := func(key ssh.PublicKey, host string) string { return knownhosts.Line([]string{host}, key) + "\n" }
	ecdsaKey := s.OtherHostKey
	right, wrong := ssh.FingerprintSHA256(s.HostKey), ssh.FingerprintSHA256(strange)
	unknown := `the host key of "` + s.Address + `" is not known: `
	changed := `the host key of "` + s.Address + `" has changed: the server shows ` + right + " (ssh-ed25519), but "
	for name, tc := range map[string]struct {
		known string // the file of known hosts
		query string
		want  string // error; empty: it can be read
	}{
		"known":                            {line(s.HostKey, host), "", ""},
		"known, hashed":                    {line(s.HostKey, knownhosts.HashHostname(host)), "", ""},
		"other type known":                 {line(ecdsaKey, host), "", ""},
		"one of two known":                 {line(strange, host) + line(s.HostKey, host), "", ""},
		"unknown":                          {"", "", unknown + "it is not in "},
		"other host known":                 {line(s.HostKey, "[127.0.0.1]:1"), "", "and the server shows " + right + " (ssh-ed25519). Nothing was sent. Compare the fingerprint"},
		"what to do":                       {"", "", "add ?host_key=" + right + " to the path"},
		"changed":                          {line(strange, host), "", changed},
		"changed, the line":                {"# comment\n" + line(strange, host), "", ":2 lists " + wrong + " (ssh-ed25519). Nothing was sent: this may be another server"},
		"changed, what to do":              {line(strange, host), "", `remove the old key with ssh-keygen -R "` + host + `" -f "`},
		"revoked":                          {"@revoked * " + strings.TrimPrefix(line(s.HostKey, host), host), "", `the host key of "` + s.Address + `", ` + right + " (ssh-ed25519), is revoked by "},
		"broken":                           {"x y z\n", "", "the file of known hosts cannot be read: "},
		"fingerprint":                      {"", "host_key=" + right, ""},
		"fingerprint before the file":      {line(strange, host), "host_key=" + right, ""},
		"fingerprint of another type":      {"", "host_key=" + ssh.FingerprintSHA256(ecdsaKey), ""},
		"fingerprints":                     {"", "host_key=" + wrong + "," + right, ""},
		"fingerprint, encoded":             {"", "host_key=" + strings.NewReplacer("+", "%2B", "/", "%2F").Replace(right) + "%3D", ""},
		"other fingerprint":                {line(s.HostKey, host), "host_key=" + wrong, changed + `the parameter "host_key" says ` + wrong + ". Nothing was sent"},
		"no fingerprint":                   {"", "host_key=" + "ssh-ed25519%20AAAA", `the parameter "host_key" is not the fingerprint of a host key. Write it as ssh-keygen -lf shows it`},
		"file in a parameter":              {"", "known_hosts=" + s.KnownHostsPath(), ""},
		"file in a parameter, not there":   {"", "known_hosts=no-such-file", "the file of known hosts cannot be read: open no-such-file"},
		"authority that has not signed it": {"@cert-authority " + line(strange, host), "", changed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SFTP_KNOWN_HOSTS", tempFile(t, tc.known))
			source := withShortWaits(s.URL("a.csv?" + tc.query))
			if tc.want == "" {
				wantNumbered(t, source, 3)
				return
			}
			_, err := readIDs(t, source)
			wantError(t, err, tc.want)
		})
	}
}

// Without a file of known hosts no host is known.
func TestSFTPWithoutKnownHosts(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv", numbered(3))
	t.Setenv("SFTP_KNOWN_HOSTS", "")
	t.Setenv("HOME", t.TempDir())
	_, err := readIDs(t, withShortWaits(s.URL("a.csv")))
	wantError(t, err, `the host key of "`+s.Address+`" is not known: `)
	home := os.Getenv("HOME")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(readFile(t, s.KnownHostsPath())), 0o600); err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, withShortWaits(s.URL("a.csv")), 3)
}

// sshServer is a server for what OpenSSH's does not do without privileges, or never.
type sshServer struct {
	ssh.ServerConfig
	sftp func(io.ReadWriteCloser) // serves SFTP; nil: it is not there
}

// listen returns the URL of a folder on the server, whose host keys are known.
func (s *sshServer) listen(t *testing.T, keys ...ssh.Signer) string {
	t.Helper()
	var lines string
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	if keys == nil {
		key, _ := newKey(t)
		keys = append(keys, signerOf(t, key))
	}
	for _, key := range keys {
		s.AddHostKey(key)
		lines += knownhosts.Line([]string{knownhosts.Normalize(listener.Addr().String())}, key.PublicKey()) + "\n"
	}
	t.Setenv("SFTP_KNOWN_HOSTS", tempFile(t, lines))
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return "sftp://crm@" + listener.Addr().String() + "/exports/"
}

func (s *sshServer) serve(conn net.Conn) {
	_, channels, requests, err := ssh.NewServerConn(conn, &s.ServerConfig)
	if err != nil {
		return // refused
	}
	go ssh.DiscardRequests(requests)
	for opened := range channels {
		channel, requests, err := opened.Accept()
		if err != nil {
			return
		}
		go func() {
			for request := range requests {
				_ = request.Reply(s.sftp != nil && request.Type == "subsystem", nil)
				if s.sftp != nil {
					go s.sftp(channel)
				}
			}
		}()
	}
}

// passwords are the two ways in which servers ask for one.
func passwords() map[string]ssh.ServerConfig {
	return map[string]ssh.ServerConfig{
		"password": {PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, refusedUnless(string(password) == secret)
		}},
		"question": {KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return nil, refusedUnless(answers[0] == secret)
		}},
	}
}

func refusedUnless(ok bool) error {
	if ok {
		return nil
	}
	return io.ErrNoProgress // any
}

func clearSFTPEnvironment(t *testing.T) {
	t.Helper()
	for name := range (&sftptest.Server{}).Environment() {
		t.Setenv(name, "")
	}
}

func TestSFTPPassword(t *testing.T) {
	clearSFTPEnvironment(t)
	for name, config := range passwords() {
		t.Run(name, func(t *testing.T) {
			url := (&sshServer{ServerConfig: config, sftp: serveTree(tree1(numbered(3)))}).listen(t)
			t.Setenv("SFTP_PASSWORD", secret)
			wantNumbered(t, withShortWaits(url+"a.csv"), 3)
			t.Setenv("SFTP_PASSWORD", "wrong")
			_, err := readIDs(t, withShortWaits(url+"a.csv"))
			wantError(t, err, "the server refuses the credentials")
			t.Setenv("CRM_PASSWORD", secret)
			wantNumbered(t, withShortWaits(url+"a.csv?password_env=CRM_PASSWORD"), 3)
		})
	}
}

func TestSFTPServersThatAreOfNoUse(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	t.Run("without SFTP", func(t *testing.T) {
		url := (&sshServer{ServerConfig: passwords()["password"]}).listen(t)
		_, err := readIDs(t, withShortWaits(url+"a.csv"))
		wantError(t, err, "the server lets this user log in, but not read files by SFTP")
	})
	t.Run("asks for a code", func(t *testing.T) {
		asks := ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			_, err := ask("", "", []string{"Password: ", "Code: "}, []bool{false, true})
			return nil, err
		}}
		url := (&sshServer{ServerConfig: asks}).listen(t)
		_, err := readIDs(t, withShortWaits(url+"a.csv"))
		wantError(t, err, "the server asks for more than a password")
	})
	t.Run("old", func(t *testing.T) {
		old := passwords()["password"]
		old.Ciphers = []string{"aes128-cbc"}
		url := (&sshServer{ServerConfig: old}).listen(t)
		_, err := readIDs(t, withShortWaits(url+"a.csv"))
		wantError(t, err, "there is no safe algorithm in common with the server for ")
	})
	t.Run("no SSH", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(server.Close)
		t.Setenv("SFTP_KNOWN_HOSTS", "")
		_, err := readIDs(t, withWaits("sftp://crm@"+strings.TrimPrefix(server.URL, "http://")+"/a.csv", 2*time.Second, nil))
		wantError(t, err, "the connection to the server was lost: ssh: handshake failed: EOF. Check the host and the port, that an SFTP server listens there")
	})
}

// A server may have a key of the right type among others.
func TestSFTPHostKeyOfManyTypes(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	first, _ := newKey(t)
	second, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	url := (&sshServer{ServerConfig: passwords()["password"], sftp: serveTree(tree1(numbered(3)))}).listen(t, signerOf(t, first), signerOf(t, second))
	t.Setenv("SFTP_KNOWN_HOSTS", "")
	wantNumbered(t, withShortWaits(url+"a.csv?host_key="+ssh.FingerprintSHA256(publicKey(t, second.Public()))), 3)
}

// A host may show a certificate that an authority in the known hosts has signed.
func TestSFTPHostCertificate(t *testing.T) {
	clearSFTPEnvironment(t)
	t.Setenv("SFTP_PASSWORD", secret)
	authority, authorityKey := newKey(t)
	host, hostKey := newKey(t)
	certificate := &ssh.Certificate{Key: hostKey, CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, signerOf(t, authority)); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(certificate, signerOf(t, host))
	if err != nil {
		t.Fatal(err)
	}
	url := (&sshServer{ServerConfig: passwords()["password"], sftp: serveTree(tree1(numbered(3)))}).listen(t, signer, signerOf(t, host))
	_, stranger := newKey(t)
	address, _, _ := strings.Cut(strings.TrimPrefix(url, "sftp://crm@"), "/")
	address = knownhosts.Normalize(address)
	for known, want := range map[string]string{
		"@cert-authority " + knownhosts.Line([]string{address}, authorityKey): "",
		knownhosts.Line([]string{address}, hostKey):                           "",
		"@cert-authority " + knownhosts.Line([]string{address}, stranger):     "the host certificate of ",
	} {
		t.Setenv("SFTP_KNOWN_HOSTS", tempFile(t, known+"\n"))
		if want == "" {
			wantNumbered(t, withShortWaits(url+"a.csv"), 3)
			continue
		}
		_, err := readIDs(t, withShortWaits(url+"a.csv"))
		wantError(t, err, want)
	}
}

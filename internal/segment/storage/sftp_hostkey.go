package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// hostKeys decides whether the key that a server shows is its own.
type hostKeys interface {
	// algorithms are what the server may choose its key by, the best first.
	algorithms() []string

	// check refuses a key by a *readError or, if a server may have another one that
	// is right, by an *otherKeyError.
	check(hostname string, remote net.Addr, key ssh.PublicKey) error
}

// otherKeyError refuses a key; the server may also have one of another type.
type otherKeyError struct {
	readError
	keyType string
}

// newHostKeys returns what is known of the host: the fingerprints in the parameter
// host_key, else the files of known hosts.
func newHostKeys(a sftpAddress, p params, getenv func(string) string) (hostKeys, error) {
	if text, given := p["host_key"]; given {
		return newPinnedKeys(a, text)
	}
	return newKnownHosts(a, p, getenv)
}

// plainAlgorithms are those that are safe, without certificates. The type of key
// comes first that OpenSSH shows, too.
func plainAlgorithms() []string {
	algorithms := slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, isCertificate)
	slices.SortStableFunc(algorithms, func(a, b string) int { return rank(a) - rank(b) })
	return algorithms
}

func rank(algorithm string) int {
	if at := slices.Index([]string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}, algorithm); at >= 0 {
		return at
	}
	return 100
}

func isCertificate(algorithm string) bool { return strings.Contains(algorithm, "-cert-") }

// keyTypeOf is the type of the keys that an algorithm signs with.
func keyTypeOf(algorithm string) string {
	if algorithm == ssh.KeyAlgoRSASHA256 || algorithm == ssh.KeyAlgoRSASHA512 {
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// describeKey is a key for messages, as ssh-keygen -l shows it.
func describeKey(key ssh.PublicKey) string {
	return fmt.Sprintf("%s (%s)", ssh.FingerprintSHA256(key), key.Type())
}

// pinnedKeys are fingerprints that the path names.
type pinnedKeys struct {
	address      sftpAddress
	fingerprints []string
}

const fingerprintPrefix = "SHA256:"

// newPinnedKeys parses fingerprints, separated by commas. A + of theirs may have been
// taken for a blank.
func newPinnedKeys(a sftpAddress, text string) (hostKeys, error) {
	k := pinnedKeys{address: a}
	for fingerprint := range strings.SplitSeq(strings.ReplaceAll(text, " ", "+"), ",") {
		fingerprint = strings.TrimRight(fingerprint, "=")
		if len(fingerprint) != len(fingerprintPrefix)+43 || !strings.HasPrefix(fingerprint, fingerprintPrefix) { // 32 bytes in base64
			return nil, &readError{
				problem: `the parameter "host_key" is not the fingerprint of a host key`,
				remedy:  "Write it as ssh-keygen -lf shows it, such as host_key=SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8; several are separated by commas.",
			}
		}
		k.fingerprints = append(k.fingerprints, fingerprint)
	}
	return k, nil
}

func (pinnedKeys) algorithms() []string { return plainAlgorithms() }

func (k pinnedKeys) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	if slices.Contains(k.fingerprints, ssh.FingerprintSHA256(key)) {
		return nil
	}
	return &otherKeyError{changedKey(k.address, key, fmt.Sprintf("the parameter \"host_key\" says %s", strings.Join(k.fingerprints, ", ")),
		"If the server has a new key, change host_key to its fingerprint."), key.Type()}
}

// changedKey says that a server shows another key than the one that is known.
func changedKey(a sftpAddress, key ssh.PublicKey, known, remedy string) readError {
	return readError{
		problem: fmt.Sprintf("the host key of %q has changed: the server shows %s, but %s", a.server(), describeKey(key), known),
		remedy:  "Nothing was sent: this may be another server that pretends to be this one. Ask its operator whether the key was changed. " + remedy,
	}
}

// knownHosts are files in the format of OpenSSH's known_hosts.
type knownHosts struct {
	address  sftpAddress
	files    []string
	callback ssh.HostKeyCallback // nil: there is no file
}

// newKnownHosts reads the file that is named, else those that OpenSSH reads.
func newKnownHosts(a sftpAddress, p params, getenv func(string) string) (hostKeys, error) {
	k := knownHosts{address: a}
	named := p["known_hosts"]
	if named == "" {
		named = getenv(sftpKnownHosts)
	}
	if named != "" {
		k.files = []string{named}
	} else {
		for _, name := range defaultKnownHosts() {
			if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				k.files = append(k.files, name)
			}
		}
	}
	if k.files == nil {
		return k, nil
	}
	callback, err := knownhosts.New(k.files...)
	if err != nil {
		return nil, &readError{
			problem: "the file of known hosts cannot be read: " + redact.Line(strings.TrimPrefix(err.Error(), "knownhosts: ")),
			remedy:  "Correct or remove that line, or name another file in " + sftpKnownHosts + ".",
		}
	}
	k.callback = callback
	return k, nil
}

func defaultKnownHosts() []string {
	files := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		files = append([]string{filepath.Join(home, ".ssh", "known_hosts")}, files...)
	}
	return files
}

// listed are the keys of the host in the files.
func (k knownHosts) listed() []knownhosts.KnownKey {
	var mismatch *knownhosts.KeyError
	if k.callback != nil {
		_ = errors.As(k.callback(k.address.server(), &net.TCPAddr{}, noKey{}), &mismatch)
	}
	if mismatch == nil {
		return nil
	}
	return mismatch.Want
}

// noKey is the key of no host.
type noKey struct{}

func (noKey) Type() string { return "none" }

func (noKey) Marshal() []byte { return nil }

func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// algorithms puts those of known keys first: a server has several keys, and one that
// is not listed would look as if the listed one had changed.
func (k knownHosts) algorithms() []string {
	var types []string
	algorithms := plainAlgorithms()
	for _, known := range k.listed() {
		if isAuthority(known) {
			algorithms = slices.Concat(slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, func(name string) bool { return !isCertificate(name) }), algorithms)
			return algorithms
		}
		types = append(types, known.Key.Type())
	}
	slices.SortStableFunc(algorithms, func(a, b string) int {
		switch knowsA, knowsB := slices.Contains(types, keyTypeOf(a)), slices.Contains(types, keyTypeOf(b)); {
		case knowsA == knowsB:
			return 0
		case knowsA:
			return -1
		default:
			return 1
		}
	})
	return algorithms
}

// isAuthority reports whether a line is about a key that signs those of hosts.
func isAuthority(known knownhosts.KnownKey) bool {
	file, err := os.Open(known.Filename)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // only read from
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if n == known.Line {
			return strings.HasPrefix(strings.TrimSpace(lines.Text()), "@cert-authority")
		}
	}
	return false
}

func (k knownHosts) check(hostname string, remote net.Addr, key ssh.PublicKey) error {
	if k.callback == nil {
		return k.unknown(key)
	}
	err := k.callback(hostname, remote, key)
	var (
		mismatch *knownhosts.KeyError
		revoked  *knownhosts.RevokedError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return &readError{
			problem: fmt.Sprintf("the host key of %q, %s, is revoked by %s:%d", k.address.server(), describeKey(key), revoked.Revoked.Filename, revoked.Revoked.Line),
			remedy:  "Nothing was sent. Ask the operator of the server for its new key.",
		}
	case errors.As(err, &mismatch) && len(mismatch.Want) > 0:
		known := mismatch.Want[0]
		changed := changedKey(k.address, key, fmt.Sprintf("%s:%d lists %s", known.Filename, known.Line, describeKey(known.Key)),
			fmt.Sprintf("If it was, remove the old key with ssh-keygen -R %q -f %q, and add the new one.", knownhosts.Normalize(k.address.server()), known.Filename))
		return &changed
	case errors.As(err, &mismatch):
		return k.unknown(key)
	default:
		return &readError{problem: fmt.Sprintf("the host certificate of %q is not valid: %s", k.address.server(), brief(err)), remedy: "Nothing was sent. Ask the operator of the server."}
	}
}

// unknown says that nothing is known of a host.
func (k knownHosts) unknown(key ssh.PublicKey) error {
	where := "there is no file of known hosts"
	if k.files != nil {
		where = "it is not in " + strings.Join(k.files, ", ")
	}
	return &readError{
		problem: fmt.Sprintf("the host key of %q is not known: %s, and the server shows %s", k.address.server(), where, describeKey(key)),
		remedy: fmt.Sprintf("Nothing was sent. Compare the fingerprint with the one that the server's operator gives you. If it is the same, add ?host_key=%s to the path, "+
			"or the key to ~/.ssh/known_hosts or to the file that %s names.", ssh.FingerprintSHA256(key), sftpKnownHosts),
	}
}

package sql

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// snowflakeEnvironment sets the variables of Snowflake's tools; those that are not
// given are empty.
func snowflakeEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{"SNOWFLAKE_TOKEN", "SNOWFLAKE_USER", "SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_RAW", "SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_PASSPHRASE"} {
		t.Setenv(name, variables[name])
	}
}

func newRSAKey(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// fixedClock tells the time that a test sets, and never waits.
type fixedClock struct {
	wait.System
	now time.Time
}

func (c *fixedClock) Now() time.Time { return c.now }

func TestParseSnowflake(t *testing.T) { //nolint:paralleltest // it sets the environment
	snowflakeEnvironment(t, map[string]string{"SNOWFLAKE_TOKEN": "secret"})
	for url, want := range map[string]string{
		"snowflake://acme-main/analytics/public?warehouse=reporting&role=reader&statement_timeout=10m": "https://acme-main.snowflakecomputing.com ANALYTICS PUBLIC REPORTING READER 10m0s",
		"snowflake://ada@acme-my_account/%22Mixed%20Case%22":                                           `https://acme-my-account.snowflakecomputing.com Mixed Case    0s`,
		"snowflake://xy12345.eu-central-1.aws/DB?warehouse=%22my+wh%22":                                "https://xy12345.eu-central-1.aws.snowflakecomputing.com DB  my wh  0s",
		"SNOWFLAKE://Acme-Main.privatelink.snowflakecomputing.com/db/":                                 "https://acme-main.privatelink.snowflakecomputing.com DB    0s",
		"snowflake://acme-main?endpoint=https://sf.internal:8443/":                                     "https://sf.internal:8443     0s",
		"snowflake://acme-main?endpoint=http://127.0.0.1:5000":                                         "http://127.0.0.1:5000     0s",
	} {
		c, problem := parseSnowflake(url, wait.System{})
		if problem != nil {
			t.Errorf("%s: %s", url, problem)
			continue
		}
		if got := strings.Join([]string{c.endpoint.String(), c.database, c.schema, c.warehouse, c.role, c.timeout.String()}, " "); got != want {
			t.Errorf("%s is %q, want %q", url, got, want)
		}
	}
}

func TestParseSnowflake_refused(t *testing.T) { //nolint:paralleltest // it sets the environment
	snowflakeEnvironment(t, nil)
	for url, words := range map[string]string{
		"snowflake://ada:hush%@acme-main/db":                          "malformed",
		"snowflake:///db":                                             "malformed",
		"snowflake://u:hush@acme-main/db?Warehouse=x":                 `a parameter "Warehouse", which a snowflake URL does not have. The parameters are "warehouse"`,
		"snowflake://u:hush@acme-main/db?role=a&role=b":               `"role" more than once`,
		"snowflake://u:hush@acme-main/db?statement_timeout=10":        "not a duration",
		"snowflake://u:hush@acme-main/db?statement_timeout=10ms":      "at least a second",
		"snowflake://u:hush@acme-main:443/db":                         "a port",
		"snowflake://u:hush@acme-main/db/schema/table":                "more than a database and a schema",
		"snowflake://u:hush@acme-main/db?endpoint=http://sf.internal": "only for a server on this machine",
		"snowflake://u:hush@acme-main/db?endpoint=sf.internal":        "not the address of a server",
		"snowflake://acme-main/db":                                    "no credentials to sign in to Snowflake with. Set SNOWFLAKE_PRIVATE_KEY",
	} {
		_, problem := parseSnowflake(url, wait.System{})
		if problem == nil || !strings.Contains(problem.Error(), words) || strings.Contains(problem.Error(), "hush") || problem.Argument[0] != "url" {
			t.Errorf("%s: %v", url, problem)
		}
	}
}

// authorized returns the headers of a request.
func authorized(t *testing.T, c *snowflakeConfig) (token, kind string) {
	t.Helper()
	return authorizedAgain(t, c, false)
}

// authorizedAgain does the same, after the token before was refused if fresh is true.
func authorizedAgain(t *testing.T, c *snowflakeConfig, fresh bool) (token, kind string) {
	t.Helper()
	request := &http.Request{Header: http.Header{}}
	if err := c.credential.authorize(t.Context(), request, fresh); err != nil {
		t.Fatal(err)
	}
	token, found := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if !found {
		t.Errorf("Authorization %q", request.Header.Get("Authorization"))
	}
	return token, request.Header.Get("X-Snowflake-Authorization-Token-Type")
}

func TestSnowflakeCredential_tokens(t *testing.T) {
	_, key := newRSAKey(t)
	snowflakeEnvironment(t, map[string]string{"SNOWFLAKE_TOKEN": " of the environment\n"})
	for url, want := range map[string][2]string{
		"snowflake://acme-main/db":               {"of the environment", ""},
		"snowflake://ada@acme-main/db":           {"of the environment", ""},
		"snowflake://ada:of%20the%20URL@acme/db": {"of the URL", "PROGRAMMATIC_ACCESS_TOKEN"},
	} {
		c, problem := parseSnowflake(url, wait.System{})
		if problem != nil {
			t.Fatal(problem)
		}
		if token, kind := authorized(t, c); token != want[0] || kind != want[1] {
			t.Errorf("%s: token %q of type %q", url, token, kind)
		}
	}
	t.Setenv("SNOWFLAKE_PRIVATE_KEY", key)
	c, problem := parseSnowflake("snowflake://ada@acme-main/db", wait.System{})
	if problem != nil {
		t.Fatal(problem)
	}
	if _, kind := authorized(t, c); kind != "KEYPAIR_JWT" {
		t.Errorf("with a key and a token: type %q", kind)
	}
}

func TestSnowflakeCredential_key(t *testing.T) { //nolint:paralleltest // it sets the environment
	key, text := newRSAKey(t)
	file := filepath.Join(t.TempDir(), "rsa_key.p8")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(public)
	fingerprint := "SHA256:" + base64.StdEncoding.EncodeToString(digest[:])
	for name, c := range map[string]struct { //nolint:paralleltest // they set the environment
		url         string
		environment map[string]string
		subject     string
	}{
		"PEM":                     {"snowflake://ada@acme-my_account/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY": text}, "ACME-MY_ACCOUNT.ADA"},
		"PEM on one line":         {"snowflake://ada@acme-main/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY_RAW": strings.ReplaceAll(text, "\n", `\n`)}, "ACME-MAIN.ADA"},
		"file, user of the tools": {"snowflake://xy12345.eu-central-1.aws/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY_PATH": file, "SNOWFLAKE_USER": "ada"}, "XY12345.ADA"},
		"PKCS #1, quoted user": {
			"snowflake://%22ada.l%22@main-ext.global/db",
			map[string]string{"SNOWFLAKE_PRIVATE_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))},
			"MAIN.ada.l",
		},
	} {
		t.Run(name, func(t *testing.T) {
			snowflakeEnvironment(t, c.environment)
			clock := &fixedClock{now: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)}
			config, problem := parseSnowflake(c.url, clock)
			if problem != nil {
				t.Fatal(problem)
			}
			token, kind := authorized(t, config)
			claims := jwt.MapClaims{}
			if _, err := jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key.Public(), nil }); err != nil {
				t.Fatal(err)
			}
			issued, _ := claims.GetIssuedAt()
			expires, _ := claims.GetExpirationTime()
			if claims["sub"] != c.subject || claims["iss"] != c.subject+"."+fingerprint || kind != "KEYPAIR_JWT" {
				t.Errorf("claims %v, type %q", claims, kind)
			}
			if issued.After(clock.now) || !expires.After(clock.now.Add(30*time.Minute)) || expires.Sub(issued.Time) > time.Hour {
				t.Errorf("valid from %s to %s", issued, expires)
			}
			clock.now = clock.now.Add(30 * time.Minute)
			if again, _ := authorized(t, config); again != token {
				t.Error("a valid token is not used again")
			}
			if again, _ := authorizedAgain(t, config, true); again == token {
				t.Error("a token that was refused is used again")
			}
			token, _ = authorized(t, config)
			clock.now = clock.now.Add(46 * time.Minute)
			if again, _ := authorized(t, config); again == token {
				t.Error("a token that is about to expire is used again")
			}
		})
	}
}

func TestSnowflakeCredential_keyRefused(t *testing.T) { //nolint:paralleltest // it sets the environment
	_, text := newRSAKey(t)
	for name, c := range map[string]struct { //nolint:paralleltest // they set the environment
		url         string
		environment map[string]string
		words       string
	}{
		"no user":   {"snowflake://acme-main/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY": text}, "neither the URL nor SNOWFLAKE_USER names one"},
		"no PEM":    {"snowflake://ada@acme-main/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY": "hush"}, "SNOWFLAKE_PRIVATE_KEY is not in PEM"},
		"no file":   {"snowflake://ada@acme-main/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY_FILE": "/no/such/file"}, "SNOWFLAKE_PRIVATE_KEY_FILE cannot be read: no such file"},
		"encrypted": {"snowflake://ada@acme-main/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))}, "is encrypted. Set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"},
		"no key":    {"snowflake://ada@acme-main/db", map[string]string{"SNOWFLAKE_PRIVATE_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			snowflakeEnvironment(t, c.environment)
			_, problem := parseSnowflake(c.url, wait.System{})
			if problem == nil || !strings.Contains(problem.Error(), c.words) || strings.Contains(problem.Error(), "hush") {
				t.Errorf("%v", problem)
			}
		})
	}
}

// The passphrase of a key comes from the environment, too.
func TestSnowflakeCredential_passphrase(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	key, text := newRSAKey(t)
	command := exec.CommandContext(t.Context(), openssl, "pkcs8", "-topk8", "-passout", "pass:Hu5h")
	command.Stdin = strings.NewReader(text)
	encrypted, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	const url = "snowflake://ada@acme-main/db"
	snowflakeEnvironment(t, map[string]string{"SNOWFLAKE_PRIVATE_KEY": string(encrypted), "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "Hu5h"})
	config, problem := parseSnowflake(url, wait.System{})
	if problem != nil || !key.Equal(config.credential.key.key) {
		t.Errorf("%v", problem)
	}
	t.Setenv("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "wrong")
	if _, problem := parseSnowflake(url, wait.System{}); problem == nil || !strings.Contains(problem.Error(), "cannot be decrypted: the passphrase is wrong. Check SNOWFLAKE_PRIVATE_KEY_PASSPHRASE") {
		t.Errorf("%v", problem)
	}
}

// Keys that openssl has encrypted, with the default of Snowflake's instructions, that
// of openssl, and others.
func TestDecryptPKCS8(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	key, text := newRSAKey(t)
	for name, options := range map[string][]string{
		"default": {}, "des3": {"-v2", "des3"}, "aes128, SHA-1": {"-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"},
		"aes192, SHA-512": {"-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"},
	} {
		command := exec.CommandContext(t.Context(), openssl, append([]string{"pkcs8", "-topk8", "-passout", "pass:Hu5h"}, options...)...)
		command.Stdin = strings.NewReader(text)
		encrypted, err := command.Output()
		if err != nil {
			t.Fatal(name, err)
		}
		block, _ := pem.Decode(encrypted)
		if block == nil || block.Type != "ENCRYPTED PRIVATE KEY" {
			t.Fatalf("%s: %s", name, encrypted)
		}
		if got, err := decryptPKCS8(block.Bytes, "Hu5h"); err != nil || !key.Equal(got) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := decryptPKCS8(block.Bytes, "hush"); !errors.Is(err, errPassphrase) {
			t.Errorf("%s with another passphrase: %v", name, err)
		}
		if _, err := decryptPKCS8(block.Bytes[:len(block.Bytes)-1], "Hu5h"); !errors.Is(err, errKeyFormat) {
			t.Errorf("%s cut: %v", name, err)
		}
	}
	for _, of := range []string{"-scrypt", "-v1=PBE-SHA1-3DES"} {
		command := exec.CommandContext(t.Context(), openssl, append([]string{"pkcs8", "-topk8", "-passout", "pass:Hu5h"}, strings.Split(of, "=")...)...)
		command.Stdin = strings.NewReader(text)
		encrypted, err := command.Output()
		if err != nil {
			t.Fatal(of, err)
		}
		block, _ := pem.Decode(encrypted)
		if _, err := decryptPKCS8(block.Bytes, "Hu5h"); !errors.Is(err, errKeyFormat) {
			t.Errorf("%s: %v", of, err)
		}
	}
}

package sql

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// snowflakeConfig is what a URL says.
type snowflakeConfig struct {
	endpoint  *url.URL
	database  string
	schema    string
	warehouse string
	role      string
	timeout   time.Duration // of a statement; 0 for the server's own

	credential snowflakeCredential
}

const snowflakeExample = "Write snowflake://user@organization-account/database/schema?warehouse=name&role=name."

// snowflakeParameters are those of the URL.
var snowflakeParameters = []string{"warehouse", "role", "statement_timeout", "endpoint"}

// parseSnowflake parses a URL. The environment has what the URL does not.
func parseSnowflake(text string, clock wait.Clock) (*snowflakeConfig, *segment.Error) {
	address, parameters, problem := parseAddress(text, snowflakeExample, snowflakeParameters)
	if problem != nil {
		return nil, problem
	}
	if address.Port() != "" {
		return nil, argumentError("url", snowflakeExample+" Another address belongs to the parameter endpoint.", "The URL of the database has a port after Snowflake's account.")
	}
	host, account := snowflakeAccount(address.Hostname())
	config := &snowflakeConfig{
		endpoint:  &url.URL{Scheme: "https", Host: host},
		warehouse: snowflakeName(parameters.Get("warehouse")),
		role:      snowflakeName(parameters.Get("role")),
	}
	if config.timeout, problem = statementTimeout(parameters); problem != nil {
		return nil, problem
	}
	if endpoint := parameters.Get("endpoint"); endpoint != "" {
		if config.endpoint, problem = parseEndpoint(endpoint); problem != nil {
			return nil, problem
		}
	}
	database, schema, _ := strings.Cut(strings.Trim(address.Path, "/"), "/")
	if strings.Contains(schema, "/") {
		return nil, argumentError("url", snowflakeExample, "The path of the URL has more than a database and a schema.")
	}
	config.database, config.schema = snowflakeName(database), snowflakeName(schema)
	config.credential, problem = newSnowflakeCredential(address.User, account, clock)
	return config, problem
}

// snowflakeAccount returns the host of an account, and its identifier as a token has
// it: without region and in upper case. The account may be written as its host.
// https://docs.snowflake.com/en/user-guide/admin-account-identifier
func snowflakeAccount(written string) (host, account string) {
	const domain = ".snowflakecomputing."
	host = strings.ToLower(strings.ReplaceAll(written, "_", "-"))
	if !strings.Contains(host, domain) {
		host += domain + "com"
	}
	account, rest, _ := strings.Cut(written, ".")
	if strings.HasPrefix(strings.ToLower(rest), "global") {
		account, _, _ = strings.Cut(account, "-") // the id of a replicated account follows
	}
	return host, strings.ToUpper(account)
}

// snowflakeName returns a name as Snowflake keeps it, since its API compares names as
// they are: in upper case, unless it is in quotes.
func snowflakeName(written string) string {
	if n := len(written); n >= 2 && written[0] == '"' && written[n-1] == '"' {
		return strings.ReplaceAll(written[1:n-1], `""`, `"`)
	}
	return strings.ToUpper(written)
}

// snowflakeCredential authorizes requests.
type snowflakeCredential struct {
	origin string // where it is from, for messages
	token  string // of OAuth, or a programmatic access token
	kind   string // of the token, where that is known
	key    *snowflakeKey
}

// Variables that the tools of Snowflake read: its command line and its provider for
// Terraform.
var (
	snowflakeKeyVariables     = []string{"SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_RAW"}
	snowflakeKeyFileVariables = []string{"SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PRIVATE_KEY_FILE"}

	snowflakePassphraseVariables = []string{"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_PASSPHRASE"}
)

// newSnowflakeCredential takes the token of the URL, or else the private key of the
// environment, or else its token.
func newSnowflakeCredential(user *url.Userinfo, account string, clock wait.Clock) (snowflakeCredential, *segment.Error) {
	if token, _ := user.Password(); token != "" {
		return snowflakeCredential{origin: "the token in the URL", token: token, kind: "PROGRAMMATIC_ACCESS_TOKEN"}, nil
	}
	if text, variable := firstSet(snowflakeKeyVariables); text != "" {
		key, problem := newSnowflakeKey(text, variable, user.Username(), account, clock)
		return snowflakeCredential{origin: "the private key of " + variable, key: key}, problem
	}
	if path, variable := firstSet(snowflakeKeyFileVariables); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return snowflakeCredential{}, argumentError("url", "Set it to the path of a PEM file on the machine where Terraform runs.", "The file of %s cannot be read: %s.", variable, segment.Cause(err))
		}
		key, problem := newSnowflakeKey(string(text), variable, user.Username(), account, clock)
		return snowflakeCredential{origin: "the private key of " + variable, key: key}, problem
	}
	if token := strings.TrimSpace(os.Getenv("SNOWFLAKE_TOKEN")); token != "" {
		return snowflakeCredential{origin: "the token of SNOWFLAKE_TOKEN", token: token}, nil
	}
	return snowflakeCredential{}, argumentError("url",
		"Set SNOWFLAKE_PRIVATE_KEY or SNOWFLAKE_PRIVATE_KEY_PATH to the private key of the user (key-pair authentication), or SNOWFLAKE_TOKEN to an OAuth token or a programmatic access token, where Terraform runs.",
		"There are no credentials to sign in to Snowflake with.")
}

// firstSet returns the first environment variable that is set, and its name.
func firstSet(variables []string) (value, variable string) {
	for _, variable = range variables {
		if value = os.Getenv(variable); value != "" {
			return value, variable
		}
	}
	return "", ""
}

// authorize adds the credential to a request.
func (c *snowflakeCredential) authorize(_ context.Context, request *http.Request, fresh bool) error {
	token, kind := c.token, c.kind
	if c.key != nil {
		var err error
		if token, err = c.key.bearer(fresh); err != nil {
			return err
		}
		kind = "KEYPAIR_JWT"
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if kind != "" {
		request.Header.Set("X-Snowflake-Authorization-Token-Type", kind)
	}
	return nil
}

// snowflakeKey signs tokens with the private key of a user.
// https://docs.snowflake.com/en/developer-guide/sql-api/authenticating
type snowflakeKey struct {
	key         *rsa.PrivateKey
	fingerprint string // of the public key, as Snowflake shows it
	subject     string
	clock       wait.Clock

	mu      sync.Mutex
	token   string
	expires time.Time
}

func newSnowflakeKey(text, variable, user, account string, clock wait.Clock) (*snowflakeKey, *segment.Error) {
	if user == "" {
		user = os.Getenv("SNOWFLAKE_USER")
	}
	if user == "" {
		return nil, argumentError("url", "Write the user before the account, snowflake://user@account, or set SNOWFLAKE_USER where Terraform runs.",
			"A private key signs in as a user, and neither the URL nor SNOWFLAKE_USER names one.")
	}
	key, problem := parseSnowflakeKey(text, variable)
	if problem != nil {
		return nil, problem
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, argumentError("url", "", "The private key of %s cannot be used.", variable)
	}
	digest := sha256.Sum256(public)
	return &snowflakeKey{
		key: key, fingerprint: "SHA256:" + base64.StdEncoding.EncodeToString(digest[:]), subject: account + "." + snowflakeName(user), clock: clock,
	}, nil
}

// parseSnowflakeKey reads a private key. In a variable, line ends may be written \n.
func parseSnowflakeKey(text, variable string) (*rsa.PrivateKey, *segment.Error) {
	const remedy = "It must hold an RSA key in PEM, as openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt writes it."
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil, argumentError("url", remedy, "The private key of %s is not in PEM.", variable)
	}
	var parsed any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		passphrase, from := firstSet(snowflakePassphraseVariables)
		if passphrase == "" {
			return nil, argumentError("url", "Set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE where Terraform runs.", "The private key of %s is encrypted.", variable)
		}
		if parsed, err = decryptPKCS8(block.Bytes, passphrase); err != nil {
			return nil, argumentError("url", "Check "+from+", or write the key without a passphrase: openssl pkcs8 -in rsa_key.p8.", "The private key of %s cannot be decrypted: %s.", variable, err)
		}
	case block.Type == "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, argumentError("url", remedy, "The private key of %s cannot be read, or is not an RSA key.", variable)
	}
	return key, nil
}

// bearer returns a token that is valid for a while, a new one if fresh. Snowflake takes
// none that is valid for more than an hour.
func (k *snowflakeKey) bearer(fresh bool) (string, error) {
	const lifetime, skew, reserve = 50 * time.Minute, time.Minute, 5 * time.Minute
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock.Now()
	if k.token != "" && !fresh && now.Before(k.expires.Add(-reserve)) {
		return k.token, nil
	}
	claims := jwt.MapClaims{"iat": now.Add(-skew).Unix(), "exp": now.Add(lifetime).Unix(), "sub": k.subject, "iss": k.subject + "." + k.fingerprint}
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(k.key)
	if err != nil {
		return "", argumentError("url", "", "The private key of Snowflake's user signs no token.")
	}
	k.token, k.expires = token, now.Add(lifetime)
	return token, nil
}

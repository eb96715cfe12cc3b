package standin

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
)

// Key is a key pair that tests sign with.
type Key struct {
	PEM         string // of the private key, PKCS #8
	Fingerprint string // SHA256: and the hash of the public key, as Snowflake shows it
	public      *rsa.PublicKey
}

// TestKey returns the key pair of this program. It is made once, since making
// it takes a while.
var TestKey = sync.OnceValue(func() Key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(public)
	return Key{
		PEM:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
		Fingerprint: "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]),
		public:      &private.PublicKey,
	}
})

// Verify checks a JWT that was signed with the key by RS256, and decodes its claims.
func (k Key) Verify(token string, claims any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var header struct{ Alg string }
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decodePart(parts[0], &header) || header.Alg != "RS256" || !decodePart(parts[1], claims) {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(k.public, crypto.SHA256, sum[:], signature) == nil
}

func decodePart(part string, target any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, target) == nil
}

// Sign makes a JWT of claims, for tests of the stand-ins.
func (k Key) Sign(claims any) (string, error) {
	block, _ := pem.Decode([]byte(k.PEM))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, private.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	return text + "." + encode(signature), err
}

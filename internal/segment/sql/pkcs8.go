package sql

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // Snowflake's own instructions encrypt keys with it
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the default of PBKDF2 in keys
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"
)

// encryptedKey is EncryptedPrivateKeyInfo of RFC 5958.
type encryptedKey struct {
	Algorithm struct {
		Scheme     asn1.ObjectIdentifier
		Parameters struct { // of PBES2, RFC 8018
			Derivation struct {
				Function   asn1.ObjectIdentifier
				Parameters struct { // of PBKDF2
					Salt       []byte
					Iterations int
					Length     int                      `asn1:"optional"`
					Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
				}
			}
			Encryption struct {
				Cipher asn1.ObjectIdentifier
				IV     []byte
			}
		}
	}
	Data []byte
}

// blockCipher is a cipher of encrypted keys.
type blockCipher struct {
	keyLength int
	create    func([]byte) (cipher.Block, error)
}

var blockCiphers = map[string]blockCipher{
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
}

var derivationHashes = map[string]func() hash.Hash{
	"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.11": sha512.New,
}

var (
	errKeyFormat  = errors.New("it is encrypted in a way that is not supported")
	errPassphrase = errors.New("the passphrase is wrong")
)

// decryptPKCS8 reads a private key that openssl pkcs8 -topk8 has encrypted, which the
// standard library cannot.
func decryptPKCS8(encoded []byte, passphrase string) (any, error) {
	const pbes2, pbkdf2ID = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
	var info encryptedKey
	if rest, err := asn1.Unmarshal(encoded, &info); err != nil || len(rest) > 0 || info.Algorithm.Scheme.String() != pbes2 {
		return nil, errKeyFormat
	}
	derivation, encryption := info.Algorithm.Parameters.Derivation, info.Algorithm.Parameters.Encryption
	of, known := blockCiphers[encryption.Cipher.String()]
	digest := derivationHashes[derivation.Parameters.Hash.Algorithm.String()]
	if !known || digest == nil || derivation.Function.String() != pbkdf2ID {
		return nil, errKeyFormat
	}
	key, err := pbkdf2.Key(digest, passphrase, derivation.Parameters.Salt, derivation.Parameters.Iterations, of.keyLength)
	if err != nil {
		return nil, errKeyFormat
	}
	block, err := of.create(key)
	if err != nil || len(encryption.IV) != block.BlockSize() || len(info.Data) == 0 || len(info.Data)%block.BlockSize() != 0 {
		return nil, errKeyFormat
	}
	plain := make([]byte, len(info.Data))
	cipher.NewCBCDecrypter(block, encryption.IV).CryptBlocks(plain, info.Data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > block.BlockSize() {
		return nil, errPassphrase
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain[:len(plain)-padding])
	if err != nil {
		return nil, errPassphrase
	}
	return parsed, nil
}

package sql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// maxVersionRows bounds the rows of a version query, which should sum up the
// segment and not read it.
const maxVersionRows = 1000

// Version implements [segment.Source]. It is a hash, so that no value of the
// version query is kept.
func (s Source) Version(ctx context.Context) (string, error) {
	if s.VersionQuery == "" {
		return "", nil
	}
	version, err := s.version(ctx)
	return version, s.blame("version_query", err)
}

// TellsChanges implements [segment.ChangeTeller].
func (s Source) TellsChanges() bool { return s.VersionQuery != "" }

func (s Source) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	digest := sha256.New()
	s.identify(digest)
	columns := 0
	var statement statement
	defer func() {
		if statement.session != nil {
			cancel()
			statement.session.close()
		}
	}()
	if err := s.start(ctx, s.VersionQuery, nil, &statement, func(available []columnInfo) error {
		if columns = len(available); columns == 0 {
			return argumentError("query", "It must be a SELECT.", "The version query returns no columns.")
		}
		return nil
	}); err != nil {
		return "", err
	}
	rows, err := hashRows(digest, statement.cursor, columns)
	if err != nil {
		return "", preferContextError(ctx, err)
	}
	if rows == 0 {
		return "", argumentError("query", "Return a row that changes when the segment does, such as SELECT max(updated_at), count(*).", "The version query returns no row.")
	}
	return hex.EncodeToString(digest.Sum(nil)[:16]), nil
}

// identify adds the queries, and who reads them where: the URL without secrets.
func (s Source) identify(digest hash.Hash) {
	if address, _, err := s.server(); err == nil {
		beforeQuery, query, _ := strings.Cut(address, "?")
		hashText(digest, []byte(withoutPassword(beforeQuery)))
		for _, parameter := range openParameters(query) {
			hashText(digest, []byte(parameter))
		}
	}
	hashText(digest, []byte(s.VersionQuery))
	hashText(digest, []byte(s.Query))
	for _, arg := range s.Args {
		if arg == nil {
			digest.Write([]byte("NULL"))
		} else {
			hashText(digest, []byte(*arg))
		}
	}
}

// withoutPassword reduces a URL without parameters to scheme, user, host and path.
func withoutPassword(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	user, host := "", rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, host = rest[:at], rest[at:]
	}
	user, _, _ = strings.Cut(user, ":")
	return scheme + "://" + user + host
}

// openParameters returns the parameters of a URL that hold no secrets, sorted by name.
// Which of them say what a query reads, such as host, role, search_path and time zone,
// depends on the server, so all of the others count.
func openParameters(query string) (found []string) {
	parameters, _ := url.ParseQuery(query)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if isSecret(name) {
			continue
		}
		for _, value := range parameters[name] {
			found = append(found, strings.ToLower(name)+"="+value)
		}
	}
	return found
}

// secretWords are in the names of parameters that may hold a secret, or the path of one.
var secretWords = []string{"pass", "pwd", "secret", "token", "key", "credential"}

// isSecret reports whether a parameter of a URL may hold a secret, by its name.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	return redact.IsSigned(url.Values{name: nil}) || slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// hashText adds a text with its length, so that different lists of texts have
// different hashes.
func hashText(digest hash.Hash, text []byte) {
	fmt.Fprintf(digest, "%d:", len(text))
	digest.Write(text)
}

// hashRows adds all values and returns the number of rows.
func hashRows(digest hash.Hash, cursor cursor, columns int) (rows int, err error) {
	var buf []byte
	for {
		if err := cursor.next(); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		if rows++; rows > maxVersionRows {
			return rows, argumentError("query", "Return one row that sums up the segment.", "The version query returns more than %d rows.", maxVersionRows)
		}
		for i := range columns {
			if buf, err = cursor.append(buf[:0], i); err != nil {
				return rows, argumentError("query", "", "The version query returns a value that cannot be read in column %d.", i+1)
			}
			hashText(digest, buf)
		}
	}
}

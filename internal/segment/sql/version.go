package sql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// mostVersionRows bounds what a version query may return. It is to sum up a
// segment, not to be one.
const mostVersionRows = 1000

// Version implements [segment.Source]. It is a hash, so that nothing of what the
// version query returns is kept anywhere.
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
	var statement sqlStatement
	defer func() {
		if statement.session != nil {
			cancel()
			statement.session.close()
		}
	}()
	if err := s.start(ctx, s.VersionQuery, nil, &statement, func(available []sqlColumn) error {
		if columns = len(available); columns == 0 {
			return sqlError("query", "It must be a SELECT.", "The version query returns no columns.")
		}
		return nil
	}); err != nil {
		return "", err
	}
	rows, err := hashRows(digest, statement.cursor, columns)
	if err != nil {
		return "", ended(ctx, err)
	}
	if rows == 0 {
		return "", sqlError("query", "Let it return a row that changes when the segment does, such as SELECT max(updated_at), count(*).", "The version query returns no row.")
	}
	return hex.EncodeToString(digest.Sum(nil)[:16]), nil
}

// identify adds what is asked where. The password is no part of it.
func (s Source) identify(digest hash.Hash) {
	if address, _, err := s.server(); err == nil {
		hashText(digest, []byte(withoutPassword(address)))
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

// withoutPassword leaves user, host and database of a URL.
func withoutPassword(address string) string {
	address, _, _ = strings.Cut(address, "?")
	scheme, rest, _ := strings.Cut(address, "://")
	user, place := "", rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, place = rest[:at], rest[at:]
	}
	user, _, _ = strings.Cut(user, ":")
	return scheme + "://" + user + place
}

// hashText adds a text so that no two lists of texts look the same.
func hashText(digest hash.Hash, text []byte) {
	fmt.Fprintf(digest, "%d:", len(text))
	digest.Write(text)
}

// hashRows adds all values of all rows, and counts the rows.
func hashRows(digest hash.Hash, cursor sqlCursor, columns int) (rows int, err error) {
	var buf []byte
	for {
		if err := cursor.next(); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		if rows++; rows > mostVersionRows {
			return rows, sqlError("query", "Let it return one row that sums up the segment.", "The version query returns more than %d rows.", mostVersionRows)
		}
		for i := range columns {
			if buf, err = cursor.append(buf[:0], i); err != nil {
				return rows, sqlError("query", "", "The version query returns a value that cannot be read in column %d.", i+1)
			}
			hashText(digest, buf)
		}
	}
}

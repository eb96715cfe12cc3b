package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// copyToClickHouse fills a table with the CSV file and returns the URL of the database.
func copyToClickHouse(ctx context.Context, from string) (address string, err error) {
	db, err := sqltest.NewClickHouse("bench")
	if err != nil {
		return "", err
	}
	address = db.URL()
	const table = "CREATE TABLE bench (`ContactId` String, `FirstName` String, `LastName` String, `EMail` String, `Telephone` String, `City` String, `State` String, " +
		"`Country` String, `Birthday` String, `Loyalty Tier` String, `Income` Float64) ENGINE = MergeTree ORDER BY tuple()"
	if err := postClickHouse(ctx, address, table, nil, func(io.Reader) error { return nil }); err != nil {
		return "", err
	}
	f, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return address, postClickHouse(ctx, address, "INSERT INTO bench FORMAT CSVWithNames", f, func(io.Reader) error { return nil })
}

// postClickHouse sends a statement and data over HTTP, and has the answer read.
func postClickHouse(ctx context.Context, address, statement string, data io.Reader, read func(io.Reader) error) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	user, database := u.User, strings.TrimPrefix(u.Path, "/")
	u.Scheme, u.User, u.Path, u.RawQuery = "http", nil, "/", url.Values{"database": {database}, "query": {statement}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), data)
	if err != nil {
		return err
	}
	password, _ := user.Password()
	request.SetBasicAuth(user.Username(), password)
	answer, err := (&http.Client{}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("ClickHouse answers %d: %s", answer.StatusCode, text)
	}
	return read(answer.Body)
}

// readClickHouse is the floor of ClickHouse: it decodes the rows of the same format with
// encoding/json.
func readClickHouse(ctx context.Context, w workload) error {
	rows := 0
	err := postClickHouse(ctx, w.Path, benchQuery+" FORMAT JSONCompact", nil, func(body io.Reader) error {
		decoder := json.NewDecoder(body)
		for {
			token, err := decoder.Token()
			if err != nil {
				return err
			}
			if token == "data" {
				break
			}
		}
		if _, err := decoder.Token(); err != nil { // the bracket
			return err
		}
		for decoder.More() {
			var row []any
			if err := decoder.Decode(&row); err != nil {
				return err
			}
			rows++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.checkRows(rows)
}

package sql

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// identified is what a version says of the source, apart from the rows.
func identified(address string) string {
	digest := sha256.New()
	Source{URL: address, Query: "SELECT 1"}.identify(digest)
	return hex.EncodeToString(digest.Sum(nil))
}

// Whatever may change which rows a query reads changes the version.
func TestVersion_parameters(t *testing.T) {
	t.Parallel()
	for address, changes := range map[string][]string{
		"postgres://user@host/crm?": {
			"host=other", "port=5433", "dbname=other", "user=other", "service=other", "options=-c%20search_path%3Dother", "search_path=other", "TimeZone=Asia%2FTokyo", "role=other",
		},
		"mysql://user@host/crm?":                  {"time_zone=%27%2B01%3A00%27", "sql_select_limit=5", "collation=utf8mb4_bin"},
		"snowflake://user@account/crm/public?":    {"role=READER", "role=OWNER", "warehouse=other", "endpoint=https%3A%2F%2Fother"},
		"trino://user@host/lake/crm?":             {"role=reader", "role=owner", "session_properties=a%3Ab", "client_tags=a"},
		"bigquery://project/crm?":                 {"location=EU", "endpoint=https%3A%2F%2Fother"},
		"databricks://host/sql/1.0/warehouses/1?": {"catalog=other", "schema=other", "endpoint=https%3A%2F%2Fother"},
		"sqlserver://user@host?":                  {"database=other", "ApplicationIntent=ReadWrite"},
	} {
		seen := map[string]string{identified(address): "none"}
		for _, change := range changes {
			id := identified(address + change)
			if same, found := seen[id]; found {
				t.Errorf("%s: %s and %s have the same version", address, change, same)
			}
			seen[id] = change
		}
	}
}

// Secrets do not change the version, which is kept, nor does the way they are written.
func TestVersion_secrets(t *testing.T) {
	t.Parallel()
	const address = "postgres://user:p@host/crm?dbname=a&role=b"
	for _, same := range []string{
		"postgres://user@host/crm?dbname=a&role=b",
		"postgres://user:q@host/crm?role=b&dbname=a",
		"postgres://user:p@host/crm?DBName=a&role=%62",
		address + "&password=p", address + "&sslpassword=p", address + "&sslkey=%2Fkey.pem", address + "&passfile=%2Fpass",
		address + "&access_token=t", address + "&sig=s", address + "&private_key_passphrase=p", address + "&Client+Secret=s", address + "&PWD=p", address + "&code=c",
	} {
		if identified(same) != identified(address) {
			t.Errorf("%s has another version than %s", same, address)
		}
	}
}

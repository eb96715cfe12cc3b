package sql

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSnowflakeErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body     string
		status   int
		before   int
		argument string
		words    string
	}{
		{
			`{"code":"001003","sqlState":"42000","message":"SQL compilation error:\nsyntax error line 2 at position 7 unexpected 'FORM'."}`, 422, 1, "query",
			"Snowflake refuses the query: SQL compilation error: syntax error line 1, column 8 unexpected 'FORM' (code 001003, SQLSTATE 42000).",
		},
		{`{"code":"000904","sqlState":"42000","message":"SQL compilation error: error line 3 at position 0\ninvalid identifier 'EMIAL'"}`, 422, 0, "query", "error line 3, column 1 invalid identifier 'EMIAL'"},
		{`{"code":"002003","sqlState":"02000","message":"SQL compilation error:\nObject 'PEOPLE' does not exist or not authorized."}`, 422, 0, "query", "Object 'PEOPLE' does not exist or not authorized (code 002003, SQLSTATE 02000). Check the name, which is in upper case"},
		{`{"code":"003001","sqlState":"42501","message":"SQL access control error:\nInsufficient privileges to operate on schema 'CRM'"}`, 422, 0, "query", "SELECT on what the query reads"},
		{`{"code":"100038","sqlState":"22018","message":"Numeric value 'ada@example.com' is not recognized"}`, 422, 0, "query", "Numeric value (hidden) is not recognized (code 100038, SQLSTATE 22018)."},
		{`{"code":"100069","sqlState":"22P02","message":"Error parsing JSON: secret"}`, 422, 0, "query", "Error parsing JSON (code 100069"},
		{`{"code":"000606","sqlState":"57P03","message":"No active warehouse selected in the current session."}`, 422, 0, "url", "Add warehouse= to the parameters"},
		{`{"code":"000630","sqlState":"57014","message":"Statement reached its statement or warehouse timeout of 600 second(s) and was canceled."}`, 408, 0, "query", "which took too long"},
		{`{"code":"000604","sqlState":"57014","message":"SQL execution canceled"}`, 422, 0, "query", "cancelled on the server"},
		{`{"code":"390189","message":"Role 'READER' specified in the connect string is not granted to this user."}`, 422, 0, "url", "Role 'READER' specified"},
		{`{"code":"090073","sqlState":"22000","message":"Warehouse 'REPORTING' cannot be resumed because resource monitor 'M' has exceeded its quota."}`, 422, 0, "url", "raise the quota"},
		{`{"message":"x@y"}`, 400, 0, "query", "refuses the query: (hidden)."},
	} {
		var f snowflakeFailure
		if err := json.Unmarshal([]byte(c.body), &f); err != nil {
			t.Fatal(err)
		}
		f.Message = moveLines(f.Message, c.before)
		err := f.queryError(c.status)
		if !strings.Contains(err.Error(), c.words) || err.Argument[0] != c.argument || strings.Contains(err.Error(), "ada@") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s blames %s: %s", c.body, err.Argument, err)
		}
	}
	f := snowflakeFailure{Code: "390144", Message: "JWT token is invalid. [0f1c]"}
	key := &snowflakeCredential{origin: "the private key of SNOWFLAKE_PRIVATE_KEY", key: &snowflakeKey{fingerprint: "SHA256:abc="}}
	for _, c := range []struct {
		status     int
		credential *snowflakeCredential
		words      string
	}{
		{401, key, "Snowflake at h refuses the private key of SNOWFLAKE_PRIVATE_KEY: JWT token is invalid. [0f1c] (code 390144). Check account and user in the URL, that the public key is assigned to the user (DESCRIBE USER then shows RSA_PUBLIC_KEY_FP as SHA256:abc=)"},
		{401, &snowflakeCredential{origin: "the token of SNOWFLAKE_TOKEN"}, "refuses the token of SNOWFLAKE_TOKEN: JWT token is invalid. [0f1c] (code 390144). It may have expired"},
		{403, key, "Snowflake at h denies access: JWT token is invalid"},
	} {
		if err := f.accessError(c.status, c.credential, "h"); !strings.Contains(err.Error(), c.words) || err.Argument[0] != "url" {
			t.Errorf("%s: %s", err.Argument, err)
		}
	}
}

func TestTrinoErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body     string
		before   int
		argument string
		words    string
	}{
		{
			`{"message":"line 2:8: mismatched input 'FORM'. Expecting: ',', 'FROM'","errorName":"SYNTAX_ERROR","errorType":"USER_ERROR","errorLocation":{"lineNumber":2,"columnNumber":8}}`, 1, "query",
			"Trino refuses the query: mismatched input 'FORM'. Expecting: ',', 'FROM', at line 1, column 8 of the query (SYNTAX_ERROR).",
		},
		{`{"message":"line 1:8: Column 'emial' cannot be resolved","errorName":"COLUMN_NOT_FOUND","errorType":"USER_ERROR","errorLocation":{"lineNumber":1,"columnNumber":8}}`, -1, "query", "Column 'emial' cannot be resolved (COLUMN_NOT_FOUND)."},
		{`{"message":"Cannot cast 'ada@example.com' to BIGINT","errorName":"INVALID_CAST_ARGUMENT","errorType":"USER_ERROR"}`, 0, "query", "Cannot cast (hidden) to BIGINT (INVALID_CAST_ARGUMENT)."},
		{`{"message":"Malformed file: secret","errorName":"HIVE_BAD_DATA","errorType":"EXTERNAL"}`, 0, "query", "Malformed file (HIVE_BAD_DATA)."},
		{`{"message":"Access Denied: Cannot select from columns [email] in table or view people","errorName":"PERMISSION_DENIED","errorType":"USER_ERROR"}`, 0, "query", "Cannot select from columns [email] in table or view people (PERMISSION_DENIED). Grant it"},
		{`{"message":"Cannot write in a read-only transaction","errorName":"READ_ONLY_VIOLATION","errorType":"USER_ERROR"}`, 0, "query", "segments are only read"},
		{`{"message":"Query exceeded the maximum run time limit of 10.00m","errorName":"EXCEEDED_TIME_LIMIT","errorType":"INSUFFICIENT_RESOURCES"}`, 0, "query", "raise statement_timeout"},
		{`{"message":"Query was canceled","errorName":"USER_CANCELED","errorType":"USER_ERROR"}`, 0, "query", "ended on the server"},
		{`{"message":"Too many queued queries for \"global\"","errorName":"QUERY_QUEUE_FULL","errorType":"INSUFFICIENT_RESOURCES"}`, 0, "url", "Plan again later"},
		{`{"message":"Query exceeded per-node memory limit of 1GB","errorName":"EXCEEDED_LOCAL_MEMORY_LIMIT","errorType":"INSUFFICIENT_RESOURCES"}`, 0, "query", "reached a limit of the cluster: Query exceeded per-node memory limit of 1GB"},
		{`{"message":"Value out of range: secret","errorName":"AN_ERROR_OF_TOMORROW","errorType":"USER_ERROR"}`, 0, "query", "refuses the query: Value out of range (AN_ERROR_OF_TOMORROW)."},
		{`{"message":"line 1:15: Catalog must be specified when session catalog is not set","errorName":"MISSING_CATALOG_NAME","errorType":"USER_ERROR"}`, 0, "url", "Write catalog and schema in the URL"},
	} {
		var f trinoFailure
		if err := json.Unmarshal([]byte(c.body), &f); err != nil {
			t.Fatal(err)
		}
		err := f.queryError(c.before)
		if !strings.Contains(err.Error(), c.words) || err.Argument[0] != c.argument || strings.Contains(err.Error(), "ada@") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s blames %s: %s", c.body, err.Argument, err)
		}
	}
}

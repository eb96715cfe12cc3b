package sql

import (
	"regexp"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// Numbers of rows are not shown, whichever server writes them. What says where to look
// is kept.
func TestErrors_numbers(t *testing.T) {
	t.Parallel()
	sqlServer := func(number int32, message string) string {
		return sqlServerMessage(mssql.Error{Number: number, State: 2, Class: dataClass, Message: message, LineNo: 1234})
	}
	databricks := func(state, message string) string {
		said, _ := (&databricksFailure{Message: message, sqlState: state}).said(0, false)
		return said
	}
	for name, c := range map[string]struct{ said, want string }{
		"SQL Server 232": {
			sqlServer(232, "Arithmetic overflow error for type int, value = 34600111222.000000.\r\n"),
			"Arithmetic overflow error for type int, value = (hidden) (error 232, state 2), at line 1234 of the query",
		},
		"SQL Server 220": {
			sqlServer(220, "Arithmetic overflow error for data type smallint, value = 600111222."),
			"Arithmetic overflow error for data type smallint, value = (hidden) (error 220, state 2), at line 1234 of the query",
		},
		"SQL Server, statement": {sqlServer(208, "Invalid object name 'people_20261124'."), "Invalid object name 'people_20261124' (error 208, state 2), at line 1234 of the query"},
		"Databricks": {
			databricks("22003", "[CAST_OVERFLOW] The value 34600111222L of the type \"BIGINT\" cannot be cast to \"INT\" due to an overflow. SQLSTATE: 22003 (line 1234, pos 7)"),
			"[CAST_OVERFLOW] The value (hidden)L of the type (hidden) due to an overflow (SQLSTATE 22003), at line 1234, column 8",
		},
		"Databricks, double": {databricks("22003", "[CAST_OVERFLOW] The value 3.4600111222E10D of the type \"DOUBLE\" cannot be cast"), "[CAST_OVERFLOW] The value (hidden)E10D of the type (hidden) cannot be cast (SQLSTATE 22003)"},
		"PostgreSQL":         {serverMessage("22003", `value "34600111222" is out of range for type integer`), "value (hidden) is out of range for type integer (SQLSTATE 22003)"},
		"PostgreSQL, type":   {serverMessage("22001", "value too long for type character varying(1024)"), "value too long for type character varying(1024) (SQLSTATE 22001)"},
		"PostgreSQL, name":   {serverMessage("42P01", `relation "people_20261124" does not exist`), `relation "people_20261124" does not exist (SQLSTATE 42P01)`},
		"MySQL 1264":         {serverMessage("22003", "Out of range value for column 'phone' at row 1234"), "Out of range value for column (hidden) at row 1234 (SQLSTATE 22003)"},
		"MySQL 1690":         {serverMessage("22003", "BIGINT UNSIGNED value is out of range in '(34600111222 - 34600111223)'"), "BIGINT UNSIGNED value is out of range in (hidden) (SQLSTATE 22003)"},
		"Snowflake":          {(&snowflakeFailure{Code: "100071", SQLState: "22000", Message: "Failed to cast variant value 34600111222 to FIXED"}).said(), "Failed to cast variant value (hidden) to FIXED (code 100071, SQLSTATE 22000)"},
		"Snowflake, range":   {(&snowflakeFailure{Code: "100039", SQLState: "22003", Message: "Numeric value '34600111222' is out of range"}).said(), "Numeric value (hidden) is out of range (code 100039, SQLSTATE 22003)"},
		"BigQuery":           {(&bigqueryFailure{Reason: "invalidQuery", Message: "Cannot return an invalid timestamp value of 34600111222000000000 microseconds relative to the Unix epoch. error in expression at [123:45]"}).said(true), "Cannot return an invalid timestamp value of (hidden) microseconds relative to the Unix epoch. error in expression at [123:45] (invalidQuery)"},
		"BigQuery, limit":    {(&bigqueryFailure{Reason: "bytesBilledLimitExceeded", Message: "Query exceeded limit for bytes billed: 1000000. 10485760 or higher required."}).said(true), "Query exceeded limit for bytes billed: 1000000. 10485760 or higher required (bytesBilledLimitExceeded)"},
		"Trino":              {(&trinoFailure{Name: "NUMERIC_VALUE_OUT_OF_RANGE", Type: "USER_ERROR", Message: "Value 34600111222 exceeds MAX_INT in decimal(12,0)"}).said(0), "Value (hidden) exceeds MAX_INT in decimal(12,0) (NUMERIC_VALUE_OUT_OF_RANGE)"},
		"ClickHouse":         {(&clickhouseFailure{code: 321, message: "Cannot convert value 34600111222 to Int32, born 1990-02-03 or 600 111 222 (line 1234, col 5)"}).said(clickhouseQuery), "Cannot convert value (hidden) to Int32, born (hidden) or (hidden) (code 321), at line 1234, column 5"},
		"ClickHouse, before": {(&clickhouseFailure{code: 321, message: "Cannot convert value 34600111222 to Int32"}).said(clickhouseDescription), "Cannot convert value 34600111222 to Int32 (code 321)"},
	} {
		if c.said != c.want {
			t.Errorf("%s: %q, want %q", name, c.said, c.want)
		}
	}
}

// A number is found in every form that servers write it in.
func TestErrors_longNumber(t *testing.T) {
	t.Parallel()
	digits := regexp.MustCompile(`\d`)
	for _, value := range []string{"12345", "+34600111222", "34,600,111,222.50", "34.600.111.222", "1990-02-03", "03/02/1990", "600-111-222", "34_600_111_222", "x34600111222L"} {
		if got := maskMessage("The value "+value+" is wrong", false); digits.MatchString(got) || !strings.HasPrefix(got, "The value ") || !strings.HasSuffix(got, " is wrong") {
			t.Errorf("%s: %q", value, got)
		}
	}
	for _, text := range []string{"line 9999", "the year 2026", "DECIMAL(38, 10) and NUMERIC(38,10)", "TIMESTAMP(9)", "[9999:120]", "INT96 or INT64"} {
		if got := maskMessage(text, false); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

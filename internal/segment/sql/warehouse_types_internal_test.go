package sql

import (
	"encoding/json"
	"testing"
)

// Each type of BigQuery, alone, in arrays and in records.
func TestBigQueryTypes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		schema, raw, want string
		json              bool
	}{
		{`{"type":"STRING"}`, `"a\"b\u00e9"`, `a"bé`, false},
		{`{"type":"STRING"}`, `null`, ``, false},
		{`{"type":"STRING"}`, `""`, ``, false},
		{`{"type":"INTEGER"}`, `"9223372036854775807"`, `9223372036854775807`, true},
		{`{"type":"NUMERIC"}`, `"12345678901234567890123456789.123456789"`, `12345678901234567890123456789.123456789`, true},
		{`{"type":"BIGNUMERIC"}`, `"0.00000000000000000000000000000000000001"`, `0.00000000000000000000000000000000000001`, true},
		{`{"type":"FLOAT"}`, `"1.5E3"`, `1500`, true},
		{`{"type":"FLOAT64"}`, `"NaN"`, ``, true},
		{`{"type":"FLOAT"}`, `"-Infinity"`, ``, true},
		{`{"type":"BOOLEAN"}`, `"false"`, `false`, true},
		{`{"type":"BOOL"}`, `"true"`, `true`, true},
		{`{"type":"DATE"}`, `"2026-11-24"`, `2026-11-24`, false},
		{`{"type":"DATETIME"}`, `"2026-11-24T15:30:00.250000"`, `2026-11-24T15:30:00.25`, false},
		{`{"type":"TIMESTAMP"}`, `"2026-11-24T15:30:00.000000000000Z"`, `2026-11-24T15:30:00Z`, false},
		{`{"type":"TIMESTAMP"}`, `"2026-11-24T15:30:00.123456789012Z"`, `2026-11-24T15:30:00.123456789012Z`, false},
		{`{"type":"TIME"}`, `"15:30:00"`, `15:30:00`, false},
		{`{"type":"GEOGRAPHY"}`, `"POINT(1 2)"`, `POINT(1 2)`, false},
		{`{"type":"INTERVAL"}`, `"1-2 3 4:5:6.7"`, `1-2 3 4:5:6.7`, false},
		{`{"type":"RANGE"}`, `"[2026-01-01, UNBOUNDED)"`, `[2026-01-01, UNBOUNDED)`, false},
		{`{"type":"JSON"}`, `"{\"a\": [1, \"x\"]}"`, `{"a": [1, "x"]}`, true},
		{`{"type":"JSON"}`, `"null"`, `null`, true},
		{`{"type":"INTEGER","mode":"REPEATED"}`, `[]`, `[]`, true},
		{`{"type":"INTEGER","mode":"REPEATED"}`, `[{"v":"1"}, {"v":"2"}]`, `[1,2]`, true},
		{`{"type":"STRING","mode":"REPEATED"}`, `[{"v":"a\"b"},{"v":""}]`, `["a\"b",""]`, true},
		{`{"type":"TIMESTAMP","mode":"REPEATED"}`, `[{"v":"2026-11-24T15:30:00.500000Z"}]`, `["2026-11-24T15:30:00.5Z"]`, true},
		{`{"type":"FLOAT","mode":"REPEATED"}`, `[{"v":"NaN"},{"v":"1"}]`, `[null,1]`, true},
		{
			`{"type":"RECORD","fields":[{"name":"a","type":"INTEGER"},{"name":"b c","type":"STRING"},{"name":"d","type":"RECORD","mode":"REPEATED","fields":[{"name":"e","type":"BOOLEAN"}]}]}`,
			`{"f":[{"v":"1"},{"v":null},{"v":[{"v":{"f":[{"v":"true"}]}},{"v":{"f":[{"v":null}]}}]}]}`, `{"a":1,"b c":null,"d":[{"e":true},{"e":null}]}`, true,
		},
		{`{"type":"RECORD","fields":[{"name":"a","type":"INTEGER"}]}`, `null`, ``, true},
	} {
		var field bigqueryField
		if err := json.Unmarshal([]byte(tc.schema), &field); err != nil {
			t.Fatal(err)
		}
		of := newBigQueryType(&field)
		got, err := of.append([]byte("before "), []byte(tc.raw))
		if err != nil || string(got) != "before "+tc.want || of.isJSON() != tc.json {
			t.Errorf("%s, %s is %q, JSON %v, error %v; want %q, %v", tc.schema, tc.raw, got, of.isJSON(), err, tc.want, tc.json)
		}
	}
}

// Bytes and types that do not exist yet are refused by name, in arrays and records,
// too.
func TestBigQueryTypes_refused(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"BYTES"}`:                   "BYTES",
		`{"type":"BYTES","mode":"REPEATED"}`: "BYTES",
		`{"type":"VECTOR"}`:                  "VECTOR",
		`{"type":"RECORD","fields":[{"name":"a","type":"STRING"},{"name":"b","type":"STRUCT","fields":[{"name":"c","type":"BYTES"}]}]}`: "RECORD with RECORD with BYTES",
	} {
		var field bigqueryField
		if err := json.Unmarshal([]byte(schema), &field); err != nil {
			t.Fatal(err)
		}
		if _, columns := bigqueryColumns([]bigqueryField{field}); columns[0].binary != want {
			t.Errorf("%s is refused as %q, want %q", schema, columns[0].binary, want)
		}
	}
}

func TestBigQueryTypes_malformed(t *testing.T) {
	t.Parallel()
	record := bigqueryField{Type: "RECORD", Fields: []bigqueryField{{Name: "a", Type: "INTEGER"}, {Name: "b", Type: "INTEGER"}}}
	list := bigqueryField{Type: "INTEGER", Mode: "REPEATED"}
	for raw, field := range map[string]*bigqueryField{
		`{"f":[{"v":"1"}]}`: &record, `{"f":1}`: &record, `{}`: &record, `[`: &record, `"x"`: &record, `[{"v":"1"]`: &list, `[{}]`: &list, `[1]`: &list, `{`: &list,
		`"1.5e9"`: {Type: "TIMESTAMP"}, `"{"`: {Type: "JSON"}, `"\x"`: {Type: "STRING"},
	} {
		of := newBigQueryType(field)
		if got, err := of.append(nil, []byte(raw)); err == nil {
			t.Errorf("%s of %s is %q", raw, field.Type, got)
		}
	}
}

// Each type of Databricks, as DESCRIBE QUERY and the manifest write it.
func TestDatabricksTypes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		of, raw, want string
		json          bool
	}{
		{"string", `"a\"b"`, `a"b`, false},
		{"STRING", `null`, ``, false},
		{"STRING COLLATE UTF8_LCASE", `"a"`, `a`, false},
		{"char(3)", `"a  "`, `a  `, false},
		{"bigint", `"9223372036854775807"`, `9223372036854775807`, true},
		{"INT", `"12"`, `12`, true},
		{"SHORT", `"12"`, `12`, true},
		{"decimal(38,18)", `"12345678901234567890.123456789012345678"`, `12345678901234567890.123456789012345678`, true},
		{"DECIMAL(10, 2)", `"1.50"`, `1.50`, true},
		{"double", `"1.0E10"`, `10000000000`, true},
		{"float", `"NaN"`, ``, true},
		{"boolean", `"true"`, `true`, true},
		{"date", `"2026-11-24"`, `2026-11-24`, false},
		{"timestamp", `"2026-11-24T15:30:00.000Z"`, `2026-11-24T15:30:00Z`, false},
		{"TIMESTAMP", `"2026-11-24T15:30:00.123+02:00"`, `2026-11-24T15:30:00.123+02:00`, false},
		{"timestamp_ntz", `"2026-11-24 15:30:00.250"`, `2026-11-24T15:30:00.25`, false},
		{"interval day to second", `"1 02:03:04.000000000"`, `1 02:03:04.000000000`, false},
		{"variant", `"{\"a\":1}"`, `{"a":1}`, true},
		{"void", `null`, ``, false},
		{"array<int>", `"[1,null,\"3\"]"`, `[1,null,3]`, true},
		{"ARRAY<STRING>", `"[\"a\\\"b\", \"\"]"`, `["a\"b",""]`, true},
		{"map<string,bigint>", `"{\"x\":\"1\",\"y z\":2}"`, `{"x":1,"y z":2}`, true},
		{"MAP<INT, ARRAY<DOUBLE>>", `"{\"1\":[\"NaN\",\"1.5\"]}"`, `{"1":[null,1.5]}`, true},
		{"struct<a:int,b:string>", `"{\"a\":\"1\",\"b\":\"x\"}"`, `{"a":1,"b":"x"}`, true},
		{"STRUCT<a: INT NOT NULL COMMENT 'it''s, > a', `b ``c`: STRUCT<d: DATE>>", `"{\"a\":1,\"b ` + "`" + `c\":{\"d\":\"2026-11-24\"}}"`, "{\"a\":1,\"b `c\":{\"d\":\"2026-11-24\"}}", true},
		{"struct<a:timestamp,b:boolean>", `"{\"a\":\"2026-11-24T15:30:00.000Z\",\"b\":\"false\"}"`, `{"a":"2026-11-24T15:30:00Z","b":false}`, true},
		{"struct<>", `"{}"`, `{}`, true},
		{"array<struct<a:array<int>>>", `"[{\"a\":[\"1\"]},null]"`, `[{"a":[1]},null]`, true},
	} {
		of, column := databricksColumn("c", tc.of)
		got, err := of.append([]byte("before "), []byte(tc.raw))
		if err != nil || column.binary != "" || string(got) != "before "+tc.want || column.json != tc.json {
			t.Errorf("%s, %s is %q, JSON %v, refused %q, error %v; want %q, %v", tc.of, tc.raw, got, column.json, column.binary, err, tc.want, tc.json)
		}
	}
}

func TestDatabricksTypes_refused(t *testing.T) {
	t.Parallel()
	for _, of := range []string{
		"binary", "array<binary>", "struct<a:int,b:binary>", "map<binary,int>", "geography(4326)", "array<int", "array<int,int>", "map<string>", "struct<a int>", "int>", "unknown",
	} {
		if _, column := databricksColumn("c", of); column.binary != of {
			t.Errorf("%q is refused as %q", of, column.binary)
		}
	}
	if _, column := databricksColumn("c", ""); column.binary == "" {
		t.Error("a column without a type is not refused")
	}
}

func TestDatabricksTypes_malformed(t *testing.T) {
	t.Parallel()
	for raw, of := range map[string]string{
		`"[1"`: "array<int>", `"{}"`: "array<int>", `"[]"`: "map<string,int>", `"{\"b\":1}"`: "struct<a:int>", `""`: "array<int>", `"x"`: "timestamp", `"{"`: "variant",
	} {
		parsed, _ := databricksColumn("c", of)
		if got, err := parsed.append(nil, []byte(raw)); err == nil {
			t.Errorf("%s of %s is %q", raw, of, got)
		}
	}
}

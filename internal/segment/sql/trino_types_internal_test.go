package sql

import (
	"strings"
	"testing"
)

func TestTrinoTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of, raw string
		json    bool
		want    string
	}{
		{"boolean", "true", true, "true"},
		{"bigint", "9223372036854775807", true, "9223372036854775807"},
		{"tinyint", "-1", true, "-1"},
		{"real", "0.1", true, "0.1"},
		{"double", "1.0E10", true, "10000000000"},
		{"double", `"NaN"`, true, ""},
		{"double", `"-Infinity"`, true, ""},
		{"decimal(38,2)", `"123456789012345678901234567890123456.50"`, true, "123456789012345678901234567890123456.50"},
		{"varchar(20)", `"a \"b\" \u00e8 \\ <"`, false, `a "b" è \ <`},
		{"varchar", `""`, false, ""},
		{"varchar", `null`, false, ""},
		{"char(5)", `"ab   "`, false, "ab   "},
		{"uuid", `"12151fd2-7586-11e9-8f9e-2a86e4085a59"`, false, "12151fd2-7586-11e9-8f9e-2a86e4085a59"},
		{"json", `"{\"a\":[1,null]}"`, true, `{"a":[1,null]}`},
		{"date", `"2026-11-24"`, false, "2026-11-24"},
		{"time(3)", `"15:30:00.250"`, false, "15:30:00.250"},
		{"time(3) with time zone", `"15:30:00.250+02:00"`, false, "15:30:00.250+02:00"},
		{"timestamp(3)", `"2026-11-24 15:30:00.250"`, false, "2026-11-24T15:30:00.25"},
		{"timestamp(0)", `"2026-11-24 15:30:00"`, false, "2026-11-24T15:30:00"},
		{"timestamp(12)", `"2026-11-24 15:30:00.123456789012"`, false, "2026-11-24T15:30:00.123456789012"},
		{"timestamp", `"2026-11-24 15:30:00.000"`, false, "2026-11-24T15:30:00"},
		{"timestamp(3) with time zone", `"2026-11-24 15:30:00.250 UTC"`, false, "2026-11-24T15:30:00.25Z"},
		{"timestamp(3) with time zone", `"2026-11-24 15:30:00.000 Europe/Madrid"`, false, "2026-11-24T15:30:00+01:00"},
		{"timestamp(3) with time zone", `"2026-07-24 15:30:00.000 Europe/Madrid"`, false, "2026-07-24T15:30:00+02:00"},
		{"timestamp(3) with time zone", `"2026-07-24 15:30:00.000 -03:30"`, false, "2026-07-24T15:30:00-03:30"},
		{"interval day to second", `"2 03:04:05.678"`, false, "2 03:04:05.678"},
		{"array(bigint)", "[1,null,3]", true, "[1,null,3]"},
		{"array(varchar)", `["a","<b>",null]`, true, `["a","\u003cb\u003e",null]`},
		{"array(array(double))", `[[1.5,"NaN"],[]]`, true, "[[1.5,null],[]]"},
		{"map(varchar, decimal(3,1))", `{"b":"1.5","a":null}`, true, `{"b":1.5,"a":null}`},
		{"map(bigint, date)", `{"7":"2026-11-24"}`, true, `{"7":"2026-11-24"}`},
		{"row(a bigint, \"My, \"\"Field\"\" (x)\" varchar)", `[1,"x"]`, true, `{"a":1,"My, \"Field\" (x)":"x"}`},
		{"row(bigint, varchar)", `[1,"x"]`, true, `[1,"x"]`},
		{"row(a bigint, varchar)", `[1,"x"]`, true, `[1,"x"]`},
		{"row(date date, at timestamp(3) with time zone)", `["2026-11-24","2026-11-24 15:30:00.000 UTC"]`, true, `{"date":"2026-11-24","at":"2026-11-24T15:30:00Z"}`},
		{"array(row(tags array(varchar), doc json))", `[[["a"],"{\"x\":1}"],null]`, true, `[{"tags":["a"],"doc":{"x":1}},null]`},
		{"unknown", "null", false, ""},
	} {
		of, column := trinoColumn("a", c.of)
		if column.binary != "" || column.json != c.json || column.name != "a" {
			t.Errorf("%s: %+v", c.of, column)
			continue
		}
		got, err := of.append([]byte("x"), []byte(c.raw))
		if err != nil || string(got) != "x"+c.want {
			t.Errorf("%s %s is %q, %v; want %q", c.of, c.raw, got, err, c.want)
		}
	}
}

func TestTrinoTypes_refused(t *testing.T) {
	t.Parallel()
	for _, of := range []string{
		"varbinary", "HyperLogLog", "qdigest(bigint)", "Geometry", "array(varbinary)", "map(varchar, varbinary)", "row(a varbinary)", "row(varbinary)", "row(a HyperLogLog)",
		"", "(", "array(", "array()", "array(bigint, bigint)", "map(bigint)", "row()", `row("a bigint)`, "array(bigint", "sparkling",
	} {
		if _, column := trinoColumn("a", of); column.binary != of && of != "" || column.binary == "" {
			t.Errorf("%q: %+v", of, column)
		}
	}
	for of, values := range map[string][]string{
		"timestamp(3) with time zone": {`"2026-11-24 15:30:00 Mars/Olympus"`, `"2026-11-24 15:30:00 Local"`, `"24.11.2026 15:30:00 UTC"`},
		"timestamp(3)":                {`"x"`, "7"}, "varchar": {"7", "[]"}, "double": {`"one"`}, "json": {`"{"`},
		"array(bigint)": {"{}", `"a"`}, "map(varchar, bigint)": {"[]"}, "row(a bigint)": {"[]", "[1,2]", "{}"},
	} {
		parsed, err := parseTrinoType(of)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range values {
			if got, err := parsed.append(nil, []byte(value)); err == nil || strings.Contains(err.Error(), "2026") {
				t.Errorf("%s %s is %q, %v", of, value, got, err)
			}
		}
	}
}

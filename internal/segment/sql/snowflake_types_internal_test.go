package sql

import (
	"testing"
)

func TestSnowflakeTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of, value string
		json      bool
		want      string
	}{
		{"fixed", "1000", true, "1000"},
		{"FIXED", "-12.50", true, "-12.50"},
		{"fixed", "99999999999999999999999999999999999999", true, "99999999999999999999999999999999999999"},
		{"fixed", "0.00000000000000000000000000000000000001", true, "0.00000000000000000000000000000000000001"},
		{"decfloat", "1.234E+30", true, "1.234E+30"},
		{"real", "1.5", true, "1.5"},
		{"real", "1.000000000000000e+02", true, "100"},
		{"real", "1e300", true, "1e+300"},
		{"real", "NaN", true, ""},
		{"real", "-inf", true, ""},
		{"boolean", "true", true, "true"},
		{"boolean", "false", true, "false"},
		{"text", " a\tb ", false, " a\tb "},
		{"text", "", false, ""},
		{"date", "18262", false, "2020-01-01"},
		{"date", "0", false, "1970-01-01"},
		{"date", "-1", false, "1969-12-31"},
		{"date", "2932896", false, "9999-12-31"},
		{"time", "82919.000000000", false, "23:01:59"},
		{"time", "0.25", false, "00:00:00.25"},
		{"timestamp_ntz", "1611871200.000000000", false, "2021-01-28T22:00:00"},
		{"timestamp_ntz", "1611871200.123456789", false, "2021-01-28T22:00:00.123456789"},
		{"timestamp_ntz", "-0.500000000", false, "1969-12-31T23:59:59.5"},
		{"timestamp_ntz", "1611871200", false, "2021-01-28T22:00:00"}, // with a scale of 0
		{"timestamp_ltz", "1611871200.500", false, "2021-01-28T22:00:00.5Z"},
		{"timestamp_tz", "1616173619.000000000 960", false, "2021-03-19T09:06:59-08:00"},
		{"timestamp_tz", "1616173619.000000000 1440", false, "2021-03-19T17:06:59Z"},
		{"timestamp_tz", "1616173619.000000000 1770", false, "2021-03-19T22:36:59+05:30"},
		{"variant", "\"a\"", true, `"a"`},
		{"object", "{\n  \"a\": 1\n}", true, "{\n  \"a\": 1\n}"},
		{"array", "[1, null]", true, "[1, null]"},
	} {
		types, columns := snowflakeColumns([]snowflakeColumn{{Name: "A", Type: c.of}})
		if columns[0].name != "A" || columns[0].binary != "" || columns[0].json != c.json {
			t.Errorf("%s: %+v", c.of, columns[0])
		}
		value := []byte(c.value)
		if convert := types[0].convert; convert != nil {
			var err error
			if value, err = convert([]byte("x"), value); err != nil {
				t.Errorf("%s %q: %v", c.of, c.value, err)
				continue
			}
			value = value[1:]
		}
		if string(value) != c.want {
			t.Errorf("%s %q is %q, want %q", c.of, c.value, value, c.want)
		}
	}
}

func TestSnowflakeTypes_refused(t *testing.T) {
	t.Parallel()
	for _, of := range []string{"binary", "GEOGRAPHY", "geometry", "vector", "file", "sparkling"} {
		if _, columns := snowflakeColumns([]snowflakeColumn{{Name: "A", Type: of}}); columns[0].binary == "" {
			t.Errorf("%s can be mapped", of)
		}
	}
	for of, values := range map[string][]string{
		"date": {"2020-01-01", ""}, "timestamp_tz": {"1616173619.0", "1616173619.0 4000", "x 960"}, "timestamp_ntz": {"", "-", "1.1234567890", "1e9", "1.-5", "+1"},
		"array": {"[1,undefined]", ""}, "variant": {"NaN"}, "real": {"one"},
	} {
		for _, value := range values {
			if got, err := snowflakeTypes[of].convert(nil, []byte(value)); err == nil || len(got) > 0 {
				t.Errorf("%s %q is %q", of, value, got)
			}
		}
	}
}

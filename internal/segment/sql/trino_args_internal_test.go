package sql

import "testing"

func TestTrinoExecute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ of, arg, want string }{
		{"varchar", "gold", "'gold'"},
		{"varchar(2)", "gold", "'gold'"}, // a cast would cut it
		{"char(2)", "gold", "'gold'"},
		{"varchar", "", "''"},
		{"varchar", `it's \' -- /* "x" $$`, `'it''s \'' -- /* "x" $$'`},
		{"varchar", "'; DROP TABLE people --", "'''; DROP TABLE people --'"},
		{"unknown", "5", "'5'"},
		{"bigint", "5", "CAST('5' AS bigint)"},
		{"bigint", "5) OR (1=1", "CAST('5) OR (1=1' AS bigint)"},
		{"decimal(10, 2)", "5.25", "CAST('5.25' AS decimal(10, 2))"},
		{"timestamp(3) with time zone", "2026-11-24 15:30:00 UTC", "CAST('2026-11-24 15:30:00 UTC' AS timestamp(3) with time zone)"},
		{"date", "2026-11-24", "CAST('2026-11-24' AS date)"},
		{"bigint) OR (1", "5", "'5'"}, // whatever a server says
		{"json", "{}", "'{}'"},
	} {
		if got := trinoExecute("q", []*string{&c.arg}, []string{c.of}); got != "EXECUTE q USING "+c.want {
			t.Errorf("%s %q is %q", c.of, c.arg, got)
		}
	}
	a := "a"
	if got := trinoExecute("q", []*string{nil, &a}, []string{"bigint", "varchar"}); got != "EXECUTE q USING NULL, 'a'" {
		t.Errorf("%q", got)
	}
}

package foreign

import (
	"crypto/md5"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// modules is where make servers installs DuckDB.
const modules = "../../build/duckdb/node_modules"

// duckdb runs SQL statements. In them, $DIR is the path of a new directory.
func duckdb(t *testing.T, statements string) (dir string) {
	t.Helper()
	needs(t, "node")
	path, err := filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	needs(t, filepath.Join(path, "@duckdb", "node-api", "package.json"))
	dir = t.TempDir()
	run(t, strings.ReplaceAll(statements, "$DIR", dir), []string{"NODE_PATH=" + path}, "node", "duckdb/run.cjs")
	return dir
}

// duckdbTypes are columns by their expressions in SQL.
var duckdbTypes = map[string]column{
	"'Zo\u00eb \"x\"'":                        {false, "Zoë \"x\""},
	`true`:                                    {true, "true"},
	`(-128)::TINYINT`:                         {true, "-128"},
	`(-32768)::SMALLINT`:                      {true, "-32768"},
	`(-2147483648)::INTEGER`:                  {true, "-2147483648"},
	`-9223372036854775808`:                    {true, "-9223372036854775808"},
	`34600111222::HUGEINT`:                    {true, "34600111222"}, // which DuckDB writes as a double
	`255::UTINYINT`:                           {true, "255"},
	`65535::USMALLINT`:                        {true, "65535"},
	tooLargeDelta:                             {true, "4294967295"},
	`18446744073709551615::UBIGINT`:           {true, "18446744073709551615"},
	`4711::UHUGEINT`:                          {true, "4711"},
	`0.1::FLOAT`:                              {true, "0.1"},
	`4711.0::DOUBLE`:                          {true, "4711"},
	`1e300::DOUBLE`:                           {true, "1e+300"},
	`'nan'::DOUBLE`:                           {true, ""},
	`'inf'::DOUBLE`:                           {true, ""},
	`'-inf'::FLOAT`:                           {true, ""},
	`1.5::DECIMAL(4,1)`:                       {true, "1.5"},
	`-4711.50::DECIMAL(14,2)`:                 {true, "-4711.50"},
	`1234567890123456789.0123::DECIMAL(38,4)`: {true, "1234567890123456789.0123"},

	`DATE '2026-02-28'`:                             {false, "2026-02-28"},
	`'infinity'::DATE`:                              {false, "5881580-07-11"},
	`'-infinity'::DATE`:                             {false, "-5877641-06-24"},
	`TIMESTAMP '2026-02-28 01:02:03.123456'`:        {false, "2026-02-28T01:02:03.123456"},
	`TIMESTAMP_S '2026-02-28 01:02:03'`:             {false, "2026-02-28T01:02:03"},
	`TIMESTAMP_MS '2026-02-28 01:02:03.123'`:        {false, "2026-02-28T01:02:03.123"},
	`TIMESTAMP_NS '2026-02-28 01:02:03.123456789'`:  {false, "2026-02-28T01:02:03.123456789"},
	`TIMESTAMPTZ '2026-02-28 01:02:03.5+02'`:        {false, "2026-02-27T23:02:03.5Z"},
	`TIMESTAMP '1582-10-15 00:00:00'`:               {false, "1582-10-15T00:00:00"},
	`'infinity'::TIMESTAMP`:                         {false, "294247-01-10T04:00:54.775807"},
	`'-infinity'::TIMESTAMPTZ`:                      {false, "-290308-12-21T19:59:05.224193Z"},
	`'infinity'::TIMESTAMP_MS`:                      {false, "292278994-08-17T07:12:55.807"},
	`'infinity'::TIMESTAMP_NS`:                      {false, "2262-04-11T23:47:16.854775807"},
	`TIME '01:02:03.5'`:                             {false, "01:02:03.5"},
	`TIMETZ '01:02:03+02'`:                          {false, "23:02:03"}, // in UTC
	`UUID '00112233-4455-6677-8899-aabbccddeeff'`:   {false, "00112233-4455-6677-8899-aabbccddeeff"},
	`'silver'::tier`:                                {false, "silver"},
	`'abc'::BLOB`:                                   {false, "abc"},
	`'101'::BIT`:                                    {false, "101"},
	`123456789012345678901234567890::VARINT`:        {false, "123456789012345678901234567890"},
	`'{"a": [1, null]}'::JSON`:                      {true, `{"a": [1, null]}`},
	`['a', NULL, 'b"', '']`:                         {true, `["a",null,"b\"",""]`},
	`[1, 2]::INTEGER[2]`:                            {true, `[1,2]`},
	`[[1.5], [], NULL]`:                             {true, `[[1.5],[],null]`},
	`[]::VARCHAR[]`:                                 {true, `[]`},
	`['infinity'::DOUBLE, 1]`:                       {true, `[null,1]`},
	`[DATE '2026-02-28']`:                           {true, `["2026-02-28"]`},
	`{'city': 'Bern', 'geo': {'lat': 1.5::DOUBLE}}`: {true, `{"city":"Bern","geo":{"lat":1.5}}`},
	`[{'a': 1, 'b': ['x']}, NULL, {'a': NULL}]`:     {true, `[{"a":1,"b":["x"]},null,{"a":null,"b":null}]`},
	`MAP {'a': 1, 'b"': NULL}`:                      {true, `{"a":1,"b\"":null}`},
	`MAP {1: ['x']}`:                                {true, `{"1":["x"]}`},
	`MAP {}::MAP(VARCHAR, INTEGER)`:                 {true, `{}`},
	`'ann@example.com'`:                             {false, "ann@example.com"},
}

// tooLargeDelta is refused in version 2; see TestDuckDBDeltas.
const tooLargeDelta = `4294967295::UINTEGER`

// Every type has its text, beside rows that are null and in both versions of the
// format.
func TestDuckDBTypes(t *testing.T) {
	t.Parallel()
	var columns, nulls, names []string
	for expression := range duckdbTypes {
		name := fmt.Sprintf("column %d", len(columns))
		names = append(names, expression)
		columns = append(columns, fmt.Sprintf("%s AS \"%s\"", expression, name))
		nulls = append(nulls, "NULL")
	}
	dir := duckdb(t, "CREATE TYPE tier AS ENUM ('gold', 'silver'); CREATE TABLE t AS SELECT "+strings.Join(columns, ", ")+";"+
		"INSERT INTO t SELECT "+strings.Join(nulls, ", ")+"; INSERT INTO t SELECT * FROM t LIMIT 1;"+
		"COPY t TO '$DIR/v1.parquet'; COPY t TO '$DIR/v2.parquet' (PARQUET_VERSION v2, COMPRESSION zstd);")
	for _, version := range []string{"v1", "v2"} {
		want := map[string]column{}
		for i, expression := range names {
			if version == "v2" && expression == tooLargeDelta {
				continue
			}
			want[fmt.Sprintf("column %d", i)] = duckdbTypes[expression]
		}
		for _, problem := range compareColumns(t, filepath.Join(dir, version+".parquet"), want) {
			for i, expression := range slices.Backward(names) {
				problem = strings.ReplaceAll(problem, fmt.Sprintf("column %d", i), expression)
			}
			t.Errorf("%s: %s", version, problem)
		}
	}
}

// What has no text is refused or named as unreadable, and fields of groups are
// columns.
func TestDuckDBOtherTypes(t *testing.T) {
	t.Parallel()
	dir := duckdb(t, `COPY (SELECT INTERVAL 1 DAY AS i, '\xFF\x00'::BLOB AS b, {'geo': {'lat': 1.5::DOUBLE}} AS a) TO '$DIR/t.parquet';`)
	source := file.Source{Path: filepath.Join(dir, "t.parquet")}
	if rows, _ := read(t, source, "a.geo.lat"); fmt.Sprint(rows) != "[[1.5]]" {
		t.Errorf("a field of a group is %q", rows)
	}
	if rows, _ := read(t, source, "b"); fmt.Sprint(rows) != "[[(unreadable)]]" {
		t.Errorf("bytes with a NUL are %q", rows)
	}
	_, err := source.Open(t.Context(), []string{"i"})
	if explained := (*segment.Error)(nil); !errors.As(err, &explained) || !strings.Contains(err.Error(), `The column "i" of`) {
		t.Errorf("an interval: %v", err)
	}
}

// Numbers of 32 bits in deltas are read right or not at all.
func TestDuckDBDeltas(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		expression string
		value      func(i int) int
		refused    bool
	}{
		"hash":      {"(i * 2654435761 % 4294967296)::UINTEGER", func(i int) int { return i * 2654435761 % 4294967296 }, true},
		"extremes":  {"(i % 2 * 4294967295)::UINTEGER", func(i int) int { return i % 2 * 4294967295 }, true},
		"one":       {"4294967295::UINTEGER", func(int) int { return 4294967295 }, false}, // a dictionary
		"signed":    {"(i % 2 * 4294967295 - 2147483648)::INTEGER", func(i int) int { return i%2*4294967295 - 2147483648 }, true},
		"half":      {"(i % 2 * 2147483647)::INTEGER", func(i int) int { return i % 2 * 2147483647 }, false},
		"no sign":   {"(i % 2 * 2147483647)::UINTEGER", func(i int) int { return i % 2 * 2147483647 }, false},
		"64 bits":   {"i * 2654435761 % 4294967296", func(i int) int { return i * 2654435761 % 4294967296 }, false},
		"downwards": {"(2147483647 - i * 400000)::INTEGER", func(i int) int { return 2147483647 - i*400000 }, false},
	}
	var statements strings.Builder
	for name, tc := range tests {
		fmt.Fprintf(&statements, "COPY (SELECT %s AS n FROM range(5000) r(i)) TO '$DIR/%s.parquet' (PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1);", tc.expression, name)
	}
	dir := duckdb(t, statements.String())
	for name, tc := range tests {
		source := file.Source{Path: filepath.Join(dir, name+".parquet")}
		if !tc.refused {
			wantRows(t, source, []string{"n"}, 5000, func(i int) []string { return []string{strconv.Itoa(tc.value(i))} })
			continue
		}
		if _, err := source.Open(t.Context(), []string{"n"}); err == nil || !strings.Contains(err.Error(), `"n", has 32-bit integers in the encoding DELTA_BINARY_PACKED`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// duckdbPeople is a table of more rows than a row group has, and its rows.
const duckdbPeople = `CREATE TABLE people AS SELECT
	'p' || i || '@example.com' AS email, CASE WHEN i % 7 > 0 THEN 'name ' || (i % 1000) END AS name, ['gold', 'silver', 'none'][1 + i % 3] AS tier,
	i AS number, i * 1000003 % 100000007 AS spread, (i / 4)::DOUBLE AS score, CASE WHEN i % 5 > 0 THEN [md5(i::VARCHAR), 'b'][1 : i % 3] END AS tags,
	md5(i::VARCHAR) AS random, i % 2 = 0 AS even, (DATE '2020-01-01' + (i % 2000)::INTEGER)::DATE AS since, (i / 100)::DECIMAL(14,2) AS spent
	FROM range(120000) r(i);`

var duckdbColumns = []string{"email", "name", "tier", "number", "spread", "score", "tags", "random", "even", "since", "spent"}

// Every compression, version and encoding, in many row groups.
func TestDuckDBCodecs(t *testing.T) {
	t.Parallel()
	options := map[string]string{
		"snappy":              "",
		"uncompressed":        "COMPRESSION uncompressed",
		"zstd":                "COMPRESSION zstd, COMPRESSION_LEVEL 19, ROW_GROUP_SIZE 50000",
		"gzip":                "COMPRESSION gzip, PARQUET_VERSION v2",
		"brotli":              "COMPRESSION brotli",
		"lz4_raw":             "COMPRESSION lz4_raw",
		"lz4":                 "COMPRESSION lz4, PARQUET_VERSION v2, ROW_GROUP_SIZE 10000", // which is lz4_raw, too
		"version 2":           "PARQUET_VERSION v2",
		"no dictionaries":     "DICTIONARY_SIZE_LIMIT 1, PARQUET_VERSION v2, COMPRESSION lz4_raw",
		"large dictionaries":  "DICTIONARY_SIZE_LIMIT 200000, STRING_DICTIONARY_PAGE_SIZE_LIMIT 100000000, COMPRESSION lz4_raw, ROW_GROUP_SIZE 200000",
		"many groups":         "ROW_GROUP_SIZE 2048",
		"large bloom filters": "BLOOM_FILTER_FALSE_POSITIVE_RATIO 0.0001, DICTIONARY_SIZE_LIMIT 200000",
	}
	statements := duckdbPeople + "COPY people TO '$DIR/people.ndjson' (FORMAT json);"
	for name, option := range options {
		statements += fmt.Sprintf("COPY people TO '$DIR/%s.parquet' (FORMAT parquet, %s);", name, option)
	}
	dir := duckdb(t, strings.ReplaceAll(statements, ", )", ")"))
	for name := range options {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, file.Source{Path: filepath.Join(dir, name+".parquet")}, duckdbColumns, 120_000, duckdbPerson)
		})
	}
	wantRows(t, file.Source{Path: filepath.Join(dir, "people.ndjson")}, []string{"number"}, 120_000, func(i int) []string { return []string{fmt.Sprint(i)} })
}

// Folders of PARTITION_BY hold columns, and several files are one segment.
func TestDuckDBPartitions(t *testing.T) {
	t.Parallel()
	dir := duckdb(t, `CREATE TABLE t AS SELECT * FROM (VALUES ('a@example.com', 'gold', 2026, 'Zürich/West'), ('b@example.com', NULL, 2025, 'a b=c%20'),
		('c@example.com', '', 2025, '+1'), ('d@example.com', 'x:y*z', 1, '')) v(email, "Loyalty Tier", year, "city.ä");
		COPY t TO '$DIR/hive' (FORMAT parquet, PARTITION_BY ("Loyalty Tier", year, "city.ä"));
		COPY t TO '$DIR/own' (FORMAT parquet, PARTITION_BY (year), WRITE_PARTITION_COLUMNS true);
		COPY t TO '$DIR/csv' (FORMAT csv, HEADER, PARTITION_BY ("Loyalty Tier", "city.ä"));`)
	want := []string{"[a@example.com gold 2026 Zürich/West]", "[b@example.com  2025 a b=c%20]", "[c@example.com  2025 +1]", "[d@example.com x:y*z 1 ]"}
	for _, pattern := range []string{"hive/**/*.parquet", "own/*/*.parquet", "csv/**/*.csv"} {
		rows, _ := read(t, file.Source{Path: filepath.Join(dir, filepath.FromSlash(pattern))}, "email", "Loyalty Tier", "year", "city.ä")
		var got []string
		for _, row := range rows {
			got = append(got, fmt.Sprint(row))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %q", pattern, got)
		}
	}
}

// A result without rows has its columns.
func TestDuckDBNoRows(t *testing.T) {
	t.Parallel()
	dir := duckdb(t, duckdbPeople+`COPY (SELECT * FROM people WHERE false) TO '$DIR/none.parquet'; COPY (SELECT * FROM people WHERE false) TO '$DIR/lz4.parquet' (COMPRESSION lz4_raw);`)
	for _, name := range []string{"none.parquet", "lz4.parquet"} {
		wantRows(t, file.Source{Path: filepath.Join(dir, name)}, duckdbColumns, 0, nil)
		_, err := file.Source{Path: filepath.Join(dir, name)}.Open(t.Context(), []string{"other"})
		if missing := (*segment.MissingColumnsError)(nil); !errors.As(err, &missing) || !slices.Equal(missing.Available, duckdbColumns) {
			t.Errorf("error %v", err)
		}
	}
}

// DuckDB's CSV and JSON, with its defaults, are read as its Parquet.
func TestDuckDBText(t *testing.T) {
	t.Parallel()
	dir := duckdb(t, `CREATE TABLE t AS SELECT * FROM (VALUES ('a@example.com', 'Robert "Bob", Jr.', ['x', 'y'], 1.50::DECIMAL(14,2)), ('b@example.com', E'two\nlines', NULL, NULL)) v(email, name, tags, spent);
		COPY t TO '$DIR/t.csv'; COPY t TO '$DIR/t.csv.gz'; COPY t TO '$DIR/t.json.zst' (FORMAT json); COPY t TO '$DIR/t.tsv' (DELIMITER '\t');`)
	for name, want := range map[string]string{
		"t.csv":      `["a@example.com" "Robert \"Bob\", Jr." "[x, y]" "1.50"] ["b@example.com" "two\nlines" "" ""]`,
		"t.csv.gz":   `["a@example.com" "Robert \"Bob\", Jr." "[x, y]" "1.50"] ["b@example.com" "two\nlines" "" ""]`,
		"t.json.zst": `["\"a@example.com\"" "\"Robert \\\"Bob\\\", Jr.\"" "[\"x\",\"y\"]" "1.5"] ["\"b@example.com\"" "\"two\\nlines\"" "" ""]`,
		"t.tsv":      `["a@example.com" "Robert \"Bob\", Jr." "[x, y]" "1.50"] ["b@example.com" "two\nlines" "" ""]`,
	} {
		source := file.Source{Path: filepath.Join(dir, name)}
		if name == "t.tsv" { // tabs with quotes
			source.Format, source.Delimiter = file.CSV, '\t'
		}
		rows, _ := read(t, source, "email", "name", "tags", "spent")
		var got []string
		for _, row := range rows {
			got = append(got, fmt.Sprintf("%q", row))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// duckdbPerson is a row of duckdbPeople.
func duckdbPerson(i int) []string {
	random := fmt.Sprintf("%x", md5.Sum([]byte(strconv.Itoa(i))))
	name, tags := "", ""
	if i%7 > 0 {
		name = fmt.Sprintf("name %d", i%1000)
	}
	if i%5 > 0 {
		tags = []string{"[]", `["` + random + `"]`, `["` + random + `","b"]`}[i%3]
	}
	return []string{
		fmt.Sprintf("p%d@example.com", i), name, []string{"gold", "silver", "none"}[i%3], strconv.Itoa(i), strconv.Itoa(i * 1000003 % 100000007),
		strconv.FormatFloat(float64(i)/4, 'f', -1, 64), tags, random, strconv.FormatBool(i%2 == 0),
		time.Date(2020, 1, 1+i%2000, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), fmt.Sprintf("%d.%02d", i/100, i%100),
	}
}

package segment_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

const mostOfARecord = 16 << 20

// A record may take 16 MiB, whatever it is made of, and no byte more.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	x := strings.Repeat("x", mostOfARecord)
	lines := strings.Repeat("123456789\n", mostOfARecord/10)
	tooLong := func(line int) string {
		return fmt.Sprintf("the row that begins in line %d is longer than 16 MiB. Look in it for a quote", line)
	}
	for name, tc := range map[string]struct {
		format  segment.Format
		content string
		rows    int
		want    string // empty: all is read
	}{
		"as long as may be":     {segment.CSV, bom + "a\n1\n" + x[1:] + "\n2\n", 3, ""},
		"the last one":          {segment.CSV, "a\n" + x, 1, ""},
		"longer":                {segment.CSV, "a\n1\n\n\r\n" + x + "\n2\n", 1, tooLong(5)},
		"a lot longer":          {segment.CSV, "a\n1\n" + x + x + "\n2\n", 1, tooLong(3)},
		"gzip":                  {segment.CSV, gzipOf(t, "a\n1\n"+x+x), 1, tooLong(3)},
		"no line end at all":    {segment.CSV, "a\n" + x + x, 0, tooLong(2)},
		"quoted, may be":        {segment.CSV, "a\n\"" + lines[:mostOfARecord-10] + "\"\n2\n", 2, ""},
		"quote that stays open": {segment.CSV, "a\n1\n2\n\"" + lines + lines, 2, tooLong(4)},
		"after lines in quotes": {segment.CSV, "a\n\"1\n\n1\"\n\n" + x + x, 1, tooLong(6)},
		"ragged":                {segment.CSV, "a\n" + strings.Repeat(",", mostOfARecord) + "\n2\n", 0, tooLong(2)},
		"header":                {segment.CSV, "a," + x + "\n1\n", 0, tooLong(1)},
		"blank lines":           {segment.CSV, "a\n" + strings.Repeat("\n", mostOfARecord+1) + strings.Repeat("\r\n", mostOfARecord) + "1\n", 1, ""},
		"TSV":                   {segment.TSV, "a\tb\n1\t2\n\"" + lines + lines, 1, tooLong(3)},
		"NDJSON":                {segment.NDJSON, "{\"a\":1}\n{\"a\":\"" + x + "\"}\n", 1, "Line 2 of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := segment.File{Path: writeAs(t, "x", tc.content), Format: tc.format}.Open(t.Context(), []string{"a"})
			n := 0
			if err == nil {
				n, err = count(rows)
				must(t, rows.Close())
			}
			if tc.want == "" {
				must(t, err)
			} else if e := asError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
			if n != tc.rows {
				t.Errorf("%d rows, want %d", n, tc.rows)
			}
		})
	}
}

// count counts rows without keeping them.
func count(rows segment.Rows) (n int, err error) {
	var row []string
	for {
		if row, err = rows.Next(row[:0]); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

// However long something takes that is no row yet, the end of the context ends
// it.
func TestReadingStopsInTheMiddleOfARecord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for name, tc := range map[string]struct {
		format  segment.Format
		content string
	}{
		"long record":   {segment.CSV, "a\n" + long + "\n"},
		"quoted record": {segment.CSV, "a\n\"" + strings.Repeat("x\n", 1<<19) + "\"\n"},
		"blank lines":   {segment.CSV, "a\n" + strings.Repeat("\n", 1<<20) + "1\n"},
		"long line":     {segment.NDJSON, "{\"a\":1}\n{\"a\":\"" + long + "\"}\n"},
		"blank NDJSON":  {segment.NDJSON, "{\"a\":1}\n" + strings.Repeat(" ", 1<<20) + "\n{\"a\":1}\n"},
	} {
		for packing, pack := range map[string]func(string) string{
			"plain": func(s string) string { return s }, "gzip": func(s string) string { return gzipOf(t, s) }, "zstd": func(s string) string { return zstdOf(t, s) },
		} {
			t.Run(name+" "+packing, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				rows, err := segment.File{Path: writeAs(t, "x", pack(tc.content)), Format: tc.format}.Open(ctx, []string{"a"})
				must(t, err)
				defer rows.Close()
				if tc.format == segment.NDJSON {
					_, err = rows.Next(nil)
					must(t, err)
				}
				cancel()
				if _, err := rows.Next(nil); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

// A context that has ended is an end at once, of finding and opening as well.
func TestNothingIsReadOnceTheContextHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{write(t, "a\n1\n"), os.TempDir() + "/no-such-*.csv", deaf(t) + "/a.csv"} {
		file := segment.File{Path: path}.Hasty(time.Hour, nil)
		if _, err := file.Open(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: opening gives %v", path, err)
		}
		if _, err := file.Version(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the version gives %v", path, err)
		}
	}
}

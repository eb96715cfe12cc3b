package file_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

const mostOfARecord = 16 << 20

// A record of any kind may have 16 MiB, and no byte more.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	x := strings.Repeat("x", mostOfARecord)
	lines := strings.Repeat("123456789\n", mostOfARecord/10)
	tooLong := func(line int) string {
		return fmt.Sprintf("the row that begins in line %d is longer than 16 MiB. Each row must end with a line end.", line)
	}
	for name, tc := range map[string]struct {
		format  file.Format
		content string
		rows    int
		want    string // empty: all is read
	}{
		"as long as may be":      {file.CSV, bom + "a\n1\n" + x[1:] + "\n2\n", 3, ""},
		"the last one":           {file.CSV, "a\n" + x, 1, ""},
		"longer":                 {file.CSV, "a\n1\n\n\r\n" + x + "\n2\n", 1, tooLong(5)},
		"a lot longer":           {file.CSV, "a\n1\n" + x + x + "\n2\n", 1, tooLong(3)},
		"gzip":                   {file.CSV, filetest.Gzip(t, "a\n1\n"+x+x), 1, tooLong(3)},
		"no line end at all":     {file.CSV, "a\n" + x + x, 0, tooLong(2)},
		"quoted, may be":         {file.CSV, "a\n\"" + lines[:mostOfARecord-10] + "\"\n2\n", 2, ""},
		"quote that stays open":  {file.CSV, "a\n1\n2\n\"" + lines + lines, 2 + 2*(mostOfARecord/10), ""}, // the line with it cannot be read
		"after lines in quotes":  {file.CSV, "a\n\"1\n\n1\"\n\n" + x + x, 1, tooLong(6)},
		"ragged":                 {file.CSV, "a\n" + strings.Repeat(",", mostOfARecord) + "\n2\n", 0, tooLong(2)},
		"header":                 {file.CSV, "a," + x + "\n1\n", 0, tooLong(1)},
		"blank lines":            {file.CSV, "a\n" + strings.Repeat("\n", mostOfARecord+1) + strings.Repeat("\r\n", mostOfARecord) + "1\n", 1, ""},
		"TSV":                    {file.TSV, "a\tb\n1\t2\n" + x + x, 1, tooLong(3)},
		"TSV, escaped line ends": {file.TSV, "a\tb\n1\t" + strings.ReplaceAll(lines[:mostOfARecord/2], "\n", "\\\n") + "\n", 1, ""},
		"NDJSON":                 {file.NDJSON, "{\"a\":1}\n{\"a\":\"" + x + "\"}\n", 1, "Line 2 of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := file.Source{Path: writeAs(t, "x", tc.content), Format: tc.format}.Open(t.Context(), []string{"a"})
			n := 0
			if err == nil {
				n, err = count(rows)
				must(t, rows.Close())
			}
			if tc.want == "" {
				must(t, err)
			} else if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
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
		var bad *segment.RowError
		if row, err = rows.Next(row[:0]); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil && !errors.As(err, &bad) {
			return n, err
		}
		n++
	}
}

// The end of the context ends reading, even within a single row.
func TestReadingStopsInTheMiddleOfARecord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for name, tc := range map[string]struct {
		format  file.Format
		content string
	}{
		"long record":   {file.CSV, "a\n" + long + "\n"},
		"quoted record": {file.CSV, "a\n\"" + strings.Repeat("x\n", 1<<19) + "\"\n"},
		"blank lines":   {file.CSV, "a\n" + strings.Repeat("\n", 1<<20) + "1\n"},
		"long line":     {file.NDJSON, "{\"a\":1}\n{\"a\":\"" + long + "\"}\n"},
		"blank NDJSON":  {file.NDJSON, "{\"a\":1}\n" + strings.Repeat(" ", 1<<20) + "\n{\"a\":1}\n"},
	} {
		for packing, pack := range map[string]func(string) string{
			"plain": func(s string) string { return s }, "gzip": func(s string) string { return filetest.Gzip(t, s) }, "zstd": func(s string) string { return filetest.Zstd(t, s) },
		} {
			t.Run(name+" "+packing, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				rows, err := file.Source{Path: writeAs(t, "x", pack(tc.content)), Format: tc.format}.Open(ctx, []string{"a"})
				must(t, err)
				defer rows.Close()
				if tc.format == file.NDJSON {
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

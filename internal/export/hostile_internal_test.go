package export

import (
	"context"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// formulas are texts that a spreadsheet or a terminal does something with, and how
// they are written to a rejects file.
var formulas = map[string]string{
	`=HYPERLINK("https://evil.example","x")`: `'=HYPERLINK("https://evil.example","x")`,
	"+1":                                     "'+1",
	"-1+cmd|' /C calc'!A0":                   "'-1+cmd|' /C calc'!A0",
	"@SUM(1)":                                "'@SUM(1)",
	"\t=1":                                   "'\t=1",
	"\r=1":                                   `\r=1`,
	"\n=1":                                   "'\n=1",
	"\r\n=1":                                 "'\n=1",
	"＝1":                                     "'＝1",
	"＠x":                                     "'＠x",
	"\x1b[2J=1":                              `\x1b[2J=1`,
	"\xff=1":                                 "\uFFFD=1",
	"a=1":                                    "a=1",
	"'=1":                                    "'=1",
	" -":                                     " -",
	"":                                       "",
}

// No cell of a rejects file that comes from outside is a formula.
func TestRejectsHoldNoFormulas(t *testing.T) {
	t.Parallel()
	for text, want := range formulas {
		path := filepath.Join(t.TempDir(), "rejects.csv")
		e := &Export{RejectsPath: path, Segments: []pipeline.Segment{{Name: text, Source: oneRow{file: text}}}}
		r, err := e.openRejects()
		if err != nil {
			t.Fatal(err)
		}
		reader := (&pipeline.Pipeline{Segments: e.Segments, Mapping: profile.Mapping{Email: "email"}}).NewReader()
		add := r.follow(reader)
		if _, err := reader.Read(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		add(tally.Row{Segment: text, Number: 1}, text, text)
		if err := r.write(); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
		if err != nil || len(lines) != 2 {
			t.Fatalf("%q: %q, %v", text, content, err)
		}
		for _, cell := range []int{0, 2, 3, 4} {
			if got := lines[1][cell]; got != want {
				t.Errorf("the %s %q is written as %q, want %q", rejectsHeader[cell], text, got, want)
			}
		}
	}
}

// oneRow is a segment of one row without an address, in a file with a name.
type oneRow struct {
	file string
	read bool
}

func (s oneRow) Open(context.Context, []string) (segment.Rows, error) { return &s, nil }

func (oneRow) Version(context.Context) (string, error) { return "", nil }

func (*oneRow) JSON() []bool { return nil }

func (*oneRow) Close() error { return nil }

func (s *oneRow) Next(dst []string) ([]string, error) {
	if s.read {
		return dst, io.EOF
	}
	s.read = true
	return append(dst, ""), nil
}

func (*oneRow) Position() (file int, line int64) { return 0, 2 }

func (s *oneRow) File(int) string { return s.file }

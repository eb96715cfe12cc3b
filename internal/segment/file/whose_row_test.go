package file_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

// A row that cannot be split tells all that stands in it.
func TestTextOfMalformedRows(t *testing.T) {
	t.Parallel()
	const header = "email,name,note\n"
	for title, tc := range map[string]struct {
		name    string
		source  file.Source
		content string
		want    string
	}{
		"too many cells":    {"x.csv", file.Source{}, header + "a@x.org,Smith, John,x\n", "a@x.org\nSmith\n John\nx\n"},
		"of the last line":  {"x.csv", file.Source{}, header + "Smith, John,x,a@x.org", "Smith\n John\nx\na@x.org"},
		"quoted cells":      {"x.csv", file.Source{}, header + `"a@x.org","say ""hi""",x,y` + "\n", "\"a@x.org\"\n\"say \"\"hi\"\"\"\nx\ny\n"},
		"misplaced quotes":  {"x.csv", file.Source{}, header + "a@x.org,\"A\" B,\"x,y\"z,\"w,v\n", "a@x.org\n\"A\" B\n\"x\ny\"z\n\"w\nv\n"},
		"quote not closed":  {"x.csv", file.Source{}, header + "a@x.org,A,\"Best shop\n", "a@x.org\nA\n\"Best shop\n"},
		"rows in the quote": {"x.csv", file.Source{}, header + "a@x.org,A,\"Best\nb@x.org,B,no\nc@x.org,C,72\"\n", "a@x.org\nA\n\"Best\nb@x.org\nB\nno\nc@x.org\nC\n72\"\n"},
		"footer":            {"x.csv", file.Source{}, header + "x\nTotal: 1\n", "x\n"},
		"tabs":              {"x.tsv", file.Source{}, "email\tname\na@x.org\tA\tx\n", "a@x.org\nA\nx\n"},
		"another delimiter": {"x.csv", file.Source{Delimiter: '~'}, "email~name\na@x.org~A~x\n", "a@x.org\nA\nx\n"},
		"declared by Excel": {"x.csv", file.Source{}, "sep=#\nemail#name\na@x.org#A#x\n", "a@x.org\nA\nx\n"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			tc.source.Path = writeAs(t, tc.name, tc.content)
			rows, err := tc.source.Open(t.Context(), []string{"email", "name"})
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			_, err = rows.Next(nil)
			var bad *segment.RowError
			if !errors.As(err, &bad) || bad.Text != tc.want || bad.Cells != nil {
				t.Errorf("text %q, cells %q, %v", bad.Text, bad.Cells, err)
			}
		})
	}
}

// A row with a value that cannot be represented still tells whose it is.
func TestCellsOfUnreadableRows(t *testing.T) {
	t.Parallel()
	type row struct {
		Email string `parquet:"email"`
		Name  string `parquet:"name"`
	}
	for name, tc := range map[string]struct {
		content string
		want    []string // nil if the row cannot be split
	}{
		"x.csv":         {"email,note,name\na@x.org,,caf\xe9\n", []string{"a@x.org", "caf\xe9"}},
		"nul.csv":       {"name,email,note\nA\x00,a@x.org,\n", []string{"a@x.org", "A\x00"}},
		"escaped.tsv":   {"email\tname\na@x.org\tcaf\xe9\\t\n", []string{"a@x.org", "caf\xe9\t"}},
		"malformed.csv": {"email,name\na@x.org,A,A\n", nil},
		"x.ndjson":      {"{\"email\":\"a@x.org\",\"name\":\"caf\xe9\"}\n", []string{`"a@x.org"`, "\"caf\xe9\""}},
		"nul.ndjson":    {`{"email":"a@x.org","name":"\u0000"}`, []string{`"a@x.org"`, `"\u0000"`}},
		"x.parquet":     {filetest.Parquet(t, []row{{"a@x.org", "\x00"}}), []string{"a@x.org", "\x00"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := openAs(t, name, tc.content, "email", "name")
			if err != nil {
				t.Fatal(err)
			}
			before := []string{"of another row"}
			got, err := rows.Next(before)
			var bad *segment.RowError
			if !errors.As(err, &bad) || len(got) != 1 || !slices.Equal(bad.Cells, tc.want) {
				t.Errorf("cells %q, %v", bad.Cells, err)
			}
			if _, err := rows.Next(before); !errors.Is(err, io.EOF) {
				t.Errorf("then %v", err)
			}
		})
	}
}

package file_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

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

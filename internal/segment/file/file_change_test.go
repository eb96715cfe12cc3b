package file_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// person is a long row, so that few of them fill several reads.
type person struct {
	ID string `parquet:"id,plain"`
}

// manyPeople returns a file of the format that takes several reads.
func manyPeople(t *testing.T, format file.Format, domain string) (content string, ids []string) {
	t.Helper()
	const rows = 40_000
	var b strings.Builder
	people := make([]person, rows)
	if format == file.CSV {
		b.WriteString("id\n")
	}
	for i := range people {
		people[i].ID = fmt.Sprintf("person-%08d-of-the-first-version@%s", i, domain)
		ids = append(ids, people[i].ID)
		if format == file.CSV {
			b.WriteString(people[i].ID + "\n")
		} else {
			fmt.Fprintf(&b, "{\"id\":%q}\n", people[i].ID)
			ids[i] = fmt.Sprintf("%q", people[i].ID)
		}
	}
	if format == file.Parquet {
		for i := range people {
			ids[i] = people[i].ID
		}
		return filetest.Parquet(t, people, parquet.Compression(&parquet.Uncompressed), parquet.MaxRowsPerRowGroup(rows/8)), ids
	}
	return b.String(), ids
}

// A file that is changed while it is read ends in an error, and yields only rows of
// the file that was found.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	changes := map[string]func(t *testing.T, path, content string){
		"cut off in the middle of an address": func(t *testing.T, path, content string) {
			t.Helper()
			must(t, os.Truncate(path, int64(len(content)-len("m\n"))))
		},
		"cut off": func(t *testing.T, path, content string) {
			t.Helper()
			must(t, os.Truncate(path, int64(len(content)/2)))
		},
		"longer": func(t *testing.T, path, content string) {
			t.Helper()
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = file.WriteString(content[len(content)/2:])
			must(t, errors.Join(err, file.Close()))
		},
		"rewritten in place": func(t *testing.T, path, content string) {
			t.Helper()
			must(t, os.WriteFile(path, []byte(strings.ReplaceAll(content, "first", "other")), 0o600))
		},
	}
	for _, format := range []file.Format{file.CSV, file.NDJSON, file.Parquet} {
		content, ids := manyPeople(t, format, "example.com")
		for name, change := range changes {
			t.Run(string(format)+" "+name, func(t *testing.T) {
				t.Parallel()
				path := writeAs(t, "people."+string(format), content)
				before := time.Now().Add(-time.Hour)
				must(t, os.Chtimes(path, before, before))
				rows, err := file.Source{Path: path}.Open(t.Context(), []string{"id"})
				must(t, err)
				defer rows.Close()
				first, err := rows.Next(nil)
				must(t, err)
				change(t, path, content)
				got, err := segmenttest.ReadAll(rows)
				if e := filetest.PathError(t, err); !strings.Contains(e.Error(), "it was changed while it was read. Run Terraform again once the file is complete") {
					t.Errorf("error %q", e)
				}
				got = append([][]string{first}, got...)
				if len(got) >= len(ids) {
					t.Errorf("all %d rows came", len(got))
				}
				for i, row := range got {
					if row[0] != ids[i] {
						t.Fatalf("row %d is %q, want %q", i+1, row[0], ids[i])
					}
				}
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

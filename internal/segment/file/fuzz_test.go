package file_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// FuzzCSV reads arbitrary bytes: they are rows of the columns, the same each
// time, or there is an error that may be shown.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("email,doc\na@example.com,{}\nA@example.com\nragged,,\n"))
	f.Add([]byte("email,doc\n\"c@example.com\",\"a \"\"b\"\"\nc\"\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := writeAs(t, "x.csv", string(content))
		rows, err := readFuzzed(t, path)
		again, errAgain := readFuzzed(t, path)
		if !reflect.DeepEqual(rows, again) || !reflect.DeepEqual(err, errAgain) {
			t.Fatalf("%q and %v, then %q and %v", rows, err, again, errAgain)
		}
		for _, row := range rows {
			if len(row) != 2 && row[0] != segmenttest.Unreadable {
				t.Fatalf("row %q of two columns", row)
			}
		}
		if err == nil {
			return
		}
		if !errors.As(err, new(*segment.Error)) && !errors.As(err, new(*segment.MissingColumnsError)) {
			t.Fatalf("error %v (%T)", err, err)
		}
		if strings.Contains(err.Error(), "@") {
			t.Fatalf("an address is shown: %v", err)
		}
	})
}

func readFuzzed(t *testing.T, path string) ([][]string, error) {
	rows, err := file.Source{Path: path}.Open(t.Context(), []string{"email", "doc"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

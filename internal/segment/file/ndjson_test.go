package file_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// openAs opens a file with a name and a content.
func openAs(t *testing.T, name, content string, columns ...string) (segment.Rows, error) {
	t.Helper()
	rows, err := file.Source{Path: writeAs(t, name, content)}.Open(t.Context(), columns)
	if err == nil {
		t.Cleanup(func() { rows.Close() })
	}
	return rows, err
}

// mustReadAs reads a file with a name and a content, which must be readable.
func mustReadAs(t *testing.T, name, content string, columns ...string) [][]string {
	t.Helper()
	rows, err := openAs(t, name, content, columns...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := segmenttest.ReadAll(rows)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	ab := []string{"a", "b"}
	for name, tc := range map[string]struct {
		content string
		columns []string
		rows    [][]string
	}{
		"types":                   {`{"a":"x","b":1.50}` + "\n" + `{"a":true,"b":[1, {"c":2}]}` + "\n", ab, [][]string{{`"x"`, "1.50"}, {"true", `[1, {"c":2}]`}}},
		"null and absent":         {`{"a":null}` + "\n" + `{"b":1}`, ab, [][]string{{"", ""}, {"", "1"}}},
		"white space":             {" \t{ \"a\" : 1 ,\r\"b\":\t2 }  \r\n", ab, [][]string{{"1", "2"}}},
		"blank lines":             {"\n\n{\"a\":1,\"b\":2}\n \r\n{\"a\":3,\"b\":4}\n\n", ab, [][]string{{"1", "2"}, {"3", "4"}}},
		"byte order mark":         {bom + `{"a":1,"b":2}`, ab, [][]string{{"1", "2"}}},
		"nested":                  {`{"a":{"b":{"c":5,"d":6}}}`, []string{"a.b.c", "a.b"}, [][]string{{"5", `{"c":5,"d":6}`}}},
		"key with dots":           {`{"a":{"b":1},"a.b":2}`, []string{"a.b"}, [][]string{{"2"}}},
		"key with dots first":     {`{"a.b":2,"a":{"b":1}}`, []string{"a.b"}, [][]string{{"2"}}},
		"nested key with dots":    {`{"a":{"b.c":1}}`, []string{"a.b.c"}, [][]string{{"1"}}},
		"no object on the path":   {`{"a":5}` + "\n" + `{"a":{"b":1}}`, []string{"a.b"}, [][]string{{""}, {"1"}}},
		"key twice":               {`{"a":1,"a":2,"b":3}`, ab, [][]string{{"2", "3"}}},
		"escaped key":             {`{"\u0061":1,"b":"\u00e9\"\\"}`, ab, [][]string{{"1", `"\u00e9\"\\"`}}},
		"empty":                   {"", ab, nil},
		"only blank lines":        {"\n \n", ab, nil},
		"no columns":              {"{}\n{}\n", nil, [][]string{nil, nil}},
		"numbers":                 {`{"a":-0.5e+10,"b":0}`, ab, [][]string{{"-0.5e+10", "0"}}},
		"longer than the buffer":  {`{"a":"` + strings.Repeat("x", 300_000) + `","b":1}` + "\n" + `{"a":2,"b":3}`, ab, [][]string{{`"` + strings.Repeat("x", 300_000) + `"`, "1"}, {"2", "3"}}},
		"values that are not all": {`{"c":{"a":9},"b":2,"d":[{"a":8}],"a":1}`, ab, [][]string{{"1", "2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mustReadAs(t, "x.ndjson", tc.content, tc.columns...); !reflect.DeepEqual(got, tc.rows) {
				t.Errorf("rows %.200q, want %.200q", got, tc.rows)
			}
		})
	}
}

func TestNDJSONColumnsAreJSON(t *testing.T) {
	t.Parallel()
	rows, err := openAs(t, "x.jsonl", "{}", "a", "b")
	if err != nil || !slices.Equal(rows.JSON(), []bool{true, true}) {
		t.Errorf("%v, %v", rows.JSON(), err)
	}
}

// A line that is not an object ends the segment, and is not quoted.
func TestNDJSONSyntaxErrors(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	for line, want := range map[string]string{
		`{"a":"` + secret + `"`:            "at byte 21 there is neither a comma nor the } of an object",
		`{"a":"` + secret:                  "a string does not end",
		`{"a":` + secret + `}`:             "at byte 6 there is no value",
		`{a:1}`:                            "at byte 2 there is no key in quotes",
		`{"a" 1}`:                          "there is no : after a key",
		`{"a":1,}`:                         "there is no key in quotes",
		`{"a":[1,2}`:                       "there is neither a comma nor the ] of a list",
		`{"a":01}`:                         "there is neither a comma nor the } of an object",
		`{"a":1.}`:                         "a number lacks digits",
		`{"a":-}`:                          "a number lacks digits",
		`{"a":"\x"}`:                       "a string has an invalid escape",
		`{"a":"` + "\t" + `"}`:             "a control character that is not escaped",
		`{"a":tru}`:                        "there is no value",
		`{"a":1} {"a":2}`:                  "something follows the object",
		`[{"a":1}]`:                        "at byte 1 there is no object",
		`"text"`:                           "there is no object",
		`{"a":`:                            "the line ends where a value should be",
		strings.Repeat(`{"a":`, 501):       "the nesting is too deep",
		`{"a":` + strings.Repeat(`[`, 501): "the nesting is too deep",
	} {
		content := strings.Repeat("{\"a\":1}\n", 16) + line + "\n{\"a\":1}\n"
		rows, err := openAs(t, "x.ndjson", content, "a")
		if err != nil {
			t.Fatal(err)
		}
		got, err := segmenttest.ReadAll(rows)
		e := filetest.PathError(t, err)
		if !strings.Contains(e.Error(), "JSON line 17 of") || !strings.Contains(e.Error(), want) || len(got) != 16 || strings.Contains(fmt.Sprint(e), secret) {
			t.Errorf("%.40q gives %d rows and %v, want %q", line, len(got), e, want)
		}
		if _, again := rows.Next(nil); !errors.Is(again, err) {
			t.Errorf("%.40q: reading on gives %v", line, again)
		}
	}
}

func TestNDJSONSaysHowToSplitAList(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{`[{"a":1}]`: "jq -c '.[]'", "{\n  \"a\": 1\n}\n": "jq -c '.'"} {
		rows, _ := openAs(t, "x.json", content, "a")
		if _, err := rows.Next(nil); !strings.Contains(filetest.PathError(t, err).Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestNDJSONBoundsLines(t *testing.T) {
	t.Parallel()
	rows, _ := openAs(t, "x.ndjson", "{\"a\":1}\n{\"a\":\""+strings.Repeat("x", 17<<20)+"\"}", "a")
	got, err := segmenttest.ReadAll(rows)
	if e := filetest.PathError(t, err); len(got) != 1 || !strings.Contains(e.Error(), "Line 2 of") || !strings.Contains(e.Error(), "longer than 16 MiB") {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// That no row has a column is only known at the end.
func TestNDJSONNamesMissingColumns(t *testing.T) {
	t.Parallel()
	rows, err := openAs(t, "x.ndjson", `{"a":1,"address":{"city":"x"},"joe@example.com":1}`+"\n"+`{"l":[{"k":1}],"b":null}`, "a", "b", "B", "address.Town")
	if err != nil {
		t.Fatal(err)
	}
	got, err := segmenttest.ReadAll(rows)
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) || len(got) != 2 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	if !slices.Equal(missing.Missing, []string{"B", "address.Town"}) || !slices.Equal(missing.Available, []string{"a", "address.city", "l", "b"}) {
		t.Errorf("error %v", err)
	}
}

func TestNDJSONStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	// Blank lines count as well.
	for _, line := range []string{"{\"a\":1}\n", "\n"} {
		ctx, cancel := context.WithCancel(t.Context())
		rows, err := file.Source{Path: writeAs(t, "x.ndjson", "{\"a\":1}\n"+strings.Repeat(line, 5000))}.Open(ctx, []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		rows.Next(nil)
		cancel()
		if got, err := segmenttest.ReadAll(rows); !errors.Is(err, context.Canceled) || len(got) > 1024 {
			t.Errorf("%d more rows, %v", len(got), err)
		}
		rows.Close()
	}
}

// wantCount reads rows and counts them.
func wantCount(t *testing.T, rows segment.Rows, want int) {
	t.Helper()
	n := 0
	for ; ; n++ {
		if _, err := rows.Next(nil); err != nil {
			break
		}
	}
	if n != want {
		t.Errorf("%d rows, want %d", n, want)
	}
}

// The scanner accepts what encoding/json accepts, with the same values, and refuses
// what it refuses. A row is unreadable only if it has bytes that are not UTF-8, or a NUL.
func FuzzNDJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":{"c":"x"}}`, `{"a":[1,2,{"b":null}]}`, `{"\u0061":"\ud800"}`, `{"a":1,"a":2}`, `{`, `[]`, `{"a":-1e5}`, "{\"a\":\"\x00\"}", "{\"a\":\"\xcb\"}", `{"a":"\u0000"}`, "{\"x\":\"\xcb\",\"a\":null}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		notFinite := strings.Contains(line, "NaN") || strings.Contains(line, "Infinity") // encoding/json refuses them
		if strings.ContainsAny(line, "\n\x00") || strings.TrimSpace(line) == "" || len(line) > 10_000 || notFinite {
			return
		}
		line = "{\"a\":1,\"b\":{\"c\":1}}\n" + line // what a file begins with may be no text
		rows, err := openAs(t, "x.ndjson", line, "a", "b.c")
		if err != nil {
			t.Fatal(err)
		}
		got, err := segmenttest.ReadAll(rows)
		text := strings.TrimSpace(line[strings.IndexByte(line, '\n')+1:])
		var want map[string]json.RawMessage
		valid := text[0] == '{' && json.Unmarshal([]byte(text), &want) == nil
		if valid != (err == nil) && strings.Count(text, "{")+strings.Count(text, "[") < 100 {
			t.Fatalf("%q: %v, but valid is %t", text, err, valid)
		}
		if err != nil {
			return
		}
		value := string(want["a"])
		switch {
		case got[1][0] == segmenttest.Unreadable:
			if utf8.ValidString(text) && !strings.Contains(text, `\u0000`) {
				t.Errorf("%q is unreadable", text)
			}
		case value == "null" && got[1][0] == "":
		case value != got[1][0] || !utf8.ValidString(value) || segment.HasNUL(value, true):
			t.Errorf("%q gives %q", text, got[1])
		}
	})
}

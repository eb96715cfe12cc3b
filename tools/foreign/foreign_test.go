// Package foreign holds tests that read files written by others: Parquet by DuckDB
// and arrow-go, CSV by LibreOffice. It is a module of its own so that these reach
// neither the provider's dependencies nor those of its other tests.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// hung is when a program is taken to hang, however busy the machine is.
const hung = 5 * time.Minute

// run runs a program with an input, and fails the test if the program does.
func run(t *testing.T, input string, environment []string, name string, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Stdin = strings.NewReader(input)
	command.Env = append(os.Environ(), environment...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// needs skips a test without a program or file that make servers installs.
func needs(t *testing.T, path string) {
	t.Helper()
	_, inPath := exec.LookPath(path)
	if _, err := os.Stat(path); inPath != nil && err != nil {
		t.Skipf("There is no %s: run make servers.", path)
	}
}

// read reads all rows of a segment.
func read(t *testing.T, source file.Source, columns ...string) (rows [][]string, json []bool) {
	t.Helper()
	opened, err := source.Open(t.Context(), columns)
	if err != nil {
		t.Fatalf("%s: %v", source.Path, err)
	}
	defer opened.Close()
	rows, err = segmenttest.ReadAll(opened)
	if err != nil {
		t.Fatalf("%s: %v", source.Path, err)
	}
	return rows, opened.JSON()
}

// column is what a value of a column is read as.
type column struct {
	json bool
	text string
}

// compareColumns reads a file of three rows: the wanted values, nulls, and the
// values again. Each column is read alone and with all others.
func compareColumns(t *testing.T, path string, want map[string]column) (problems []string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(want))
	all, json := read(t, file.Source{Path: path}, names...)
	if len(all) != 3 {
		t.Fatalf("%s: %d rows", path, len(all))
	}
	for i, name := range names {
		w := want[name]
		got := []string{all[0][i], all[1][i], all[2][i]}
		if json[i] != w.json || !slices.Equal(got, []string{w.text, "", w.text}) {
			problems = append(problems, fmt.Sprintf("%s is %q (JSON: %t), want %q (%t)", name, got, json[i], w.text, w.json))
		}
		alone, _ := read(t, file.Source{Path: path}, name)
		if !slices.Equal(slices.Concat(alone...), got) {
			problems = append(problems, fmt.Sprintf("%s alone is %q", name, alone))
		}
	}
	return problems
}

// wantRows compares the rows of a segment one by one with those of a function.
func wantRows(t *testing.T, source file.Source, columns []string, n int, want func(i int) []string) {
	t.Helper()
	opened, err := source.Open(t.Context(), columns)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var row []string
	for i := range n {
		if row, err = opened.Next(row[:0]); err != nil || !slices.Equal(row, want(i)) {
			t.Fatalf("%s: row %d is %q, %v, want %q", filepath.Base(source.Path), i+1, row, err, want(i))
		}
	}
	if row, err = opened.Next(nil); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: after %d rows: %q, %v", filepath.Base(source.Path), n, row, err)
	}
}

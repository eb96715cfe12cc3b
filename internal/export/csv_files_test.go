package export_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// csvFiles is a segment in CSV files of this machine, which a pattern matches.
// The real one is not used here, since it links the clients of all clouds.
type csvFiles struct {
	path     string
	leaveOut []string
}

func (f csvFiles) Version(context.Context) (string, error) { return "", nil }

func (f csvFiles) Reads(at segment.Location) bool { return segment.Locate(f.path).Same(at) }

func (f csvFiles) Open(ctx context.Context, names []string) (segment.Rows, error) {
	paths, err := filepath.Glob(f.path)
	if err != nil || len(paths) == 0 {
		return nil, fileErrorf("There is no file %q.", f.path)
	}
	all := &table{}
	for _, path := range paths {
		if slices.ContainsFunc(f.leaveOut, func(out string) bool { return segment.Locate(out).Same(segment.Locate(path)) }) {
			continue
		}
		if err := all.readCSV(path); err != nil {
			return nil, err
		}
	}
	return all.Open(ctx, names)
}

// readCSV adds the rows of a file. What is wrong with one of them is told when
// it is reached.
func (s *table) readCSV(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := csv.NewReader(file)
	if s.columns, err = r.Read(); err != nil || strings.Contains(strings.Join(s.columns, ""), "@") {
		return fileErrorf("The first line of %q is no header.", path)
	}
	for {
		row, err := r.Read()
		switch {
		case err == nil, errors.Is(err, csv.ErrFieldCount):
			s.rows = append(s.rows, row)
		case errors.Is(err, io.EOF):
			return nil
		default:
			end := len(s.rows)
			s.before = func(_ context.Context, row int) error {
				if row == end {
					return fileErrorf("In %q: %s.", path, err)
				}
				return nil
			}
			return nil
		}
	}
}

func fileErrorf(format string, args ...any) error {
	return &segment.Error{Argument: []string{"file", "path"}, Problem: fmt.Sprintf(format, args...)}
}

package segment

import (
	"bufio"
	"context"
)

// File is a segment in a CSV file.
type File struct {
	Path      string // relative to the working directory, or absolute
	Delimiter rune   // between fields; 0 is a comma
}

// readBuffer is large enough that system calls do not show in a profile of
// reading a large file.
const readBuffer = 128 << 10

// Open implements [Source].
func (f File) Open(ctx context.Context, columns []string) (Rows, error) {
	objects, err := placeOf(f.Path).find(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	file, err := objects[0].open(ctx)
	if err != nil {
		return nil, err
	}
	f.Path = objects[0].name() // messages name the file, and a path may hold a signature
	rows, err := newCSV(ctx, bufio.NewReaderSize(file, readBuffer), file.size(), file, f, columns)
	if err != nil {
		_ = file.Close() // only read from
		return nil, err
	}
	return rows, nil
}

// Version implements [Source].
func (f File) Version(ctx context.Context) (string, error) {
	objects, err := placeOf(f.Path).find(ctx, f.Path)
	if err != nil {
		return "", err
	}
	return objects[0].version(), nil
}

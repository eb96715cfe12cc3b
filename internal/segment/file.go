package segment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
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
func (f File) Open(ctx context.Context) (Rows, error) {
	file, size, err := openFile(f.Path)
	if err != nil {
		return nil, err
	}
	rows, err := newCSV(ctx, bufio.NewReaderSize(file, readBuffer), size, file, f)
	if err != nil {
		_ = file.Close() // only read from
		return nil, err
	}
	return rows, nil
}

// settledAfter is how old the last change of a file must be before the time of
// it says that there was no other since: file systems keep it only so exactly.
const settledAfter = 2 * time.Second

// Version implements [Source].
func (f File) Version(context.Context) (string, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return "", openError(f.Path, err)
	}
	if !info.Mode().IsRegular() || time.Since(info.ModTime()) < settledAfter {
		return "", nil
	}
	return fmt.Sprintf("%d bytes of %d", info.Size(), info.ModTime().UnixNano()), nil
}

// openFile opens a regular file, or one that can be read like it, and returns
// its size in bytes.
func openFile(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, openError(path, err)
	}
	info, err := file.Stat()
	if err == nil && !info.IsDir() {
		return file, info.Size(), nil
	}
	_ = file.Close() // only read from
	if err != nil {
		return nil, 0, openError(path, err)
	}
	return nil, 0, fileError("Name the file itself.", nil, "%q is a directory, not a file.", path)
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy := "Check the path, or create the file before planning."
		if !filepath.IsAbs(path) {
			remedy = "A relative path starts at the directory that Terraform runs in, as with file(). Use \"${path.module}/...\" for a file of a module."
		}
		return fileError(remedy, err, "There is no file %q.", path)
	case errors.Is(err, fs.ErrPermission):
		return fileError("Let the user that runs Terraform read it.", err, "The file %q may not be read: permission denied.", path)
	default:
		return fileError("", err, "The file %q cannot be opened: %s.", path, Cause(err))
	}
}

// Cause is an error without the path that os puts in front.
func Cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// disk is the file system. A relative path starts at the working directory.
type disk struct{}

// find takes a path that exists literally, and any other as a pattern.
func (disk) find(_ context.Context, path string) ([]object, error) {
	info, err := os.Stat(path)
	if err == nil {
		if info.IsDir() {
			return nil, fileError("Name the file itself, or a pattern such as \"folder/*.csv\".", nil, "%q is a directory, not a file.", path)
		}
		return []object{diskFile{path, info}}, nil
	}
	if !strings.ContainsAny(path, "*?[") {
		return nil, openError(path, err)
	}
	return glob(path)
}

// glob finds the files that a pattern matches. Directories among them are not
// meant: a pattern names what is in a folder, not what is below it.
func glob(pattern string) ([]object, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fileError("A [ begins a set of characters and must be closed: [0-9].", err, "The pattern %q is not valid.", pattern)
	}
	slices.Sort(paths)
	var objects []object
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, openError(path, err)
		}
		if !info.IsDir() {
			objects = append(objects, diskFile{path, info})
		}
	}
	if objects == nil {
		return nil, fileError("* stands for any text without a /, ? for one character, [0-9] for one of a set. Check the path, or create the files before planning.",
			fs.ErrNotExist, "No file matches %q.", pattern)
	}
	return objects, nil
}

type diskFile struct {
	path string
	info fs.FileInfo
}

func (f diskFile) name() string { return f.path }

func (f diskFile) size() int64 { return f.info.Size() }

// settledAfter is how old the last change of a file must be before the time of
// it says that there was no other since: file systems keep it only so exactly.
const settledAfter = 2 * time.Second

func (f diskFile) version() string {
	if !f.info.Mode().IsRegular() || time.Since(f.info.ModTime()) < settledAfter {
		return ""
	}
	return fmt.Sprintf("%d bytes of %d", f.info.Size(), f.info.ModTime().UnixNano())
}

func (f diskFile) open(context.Context) (content, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, openError(f.path, err)
	}
	return diskContent{file, f.info.Size()}, nil
}

type diskContent struct {
	*os.File
	bytes int64
}

func (c diskContent) size() int64 { return c.bytes }

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

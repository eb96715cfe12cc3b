package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// disk is the file system. A relative path starts at the working directory.
type disk struct{ diskCalls }

// diskCalls are the calls to the file system. Any of them may block forever, so
// they are made in goroutines that can be abandoned; see [interruptible].
type diskCalls struct {
	stat func(path string) (fs.FileInfo, error)
	glob func(ctx context.Context, pattern string) ([]string, error)
	open func(path string) (diskHandle, error)
}

// diskHandle is the part of an [os.File] that is needed.
type diskHandle interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

var osCalls = diskCalls{os.Stat, globFiles, func(path string) (diskHandle, error) { return os.Open(path) }}

func (d disk) Find(ctx context.Context, path string) ([]Object, error) {
	return interruptible(ctx, func() ([]Object, error) { return d.find(ctx, path) }, nil)
}

// find returns the file with this very path, else those that the path matches as
// a pattern.
func (d disk) find(ctx context.Context, path string) ([]Object, error) {
	info, err := d.stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, PathErrorf("Name the file itself, or a pattern such as \"folder/*.csv\".", nil, "%q is a directory, not a file.", path)
	case err == nil:
		file, err := d.file(path, info)
		return []Object{file}, err
	case redact.MayHoldSecret(path):
		return nil, notAFile()
	case strings.ContainsAny(path, "*?["):
		return d.matches(ctx, path)
	default:
		return nil, openError(path, err)
	}
}

// matches finds the files that a pattern matches. Directories are skipped; only a
// ** names what is in them.
func (d disk) matches(ctx context.Context, pattern string) ([]Object, error) {
	paths, err := d.glob(ctx, pattern)
	if err != nil {
		return nil, globError(pattern, err)
	}
	slices.Sort(paths)
	var objects []Object
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, err := d.stat(path)
		if err != nil {
			return nil, openError(path, err)
		}
		if info.IsDir() {
			continue
		}
		file, err := d.file(path, info)
		if err != nil {
			return nil, err
		}
		objects = append(objects, file)
	}
	if objects == nil {
		return nil, PathErrorf("* stands for any text without a /, ** for any folders, ? for one character, [0-9] for one of a set. Check the path, or create the files before planning.",
			fs.ErrNotExist, "No file matches %q.", pattern)
	}
	return objects, nil
}

// globError explains why the files of a pattern cannot be found.
func globError(pattern string, err error) error {
	var atPath *fs.PathError
	switch {
	case IsContextError(err):
		return err
	case errors.As(err, &atPath):
		return PathErrorf("Let the user that runs Terraform read it, or choose a pattern that does not lead through it.", err,
			"The folder %q, which the pattern %q leads through, cannot be read: %s.", atPath.Path, pattern, segment.Cause(err))
	}
	problem, remedy := patternProblem(err)
	return PathErrorf(remedy, err, "In %q %s.", pattern, problem)
}

// file refuses what cannot be read twice, such as a pipe. Opening one might also
// block forever.
func (d disk) file(path string, info fs.FileInfo) (diskFile, error) {
	if kind := kindOf(info.Mode()); kind != "" {
		return diskFile{}, notReadTwice(path, kind)
	}
	return diskFile{path, info, d.open}, nil
}

// kindOf names what cannot be read twice; empty for a file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		return "a device"
	default:
		return ""
	}
}

func notReadTwice(name, kind string) error {
	return PathErrorf("Write the rows to a file first, and name that file.", nil,
		"%q is %s, not a file. A segment is read more than once, to survey it and then to send it, and %s yields its rows only once.", name, kind, kind)
}

type diskFile struct {
	path   string
	info   fs.FileInfo // when it was found
	osOpen func(path string) (diskHandle, error)
}

func (f diskFile) Name() string { return f.path }

func (f diskFile) Path() string { return f.path }

// settledAfter is how old the last change of a file must be for its time to prove
// that there was none since: the clocks of some file systems are that coarse.
const settledAfter = 2 * time.Second

func (f diskFile) Version() string {
	if !f.info.Mode().IsRegular() || time.Since(f.info.ModTime()) < settledAfter {
		return ""
	}
	return fmt.Sprintf("%d bytes of %d", f.info.Size(), f.info.ModTime().UnixNano())
}

// Open implements [Object]. It refuses a file that is not the one that was found.
func (f diskFile) Open(ctx context.Context) (Content, error) {
	handle, err := interruptible(ctx, func() (diskHandle, error) {
		handle, err := f.osOpen(f.path)
		if err != nil {
			return nil, openError(f.path, err)
		}
		now, err := handle.Stat()
		if err == nil && (changed(f.info, now) || !os.SameFile(f.info, now)) {
			err = errChanged
		}
		if err != nil {
			_ = handle.Close() // nothing was read
			return nil, pathError(f.path, err)
		}
		return handle, nil
	}, func(handle diskHandle) { _ = handle.Close() })
	if err != nil {
		return nil, err
	}
	return newDiskContent(ctx, handle, f.info), nil
}

// openError explains why there is no file at a path.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy := "Check the path, or create the file before planning."
		if !filepath.IsAbs(path) {
			remedy = "A relative path starts at the directory that Terraform runs in, as with file(). Use \"${path.module}/...\" for a file of a module."
		}
		return PathErrorf(remedy, err, "There is no file %q.", path)
	case errors.Is(err, fs.ErrPermission):
		return PathErrorf("Let the user that runs Terraform read it.", err, "The file %q may not be read: permission denied.", path)
	default:
		return PathErrorf("", err, "The file %q cannot be opened: %s.", path, segment.Cause(err))
	}
}

// notAFile refuses a path that may contain a secret, so without showing it.
func notAFile() *segment.Error {
	return PathErrorf("Write a URL as in https://example.com/segments/vip.csv or s3://my-bucket/segments/vip.csv.", nil,
		"The path is neither that of a file nor a URL that can be read. It is not shown, since it may hold a password.")
}

package segment

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Location is where a path on this machine leads. Two paths can lead to the
// same file: by a link, in a case that the file system ignores, or as one is
// relative and the other absolute.
type Location struct {
	name         string
	folder, file fs.FileInfo // nil where there is none
}

// Locate finds out where a path leads. There need not be a file yet.
func Locate(path string) Location {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	l := Location{name: filepath.Base(path)}
	l.folder, _ = os.Stat(filepath.Dir(path)) // nil with an error
	l.file, _ = os.Stat(path)
	return l
}

// Same reports whether both paths lead to one file, or would if there were one.
func (l Location) Same(other Location) bool {
	if l.file != nil && other.file != nil && os.SameFile(l.file, other.file) {
		return true
	}
	return l.name == other.name && l.folder != nil && other.folder != nil && os.SameFile(l.folder, other.folder)
}

// LocalReader is a source that may read a file on this machine.
type LocalReader interface {
	Source

	// Reads reports whether the path of the segment leads to a location. The
	// files that a pattern matches are not compared.
	Reads(at Location) bool
}

package segment

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Location is the target of a path on this machine. Different paths can have the
// same target: through a link, in different case, relative or absolute.
type Location struct {
	name         string
	folder, file fs.FileInfo // nil if it does not exist
}

// Locate returns the target of a path. The file need not exist.
func Locate(path string) Location {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	l := Location{name: filepath.Base(path)}
	l.folder, _ = os.Stat(filepath.Dir(path)) // nil with an error
	l.file, _ = os.Stat(path)
	return l
}

// Same reports whether both paths have one target, even if it does not exist.
func (l Location) Same(other Location) bool {
	if l.file != nil && other.file != nil && os.SameFile(l.file, other.file) {
		return true
	}
	return l.name == other.name && l.folder != nil && other.folder != nil && os.SameFile(l.folder, other.folder)
}

// LocalReader is a source that may read a file on this machine.
type LocalReader interface {
	Source

	// Reads reports whether the path of the segment has the given target. It does
	// not compare the files that a pattern matches.
	Reads(at Location) bool
}

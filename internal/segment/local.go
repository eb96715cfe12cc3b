package segment

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Reads implements [LocalReader].
func (f File) Reads(at Location) bool {
	_, onDisk := placeOf(f.Path).(disk)
	return onDisk && Locate(f.Path).Same(at)
}

// Reads implements [LocalReader].
func (f FileFromEnv) Reads(at Location) bool {
	file, err := f.resolve()
	return err == nil && file.Reads(at)
}

// leaveOut takes the files of LeaveOut off those that a pattern matches.
func (f File) leaveOut(objects []object) ([]object, error) {
	var infos []fs.FileInfo
	for _, path := range f.LeaveOut {
		if info, err := os.Stat(path); err == nil {
			infos = append(infos, info)
		}
	}
	kept := slices.DeleteFunc(objects, func(o object) bool {
		file, onDisk := o.(diskFile)
		matched := onDisk && file.path != f.Path // else the path itself names it
		return matched && slices.ContainsFunc(infos, func(info fs.FileInfo) bool { return os.SameFile(info, file.info) })
	})
	if len(kept) == 0 {
		return nil, fileError("Check the path, or create the files before planning.", fs.ErrNotExist,
			"No file matches %q, apart from the rejects file of this export, which is not part of the segment.", f.Path)
	}
	return kept, nil
}

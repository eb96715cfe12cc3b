package storage

import (
	"context"
	"io/fs"
	"os"
	"slices"
)

// LeaveOut removes files on this machine from those that a pattern found, under
// whatever name it found them. A file that the path itself names stays.
func LeaveOut(ctx context.Context, path string, found []Object, files []string) ([]Object, error) {
	return interruptible(ctx, func() ([]Object, error) { return leaveOut(path, found, files) }, nil)
}

func leaveOut(path string, found []Object, files []string) ([]Object, error) {
	var infos []fs.FileInfo
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			infos = append(infos, info)
		}
	}
	kept := slices.DeleteFunc(found, func(o Object) bool {
		file, onDisk := o.(diskFile)
		matched := onDisk && file.path != path
		return matched && slices.ContainsFunc(infos, func(info fs.FileInfo) bool { return os.SameFile(info, file.info) })
	})
	if len(kept) == 0 {
		return nil, PathErrorf("Check the path, or create the files before planning.", fs.ErrNotExist,
			"No file matches %q, apart from the rejects file of this export, which is not part of the segment.", path)
	}
	return kept, nil
}

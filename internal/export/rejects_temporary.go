package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// A run writes its rejects file under a temporary name beside its place, and
// keeps it locked until it has moved it there. The name is the same for every
// run with that place, and the system releases the lock of a process that ends
// however it ends. So one lock tells all: a temporary file that is locked
// belongs to a run that is under way, in this process or another, which must be
// the only one; one that is not locked is what a killed run left, and the next
// run takes it over. Nothing is left to be found and removed.

// temporaryName is the file of a run until it is moved to its place. It does
// not end like a file that a pattern might match.
func temporaryName(place string) string {
	return filepath.Join(filepath.Dir(place), "."+filepath.Base(place)+".klaviyo-run")
}

// temporaryTries bounds how often a file is opened that another run moves or
// removes at that moment.
const temporaryTries = 10

// openTemporary creates and locks a temporary file, or takes over what a killed
// run left. It holds the header, and only its owner may read it.
func openTemporary(name string) (*os.File, error) {
	for range temporaryTries {
		file, created, err := createOrOpen(name)
		if err == nil {
			err = claimTemporary(file, created)
		}
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := startTemporary(file, created); err != nil {
			return nil, err
		}
		return file, nil
	}
	return nil, notTemporary(name)
}

// createOrOpen never creates a file through a link.
func createOrOpen(name string) (file *os.File, created bool, err error) {
	file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if !errors.Is(err, fs.ErrExist) {
		return file, true, err
	}
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, false, notTemporary(name)
	}
	file, err = os.OpenFile(name, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errMoved
	case err != nil:
		err = &refusal{
			fmt.Sprintf("%q, which a run writes first, cannot be opened: %s", name, segment.Cause(err)),
			"Let the user that runs Terraform write it, or remove it if no run is under way.",
		}
	}
	return file, false, err
}

// claimTemporary locks the file and makes sure that it still has its name. It
// closes what it cannot claim.
func claimTemporary(file *os.File, created bool) (err error) {
	defer func() {
		if err != nil {
			_ = file.Close() // another run's, or empty
		}
	}()
	err = tryLock(file)
	switch {
	case errors.Is(err, errLocked):
		return &refusal{
			"another run is writing it at this moment, of this Terraform or of another",
			"Wait until that run is over, or name a path of its own for each export.",
		}
	case err != nil && !created: // a file that was not there needs no lock to be this run's
		return &refusal{
			fmt.Sprintf("%q is there, and whether another run is writing it is not known, since the file system has no locks (%s)", file.Name(), segment.Cause(err)),
			"Remove it if no run is under way.",
		}
	}
	opened, err := file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(file.Name())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(opened, named) {
		return errMoved
	}
	return err
}

// startTemporary empties what a killed run left, and writes the header.
func startTemporary(file *os.File, created bool) error {
	var err error
	if !created {
		if err = checkTemporary(file); err != nil {
			_ = file.Close() // only read from
			return err
		}
		err = errors.Join(file.Chmod(0o600), file.Truncate(0))
	}
	if err == nil {
		_, err = file.WriteAt([]byte(rejectsHeaderLine), 0)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		removeTemporary(file)
	}
	return err
}

// checkTemporary makes sure that a file that was there is a run's. One that was
// killed at once has left it empty.
func checkTemporary(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	ours, err := beginsWithHeader(file)
	if err == nil && !ours && info.Size() > 0 {
		err = notTemporary(file.Name())
	}
	return err
}

// Windows neither moves nor removes a file that is open, and closing it
// releases the lock. A run that opens it in between makes moving fail; nothing
// is overwritten.
const closeFirst = runtime.GOOS == "windows"

// moveTemporary moves the file to its place and closes it.
func moveTemporary(file *os.File, place string) error {
	if closeFirst {
		if err := file.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(file.Name(), place); err != nil {
		return err
	}
	_ = file.Close() // what it holds has been synced
	return nil
}

// removeTemporary removes and closes the file, which may be closed.
func removeTemporary(file *os.File) {
	if closeFirst {
		_ = file.Close()
	}
	_ = os.Remove(file.Name())
	_ = file.Close()
}

// errMoved means that a file has been moved or removed since it was opened.
var errMoved = errors.New("the file has been moved")

// errLocked means that somebody else has locked a file.
var errLocked = errors.New("the file is locked")

func notTemporary(name string) error {
	return &refusal{
		fmt.Sprintf("%q, which a run writes first, is there and no run wrote it", name),
		"Remove it or give it another name, or name another path in rejects_path.",
	}
}

package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// CheckRejects makes sure, without writing anything, that a run may write its
// rejects file and most likely can.
func (e *Export) CheckRejects() error {
	if e.RejectsPath == "" {
		return nil
	}
	if _, err := e.rejectsPlace(e.RejectsPath); err != nil {
		return rejectsError(e.RejectsPath, err, "Nothing was sent.")
	}
	return nil
}

// RejectsFiles are the files that runs with this path write. A pattern in the
// path of a segment must not match them.
func RejectsFiles(path string) []string {
	if path == "" {
		return nil
	}
	if place, err := filepath.EvalSymlinks(path); err == nil {
		path = place
	}
	return []string{path, temporaryName(path)}
}

// rejectsPlace returns where the rejects file is to be: the path itself or, if
// it is a link, what that leads to. Only a rejects file of an earlier run may
// be there, and never a file that a segment is read from.
func (e *Export) rejectsPlace(path string) (string, error) {
	place, err := followLink(path)
	if err != nil {
		return "", err
	}
	if err := checkFolder(filepath.Dir(place)); err != nil {
		return "", err
	}
	at := segment.Locate(place)
	for _, s := range e.Segments {
		if source, ok := s.Source.(segment.LocalReader); ok && source.Reads(at) {
			return "", &refusal{
				fmt.Sprintf("the segment %q is read from that file, which would be overwritten", s.Name),
				"Name another path in rejects_path.",
			}
		}
	}
	return place, checkReplaceable(place)
}

// followLink returns where a link leads, and any other path as it is.
func followLink(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 { // an error is for the other checks
		return path, nil //nolint:nilerr // no file yet is what there mostly is
	}
	place, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errNowhere
	}
	return place, err
}

// checkFolder makes sure, as far as the system tells that, that files can be created
// in a folder, or the folder in the nearest one that exists.
func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch above := filepath.Dir(folder); {
	case errors.Is(err, fs.ErrNotExist) && above != folder && !isLink(folder):
		return checkFolder(above)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%q is not a directory", folder)
	}
	return checkWritable(folder)
}

// isLink reports whether a path is a symbolic link, such as one that leads to nothing.
func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// checkReplaceable makes sure that a place is free, or holds the rejects file
// of an earlier run. Its content is never quoted: it may be anything.
func checkReplaceable(place string) error {
	info, err := os.Lstat(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errNoFile
	}
	file, err := os.Open(place)
	if err != nil {
		return err
	}
	defer file.Close() // only read from
	ours, err := beginsWithHeader(file)
	switch {
	case err != nil:
		return err
	case ours:
		return nil
	case info.Size() == 0:
		return &refusal{"there is already an empty file, and only a file that an earlier run wrote is replaced", remedyOther}
	default:
		return &refusal{
			fmt.Sprintf("there is already a file of %s that no run wrote: a rejects file begins with exactly the line %q, and this one does not",
				tally.Count(info.Size(), "byte"), cutLineEnd(rejectsHeaderLine)), remedyOther,
		}
	}
}

// beginsWithHeader reports whether a file begins with the line that rejects
// files begin with.
func beginsWithHeader(file io.Reader) (bool, error) {
	first, err := io.ReadAll(io.LimitReader(file, int64(len(rejectsHeaderLine))))
	return string(first) == rejectsHeaderLine || strings.HasPrefix(string(first), earlierRejectsHeaderLine), err
}

func cutLineEnd(line string) string { return line[:len(line)-1] }

const remedyOther = "Name another path in rejects_path, or remove the file if nobody needs it."

// refusal is why a rejects file must not be written where it could be.
type refusal struct{ problem, remedy string }

func (r *refusal) Error() string { return r.problem }

var (
	errNoFile  = errors.New("there is something else than a file")
	errNowhere = errors.New("there is a link that leads to nothing")
)

// rejectsError also says what has become of the profiles.
func rejectsError(path string, err error, profiles string) error {
	remedy := "Name a file, in a directory that the user who runs Terraform may write to. A relative path starts at the directory that Terraform runs in."
	var refused *refusal
	if errors.As(err, &refused) {
		remedy = refused.remedy
	}
	return &diagnostic.Error{
		Attribute: []string{"rejects_path"},
		Summary:   "Rejects File Cannot Be Written",
		Detail:    fmt.Sprintf("The rows that are not exported are to be listed in %q, which cannot be written: %s. %s %s", path, segment.Cause(err), remedy, profiles),
		Err:       err,
	}
}

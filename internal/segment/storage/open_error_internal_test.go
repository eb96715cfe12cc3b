package storage

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Root may read every file, so this error is tested without one.
func TestOpenErrorOfAFileThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	err := openError("vip.csv", &os.PathError{Op: "open", Path: "vip.csv", Err: syscall.EACCES})
	if !strings.Contains(err.Error(), `"vip.csv" may not be read: permission denied.`) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %q", err)
	}
}

//nolint:paralleltest // credentials come from the environment
package storage_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/sftptest"
)

// startSFTP starts a server and lets the client log in to it.
func startSFTP(t *testing.T) *sftptest.Server {
	t.Helper()
	s := sftptest.Start(t)
	for name, value := range s.Environment() {
		t.Setenv(name, value)
	}
	return s
}

func TestSFTPReads(t *testing.T) {
	s := startSFTP(t)
	s.Put("a.csv", numbered(3))
	wantNumbered(t, withShortWaits(s.URL("a.csv")), 3)
}

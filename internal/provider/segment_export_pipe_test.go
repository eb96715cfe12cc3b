//go:build unix

package provider

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe can be read once, and a segment is read by the plan and by the apply.
// The plan says so instead of waiting for a writer.
func TestAccFile_pipe(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	if err := syscall.Mkfifo(filepath.Join(w.dir, "vip-2.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write("vip-1.csv", threeCSV)
	for _, path := range []string{"vip-2.csv", "vip-*.csv"} {
		w.run(refused(config.with(exportBlock, "segment", fileSegment(filepath.Join(w.dir, path))),
			"Segment Cannot Be Read", "is a named pipe, not a file", "read more than once", "Write the rows to a file first"))
	}
	w.wantImports(0)
}

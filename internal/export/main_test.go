package export_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets many tests run at once, since what they do most is wait for
// the next look at a job, and looks for goroutines that are left at the end.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "48"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

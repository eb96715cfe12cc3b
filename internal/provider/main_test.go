package provider

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" { // a third of what Terraform's many short runs cost is garbage collection
		const percent = 400
		debug.SetGCPercent(percent)
		if err := os.Setenv("GOGC", fmt.Sprint(percent)); err != nil {
			panic(err)
		}
	}
	var err error
	if buildDir, err = os.MkdirTemp("", "klaviyo-provider-"); err != nil {
		panic(err)
	}
	sql.SetCancelTimeout(10 * time.Second)
	code := m.Run()
	sqltest.Stop()
	_ = os.RemoveAll(buildDir)
	if code == 0 && !ranConcurrent() {
		fmt.Fprintln(os.Stderr, "No acceptance test ran under the race detector. Mark those of concurrency with concurrent(t).")
		code = 1
	}
	os.Exit(code)
}

// marked are the names of the tests that concurrent has marked.
var marked sync.Map

// concurrent marks an acceptance test of what happens at the same time. Only such
// tests, and those that need no Terraform, run under the race detector.
func concurrent(t *testing.T) {
	t.Helper()
	marked.Store(t.Name(), true)
}

// skipUnlessConcurrent is called before Terraform is.
func skipUnlessConcurrent(t *testing.T) {
	t.Helper()
	root, _, _ := strings.Cut(t.Name(), "/")
	if _, ok := marked.Load(root); race.Enabled && !ok {
		t.Skip("under the race detector only tests of concurrency run Terraform")
	}
}

// ranConcurrent reports whether the race detector has seen acceptance tests, if it
// should have.
func ranConcurrent() bool {
	selected := flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.list").Value.String() != ""
	if !race.Enabled || selected || os.Getenv(resource.EnvTfAcc) == "" {
		return true
	}
	found := false
	marked.Range(func(any, any) bool { found = true; return false })
	return found
}

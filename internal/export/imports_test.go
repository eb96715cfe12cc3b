package export_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The engine compiles and is tested in seconds as long as it knows segments by
// their contract only: the clients of clouds and databases are hundreds of
// packages.
func TestEngineLinksNoClients(t *testing.T) {
	t.Parallel()
	const most = 320
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	for _, name := range packages {
		for _, prefix := range []string{
			"github.com/aws/", "github.com/Azure/", "cloud.google.com/", "gocloud.dev", "github.com/parquet-go/", "github.com/jackc/", "github.com/go-sql-driver/",
			"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/",
		} {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("internal/export links %s. Import internal/segment, the contract, and let internal/provider choose the source.", name)
			}
		}
	}
	if len(packages) > most {
		t.Errorf("internal/export links %d packages, more than %d. See what is new with go list -deps ./internal/export.", len(packages), most)
	}
}

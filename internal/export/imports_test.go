package export_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/linktest"
)

// The engine compiles and is tested in seconds as long as it knows segments by
// their contract only: the clients of clouds and databases are hundreds of
// packages.
func TestEngineLinksNoClients(t *testing.T) {
	t.Parallel()
	const reason = "Import internal/segment, the contract, and let internal/provider choose the source."
	var forbidden []linktest.Forbidden
	for _, prefix := range []string{
		"github.com/aws/", "github.com/Azure/", "cloud.google.com/", "github.com/minio/", "gocloud.dev", "github.com/parquet-go/", "github.com/jackc/", "github.com/go-sql-driver/",
		"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/",
	} {
		forbidden = append(forbidden, linktest.Forbidden{Prefix: prefix, Reason: reason})
	}
	linktest.Check(t, 320, forbidden...)
}

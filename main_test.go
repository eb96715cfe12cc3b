package main

import (
	"io/fs"
	"os"
	"regexp"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/linktest"
)

// Every user downloads what the provider links, and every command of Terraform
// loads it.
func TestProviderLinksLittle(t *testing.T) {
	t.Parallel()
	linktest.Check(t, 800,
		linktest.Forbidden{Prefix: "github.com/envoyproxy/", Reason: "It is for gRPC in service meshes and costs time at every start. Use a client that speaks plain HTTP."},
		linktest.Forbidden{Prefix: "google.golang.org/grpc/xds", Reason: "It is for gRPC in service meshes and links Envoy. Use a client that speaks plain HTTP."},
		linktest.Forbidden{Prefix: "cloud.google.com/go/storage", Reason: "With what it needs it was a third of the binary. Use the JSON API of Google Cloud Storage."},
		linktest.Forbidden{Prefix: "github.com/cncf/xds", Reason: "It is for gRPC in service meshes. Use a client that speaks plain HTTP."},
		linktest.Forbidden{Prefix: "gocloud.dev", Reason: "It links the gRPC clients of Google. Write a client of the service in internal/segment/storage."},
		linktest.Forbidden{Prefix: "github.com/apache/arrow", Reason: "It is larger than all other formats together. Read Parquet with github.com/parquet-go/parquet-go."},
	)
}

// Go makes no module of a tree with a file that has the name of a device of Windows, and
// so go install fails with the version of a release.
func TestModuleCanBeInstalled(t *testing.T) {
	t.Parallel()
	device := regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)`)
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == ".git" || path == "build" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case device.MatchString(entry.Name()):
			t.Errorf("%s has the name of a device of Windows", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

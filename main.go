// Command terraform-provider-klaviyo serves the Klaviyo provider to Terraform and OpenTofu.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	_ "time/tzdata" // Windows and minimal containers have no time zones of their own, and schedules name them.

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/provider"
)

// version is set by the release build; the provider names it in its User-Agent.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve under a debugger such as delve, and print how Terraform attaches to it")
	flag.Parse()

	export.TuneMemory()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: "registry.terraform.io/klaviyo-community/klaviyo",
		Debug:   *debug,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-klaviyo:", err)
		os.Exit(1)
	}
}

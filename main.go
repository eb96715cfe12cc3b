// Command terraform-provider-klaviyo serves the Klaviyo provider to Terraform and OpenTofu.
package main

import (
	"flag"
	"fmt"
	"os"
	_ "time/tzdata" // Windows and minimal containers have no time zones of their own, and schedules name them.

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/provider"
)

// version is set by the release build; the provider names it in its User-Agent.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve under a debugger such as delve, and print how Terraform attaches to it")
	flag.Parse()

	export.TuneMemory()
	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	if err := tf6server.Serve("registry.terraform.io/klaviyo-community/klaviyo", provider.NewServer(version), options...); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-klaviyo:", err)
		os.Exit(1)
	}
}

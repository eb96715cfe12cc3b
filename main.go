// Command terraform-provider-klaviyo serves the Klaviyo provider to Terraform and OpenTofu.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
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
	} else {
		go exitWithTerraform()
	}
	if err := tf6server.Serve("registry.terraform.io/klaviyo-community/klaviyo", provider.NewServer(version), options...); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-klaviyo:", err)
		os.Exit(1)
	}
}

const (
	parentCheck = time.Second
	orphanGrace = 5 // checks
)

// exitWithTerraform ends the process after Terraform has been killed, which has nobody
// else end it. All calls are cancelled by then; they get some seconds to clean up.
// On Windows a process does not see that its parent is gone.
func exitWithTerraform() {
	terraform, orphaned := os.Getppid(), 0
	for range time.Tick(parentCheck) {
		if os.Getppid() == terraform {
			continue
		}
		if orphaned++; orphaned > orphanGrace {
			os.Exit(1)
		}
	}
}

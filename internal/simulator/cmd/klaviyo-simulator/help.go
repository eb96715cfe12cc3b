package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const overview = `klaviyo-simulator runs a simulated Klaviyo on this machine, for tests without an account.

  klaviyo-simulator [serve] [FLAGS]           run until interrupted
  klaviyo-simulator members [FLAGS]           print the members of a list
  klaviyo-simulator remove [FLAGS] EMAIL...   remove members from a list
  klaviyo-simulator help [TOPIC]              explain serve, members, remove, faults or control

It prints export lines that set KLAVIYO_BASE_URL, KLAVIYO_API_KEY and
KLAVIYO_LIST_ID: run them in the shell in which you run Terraform. In a script,
start it in the background with -ready-file, and wait until that file exists.
`

// help explains a command or a topic.
func help(args []string, out io.Writer) error {
	topic := ""
	if len(args) > 0 {
		topic = args[0]
	}
	switch topic {
	case "":
		fmt.Fprint(out, overview)
	case "faults":
		fmt.Fprintln(out, "A fault is "+simulator.FaultSyntax)
		fmt.Fprintln(out, "\nOperations:")
		for _, o := range simulator.Operations() {
			fmt.Fprintf(out, "  %-46s %s %s\n", o.ID, o.Method, o.Path)
		}
	case "control":
		fmt.Fprintln(out, "The control endpoint takes these requests. Bodies and answers are JSON.")
		for _, c := range simulator.ControlRequests() {
			fmt.Fprintf(out, "\n%s %s %s\n    %s\n", c.Method, c.Path, c.Body, c.Does)
		}
	default:
		return helpCommand(topic, out)
	}
	return nil
}

func helpCommand(name string, out io.Writer) error {
	usage, flags := "klaviyo-simulator "+name+" [FLAGS]", flag.NewFlagSet(name, flag.ContinueOnError)
	var does string
	flags.SetOutput(out)
	switch name {
	case "serve":
		does = "Run a simulated Klaviyo until interrupted. Print export lines with its address, key and list."
		(&serveFlags{}).register(flags)
	case "members":
		does = "Print the members of a list of a running simulator."
		(&membersFlags{}).register(flags)
	case "remove":
		does = "Remove members from a list of a running simulator. Their profiles stay."
		(&client{}).register(flags)
		usage += " EMAIL..."
	default:
		return fmt.Errorf("there is no help on %q; the topics are serve, members, remove, faults and control", name)
	}
	fmt.Fprintf(out, "%s\n\n%s\n\n", usage, does)
	flags.PrintDefaults()
	return nil
}

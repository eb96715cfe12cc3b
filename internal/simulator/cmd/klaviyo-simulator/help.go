package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const overview = `klaviyo-simulator serves a simulated Klaviyo on this machine.

  klaviyo-simulator [serve] [FLAGS]           serve until interrupted
  klaviyo-simulator members [FLAGS]           print the members of a list
  klaviyo-simulator remove [FLAGS] EMAIL...   take members off a list
  klaviyo-simulator help [TOPIC]              explain a command, or: faults, control

Start it in the background, wait for the file of -ready-file, and point
KLAVIYO_BASE_URL and KLAVIYO_API_KEY at it.
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
		fmt.Fprintln(out, "The control endpoint takes these requests, with JSON as body:")
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
	flags.SetOutput(out)
	switch name {
	case "serve":
		(&serveFlags{}).register(flags)
	case "members":
		(&membersFlags{}).register(flags)
	case "remove":
		(&client{}).register(flags)
		usage += " EMAIL..."
	default:
		return fmt.Errorf("there is no help on %q: use serve, members, remove, faults or control", name)
	}
	fmt.Fprintf(out, "%s\n\n", usage)
	flags.PrintDefaults()
	return nil
}

// Command klaviyo-simulator runs a simulated Klaviyo, and reads and changes the lists of one.
//
//	klaviyo-simulator [serve] [FLAGS]           run until interrupted
//	klaviyo-simulator members [FLAGS]           print the members of a list
//	klaviyo-simulator remove [FLAGS] EMAIL...   remove members from a list
//	klaviyo-simulator help [TOPIC]              explain a command, faults or control
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "klaviyo-simulator:", err)
		os.Exit(1)
	}
}

// run is main without the process, so that tests can call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		return serve(ctx, args, stdout, stderr)
	case "members":
		return members(ctx, args, stdout, stderr)
	case "remove":
		return remove(ctx, args, stdout, stderr)
	case "help":
		return help(args, stdout)
	}
	return fmt.Errorf("there is no command %q; the commands are serve, members, remove and help", command)
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet("klaviyo-simulator "+name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // parse says what is wrong
	return flags
}

// parse shows the flags if they are asked for. A mistake is one error that says where
// they are explained: the flags themselves would push it off the screen.
func parse(flags *flag.FlagSet, name string, args []string, stderr io.Writer) error {
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_ = help([]string{name}, stderr) // the name is that of a command
	case err != nil:
		return fmt.Errorf("%w\nRun \"klaviyo-simulator help %s\" to see the flags", err, name)
	}
	return err
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Clearly no real key, yet of the form that clients check for.
const defaultKey = "pk_simulator_not_a_real_key"

type serveFlags struct {
	address, key, listID, listName, readyFile string
	rateLimits, log                           bool
	queueDelay, processDelay                  time.Duration
	refused, failing                          []rowFailure
}

// rowFailure is how the import of a profile fails.
type rowFailure struct{ email, code, detail string }

func parseRowFailure(text string) (rowFailure, error) {
	email, reason, ok := strings.Cut(text, "=")
	code, detail, ok2 := strings.Cut(reason, ":")
	if !ok || !ok2 || email == "" || code == "" {
		return rowFailure{}, fmt.Errorf("%q is not ADDRESS=CODE:DETAIL", text)
	}
	return rowFailure{email, code, detail}, nil
}

func parseServe(args []string, stderr io.Writer) (*serveFlags, error) {
	f := &serveFlags{}
	flags := newFlags("serve", stderr)
	flags.StringVar(&f.address, "addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flags.StringVar(&f.key, "key", defaultKey, "private API `key` that is valid")
	flags.StringVar(&f.listID, "list-id", "DemoVP", "`id` of the list, 6 letters and digits")
	flags.StringVar(&f.listName, "list-name", "VIP customers", "`name` of the list")
	flags.StringVar(&f.readyFile, "ready-file", "", "`file` to write once serving: JSON with url, api_key and list_id")
	flags.BoolVar(&f.rateLimits, "rate-limits", true, "keep Klaviyo's rate limits")
	flags.BoolVar(&f.log, "log", false, "log requests to stderr, without keys and addresses")
	flags.DurationVar(&f.queueDelay, "queue-delay", 0, "how long import jobs stay queued")
	flags.DurationVar(&f.processDelay, "process-delay", 0, "how long import jobs are processed")
	fates := func(into *[]rowFailure) func(string) error {
		return func(text string) error {
			one, err := parseRowFailure(text)
			*into = append(*into, one)
			return err
		}
	}
	flags.Func("refuse-email", "`ADDRESS=CODE:DETAIL`: refuse imports with this address (repeatable)", fates(&f.refused))
	flags.Func("fail-email", "`ADDRESS=CODE:DETAIL`: accept this address and let its row fail in the job (repeatable)", fates(&f.failing))
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !regexp.MustCompile(`^[A-Za-z0-9]{6}$`).MatchString(f.listID) {
		return nil, fmt.Errorf("-list-id %q is not 6 letters and digits", f.listID)
	}
	return f, nil
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseServe(args, stderr)
	if err != nil {
		return err
	}
	options := simulator.Options{RateLimits: f.rateLimits, QueueDelay: f.queueDelay, ProcessDelay: f.processDelay}
	if f.log {
		options.Log = stderr
	}
	server, err := simulator.StartOn(f.address, options)
	if err != nil {
		return err
	}
	defer server.Close()
	server.AddKey(f.key)
	server.AddList(simulator.List{ID: f.listID, Name: f.listName})
	for _, one := range f.refused {
		server.RefuseEmail(one.email, one.code, one.detail)
	}
	for _, one := range f.failing {
		server.FailEmail(one.email, one.code, one.detail)
	}
	fmt.Fprintf(stdout, "# A simulated Klaviyo, with the list %q. Interrupt to stop.\n", f.listName)
	fmt.Fprintf(stdout, "export KLAVIYO_BASE_URL=%s KLAVIYO_API_KEY=%s\n", server.URL, shellQuote(f.key))
	fmt.Fprintf(stdout, "export KLAVIYO_LIST_ID=%s\n", f.listID)
	if f.readyFile != "" {
		if err := writeReady(f.readyFile, server.URL, f.key, f.listID); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// shellQuote leaves plain words alone and quotes the rest for a POSIX shell.
func shellQuote(text string) string {
	if regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// writeReady writes the file whole or not at all: scripts wait for it to appear
// and read it at once.
func writeReady(path, url, key, listID string) error {
	content, err := json.Marshal(map[string]string{"url": url, "api_key": key, "list_id": listID})
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".klaviyo-simulator-*")
	if err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	_, err = temporary.Write(append(content, '\n'))
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("writing the ready file: %w", err)
	}
	return nil
}

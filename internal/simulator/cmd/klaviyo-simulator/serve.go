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

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseServe(args, stderr)
	if err != nil {
		return err
	}
	options := simulator.Options{RateLimits: f.rateLimits, QueueDelay: f.queueDelay, ProcessDelay: f.processDelay, Control: f.control}
	options.Account.GlobalUnsubscribe = f.globalUnsubscribe
	if f.log {
		options.Log = stderr
	}
	server, err := simulator.StartOn(f.address, options)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := f.prepare(server); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "# Simulated Klaviyo with the list %q. Press Ctrl-C to stop it.\n", f.listName)
	fmt.Fprintf(stdout, "export KLAVIYO_BASE_URL=%s KLAVIYO_API_KEY=%s\n", server.URL, shellQuote(f.key))
	fmt.Fprintf(stdout, "export KLAVIYO_LIST_ID=%s\n", f.listID)
	if f.control {
		fmt.Fprintf(stdout, "# Control endpoint: %s/control/\n", server.URL)
	}
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

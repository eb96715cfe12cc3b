package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// remove removes members from a list, so that a test can see how the provider finds drift.
func remove(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c client
	flags := newFlags("remove")
	c.register(flags)
	if err := parse(flags, "remove", args, stderr); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no address is given: name the addresses to remove from the list")
	}
	removed := 0
	for emails := range slices.Chunk(flags.Args(), 100) {
		n, err := c.removeSome(ctx, emails)
		removed += n
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "removed %d of %d from the list %s\n", removed, flags.NArg(), c.list)
	return nil
}

type identifier struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// removeSome removes those of the addresses that are on the list.
func (c *client) removeSome(ctx context.Context, emails []string) (int, error) {
	quoted := make([]string, 0, len(emails))
	for _, email := range emails {
		quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(email)+`"`)
	}
	var found []identifier
	filter := "any(email,[" + strings.Join(quoted, ",") + "])"
	err := c.eachMember(ctx, filter, func(m member) bool {
		found = append(found, identifier{"profile", m.ID})
		return true
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	body, err := json.Marshal(map[string]any{"data": found})
	if err != nil {
		return 0, err
	}
	if err := c.call(ctx, "DELETE", c.listURL("/relationships/profiles", nil), body, nil); err != nil {
		return 0, fmt.Errorf("removing members from the list: %w", err)
	}
	return len(found), nil
}

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
)

// member is a member of a list as the API shows it.
type member struct {
	ID         string `json:"id"`
	Attributes struct {
		Email         string `json:"email"`
		FirstName     string `json:"first_name"`
		LastName      string `json:"last_name"`
		JoinedGroupAt string `json:"joined_group_at"`
	} `json:"attributes"`
}

// eachMember pages through the list until visit returns false.
func (c *client) eachMember(ctx context.Context, filter string, visit func(member) bool) error {
	query := url.Values{"page[size]": {"100"}, "fields[profile]": {"email,first_name,last_name,joined_group_at"}}
	if filter != "" {
		query.Set("filter", filter)
	}
	for next := c.listURL("/profiles", query); next != ""; {
		var page struct {
			Data  []member
			Links struct{ Next string }
		}
		if err := c.call(ctx, "GET", next, nil, &page); err != nil {
			return fmt.Errorf("reading the list: %w", err)
		}
		for _, m := range page.Data {
			if !visit(m) {
				return nil
			}
		}
		next = page.Links.Next
	}
	return nil
}

type membersFlags struct {
	client
	format string
	limit  int
}

func (f *membersFlags) register(flags *flag.FlagSet) {
	f.client.register(flags)
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table, json (one object per line) or emails")
	flags.IntVar(&f.limit, "limit", 0, "print at most `COUNT` members; 0 means all")
}

func members(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var f membersFlags
	flags := newFlags("members")
	f.register(flags)
	if err := parse(flags, "members", args, stderr); err != nil {
		return err
	}
	if err := f.complete(); err != nil {
		return err
	}
	show, flush, err := printer(f.format, stdout)
	if err != nil {
		return err
	}
	shown := 0
	err = f.eachMember(ctx, "", func(m member) bool {
		show(m)
		shown++
		return shown != f.limit
	})
	if err == nil || shown > 0 { // else the error stands alone, without the head of a table
		flush()
	}
	return err
}

// printer returns how a member is printed, and what to call at the end.
func printer(format string, out io.Writer) (show func(member), flush func(), err error) {
	switch format {
	case "emails":
		return func(m member) { fmt.Fprintln(out, m.Attributes.Email) }, func() {}, nil
	case "json":
		encoder := json.NewEncoder(out)
		return func(m member) { _ = encoder.Encode(m.Attributes) }, func() {}, nil
	case "table":
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "EMAIL\tFIRST NAME\tLAST NAME\tJOINED")
		show := func(m member) {
			a := m.Attributes
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Email, a.FirstName, a.LastName, a.JoinedGroupAt)
		}
		return show, func() { _ = table.Flush() }, nil
	}
	return nil, nil, fmt.Errorf("-format %s is not one of table, json, emails", strconv.Quote(format))
}

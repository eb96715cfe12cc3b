package dataverse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// selection maps the columns of the caller to those that a query selects.
type selection struct {
	names []string // without duplicates; the first is the id of the customer
	at    []int    // the index in names of each column
}

func (s *selection) add(name string) {
	i := slices.Index(s.names, name)
	if i < 0 {
		i = len(s.names)
		s.names = append(s.names, name)
	}
	s.at = append(s.at, i)
}

// selectColumns finds the columns in the table of profiles.
func (c *client) selectColumns(ctx context.Context, columns []string) (*selection, error) {
	known, err := c.knownAttributes(ctx)
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusForbidden && privilegeName.FindString(status.message) != "" {
		return c.selectUnchecked(ctx, columns)
	}
	if err != nil {
		return nil, err
	}
	s := &selection{names: []string{customerIDColumn}}
	var missing []string
	for _, column := range columns {
		name, ok := known[attributeName(column)]
		if !ok {
			name, ok = known[strings.ToLower(strings.TrimSpace(column))] // a column of Dataverse itself, such as createdon
		}
		if !ok {
			missing = append(missing, column)
			continue
		}
		s.add(name)
	}
	if missing != nil {
		return nil, &segment.MissingColumnsError{Missing: missing, Available: unifiedAttributes(known), AnyCase: true}
	}
	return s, nil
}

// attributeName returns the name of a unified attribute in Dataverse.
func attributeName(column string) string {
	column = strings.ToLower(strings.TrimSpace(column))
	if strings.HasPrefix(column, columnPrefix) {
		return column
	}
	return columnPrefix + column
}

// unifiedAttributes lists the columns that come from Customer Insights.
func unifiedAttributes(known map[string]string) []string {
	var names []string
	for name := range known {
		if short, ok := strings.CutPrefix(name, columnPrefix); ok {
			names = append(names, short)
		}
	}
	slices.Sort(names)
	return names
}

// knownAttributes returns the columns of profiles with the names that select
// them.
func (c *client) knownAttributes(ctx context.Context) (map[string]string, error) {
	columns := []string{"LogicalName", "AttributeType", "AttributeOf", "IsValidForRead"}
	address := c.address(fmt.Sprintf("EntityDefinitions(LogicalName='%s')/Attributes", profileTable), "$select", strings.Join(columns, ","))
	known := map[string]string{}
	err := c.pages(ctx, address, columns, func(records [][]string) bool {
		for _, r := range records {
			name := textOf(r[0])
			if r[2] != "" || r[3] == "false" { // a part of another column, such as the label of a choice
				continue
			}
			switch known[name] = name; textOf(r[1]) {
			case "Lookup", "Owner", "Customer":
				known[name] = "_" + name + "_value"
			}
		}
		return true
	})
	return known, err
}

// selectUnchecked selects columns without metadata, which takes a privilege of
// its own, and reads one profile to see whether they exist.
func (c *client) selectUnchecked(ctx context.Context, columns []string) (*selection, error) {
	s := &selection{names: []string{customerIDColumn}}
	for _, column := range columns {
		s.add(attributeName(column))
	}
	_, err := c.get(ctx, c.address(profileSet, "$select", strings.Join(s.names, ","), "$top", "1"))
	if name, ok := missingProperty(err); ok {
		for i, column := range columns {
			if s.names[s.at[i]] == name {
				return nil, &segment.MissingColumnsError{Missing: []string{column}, AnyCase: true}
			}
		}
	}
	return s, err
}

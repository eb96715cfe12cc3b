// Package dataverse reads segments of Customer Insights - Data from the Dataverse
// environment that they are published to.
package dataverse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Source is a segment of Customer Insights - Data, read from the Dataverse
// environment that it is connected to.
type Source struct {
	EnvironmentURL string // checked by [ParseEnvironmentURL]
	Segment        string // output name of the segment

	// The app registration to sign in with. Without them it is whatever the
	// machine has: environment, workload or managed identity, Azure CLI.
	TenantID        string
	ClientID        string
	ClientSecretEnv string // name of the environment variable with the secret

	// For tests. The zero values are those of users.
	credential azcore.TokenCredential
	options    policy.ClientOptions
	maxKeptIDs int
}

// The two tables that are read, and the columns that they have in common.
const (
	profileTable     = "msdynci_customerprofile"
	profileSet       = "msdynci_customerprofiles"
	membershipSet    = "msdynci_segmentmemberships"
	columnPrefix     = "msdynci_"
	customerIDColumn = "msdynci_customerid"
	segmentsColumn   = "msdynci_segments"
)

// Open implements [segment.Source]. It reads the members; the rows read their
// profiles.
func (s Source) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	base, err := ParseEnvironmentURL(s.EnvironmentURL)
	if err != nil {
		return nil, argumentError("environment_url", "Copy it from the Power Platform admin center, under Environments.", err,
			"The environment URL %q cannot be used: %s.", redact.URL(s.EnvironmentURL), err)
	}
	c := newClient(base, s)
	rows, err := s.open(ctx, c, columns)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return rows, nil
}

func (s Source) open(ctx context.Context, c *client, columns []string) (segment.Rows, error) {
	selected, err := c.selectColumns(ctx, columns)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(s.maxKeptIDs, maxKeptIDs)
	m, err := c.members(ctx, s.Segment, limit)
	if err != nil {
		return nil, err
	}
	var empty *segment.Error
	if m.count() == 0 {
		if m, empty, err = c.resolveEmpty(ctx, s.Segment, limit); err != nil {
			return nil, err
		}
	}
	if err := c.plan(ctx, m); err != nil {
		return nil, err
	}
	return newRows(ctx, c, selected, m, empty), nil
}

// Version implements [segment.Source]. Dataverse does not say when a segment was
// last refreshed.
func (Source) Version(context.Context) (string, error) { return "", nil }

// ParseEnvironmentURL checks the address of a Dataverse environment: https
// anywhere, http to the loopback interface only, and nothing after the host.
func ParseEnvironmentURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("it must begin with https://, such as https://contoso.crm.dynamics.com")
	case u.User != nil || redact.IsAmbiguousURL(text):
		return nil, errors.New("it must not hold credentials")
	case u.Scheme == "http" && !httpx.IsLoopback(u.Hostname()):
		return nil, errors.New("plain http would show the token and personal data to the network; use https")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("it must end after the host; use %s://%s", u.Scheme, u.Host)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// argumentError blames an argument of a Dataverse source.
func argumentError(argument, remedy string, cause error, format string, args ...any) *segment.Error {
	return &segment.Error{Argument: []string{"dataverse", argument}, Problem: fmt.Sprintf(format, args...), Remedy: remedy, Err: cause}
}

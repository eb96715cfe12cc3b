package klaviyo

import (
	"context"
	"errors"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
)

// Account is what Klaviyo tells about the account of a key.
type Account struct {
	ID                string // Klaviyo shows it as public API key
	OrganizationName  string
	TestAccount       bool
	Timezone          string // IANA name
	Locale            string
	PreferredCurrency string // ISO 4217
}

type accountResource struct {
	ID         string `json:"id"`
	Attributes struct {
		TestAccount        bool   `json:"test_account"`
		Timezone           string `json:"timezone"`
		Locale             string `json:"locale"`
		PreferredCurrency  string `json:"preferred_currency"`
		ContactInformation struct {
			OrganizationName string `json:"organization_name"`
		} `json:"contact_information"`
	} `json:"attributes"`
}

// Account returns the account that the key belongs to. Scope: accounts:read.
// Klaviyo is asked once: a key belongs to one account for life, and only 15
// such requests a minute are allowed.
//
// https://developers.klaviyo.com/en/reference/get_accounts
func (c *Client) Account(ctx context.Context) (Account, error) {
	var known *Account
	started := time.Now()
	select {
	case known = <-c.account:
		defer func() { c.account <- known }()
	case <-ctx.Done():
		return Account{}, (&callState{operation: getAccounts.id}).interrupted(ctx, "for another request of "+getAccounts.id, started)
	}
	if known != nil {
		return *known, nil
	}
	account, err := c.getAccount(ctx)
	if err == nil {
		known = &account
		c.limiter.Join(ratelimit.Account{BaseURL: c.base.String(), ID: account.ID})
	}
	return account, err
}

func (c *Client) getAccount(ctx context.Context) (Account, error) {
	r := request{operation: &getAccounts}
	for a, err := range pages[accountResource](ctx, c, r) {
		if err != nil {
			return Account{}, err
		}
		return Account{
			ID:                a.ID,
			OrganizationName:  a.Attributes.ContactInformation.OrganizationName,
			TestAccount:       a.Attributes.TestAccount,
			Timezone:          a.Attributes.Timezone,
			Locale:            a.Attributes.Locale,
			PreferredCurrency: a.Attributes.PreferredCurrency,
		}, nil
	}
	return Account{}, errors.New("get_accounts: the answer names no account")
}

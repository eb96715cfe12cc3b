package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// CheckConsent refuses to go on without consent. It needs no Klaviyo.
func (e *Export) CheckConsent() error {
	if e.Destination.Consent {
		return nil
	}
	return &diagnostic.Error{
		Attribute: []string{"destination", "data_privacy_consent"},
		Summary:   "No Consent To Export Personal Data",
		Detail: "The connection does not have data_privacy_consent = true. With it you agree that personal data of the people in the segments " +
			"leaves the compliance boundary of its source and is handed to Klaviyo. Nothing was sent.",
	}
}

// CheckAccount makes sure that the key belongs to the account of the
// connection.
func (e *Export) CheckAccount(ctx context.Context, client *klaviyo.Client) error {
	account, err := client.Account(ctx)
	if err != nil {
		return err
	}
	if account.ID == e.Destination.AccountID {
		return nil
	}
	return &diagnostic.Error{
		Attribute: []string{"destination"},
		Summary:   "API Key Of Another Account",
		Detail: fmt.Sprintf("The connection is to the account %s, but the API key in use belongs to %s (%q). Nothing was sent. "+
			"Use a key of account %s, or apply the connection with the new key first.",
			e.Destination.AccountID, account.ID, account.OrganizationName, e.Destination.AccountID),
		Err: ErrOtherAccount,
	}
}

// ErrOtherAccount means that a key belongs to another account than the connection.
var ErrOtherAccount = errors.New("the API key belongs to another account")

// CheckListAllowed makes sure that the connection may be used for the list. It
// needs no Klaviyo.
func (e *Export) CheckListAllowed() error {
	if e.Destination.allows(e.ListID) {
		return nil
	}
	return &diagnostic.Error{
		Attribute: []string{"list_id"},
		Summary:   "List Not Allowed",
		Detail: fmt.Sprintf("The connection may not be used for the list %q. Nothing was sent. "+
			"If it should be, add the id to allowed_list_ids of the connection.", e.ListID),
	}
}

// CheckList makes sure that the list exists and returns it without its number
// of members. Exports that do so at the same time with one client share requests.
func (e *Export) CheckList(ctx context.Context, client *klaviyo.Client) (klaviyo.List, error) {
	list, err := client.LookUpList(ctx, e.ListID)
	return list, ListError(e.ListID, err)
}

// Preflight is what a plan or a run knows when it checks whether a run may begin.
// The zero value of each field but Connect is right for a run, which knows all.
type Preflight struct {
	// Connect returns the client, or nil while the key or its account is not known.
	// It is called once consent is given.
	Connect func() (*klaviyo.Client, error)

	ConsentUnknown bool
	ListUnknown    bool
	ListSeen       bool // the list was read a moment ago

	// Explain adds to the error of a request what was being read, if it is set.
	Explain func(reading string, err error) error
}

// Preflight checks all that must hold before a segment is read, in the order of
// the causes: consent, account, list. What is not known yet is skipped. It returns
// the list if it was read.
func (e *Export) Preflight(ctx context.Context, p Preflight) (list klaviyo.List, err error) {
	if !p.ConsentUnknown {
		if err := e.CheckConsent(); err != nil {
			return list, err
		}
	}
	client, err := p.Connect()
	if err != nil {
		return list, err
	}
	if client != nil {
		if err := e.CheckAccount(ctx, client); err != nil {
			return list, p.explain("the account of the API key", err)
		}
	}
	if p.ListUnknown {
		return list, nil
	}
	if err := e.CheckListAllowed(); err != nil {
		return list, err
	}
	if client == nil || p.ListSeen {
		return list, nil
	}
	list, err = e.CheckList(ctx, client)
	if err != nil {
		return list, p.explain("the list", err)
	}
	return list, nil
}

func (p Preflight) explain(reading string, err error) error {
	if p.Explain == nil {
		return err
	}
	return p.Explain(reading, err)
}

// check makes the preflight checks of a run. It returns the list and the jobs to
// wait for before anything is sent to it.
func (e *Export) check(ctx context.Context, client *klaviyo.Client) (klaviyo.List, *earlierJobs, error) {
	list, err := e.Preflight(ctx, Preflight{Connect: func() (*klaviyo.Client, error) { return client, nil }})
	if err != nil {
		return list, nil, err
	}
	earlier, err := e.findEarlierJobs(ctx, client)
	return list, earlier, err
}

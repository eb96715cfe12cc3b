package export

import (
	"context"
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
	}
}

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
// of members.
func (e *Export) CheckList(ctx context.Context, client *klaviyo.Client) (klaviyo.List, error) {
	list, err := client.List(ctx, e.ListID)
	return list, ListError(e.ListID, err)
}

// check is all that must hold before a segment is read for a run. It returns the
// list and what is to be waited for before anything is sent to it.
func (e *Export) check(ctx context.Context, client *klaviyo.Client) (list klaviyo.List, earlier *earlierJobs, err error) {
	if err := e.CheckConsent(); err != nil {
		return list, nil, err
	}
	if err := e.CheckAccount(ctx, client); err != nil {
		return list, nil, err
	}
	if earlier, err = e.findEarlierJobs(ctx, client); err != nil {
		return list, nil, err
	}
	if err := e.CheckListAllowed(); err != nil {
		return list, nil, err
	}
	list, err = e.CheckList(ctx, client)
	return list, earlier, err
}

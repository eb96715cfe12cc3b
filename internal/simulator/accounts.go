package simulator

import (
	"fmt"
	"net/http"
)

// Account is a Klaviyo account. What is left empty gets a plausible value.
type Account struct {
	ID                string // also the public key; default "SiMu1a"
	OrganizationName  string
	Timezone          string
	Locale            string
	PreferredCurrency string
	TestAccount       bool

	// GlobalUnsubscribe makes unsubscribing from a list mean unsubscribing from
	// everything, which is the default of Klaviyo's accounts.
	GlobalUnsubscribe bool
}

// account is all that belongs to one account.
type account struct {
	Account
	lists   []*list // in the order of their creation
	people  *people
	jobs    []*job // in the order of their creation
	pending []*job // those of them that have not ended
	meters  map[string]*meter
	flaky   *flaky // nil for none
	unique  bool   // see RefuseSharedIdentifiers

	confirmations []Confirmation // that were asked for
	unanswered    []unanswered   // those of them that nobody has answered
}

// AddAccount adds another account, for which AddKeyFor makes keys. The server
// starts with the account of its options, which is the default one.
func (s *Server) AddAccount(a Account) Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := len(s.accounts)
	defaults := map[*string]string{
		&a.ID:                fmt.Sprintf("SiMu%da", number+1),
		&a.OrganizationName:  "Simulated Organization",
		&a.Timezone:          "US/Eastern",
		&a.Locale:            "en-US",
		&a.PreferredCurrency: "USD",
	}
	for field, value := range defaults {
		if *field == "" {
			*field = value
		}
	}
	people := newPeople(number)
	people.merge, people.failTaken = s.options.MergeProfiles, s.options.FailTaken
	s.accounts = append(s.accounts, &account{Account: a, people: people, meters: map[string]*meter{}})
	return a
}

// account finds an account by its id, nil for none.
func (s *Server) account(id string) *account {
	for _, a := range s.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

var accountFields = []string{
	"contact_information", "contact_information.default_sender_email", "contact_information.default_sender_name",
	"contact_information.organization_name", "contact_information.street_address",
	"contact_information.street_address.address1", "contact_information.street_address.address2",
	"contact_information.street_address.city", "contact_information.street_address.country",
	"contact_information.street_address.region", "contact_information.street_address.zip",
	"contact_information.website_url", "id", "industry", "locale", "preferred_currency", "public_api_key",
	"test_account", "timezone",
}

func accountOperations() []*operation {
	fields := []parameter{fieldsOf("account", accountFields)}
	scopes := []string{"accounts:read"}
	return []*operation{
		{method: "GET", path: "accounts", scopes: scopes, limit: extraSmall, parameters: fields, handle: getAccounts},
		{method: "GET", path: "accounts/{id}", scopes: scopes, limit: extraSmall, parameters: fields, handle: getAccount},
	}
}

// getAccounts answers the one account that the key belongs to.
func getAccounts(x *exchange) response {
	return document(http.StatusOK, map[string]any{
		"data":  []object{x.accountObject()},
		"links": x.wholeLinks(),
	})
}

func getAccount(x *exchange) response {
	if x.id != x.account.ID {
		return refuse(notFound("account", x.id))
	}
	return document(http.StatusOK, map[string]any{"data": x.accountObject(), "links": x.selfLink()})
}

func (x *exchange) accountObject() object {
	a := x.account.Account
	attributes := map[string]any{
		"test_account": a.TestAccount,
		"contact_information": map[string]any{
			"default_sender_name":  a.OrganizationName,
			"default_sender_email": "sender@example.com",
			"website_url":          nil,
			"organization_name":    a.OrganizationName,
			"street_address": map[string]any{
				"address1": nil, "address2": nil, "city": nil, "country": nil, "region": nil, "zip": nil,
			},
		},
		"industry":           nil,
		"timezone":           a.Timezone,
		"preferred_currency": a.PreferredCurrency,
		"public_api_key":     a.ID,
		"locale":             a.Locale,
	}
	asked, given := x.query.fields("account")
	return object{
		Type: "account", ID: a.ID, Attributes: sparse(attributes, asked, given),
		Links: map[string]any{"self": x.link("accounts", a.ID)},
	}
}

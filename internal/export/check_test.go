package export_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Everything is wrong at first. Each check in turn stops the run before the
// next, and none of them writes.
func TestRunChecksInOrder(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddKey("pk_narrow", "accounts:read", "lists:read")
	narrow, err := klaviyo.New(klaviyo.Options{APIKey: "pk_narrow", BaseURL: w.URL})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := klaviyo.New(klaviyo.Options{APIKey: "pk_unknown", BaseURL: w.URL})
	if err != nil {
		t.Fatal(err)
	}
	e := w.export(people(0))
	e.ListID = "nolist"
	e.Destination = export.Destination{AccountID: "Other1", AllowedListIDs: []string{"another"}}
	const account, jobs, list = "GET /api/accounts", "GET " + jobsPath, "GET /api/lists"
	for _, step := range []struct {
		name      string
		client    *klaviyo.Client
		mend      func()
		attribute []string
		summary   string
		status    int // of Klaviyo, in place of the two above
		requests  []string
	}{
		{"no consent", unknown, nil, []string{"destination", "data_privacy_consent"}, "No Consent To Export Personal Data", 0, nil},
		{"unknown key", unknown, func() { e.Destination.Consent = true }, nil, "", 401, []string{account}},
		{"another account", narrow, nil, []string{"destination"}, "API Key Of Another Account", 0, []string{account}},
		{"list not allowed", narrow, func() { e.Destination.AccountID = accountID }, []string{"list_id"}, "List Not Allowed", 0, nil}, // the account is known
		{"no list allowed", narrow, func() { e.Destination.AllowedListIDs = []string{} }, []string{"list_id"}, "List Not Allowed", 0, nil},
		{"list unknown", narrow, func() { e.Destination.AllowedListIDs = []string{"another", "nolist"} }, []string{"list_id"}, "List Not Found", 0, []string{list, list + "/nolist"}},
		{"a scope is missing", narrow, func() { e.ListID, e.Destination.AllowedListIDs = w.listID, nil }, nil, "", 403, []string{list + "/" + w.listID, jobs}},
		{"segment empty", w.client, nil, []string{"segment", "s1"}, "Segment Is Empty", 0, []string{account, list, jobs}},
		{"too many", w.client, func() { e.Segments[0].Source, e.Destination.MaxProfiles = people(3), 2 }, []string{"destination"}, "Too Many Profiles", 0, []string{list, jobs}},
	} {
		w.ResetRequests()
		if step.mend != nil {
			step.mend()
		}
		_, err := e.Run(t.Context(), step.client, export.RunOptions{})
		if step.status != 0 {
			if klaviyo.StatusOf(err) != step.status {
				t.Errorf("%s: %v", step.name, err)
			}
		} else {
			asError(t, err, step.attribute, step.summary)
		}
		var requests []string
		for _, r := range w.Requests() {
			requests = append(requests, r.Method+" "+r.Path)
		}
		if !slices.Equal(requests, step.requests) {
			t.Errorf("%s: requests %q, want %q", step.name, requests, step.requests)
		}
	}
	e.Destination.MaxProfiles = 3
	w.run(t, e)
	w.checkMembers(t, addresses(3))
}

func TestChecks(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{Account: simulator.Account{OrganizationName: "Acme"}})
	e := w.export(people(1))
	e.Destination.AllowedListIDs = []string{w.listID}
	list, listErr := e.CheckList(t.Context(), w.client)
	if err := errors.Join(e.CheckConsent(), e.CheckAccount(t.Context(), w.client), e.CheckListAllowed(), listErr); err != nil || list.Name != "VIP" {
		t.Errorf("list %+v, %v", list, err)
	}
	e.Destination.AccountID = "Other1"
	asError(t, e.CheckAccount(t.Context(), w.client), []string{"destination"}, "API Key Of Another Account", "to the account Other1", accountID+` ("Acme")`, "Nothing was sent.")
	e.ListID = "x1"
	_, err := e.CheckList(t.Context(), w.client)
	asError(t, err, []string{"list_id"}, "List Not Found", `no list "x1"`, "check base_url")
	if !klaviyo.IsNotFound(err) {
		t.Errorf("%v hides Klaviyo's answer", err)
	}
	asError(t, e.CheckListAllowed(), []string{"list_id"}, "List Not Allowed", `the list "x1"`, "allowed_list_ids")
}

func TestListError(t *testing.T) {
	t.Parallel()
	if err := export.ListError("x", nil); err != nil {
		t.Errorf("error %v", err)
	}
	forbidden := &klaviyo.APIError{Status: http.StatusForbidden}
	if err := export.ListError("x", forbidden); !errors.Is(err, forbidden) {
		t.Errorf("error %v", err)
	}
}

// Nobody is sent to a list whose flows cannot be seen, be it for the key or for
// something in front of Klaviyo, unless messages are allowed.
func TestFlowsThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for body, summary := range map[string]string{
		`{"errors":[{"code":"permission_denied"}]}`: "Flows Cannot Be Checked",
		"<html>": "Klaviyo Blocks This Address",
	} {
		w := newEnv(t, simulator.Options{})
		for _, path := range []string{"/api/list[s]", "/api/lists/*/flow-triggers"} {
			w.Inject(simulator.Fault{Path: path, Times: -1, Status: 403, Body: body})
		}
		e := w.export(people(3))
		_, err := e.Run(t.Context(), w.client, export.RunOptions{})
		if klaviyo.StatusOf(err) != 403 || len(w.imports()) > 0 {
			t.Errorf("%s: error %v, %d imports", body, err, len(w.imports()))
		}
		if got := summaryOf(err); got != summary {
			t.Errorf("%s: summary %q, want %q", body, got, summary)
		}
		e.Safeguards.AllowLiveFlows = true
		if _, err := e.Run(t.Context(), w.client, export.RunOptions{}); err != nil || len(w.imports()) != 1 {
			t.Errorf("%s: with allow_live_flows: error %v, %d imports", body, err, len(w.imports()))
		}
	}
}

func summaryOf(err error) string {
	var e *diagnostic.Error
	if errors.As(err, &e) {
		return e.Summary
	}
	summary, _ := klaviyo.Explain(err)
	return summary
}

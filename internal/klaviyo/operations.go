package klaviyo

import (
	"net/url"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
)

// operation is an endpoint of Klaviyo's API. A request points at its operation,
// so that a request cannot lack a limit or scopes.
type operation struct {
	id     string // Klaviyo's operationId
	method string
	path   string // below /api; {id} stands for the id in the request
	limit  ratelimit.Limit
	scopes []string

	// variant tells apart endpoints with the same id but limits of their own.
	variant string

	// optional marks what only some exports do; the others need no scopes for it.
	optional bool
}

// limitName names the limit that requests of the operation count against.
func (o *operation) limitName() string { return o.id + o.variant }

// elements returns the elements of the path, escaped, with id in its place.
func (o *operation) elements(id string) []string {
	elements := append([]string{"api"}, strings.Split(o.path, "/")...)
	for i, element := range elements {
		if element == pathID {
			elements[i] = url.PathEscape(id)
		}
	}
	return elements
}

// takesID reports whether the path holds an id.
func (o *operation) takesID() bool { return strings.Contains(o.path, pathID) }

const pathID = "{id}"

// Limits and scopes, which make test-contract compares, are x-klaviyo-ratelimit and x-klaviyo-scopes of the
// operation in Klaviyo's OpenAPI document (https://github.com/klaviyo/openapi,
// revision 2026-07-15), which are also shown on the page
// https://developers.klaviyo.com/en/reference/{operationId}. Where a value comes
// from elsewhere, a comment says so.
//
// create_list is limited to 150 a day too. That limit is left to Klaviyo: an
// error now is better than an answer tomorrow.
var (
	getAccounts = operation{
		id: "get_accounts", method: "GET", path: "accounts",
		limit: ratelimit.Limit{Burst: 1, Steady: 15}, scopes: []string{"accounts:read"},
	}

	getList = operation{
		id: "get_list", method: "GET", path: "lists/{id}",
		limit: ratelimit.Limit{Burst: 75, Steady: 750}, scopes: []string{"lists:read"},
	}
	// The limit is in the description of get_list.
	getListWithCount = operation{
		id: "get_list", variant: " with profile_count", method: "GET", path: "lists/{id}",
		limit: ratelimit.Limit{Burst: 1, Steady: 15}, scopes: []string{"lists:read"},
	}
	getLists = operation{
		id: "get_lists", method: "GET", path: "lists",
		limit: ratelimit.Limit{Burst: 75, Steady: 750}, scopes: []string{"lists:read"},
	}
	createList = operation{
		id: "create_list", method: "POST", path: "lists",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:write"},
	}
	updateList = operation{
		id: "update_list", method: "PATCH", path: "lists/{id}",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:write"},
	}
	deleteList = operation{
		id: "delete_list", method: "DELETE", path: "lists/{id}",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:write"},
	}
	getFlowsTriggeredByList = operation{
		id: "get_flows_triggered_by_list", method: "GET", path: "lists/{id}/flow-triggers",
		limit: ratelimit.Limit{Burst: 3, Steady: 60}, scopes: []string{"flows:read", "lists:read"},
	}

	getProfiles = operation{
		id: "get_profiles", method: "GET", path: "profiles",
		limit: ratelimit.Limit{Burst: 75, Steady: 750}, scopes: []string{"profiles:read"},
	}
	getProfilesForList = operation{
		id: "get_profiles_for_list", method: "GET", path: "lists/{id}/profiles",
		limit: ratelimit.Limit{Burst: 75, Steady: 750}, scopes: []string{"lists:read", "profiles:read"},
	}

	removeProfilesFromList = operation{
		id: "remove_profiles_from_list", method: "DELETE", path: "lists/{id}/relationships/profiles",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:write", "profiles:write"},
	}

	bulkImportProfiles = operation{
		id: "bulk_import_profiles", method: "POST", path: "profile-bulk-import-jobs",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:write", "profiles:write"},
	}
	getImportJob = operation{
		id: "get_bulk_import_profiles_job", method: "GET", path: "profile-bulk-import-jobs/{id}",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:read", "profiles:read"},
	}
	getImportJobs = operation{
		id: "get_bulk_import_profiles_jobs", method: "GET", path: "profile-bulk-import-jobs",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:read", "profiles:read"},
	}
	getImportErrors = operation{
		id: "get_errors_for_bulk_import_profiles_job", method: "GET", path: "profile-bulk-import-jobs/{id}/import-errors",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"profiles:read"},
	}
	getImportLists = operation{
		id: "get_list_ids_for_bulk_import_profiles_job", method: "GET", path: "profile-bulk-import-jobs/{id}/relationships/lists",
		limit: ratelimit.Limit{Burst: 10, Steady: 150}, scopes: []string{"lists:read"},
	}

	bulkSubscribeProfiles = operation{
		id: "bulk_subscribe_profiles", method: "POST", path: "profile-subscription-bulk-create-jobs", optional: true,
		limit: ratelimit.Limit{Burst: 75, Steady: 750}, scopes: []string{"lists:write", "profiles:write", "subscriptions:write"},
	}
)

// operations are all of the above.
var operations = []*operation{
	&getAccounts,
	&getList, &getListWithCount, &getLists, &createList, &updateList, &deleteList, &getFlowsTriggeredByList,
	&getProfiles, &getProfilesForList, &removeProfilesFromList,
	&bulkImportProfiles, &getImportJob, &getImportJobs, &getImportErrors, &getImportLists,
	&bulkSubscribeProfiles,
}

// Operation describes an endpoint that the client calls.
type Operation struct {
	ID      string // Klaviyo's operationId
	Variant string // tells apart endpoints with the same id but limits of their own; else empty

	Burst, Steady int // requests a second and a minute
	Scopes        []string
}

// Operations lists all endpoints that the client calls.
func Operations() []Operation {
	all := make([]Operation, len(operations))
	for i, o := range operations {
		all[i] = Operation{ID: o.id, Variant: o.variant, Burst: o.limit.Burst, Steady: o.limit.Steady, Scopes: slices.Clone(o.scopes)}
	}
	return all
}

// RequiredScopes are the scopes of a key that exports segments. flows:read is one
// of them because nothing else tells whether joining a list starts a live flow,
// which mails the people who join.
func RequiredScopes() []string { return scopesWith(nil) }

// SubscribeScopes are the scopes of a key that subscribes people as well.
func SubscribeScopes() []string { return scopesWith(bulkSubscribeProfiles.scopes) }

// scopesWith returns the required scopes and more of them.
func scopesWith(more []string) []string {
	all := slices.Clone(more)
	for _, o := range operations {
		if !o.optional {
			all = append(all, o.scopes...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// scopesOf returns the scopes that the operation with an id needs.
func scopesOf(id string) []string {
	for _, o := range operations {
		if o.id == id {
			return o.scopes
		}
	}
	return nil
}

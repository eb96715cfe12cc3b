package simulator

// Operation is one operation of the API that is simulated.
type Operation struct {
	ID     string // Klaviyo's operationId, as in the address of its page in Klaviyo's reference
	Method string
	Path   string // such as /api/lists/{id}
}

// operationIDs are the operationIds of Klaviyo's OpenAPI document.
var operationIDs = map[string]string{
	"GET accounts":                                             "get_accounts",
	"GET accounts/{id}":                                        "get_account",
	"GET lists":                                                "get_lists",
	"POST lists":                                               "create_list",
	"GET lists/{id}":                                           "get_list",
	"PATCH lists/{id}":                                         "update_list",
	"DELETE lists/{id}":                                        "delete_list",
	"GET profiles":                                             "get_profiles",
	"POST profiles":                                            "create_profile",
	"GET lists/{id}/flow-triggers":                             "get_flows_triggered_by_list",
	"GET lists/{id}/profiles":                                  "get_profiles_for_list",
	"GET lists/{id}/relationships/profiles":                    "get_profile_ids_for_list",
	"POST lists/{id}/relationships/profiles":                   "add_profiles_to_list",
	"DELETE lists/{id}/relationships/profiles":                 "remove_profiles_from_list",
	"GET profile-bulk-import-jobs":                             "get_bulk_import_profiles_jobs",
	"POST profile-bulk-import-jobs":                            "bulk_import_profiles",
	"GET profile-bulk-import-jobs/{id}":                        "get_bulk_import_profiles_job",
	"GET profile-bulk-import-jobs/{id}/lists":                  "get_list_for_bulk_import_profiles_job",
	"GET profile-bulk-import-jobs/{id}/profiles":               "get_profiles_for_bulk_import_profiles_job",
	"GET profile-bulk-import-jobs/{id}/import-errors":          "get_errors_for_bulk_import_profiles_job",
	"GET profile-bulk-import-jobs/{id}/relationships/lists":    "get_list_ids_for_bulk_import_profiles_job",
	"GET profile-bulk-import-jobs/{id}/relationships/profiles": "get_profile_ids_for_bulk_import_profiles_job",
	"POST profile-subscription-bulk-create-jobs":               "bulk_subscribe_profiles",
}

// Operations returns the operations that are simulated.
func Operations() []Operation {
	return convert(routes(), func(o *operation) Operation {
		return Operation{ID: o.id(), Method: o.method, Path: "/api/" + o.path}
	})
}

func (o *operation) id() string { return operationIDs[o.method+" "+o.path] }

// operationOf is the operationId of a request, empty for none.
func (s *Server) operationOf(method, path string) string {
	path = apiPath(path)
	for _, o := range s.routes {
		if o.method != method {
			continue
		}
		if _, ok := o.match(path); ok {
			return o.id()
		}
	}
	return ""
}

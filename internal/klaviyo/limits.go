package klaviyo

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limit is how many requests an account may send to an endpoint, counted in
// two fixed windows at once.
type limit struct {
	burst  int // a second
	steady int // a minute
}

// least is the least time between the first and the last of so many requests.
func (l limit) least(requests int64) time.Duration {
	if requests < 1 {
		return 0
	}
	minutes, rest := (requests-1)/int64(l.steady), (requests-1)%int64(l.steady)
	return time.Duration(minutes)*time.Minute + time.Duration(rest/int64(l.burst))*time.Second
}

// limitListCount is the endpoint that get_list becomes when it also counts the
// members.
const limitListCount = "get_list with profile_count"

// limits is the table of Klaviyo's limits by operationId. The source of a row
// is x-klaviyo-ratelimit of that operation in Klaviyo's OpenAPI document
// (https://github.com/klaviyo/openapi, revision 2026-07-15), which is also
// shown on the page https://developers.klaviyo.com/en/reference/{operationId};
// where it is found elsewhere, the row says so.
//
// create_list is limited to 150 a day too. That is left to Klaviyo: an error
// now is better than an answer tomorrow.
var limits = map[string]limit{
	"get_accounts": {1, 15},

	"get_list":     {75, 750},
	limitListCount: {1, 15}, // the description of get_list
	"get_lists":    {75, 750},
	"create_list":  {10, 150},
	"update_list":  {10, 150},
	"delete_list":  {10, 150},

	"get_flows_triggered_by_list": {3, 60},

	"get_profiles":              {75, 750},
	"get_profiles_for_list":     {75, 750},
	"get_profile_ids_for_list":  {75, 750},
	"remove_profiles_from_list": {10, 150},

	"bulk_import_profiles":                      {10, 150},
	"get_bulk_import_profiles_job":              {10, 150},
	"get_bulk_import_profiles_jobs":             {10, 150},
	"get_errors_for_bulk_import_profiles_job":   {10, 150},
	"get_list_ids_for_bulk_import_profiles_job": {10, 150},
}

// limitOf returns the limit of an endpoint. One that the table forgot gets
// Klaviyo's smallest, so that it is slow rather than refused.
func limitOf(name string) limit {
	if l, ok := limits[name]; ok {
		return l
	}
	return limit{1, 15}
}

// limitName is the row of the table that a request counts against.
func (r request) limitName() string {
	if r.limit != "" {
		return r.limit
	}
	return r.operation
}

// The headers of an answer that tell of the steady window.
const (
	headerLimit     = "RateLimit-Limit"
	headerRemaining = "RateLimit-Remaining"
	headerReset     = "RateLimit-Reset"
)

// tellsLimits reports whether an answer comes from a server that keeps limits.
func tellsLimits(header http.Header) bool {
	return header.Get(headerLimit) != "" || header.Get(headerRemaining) != "" || header.Get(headerReset) != ""
}

// parseRemaining reads how many requests are left in the steady window and
// when it ends. ok is false unless both make sense for a window of a minute.
func parseRemaining(header http.Header) (remaining int, reset time.Duration, ok bool) {
	remaining, err := strconv.Atoi(strings.TrimSpace(header.Get(headerRemaining)))
	if err != nil || remaining < 0 {
		return 0, 0, false
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(header.Get(headerReset)))
	if err != nil || seconds < 0 || seconds > 60 {
		return 0, 0, false
	}
	return remaining, time.Duration(seconds) * time.Second, true
}

// throttledFor reports whether a request was answered 429, and how long to
// wait, 0 when that was not said.
func throttledFor(err error) (wait time.Duration, throttled bool) {
	var apiError *APIError
	if !errors.As(err, &apiError) || apiError.Status != http.StatusTooManyRequests {
		return 0, false
	}
	return apiError.RetryAfter, true
}

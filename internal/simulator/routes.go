package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// operation is one method on one path of the contract.
type operation struct {
	method string
	path   string // "lists/{id}", without /api/
	scopes []string
	limit  limit
	// counted is the limit that applies when the query asks for profile_count.
	counted    *limit
	parameters []parameter
	body       bool
	handle     func(*exchange) response
}

func routes() []*operation {
	return slices.Concat(accountOperations(), listOperations(), memberOperations(),
		flowOperations(), profileOperations(), subscriptionOperations(), importOperations(), importErrorOperations())
}

// match reports whether the path is the operation's, and the id in it.
func (o *operation) match(path string) (id string, ok bool) {
	want := strings.Split(o.path, "/")
	have := strings.Split(path, "/")
	if len(want) != len(have) {
		return "", false
	}
	for i, step := range want {
		switch {
		case step == "{id}" && have[i] != "":
			id = have[i]
		case step != have[i]:
			return "", false
		}
	}
	return id, true
}

// apiPath is the path of a request without /api/, empty for a path outside of it.
func apiPath(path string) string {
	path, isAPI := strings.CutPrefix(path, "/api/")
	if !isAPI {
		return ""
	}
	return strings.TrimSuffix(path, "/")
}

func (x *exchange) route() *response {
	path := apiPath(x.request.URL.Path)
	var allowed []string
	for _, operation := range x.server.routes {
		id, ok := operation.match(path)
		if !ok {
			continue
		}
		if operation.method == x.request.Method {
			x.operation, x.id = operation, id
			return nil
		}
		allowed = append(allowed, operation.method)
	}
	if allowed == nil {
		answer := refuse(newProblem(http.StatusNotFound, "not_found", "Not found.", "The path does not exist."))
		return &answer
	}
	answer := refuse(newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed.",
		fmt.Sprintf("Method %q not allowed.", x.request.Method)))
	answer.header.Set("Allow", strings.Join(allowed, ", "))
	return &answer
}

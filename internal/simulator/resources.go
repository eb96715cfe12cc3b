package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const mediaType = "application/vnd.api+json"

// response is an answer before it is written, so that a fault can still lose,
// cut or replace it.
type response struct {
	status  int
	header  http.Header
	body    []byte
	refused bool
}

func document(status int, content any) response {
	body, err := json.Marshal(content)
	if err != nil {
		panic("simulator: a document that is no JSON: " + err.Error())
	}
	return response{status: status, header: http.Header{"Content-Type": {mediaType}}, body: body}
}

func noContent() response {
	return response{status: http.StatusNoContent, header: http.Header{}}
}

// object is a resource object of an answer.
type object struct {
	Type          string         `json:"type"`
	ID            string         `json:"id"`
	Attributes    map[string]any `json:"attributes"`
	Relationships map[string]any `json:"relationships,omitempty"`
	Links         map[string]any `json:"links,omitempty"`
}

// ref is a resource identifier, as relationship endpoints list them.
type ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// origin is where the client reached the server, for the absolute links.
func (x *exchange) origin() string {
	scheme := "http"
	if x.request.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + x.request.Host
}

func (x *exchange) link(path ...string) string {
	for i, step := range path {
		path[i] = url.PathEscape(step)
	}
	return x.origin() + "/api/" + strings.Join(path, "/") + "/"
}

func (x *exchange) selfLink() map[string]any {
	return map[string]any{"self": x.origin() + x.request.URL.RequestURI()}
}

// wholeLinks are the links of a collection that is never cut into pages.
func (x *exchange) wholeLinks() map[string]any {
	return map[string]any{"self": x.selfLink()["self"], "next": nil, "prev": nil}
}

func (x *exchange) relation(collection, id, name string, data any) map[string]any {
	relation := map[string]any{"links": map[string]any{
		"self":    x.link(collection, id, "relationships", name),
		"related": x.link(collection, id, name),
	}}
	if data != nil {
		relation["data"] = data
	}
	return relation
}

// timestamp writes a moment as Klaviyo does, nil for none.
func timestamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}

// sparse keeps of the attributes those that fields[...] asks for; all when it is
// absent. A dotted name asks for a part of an attribute.
func sparse(attributes map[string]any, asked []string, given bool) map[string]any {
	if !given {
		return attributes
	}
	kept := map[string]any{}
	for _, name := range asked {
		copyPath(kept, attributes, strings.Split(name, "."))
	}
	return kept
}

func copyPath(to, from map[string]any, path []string) {
	value, ok := from[path[0]]
	if !ok {
		return
	}
	inner, nested := value.(map[string]any)
	if len(path) == 1 || !nested {
		to[path[0]] = value
		return
	}
	part, ok := to[path[0]].(map[string]any)
	if !ok {
		part = map[string]any{}
		to[path[0]] = part
	}
	copyPath(part, inner, path[1:])
}

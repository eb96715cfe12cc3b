package contract_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// mediaType is that of JSON:API, which Klaviyo's document uses for all bodies.
const mediaType = "application/vnd.api+json"

// loadDocument reads Klaviyo's document. Objects in it take no other fields than it
// lists, unless it lists none: the properties of a profile are free.
func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.JSONBodyDecoder)
	text, err := os.ReadFile("testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(wrapNullable(tree)); err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	s := sealer{}
	for _, ref := range document.Components.Schemas {
		s.seal(ref)
	}
	for _, response := range document.Components.Responses {
		s.sealContent(response.Value.Content)
	}
	for _, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.RequestBody != nil {
				s.sealContent(operation.RequestBody.Value.Content)
			}
			for _, response := range operation.Responses.Map() {
				s.sealContent(response.Value.Content)
			}
		}
	}
	s.allowObserved(document)
	return document
}

// wrapNullable puts each $ref with a nullable beside it into an allOf. Beside $ref OpenAPI
// 3.0 takes nothing, but the document means it.
func wrapNullable(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for name, part := range tree {
			tree[name] = wrapNullable(part)
		}
		if tree["$ref"] != nil && tree["nullable"] == true {
			return map[string]any{"allOf": []any{map[string]any{"$ref": tree["$ref"]}}, "nullable": true}
		}
	case []any:
		for i, part := range tree {
			tree[i] = wrapNullable(part)
		}
	}
	return tree
}

// allowObserved adds what Klaviyo answers although its document does not say so: errors
// with their status, links and meta (the examples of its guides have them), and null for
// the page that there is not.
func (s sealer) allowObserved(document *openapi3.T) {
	for _, response := range document.Components.Responses {
		item := response.Value.Content[mediaType].Schema.Value.Properties["errors"].Value.Items.Value
		item.Properties["status"] = openapi3.NewSchemaRef("", openapi3.NewIntegerSchema())
		for _, name := range []string{"links", "meta"} {
			item.Properties[name] = openapi3.NewSchemaRef("", openapi3.NewObjectSchema())
		}
	}
	links := document.Components.Schemas["CollectionLinks"].Value
	for _, name := range []string{"next", "prev"} {
		links.Properties[name].Value.Nullable = true
	}
}

// sealer forbids fields that a schema does not list. It knows which schemas it has seen,
// since they refer to each other.
type sealer map[*openapi3.Schema]bool

func (s sealer) sealContent(content openapi3.Content) {
	for _, one := range content {
		s.seal(one.Schema)
	}
}

func (s sealer) seal(ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil || s[ref.Value] {
		return
	}
	schema := ref.Value
	s[schema] = true
	// The parts of a whole each list some of its fields only.
	for _, part := range schema.AllOf {
		for name, field := range part.Value.Properties {
			if schema.Properties == nil {
				schema.Properties = openapi3.Schemas{}
			}
			schema.Properties[name] = merged(schema.Properties[name], field)
		}
		schema.Required = append(schema.Required, part.Value.Required...)
		if schema.Type == nil {
			schema.Type = part.Value.Type
		}
		schema.Enum = append(schema.Enum, part.Value.Enum...)
	}
	schema.AllOf = nil
	for _, field := range schema.Properties {
		s.seal(field)
	}
	s.seal(schema.Items)
	for _, choice := range slices.Concat(schema.OneOf, schema.AnyOf) {
		s.seal(choice)
	}
	if len(schema.Properties) > 0 && schema.AdditionalProperties.Has == nil && schema.AdditionalProperties.Schema == nil {
		none := false
		schema.AdditionalProperties.Has = &none
	}
}

// merged is a field that two parts of a whole list.
func merged(one, other *openapi3.SchemaRef) *openapi3.SchemaRef {
	if one == nil {
		return other
	}
	both := *one.Value
	both.Properties = maps.Clone(both.Properties)
	for name, field := range other.Value.Properties {
		if both.Properties == nil {
			both.Properties = openapi3.Schemas{}
		}
		both.Properties[name] = merged(both.Properties[name], field)
	}
	both.Required = slices.Concat(both.Required, other.Value.Required)
	return &openapi3.SchemaRef{Value: &both}
}

// witness stands between a client and a server, and holds what both say against the
// document.
type witness struct {
	router routers.Router
	url    string

	mu         sync.Mutex
	violations []string
	seen       map[string]int // "operationId status" -> times
}

// watch starts a witness in front of a server.
func watch(t *testing.T, document *openapi3.T, target string) *witness {
	t.Helper()
	document.Servers = openapi3.Servers{{URL: "/"}}
	router, err := legacy.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{router: router, seen: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: w.hear,
	}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		proxy.ServeHTTP(out, w.see(r))
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *witness) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// exchange is the key of what a request was found to be, in its context.
type exchange struct{}

// see checks a request.
func (w *witness) see(r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.violation("%s %s: %v", r.Method, r.URL.Path, err)
	}
	copied := r.Clone(r.Context())
	copied.Body = io.NopCloser(bytes.NewReader(plain(r.Header, body)))
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, path, err := w.router.FindRoute(copied)
	if err != nil {
		w.violation("%s %s: %v", r.Method, r.URL.Path, err)
		return r
	}
	input := &openapi3filter.RequestValidationInput{
		Request: copied, PathParams: path, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: authenticate, MultiError: true},
	}
	name := route.Operation.OperationID
	for _, what := range reasons(openapi3filter.ValidateRequest(r.Context(), input)) {
		w.violation("%s, request: %s", name, what)
	}
	for parameter := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", parameter) == nil {
			w.violation("%s, request: the document has no parameter %q", name, parameter)
		}
	}
	return r.WithContext(context.WithValue(r.Context(), exchange{}, input))
}

// plain is a body as it was before it was compressed.
func plain(header http.Header, body []byte) []byte {
	if header.Get("Content-Encoding") != "gzip" {
		return body
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(reader)
	if err != nil {
		return nil
	}
	return out
}

// authenticate checks how a request is authenticated; the key is the server's matter.
func authenticate(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	header := input.RequestValidationInput.Request.Header.Get("Authorization")
	if key, ok := strings.CutPrefix(header, "Klaviyo-API-Key "); !ok || key == "" {
		return input.NewError(fmt.Errorf("there is no API key"))
	}
	return nil
}

// hear checks an answer.
func (w *witness) hear(r *http.Response) error {
	input, ok := r.Request.Context().Value(exchange{}).(*openapi3filter.RequestValidationInput)
	if !ok {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := input.Route.Operation.OperationID
	w.mu.Lock()
	w.seen[fmt.Sprintf("%s %d", name, r.StatusCode)]++
	w.mu.Unlock()
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: r.StatusCode, Header: r.Header,
		Options: &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true},
	}
	output.SetBodyBytes(plain(r.Header, body))
	for _, what := range reasons(openapi3filter.ValidateResponse(r.Request.Context(), output)) {
		if isSparse(r.Request.URL.Query()) && strings.HasSuffix(what, "is missing") {
			continue
		}
		w.violation("%s, answer %d: %s", name, r.StatusCode, what)
	}
	return nil
}

// isSparse reports whether a request asked for some fields only, so that others are
// missing whatever the document requires.
func isSparse(query url.Values) bool {
	for name := range query {
		if strings.HasPrefix(name, "fields[") {
			return true
		}
	}
	return false
}

// reasons says briefly what the validator objects to.
func reasons(err error) (all []string) {
	var several openapi3.MultiError
	var request *openapi3filter.RequestError
	var response *openapi3filter.ResponseError
	var schema *openapi3.SchemaError
	switch {
	case err == nil:
	case errors.As(err, &several):
		for _, one := range several {
			all = append(all, reasons(one)...)
		}
	case errors.As(err, &schema):
		all = []string{fmt.Sprintf("%s: %s", strings.Join(schema.JSONPointer(), "/"), schema.Reason)}
	case errors.As(err, &request) && request.Err != nil, errors.As(err, &response) && response.Err != nil:
		all = []string{err.Error()}
	default:
		all = []string{err.Error()}
	}
	return all
}

// found returns the violations since the last call.
func (w *witness) found() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.violations
	w.violations = nil
	slices.Sort(all)
	return slices.Compact(all)
}

// Package gcstest is a stand-in for Google Cloud Storage, for tests: those parts
// of its JSON API that reading needs, written from
// https://cloud.google.com/storage/docs/json_api/v1.
package gcstest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server keeps objects in memory.
type Server struct {
	URL string

	mu         sync.Mutex
	buckets    map[string]map[string]object
	generation int64 // of the object written last
	requests   []*http.Request
}

type object struct {
	content    []byte
	generation int64
	updated    time.Time
}

// New starts a server, which the test closes, with empty buckets.
func New(t *testing.T, buckets ...string) *Server {
	t.Helper()
	s := &Server{buckets: map[string]map[string]object{}, generation: 1_700_000_000_000_000}
	for _, name := range buckets {
		s.buckets[name] = map[string]object{}
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Put writes an object.
func (s *Server) Put(bucket, key, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	s.buckets[bucket][key] = object{[]byte(content), s.generation, time.Now()}
}

// Requests returns the requests that were made so far.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	path, isAPI := strings.CutPrefix(r.URL.EscapedPath(), "/storage/v1/b/")
	parts := strings.Split(path, "/") // a key is one part, since its slashes are encoded
	if !isAPI || r.Method != http.MethodGet || len(parts) < 2 || len(parts) > 3 || parts[1] != "o" {
		s.mu.Unlock()
		Refuse(w, http.StatusNotFound, "notFound", "Not Found")
		return
	}
	name, _ := url.PathUnescape(parts[0])
	objects, exists := s.buckets[name]
	objects = maps.Clone(objects)
	s.mu.Unlock()
	switch {
	case !exists:
		Refuse(w, http.StatusNotFound, "notFound", "The specified bucket does not exist.")
	case len(parts) == 2:
		list(w, r.URL.Query(), name, objects)
	default:
		key, _ := url.PathUnescape(parts[2])
		get(w, r, name, key, objects)
	}
}

// get answers with an object or with its description.
func get(w http.ResponseWriter, r *http.Request, bucket, key string, objects map[string]object) {
	o, exists := objects[key]
	generation := strconv.FormatInt(o.generation, 10)
	query := r.URL.Query()
	switch {
	case !exists:
		Refuse(w, http.StatusNotFound, "notFound", "No such object: "+bucket+"/"+key)
	case query.Has("ifGenerationMatch") && query.Get("ifGenerationMatch") != generation:
		Refuse(w, http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
	case query.Get("alt") == "media":
		w.Header().Set("X-Goog-Generation", generation)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", o.updated, bytes.NewReader(o.content))
	default:
		answer(w, http.StatusOK, o.describe(bucket, key))
	}
}

// list answers with one page of a listing.
func list(w http.ResponseWriter, query url.Values, bucket string, objects map[string]object) {
	const maxPage = 1000
	size, err := strconv.Atoi(query.Get("maxResults"))
	if err != nil || size < 1 || size > maxPage {
		size = maxPage
	}
	prefix, delimiter := query.Get("prefix"), query.Get("delimiter")
	page := map[string]any{"kind": "storage#objects"}
	var items []any
	prefixes := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		rest, matches := strings.CutPrefix(key, prefix)
		if !matches || key <= query.Get("pageToken") {
			continue
		}
		if folder, _, below := strings.Cut(rest, delimiter); delimiter != "" && below {
			prefixes[prefix+folder+delimiter] = true
			continue
		}
		if len(items) == size {
			page["nextPageToken"] = items[size-1].(map[string]any)["name"]
			break
		}
		items = append(items, objects[key].describe(bucket, key))
	}
	if items != nil {
		page["items"] = items
	}
	if len(prefixes) > 0 {
		page["prefixes"] = slices.Sorted(maps.Keys(prefixes))
	}
	answer(w, http.StatusOK, page)
}

// describe is the resource representation of an object.
func (o object) describe(bucket, key string) map[string]any {
	generation := strconv.FormatInt(o.generation, 10)
	return map[string]any{
		"kind": "storage#object", "name": key, "bucket": bucket, "generation": generation, "metageneration": "1", "etag": "C" + generation + "=",
		"size": strconv.Itoa(len(o.content)), "updated": o.updated.UTC().Format(time.RFC3339Nano),
	}
}

// Refuse writes an error as Google does.
func Refuse(w http.ResponseWriter, status int, reason, message string) {
	details := []any{map[string]any{"domain": "global", "reason": reason, "message": message}}
	answer(w, status, map[string]any{"error": map[string]any{"code": status, "message": message, "errors": details}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a failure shows in the client
}

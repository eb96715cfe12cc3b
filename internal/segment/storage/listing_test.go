package storage_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// cutOnce breaks off the first listing.
func cutOnce(isListing func(*http.Request) bool, next http.Handler) http.HandlerFunc {
	var cut atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) {
		if !isListing(r) || cut.Swap(true) {
			next.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		next.ServeHTTP(whole, r)
		w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
		_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// A listing that breaks off is not the end of the list; it is requested again.
func TestListingThatBreaksOff(t *testing.T) {
	s := newStore(t)
	gcs := newGCS(t)
	for _, key := range []string{"p1.csv", "p2.csv", "p3.csv"} {
		s.put(t, key, "id\n"+key+"\n")
		gcs.Put("segments", key, "id\n"+key+"\n")
	}
	s.Handler = cutOnce(func(r *http.Request) bool { return r.URL.Query().Has("list-type") }, s.Handler)
	t.Setenv("STORAGE_EMULATOR_HOST", serve(t, cutOnce(func(r *http.Request) bool { return r.URL.Query().Has("prefix") }, gcs)))
	azureEnvironment(t)
	azure := serve(t, cutOnce(func(r *http.Request) bool { return r.Method == http.MethodGet }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>p1.csv</Name><Properties><Etag>1</Etag>` +
			`<Content-Length>5</Content-Length></Properties></Blob></Blobs><NextMarker /></EnumerationResults>`))
	})))
	if version := version(t, withShortWaits(azurePath(strings.TrimPrefix(azure, "http://"), "segments", "p*.csv"))); version == "" {
		t.Error("Azure: no version")
	}
	for name, source := range map[string]file.Source{"S3": s.file("b/p*.csv"), "Google": withShortWaits("gs://segments/p*.csv")} {
		if rows, err := readIDs(t, source); err != nil || len(rows) != 3 {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}

// The first page of a listing in the old version is not all of it.
func TestListingOfAnOldVersion(t *testing.T) { //nolint:paralleltest // sets the environment
	s3Environment(t)
	for name, next := range map[string]string{"with a marker": "<NextMarker>p1.csv</NextMarker>", "with none": ""} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !r.URL.Query().Has("list-type") {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = w.Write([]byte(`<ListBucketResult><IsTruncated>true</IsTruncated>` + next +
				`<Contents><Key>p1.csv</Key><Size>5</Size><ETag>1</ETag></Contents></ListBucketResult>`))
		})
		if _, err := at(server, "b/p*.csv").Version(t.Context()); err == nil || !strings.Contains(err.Error(), "The store must know version 2 of the listing") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

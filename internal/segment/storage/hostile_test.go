package storage_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

var redirects = []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}

// stolen is the path on another host that servers redirect to.
const stolen = "/stolen.csv"

// stranger is a server that must get nothing but the request for a file: neither a
// password nor a signature, in whatever header.
func stranger(t *testing.T, requests *atomic.Int64) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _, hasUser := r.BasicAuth()
		if all := fmt.Sprintf("%s %q", r.URL, r.Header); hasUser || r.Header.Get("Authorization") != "" || strings.Contains(all, secret) {
			t.Errorf("another host got %s", all)
		}
		(&pages{content: numbered(3), tag: `"1"`}).ServeHTTP(w, r)
	})
}

// A redirect of a web server is followed, and what may read the file stays behind.
func TestWebCredentialsStayWithTheirHost(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	target := stranger(t, &requests)
	for _, to := range []string{target, strings.Replace(target, "127.0.0.1", "localhost", 1)} {
		for _, status := range redirects {
			from := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if _, password, _ := r.BasicAuth(); password != secret {
					t.Errorf("the password is %q", password)
				}
				w.Header().Set("Location", to+stolen)
				w.WriteHeader(status)
			})
			wantNumbered(t, withShortWaits(signed(from, "/a.csv")), 3)
		}
	}
	if requests.Load() == 0 {
		t.Error("no redirect was followed")
	}
}

// A redirect of a store is not followed: tokens and signatures are for its host.
func TestStoreCredentialsStayWithTheirHost(t *testing.T) {
	s3Environment(t)
	t.Setenv("AWS_SESSION_TOKEN", secret)
	azureEnvironment(t)
	tokens := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(tokenAnswer))
	})
	useGoogleCredentials(t, workloadIdentity(t, tokens))
	for _, status := range redirects {
		var requests, asked atomic.Int64
		target := stranger(t, &requests)
		from := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1); r.URL.Path == stolen { // sentTo leads all hosts here
				requests.Add(1)
			}
			w.Header().Set("Location", target+stolen)
			w.WriteHeader(status)
		})
		for name, source := range map[string]file.Source{
			"S3": at(from, "b/a.csv"), "S3, listed": at(from, "b/*.csv"),
			"Google": withWaits("gs://segments/a.csv", enough, sentTo(from)), "Google, listed": withWaits("gs://segments/*.csv", enough, sentTo(from)),
			"Azure": withShortWaits(azurePath(strings.TrimPrefix(from, "http://"), "segments", "a.csv")), "Azure, listed": withShortWaits(azurePath(strings.TrimPrefix(from, "http://"), "segments", "*.csv")),
		} {
			asked.Store(0)
			_, err := readIDs(t, source)
			wantError(t, err, "cannot be read: ")
			rejectWords(t, err, target, stolen)
			if asked.Load() == 0 || requests.Swap(0) != 0 {
				t.Errorf("%s, %d: the store got %d requests, and the redirect is followed", name, status, asked.Load())
			}
		}
	}
}

// A listing whose pages lead back to one of them ends.
func TestListingsThatRepeat(t *testing.T) {
	s3Environment(t)
	azureEnvironment(t)
	listing := func(content func(next int) string) string {
		var page atomic.Int64
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			if isListing := query.Has("list-type") || query.Has("maxResults") || query.Get("comp") == "list"; !isListing {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = fmt.Fprint(w, content(int(page.Add(1)%3))) // 1, 2, 0, 1, ...
		})
	}
	s3 := listing(func(next int) string {
		return fmt.Sprintf(`<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken></ListBucketResult>`, next)
	})
	google := listing(func(next int) string { return fmt.Sprintf(`{"nextPageToken":"%d"}`, next) })
	azure := listing(func(next int) string {
		return fmt.Sprintf(`<?xml version="1.0"?><EnumerationResults><Blobs></Blobs><NextMarker>%d</NextMarker></EnumerationResults>`, next)
	})
	t.Setenv("STORAGE_EMULATOR_HOST", google)
	for name, source := range map[string]file.Source{
		"S3": at(s3, "b/*.csv"), "Google": withShortWaits("gs://segments/*.csv"), "Azure": withShortWaits(azurePath(strings.TrimPrefix(azure, "http://"), "segments", "*.csv")),
	} {
		if _, err := readIDs(t, source); err == nil || !strings.Contains(err.Error(), "the pages of the listing repeat. Check that the server") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// An answer of a store about its objects, and an error, are not read without end.
func TestStoreAnswersWithoutEnd(t *testing.T) { //nolint:paralleltest // measures the heap
	race.SkipHeap(t)
	s3Environment(t)
	azureEnvironment(t)
	block := strings.Repeat(" ", 1<<16)
	for _, status := range []int{http.StatusOK, http.StatusForbidden} {
		var sent atomic.Int64
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead { // there is no object of this name
				w.WriteHeader(http.StatusNotFound)
				return
			}
			begin := `{"items":[`
			if r.URL.Query().Has("list-type") || r.URL.Query().Has("comp") {
				begin = `<?xml version="1.0"?><Error>`
			}
			w.WriteHeader(status)
			_, err := fmt.Fprint(w, begin)
			for err == nil && sent.Load() < 512<<20 {
				_, err = fmt.Fprint(w, block)
				sent.Add(int64(len(block)))
			}
		})
		t.Setenv("STORAGE_EMULATOR_HOST", server)
		address := strings.TrimPrefix(server, "http://")
		for name, source := range map[string]file.Source{
			"S3": at(server, "b/[a].csv"), "Google": withShortWaits("gs://segments/[a].csv"), "Azure": withShortWaits(azurePath(address, "segments", "[a].csv")),
		} {
			sent.Store(0)
			_, err := readIDs(t, source)
			wantError(t, err, "cannot be read: ")
			if got := sent.Load(); got > 256<<20 { // of several requests
				t.Errorf("%s, %d: %d MiB were sent", name, status, got>>20)
			}
			if status == http.StatusOK && !strings.Contains(err.Error(), "the store answers with more than 32 MiB about at most 1000 objects") {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}

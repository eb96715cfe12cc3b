//nolint:paralleltest // addresses and credentials come from the environment, which newGCS and others set
package storage_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/gcstest"
)

func gcsPath(bucket, key string) string { return "gs://" + bucket + "/" + key }

func newGCS(t *testing.T) *gcstest.Server {
	t.Helper()
	server := gcstest.New(t, "segments")
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL, "http://"))
	return server
}

func TestGCS(t *testing.T) {
	server := newGCS(t)
	objects{
		path: gcsPath, name: gcsPath,
		put:      func(_ *testing.T, key, content string) { server.Put("segments", key, content) },
		secrets:  []string{strings.TrimPrefix(server.URL, "http://"), "storage/v1", "googleapis"},
		noBucket: `there is no bucket or container "no-such-segments". Check the name of the bucket`,
	}.test(t)
}

// Every range is requested of the generation that was found.
func TestGCSPinsTheGeneration(t *testing.T) {
	server := newGCS(t)
	server.Put("segments", "a.parquet", numberedParquet(t, 400))
	wantNumbered(t, file.Source{Path: "gs://segments/a.parquet"}, 400)
	media := 0
	for _, r := range server.Requests() {
		query := r.URL.Query()
		if query.Get("alt") != "media" {
			continue
		}
		media++
		if query.Get("ifGenerationMatch") != "1700000000000001" {
			t.Errorf("requested %s", r.URL)
		}
		if r.Header.Get("Accept-Encoding") != "gzip" { // else what is stored with that encoding comes unpacked
			t.Errorf("accepted encodings %q", r.Header.Get("Accept-Encoding"))
		}
	}
	if media < 2 {
		t.Errorf("%d requests for media", media)
	}
}

// An emulator may ignore the condition, and a proxy may cache.
func TestGCSAnotherGenerationThanRequested(t *testing.T) {
	server := newGCS(t)
	server.Put("segments", "a.csv", numbered(5))
	t.Setenv("STORAGE_EMULATOR_HOST", serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("alt") == "media" {
			w.Header().Set("X-Goog-Generation", "2")
			_, _ = w.Write([]byte(numbered(5)))
			return
		}
		server.ServeHTTP(w, r)
	}))
	expectWords(t, openFails(t, "gs://segments/a.csv"), "it was changed while it was read")
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// Refusals as Google sends them.
func TestGCSRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		status                int
		reason, message, want string
	}{
		"credentials that are not valid": {http.StatusUnauthorized, "authError", "Invalid Credentials", "the credentials were refused (401 authError). Credentials come from the file that GOOGLE_APPLICATION_CREDENTIALS names"},
		"no credentials":                 {http.StatusUnauthorized, "required", "Anonymous caller does not have access.", "the credentials were refused (401 required)"},
		"no permission":                  {http.StatusForbidden, "forbidden", "someone@example.com does not have access.", "access is denied (403 forbidden). Let the identity that Terraform runs as read and list"},
		"no such bucket":                 {http.StatusNotFound, "notFound", "The specified bucket does not exist.", `there is no bucket or container "segments"`},
		"bad request":                    {http.StatusBadRequest, "invalid", "Bad Request", "the store answers 400 invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STORAGE_EMULATOR_HOST", serve(t, func(w http.ResponseWriter, _ *http.Request) { gcstest.Refuse(w, tc.status, tc.reason, tc.message) }))
			for _, path := range []string{"gs://segments/vip.csv", "gs://segments/*.csv"} {
				err := openFails(t, path)
				expectWords(t, err, `The file "`+path+`" cannot be read: `+tc.want)
				rejectWords(t, err, "someone@example.com", "127.0.0.1")
			}
		})
	}
}

// Whether an object or its bucket is missing is not decided by the message. Without
// the permission to list, the object is reported.
func TestGCSMissingObjectWherePermissionToListIsMissing(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/o") {
			gcstest.Refuse(w, http.StatusForbidden, "forbidden", "The specified bucket does not exist, or not.")
			return
		}
		gcstest.Refuse(w, http.StatusNotFound, "notFound", "The specified bucket does not exist, or not.")
	}))
	expectWords(t, openFails(t, "gs://segments/vip.csv"), "there is no such object in the bucket")
}

func TestGCSRetries(t *testing.T) {
	server := newGCS(t)
	server.Put("segments", "a.csv", numbered(3))
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError} {
		var requests atomic.Int64
		t.Setenv("STORAGE_EMULATOR_HOST", serve(t, func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1)%2 == 1 { // every other request
				gcstest.Refuse(w, status, "backendError", "Try again.")
				return
			}
			server.ServeHTTP(w, r)
		}))
		wantNumbered(t, withShortWaits("gs://segments/a.csv"), 3)
		wantNumbered(t, withShortWaits("gs://segments/[a].csv"), 3)
	}
}

// Tokens come from the credentials that GOOGLE_APPLICATION_CREDENTIALS names. The
// token server is asked again if it is out of order, not if it refuses.
func TestGCSTokens(t *testing.T) {
	server := gcstest.New(t, "segments")
	server.Put("segments", "a.csv", numbered(3))
	var authorization atomic.Value
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		authorization.Store(r.Header.Get("Authorization"))
		server.ServeHTTP(w, r)
	})
	for name, tc := range map[string]struct {
		credentials func(t *testing.T, tokenURL string) string
		answers     []int // of the server of tokens
		want        string
		requests    int64
	}{
		"workload identity":          {workloadIdentity, []int{200}, "", 1},
		"workload identity, refused": {workloadIdentity, []int{400}, "no usable credentials were found", 1},
		"impersonation":              {impersonation, []int{200}, "", 2},
		"key":                        {serviceAccountKey, []int{200}, "", 1},
		"key, out of order":          {serviceAccountKey, []int{503, 429, 200}, "", 3},
		"key, refused":               {serviceAccountKey, []int{400}, "no usable credentials were found", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			tokens := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				status := tc.answers[min(int(requests.Add(1)), len(tc.answers))-1]
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				if status == http.StatusOK {
					_, _ = w.Write([]byte(tokenAnswer))
					return
				}
				_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"` + secret + `@example.com is gone"}`))
			})
			useGoogleCredentials(t, tc.credentials(t, tokens))
			rows, err := readIDs(t, withWaits("gs://segments/a.csv", enough, sentTo(api)))
			switch {
			case tc.want != "":
				wantError(t, err, tc.want)
				rejectWords(t, err, subjectToken)
			case err != nil || len(rows) != 3 || authorization.Load() != "Bearer ya29.token":
				t.Errorf("%d rows, Authorization %q, %v", len(rows), authorization.Load(), err)
			}
			if requests.Load() != tc.requests {
				t.Errorf("%d requests for tokens", requests.Load())
			}
		})
	}
}

// tokenAnswer is that of a token server and of one that impersonates.
const tokenAnswer = `{"access_token":"ya29.token","token_type":"Bearer","expires_in":3600,"accessToken":"ya29.token","expireTime":"2099-01-01T00:00:00Z"}`

// Where there are no other credentials, they are those of the machine.
func TestGCSMetadataServer(t *testing.T) {
	server := gcstest.New(t, "segments")
	server.Put("segments", "a.csv", numbered(3))
	metadata := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = w.Write([]byte(tokenAnswer))
		}
	})
	for _, name := range []string{"STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"HOME", "APPDATA"} { // of gcloud's credentials
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(metadata, "http://"))
	wantNumbered(t, withWaits("gs://segments/a.csv", enough, sentTo(server.URL)), 3)
	for _, r := range server.Requests() {
		if got := r.Header.Get("Authorization"); got != "Bearer ya29.token" {
			t.Errorf("Authorization %q", got)
		}
	}
}

const subjectToken = "eyJhbGciOiJSUzI1NiJ9"

func workloadIdentity(t *testing.T, tokenURL string) string {
	t.Helper()
	return `{"type":"external_account","audience":"//iam.googleapis.com/x","subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"` +
		tokenURL + `","credential_source":{"file":"` + writeFile(t, "jwt", subjectToken) + `"}}`
}

func impersonation(t *testing.T, tokenURL string) string {
	t.Helper()
	return `{"type":"impersonated_service_account","service_account_impersonation_url":"` + tokenURL + `/v1/projects/-/serviceAccounts/a@example.com:generateAccessToken",` +
		`"source_credentials":` + serviceAccountKey(t, tokenURL) + `}`
}

func serviceAccountKey(t *testing.T, tokenURL string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	content, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "a@example.com", "private_key": string(encoded), "token_uri": tokenURL})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Anonymous access needs no credentials, and sends none.
func TestGCSAnonymous(t *testing.T) {
	server := gcstest.New(t, "segments")
	server.Put("segments", "a.csv", numbered(3))
	useGoogleCredentials(t, `not JSON`)
	wantNumbered(t, withWaits("gs://segments/a.csv?anonymous=true", enough, sentTo(server.URL)), 3)
	for _, r := range server.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("Authorization %q", r.Header.Get("Authorization"))
		}
	}
}

// sentTo sends all requests to a server on this machine.
type sentTo string

func (s sentTo) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(string(s), "http://")
	return http.DefaultTransport.RoundTrip(r)
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func useGoogleCredentials(t *testing.T, content string) {
	t.Helper()
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", writeFile(t, "key.json", content))
}

func TestGCSCredentialsThatAreNotUsable(t *testing.T) {
	const key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
	for name, content := range map[string]string{
		"no file":        "",
		"no JSON":        key,
		"unknown type":   `{"type":"unknown","private_key":"` + key + `"}`,
		"no private key": `{"type":"service_account","client_email":"a@example.com","private_key":"` + key + `","token_uri":"http://127.0.0.1:1/token"}`,
	} {
		t.Run(name, func(t *testing.T) {
			useGoogleCredentials(t, content)
			if content == "" {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
			}
			err := openFails(t, "gs://segments/vip.csv")
			expectWords(t, err, "no usable credentials were found", "GOOGLE_APPLICATION_CREDENTIALS")
			rejectWords(t, err, key)
		})
	}
}

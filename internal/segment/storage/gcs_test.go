package storage_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func gcsPath(bucket, key string) string { return "gs://" + bucket + "/" + key }

func TestGCS(t *testing.T) {
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1", PublicHost: "127.0.0.1", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	address := strings.TrimPrefix(server.URL(), "http://")
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "segments"})
	objects{
		path: gcsPath, name: gcsPath,
		put: func(t *testing.T, key, content string) {
			t.Helper()
			server.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "segments", Name: key}, Content: []byte(content)})
		},
		secrets:  []string{address, "storage/v1", "googleapi"},
		noBucket: "there is no such object in the bucket", // Google itself says more; see below
	}.test(t)
}

// What Google answers whom it refuses.
func TestGCSRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		status                int
		reason, message, want string
	}{
		"credentials that are not valid": {http.StatusUnauthorized, "authError", "Invalid Credentials", "the credentials were refused (401 authError). Credentials come from the file that GOOGLE_APPLICATION_CREDENTIALS names"},
		"no credentials":                 {http.StatusUnauthorized, "required", "Anonymous caller does not have access.", "the credentials were refused (401 required)"},
		"no permission":                  {http.StatusForbidden, "forbidden", "someone@example.com does not have access.", "access is denied (403 forbidden). Let the identity that Terraform runs as read and list"},
		"no such object":                 {http.StatusNotFound, "notFound", "No such object: segments/vip.csv", "there is no such object in the bucket"},
		"no such bucket":                 {http.StatusNotFound, "notFound", "The specified bucket does not exist.", `there is no bucket or container "segments"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=UTF-8")
				w.WriteHeader(tc.status)
				said := map[string]any{"domain": "global", "reason": tc.reason, "message": tc.message}
				_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": tc.status, "message": tc.message, "errors": []any{said}}})
			}))
			defer server.Close()
			t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL, "http://"))
			err := openFails(t, "gs://segments/vip.csv")
			expectWords(t, err, `The file "gs://segments/vip.csv" cannot be read: `+tc.want)
			rejectWords(t, err, "someone@example.com", "127.0.0.1")
		})
	}
}

func TestGCSCredentialsThatAreNotUsable(t *testing.T) {
	const secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
	folder := t.TempDir()
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	for name, tc := range map[string]struct {
		content string // none: there is no file
	}{
		"no file":        {""},
		"no JSON":        {secret},
		"unknown type":   {`{"type":"unknown","private_key":"` + secret + `"}`},
		"no private key": {`{"type":"service_account","client_email":"a@example.com","private_key":"` + secret + `","token_uri":"http://127.0.0.1:1/token"}`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder, "key.json")
			_ = os.Remove(path) // there may be none
			if tc.content != "" {
				if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
			err := openFails(t, "gs://segments/vip.csv")
			expectWords(t, err, "no usable credentials were found", "GOOGLE_APPLICATION_CREDENTIALS")
			rejectWords(t, err, secret)
		})
	}
}

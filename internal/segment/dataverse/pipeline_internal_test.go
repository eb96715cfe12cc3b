package dataverse

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// An answer without end neither fills the memory nor is requested again.
func TestPageSizeIsBounded(t *testing.T) {
	t.Parallel()
	endless := transport{roundTripperFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(zeros{})}, nil
	})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://contoso.crm.dynamics.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := endless.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if n != maxPage || !errors.As(err, new(*http.MaxBytesError)) {
		t.Fatalf("read %d bytes, error %v", n, err)
	}
	if shouldRetry(nil, err) {
		t.Error("it is requested again")
	}
	if text := requestError(err).Error(); !strings.Contains(text, "is larger than 256 MB") {
		t.Errorf("error %q", text)
	}
}

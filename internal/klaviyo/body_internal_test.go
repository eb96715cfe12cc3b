package klaviyo

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A transport may answer before it has done with the body. Who sent it reuses
// its memory then, so a request ends no earlier.
func TestRequestEndsWhenItsBodyIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{APIKey: "pk_x", RetryTimeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		var closed atomic.Bool
		c.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			go func() {
				_, _ = io.Copy(io.Discard, r.Body)
				time.Sleep(time.Minute)
				closed.Store(true)
				_ = r.Body.Close()
				_ = r.Body.Close() // it may be closed twice
			}()
			return &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader(`{"errors":[]}`))}, nil
		})
		if _, err := c.ImportProfiles(t.Context(), "Y6nRLr", []byte("{}")); StatusOf(err) != http.StatusBadRequest || !closed.Load() {
			t.Errorf("error %v, body closed %v", err, closed.Load())
		}
	})
}

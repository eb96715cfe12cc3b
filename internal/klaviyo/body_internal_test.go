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

// A body that takes longer than an answer may is sent as long as it makes progress.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	for name, stalls := range map[string]bool{"slow": false, "stalled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, err := New(Options{APIKey: "pk_x", RetryTimeout: -1, Timeout: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				c.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
					defer r.Body.Close()
					for range 10 {
						if _, err := io.ReadFull(r.Body, make([]byte, 10)); err != nil {
							return nil, err
						}
						select {
						case <-time.After(50 * time.Second):
						case <-r.Context().Done():
							return nil, r.Context().Err()
						}
					}
					if stalls {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return &http.Response{StatusCode: http.StatusAccepted, Body: io.NopCloser(strings.NewReader(`{"data":{"id":"j"}}`))}, nil
				})
				started := time.Now()
				_, err = c.ImportProfiles(t.Context(), "Y6nRLr", make([]byte, 1000))
				switch took := time.Since(started); {
				case !stalls && (err != nil || took != 500*time.Second):
					t.Errorf("after %s: %v", took, err)
				case stalls && (err == nil || !strings.Contains(err.Error(), "no complete answer within 1m0s") || took != 510*time.Second):
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

package klaviyo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// answers are a transport that answers with a status and a header, the n-th
// request with the n-th of them and all further ones with the last.
func answering(t *testing.T, body string, answers ...func() (*http.Response, error)) *Client {
	t.Helper()
	c, err := New(Options{APIKey: "pk_x", RetryTimeout: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	c.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		next := answers[min(int(n.Add(1)), len(answers))-1]
		resp, err := next()
		if resp == nil && err == nil {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		if resp != nil {
			resp.Body = io.NopCloser(strings.NewReader(body))
		}
		return resp, err
	})
	return c
}

// Whoever reads that a request was interrupted is told what it was waiting for,
// and the last thing that went wrong.
func TestInterruptedRequestsSayWhatTheyWaitedFor(t *testing.T) {
	t.Parallel()
	status := func(status int, header ...string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			resp := &http.Response{StatusCode: status, Header: http.Header{}}
			for i := 0; i+1 < len(header); i += 2 {
				resp.Header.Set(header[i], header[i+1])
			}
			return resp, nil
		}
	}
	hanging := func() (*http.Response, error) { return nil, nil }
	broken := func() (*http.Response, error) { return nil, errors.New("connection reset by \x1b[1m ada@example.com") }
	for name, tc := range map[string]struct {
		body    string
		answers []func() (*http.Response, error)
		after   time.Duration // the context ends
		want    string
	}{
		"the answer": {"", []func() (*http.Response, error){hanging}, 25 * time.Second, "waiting 25s for the answer to get_list"},
		"the answer, at once": {
			"", []func() (*http.Response, error){hanging}, 0, "waiting for the answer to get_list",
		},
		"to repeat": {
			`{"errors":[{"detail":"Down."}]}`,
			[]func() (*http.Response, error){status(503, "Retry-After", "200")},
			25 * time.Second,
			"waiting 25s to repeat get_list, of which 1 attempt had failed, with: get_list: 503 Service Unavailable: Down",
		},
		"to repeat what the limit refused": {
			`{"errors":[{"detail":"Slow."}]}`,
			[]func() (*http.Response, error){status(429, "Retry-After", "200")},
			25 * time.Second,
			"of which 1 attempt had failed, with: get_list: 429 Too Many Requests: Slow",
		},
		"to repeat again": {
			"",
			[]func() (*http.Response, error){status(503, "Retry-After", "0"), broken, status(502, "Retry-After", "200")},
			100 * time.Second,
			"to repeat get_list, of which 3 attempts had failed, the last with: get_list: 502 Bad Gateway",
		},
		"the answer to a repetition": {
			"",
			[]func() (*http.Response, error){status(408, "Retry-After", "0"), broken, hanging},
			10 * time.Second,
			`for the answer to get_list, of which 2 attempts had failed, the last with: get_list: connection reset by \x1b[1m ***`,
		},
		"an odd answer": {
			`{"data":{"id":"x","attributes":{"profile_count":"many"}}}`,
			[]func() (*http.Response, error){status(200)},
			5 * time.Second,
			"attempts had failed, the last with: get_list: status 200 with a body that is not the JSON expected: ",
		},
		"an answer without an id": {
			`{"data":{}}`,
			[]func() (*http.Response, error){status(200)},
			5 * time.Second,
			"attempts had failed, the last with: get_list: status 200 with a body that lacks its data",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := answering(t, tc.body, tc.answers...)
				ctx, cancel := context.WithTimeout(t.Context(), tc.after+time.Millisecond)
				defer cancel()
				_, err := c.List(ctx, "x")
				wantInterrupted(t, err, context.DeadlineExceeded, tc.want)
				if arrived := !strings.Contains(name, "refused"); MayHaveArrived(err) != arrived {
					t.Errorf("may have arrived: %t", !arrived)
				}
			})
		})
	}
}

func wantInterrupted(t *testing.T, err, ended error, says string) {
	t.Helper()
	var interrupted *InterruptedError
	if !errors.As(err, &interrupted) || !errors.Is(err, ended) || StatusOf(err) != 0 {
		t.Fatalf("error %v (%T)", err, err)
	}
	if !strings.Contains(interrupted.Reason(), says) || !strings.HasPrefix(err.Error(), interrupted.Operation+": "+ended.Error()+", while "+interrupted.Reason()) {
		t.Errorf("%q does not say %q", err, says)
	}
}

// A server may say minute after minute that nothing is left of its limits.
func TestInterruptedRequestsSayThatTheLimitHoldsThemUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := answering(t, `{"data":{"id":"x"}}`, func() (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: limitHeader(0, 60)}, nil
		})
		for range 3 { // a minute each
			if _, err := c.List(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 58*time.Second)
		defer cancel()
		_, err := c.List(ctx, "x")
		wantInterrupted(t, err, context.DeadlineExceeded, "waiting 58s for Klaviyo's rate limit of get_list, which all users of the account share")
		if MayHaveArrived(err) {
			t.Error("it may have arrived, although it was not sent")
		}
		if took := time.Since(began); took != 58*time.Second {
			t.Errorf("the wait ended %v after the context", took-58*time.Second)
		}

		// One that waits its turn behind another ends at once as well.
		if _, err := c.List(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		first := make(chan error)
		go func() {
			_, err := c.List(t.Context(), "x")
			first <- err
		}()
		synctest.Wait()
		began = time.Now()
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		_, err = c.List(ctx, "x")
		wantInterrupted(t, err, context.Canceled, "waiting 5s for Klaviyo's rate limit of get_list")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the wait ended %v after the context", took-5*time.Second)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

// A request that waits for its turn between attempts does not use up its time by
// that.
func TestWaitingForATurnIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := answering(t, `{"data":{"id":"x"}}`, func() (*http.Response, error) {
			status := http.StatusServiceUnavailable
			if n++; n == 5 {
				status = http.StatusOK
			}
			return &http.Response{StatusCode: status, Header: limitHeader(0, 60)}, nil
		})
		c.retryTimeout = 2 * time.Minute
		began := time.Now()
		if _, err := c.List(t.Context(), "x"); err != nil || time.Since(began) < 4*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// A 429 holds up the next request as well, which says both.
func TestInterruptedRequestsSayWhatFailedBeforeTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := answering(t, `{"errors":[{"detail":"Slow down."}]}`, func() (*http.Response, error) {
			return &http.Response{StatusCode: 503, Header: limitHeader(0, 60)}, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := c.List(ctx, "x")
		wantInterrupted(t, err, context.DeadlineExceeded, "for Klaviyo's rate limit of get_list, which all users of the account share, of which 1 attempt had failed, with: get_list: 503 Service Unavailable: Slow down")
	})
}

package dataverse_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

// Waits that Dataverse asks for are obeyed, and answers that break off are
// requested again.
func TestDataverseRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault    simulator.Fault
		min, max time.Duration // of all waits
	}{
		"throttled":       {simulator.Fault{Times: 3, Status: 429, RetryAfter: "7"}, 21 * time.Second, 24 * time.Second},
		"throttled often": {simulator.Fault{Times: 50, Status: 429, RetryAfter: "7"}, 350 * time.Second, 400 * time.Second},
		"no Retry-After":  {simulator.Fault{Times: 3, Status: 429}, 15 * time.Second, 18 * time.Second},
		"date":            {simulator.Fault{Times: 1, Status: 429, RetryAfter: "Sat, 01 Jan 2000 00:01:00 GMT"}, 59 * time.Second, 62 * time.Second}, // a bubble begins at midnight
		"maintenance":     {simulator.Fault{Times: 1, Status: 503, RetryAfter: "200"}, 200 * time.Second, 201 * time.Second},
		"broken":          {simulator.Fault{Match: "msdynci_customerprofiles", Times: 5, Truncate: true}, 20 * time.Second, 40 * time.Second},
		"overloaded":      {simulator.Fault{Match: "$skiptoken", Times: 5, Status: 500}, 20 * time.Second, 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "Email")
				e.MaxPage, e.maxKeptIDs = 30, 50
				want := e.fill(200, "VIP")
				e.Fail(tc.fault)
				start := time.Now()
				got := e.mustRead("VIP", "email")
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("%d rows, want %d", len(got), len(want))
				}
				if waited := time.Since(start); waited < tc.min || waited > tc.max {
					t.Errorf("waited %s, want %s to %s", waited, tc.min, tc.max)
				}
			})
		})
	}
}

// A server that never answers is given up after a bounded time.
func TestDataverseHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "Email")
		e.network = hanging{}
		start := time.Now()
		_, err := e.read("VIP", "email")
		wantBlame(t, err, "environment_url", "no complete answer within 3m0s")
		if waited := time.Since(start); waited < 18*time.Minute || waited > 19*time.Minute {
			t.Errorf("gave up after %s", waited)
		}
	})
}

// hanging is a network without answers.
type hanging struct{}

func (hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// A host that does not exist is reported at once, for its name is misspelled.
func TestDataverseUnknownHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnvironment(t, "Email")
		e.URL, e.network = "https://contso.crm.dynamics.com", unknownHost{}
		start := time.Now()
		_, err := e.read("VIP", "email")
		wantBlame(t, err, "environment_url", `There is no host "contso.crm.dynamics.com". Check the spelling`)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("reported after %s", waited)
		}
	})
}

// unknownHost is a network whose name servers do not know the host.
type unknownHost struct{}

func (unknownHost) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: req.URL.Hostname(), IsNotFound: true}}
}

// hangingCredential never gives a token.
type hangingCredential struct{}

func (hangingCredential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	<-ctx.Done()
	return azcore.AccessToken{}, ctx.Err()
}

// The end of the context ends every wait at once.
func TestDataverseObeysContext(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(e *environment){
		"throttled":  func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 429, RetryAfter: "300"}) },
		"backoff":    func(e *environment) { e.Fail(simulator.Fault{Times: 1000, Status: 503, RetryAfter: "300"}) },
		"request":    func(e *environment) { e.network = hanging{} },
		"signing in": func(e *environment) { e.credential = hangingCredential{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "Email")
				hang(e)
				ctx, cancel := context.WithCancel(t.Context())
				stop := time.AfterFunc(time.Minute, cancel)
				defer stop.Stop()
				start := time.Now()
				if _, err := e.source("VIP").Open(ctx, []string{"email"}); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				if late := time.Since(start) - time.Minute; late != 0 {
					t.Errorf("returned %s after the end of the context", late)
				}
			})
		})
	}
}

func TestDataverseTokens(t *testing.T) {
	t.Parallel()
	t.Run("kept", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t, "Email")
		e.MaxPage = 10
		e.fill(100, "VIP")
		if e.mustRead("VIP", "email"); e.tokens != 1 {
			t.Errorf("%d tokens", e.tokens)
		}
	})
	t.Run("renewed before the end", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			e := newEnvironment(t, "Email")
			e.lifetime = 10 * time.Minute
			e.fill(10, "VIP")
			e.Fail(simulator.Fault{Match: "segmentmemberships", Times: 1, Status: 429, RetryAfter: "360"})
			if e.mustRead("VIP", "email"); e.tokens != 2 {
				t.Errorf("%d tokens", e.tokens)
			}
		})
	})
	t.Run("renewed when refused", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t, "Email")
		e.MaxPage, e.maxKeptIDs = 10, 20
		want := e.fill(100, "VIP")
		rows, err := e.source("VIP").Open(t.Context(), []string{"email"})
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		e.Revoke()
		if got, err := segmenttest.ReadAll(rows); len(got) != len(want) || err != nil || e.tokens != 2 {
			t.Errorf("%d rows, %v, %d tokens", len(got), err, e.tokens)
		}
	})
}

// No error in the chain names a customer, even if a caller prints the cause.
func TestDataverseCausesAreSafe(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]simulator.Fault{
		"broken":  {Match: "CRM.In", Times: 1000, Truncate: true},
		"refused": {Match: "CRM.In", Times: 1000, Status: 400, Body: `{"error":{"code":"0x0","message":"Bad ann@example.com. id-of-ann"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnvironment(t, "Email")
				e.Add("id-of-ann", simulator.Profile{"email": "ann@example.com"}, "VIP")
				e.Fail(fault)
				_, err := e.read("VIP", "email")
				wantBlame(t, err, "environment_url")
				for ; err != nil; err = errors.Unwrap(err) {
					if strings.Contains(err.Error(), "id-of-ann") || strings.Contains(err.Error(), "ann@") {
						t.Errorf("%T: %q", err, err)
					}
				}
			})
		})
	}
}

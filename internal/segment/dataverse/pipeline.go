package dataverse

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Bounds of the requests to Dataverse, which allows a user 52 at once and
// 6,000 in five minutes.
const (
	maxConcurrent  = 8
	maxRetries     = 5
	attemptTimeout = 3 * time.Minute // Dataverse gives up a query after two
	maxRetryDelay  = 5 * time.Minute
	throttleDelay  = 5 * time.Second  // if Dataverse does not say how long to wait
	maxThrottled   = 15 * time.Minute // total of the waits that Dataverse asks for, per request
	maxPage        = 256 << 20
)

// newPipeline returns the pipeline that authorizes, sends and retries the
// requests to an environment.
func newPipeline(base *url.URL, source Source) runtime.Pipeline {
	scopes := []string{base.String() + "/.default"}
	bearer := runtime.NewBearerTokenPolicy(freshCredential(source.signIn), scopes, &policy.BearerTokenOptions{
		AuthorizationHandler: policy.AuthorizationHandler{
			// The policy has dropped the refused token, so this gets a new one.
			OnChallenge: func(_ *policy.Request, _ *http.Response, authorize func(policy.TokenRequestOptions) error) error {
				return authorize(policy.TokenRequestOptions{Scopes: scopes})
			},
		},
		InsecureAllowCredentialWithHTTP: base.Scheme == "http", // ParseEnvironmentURL allows it for this machine only
	})
	options := source.options
	if options.Transport == nil {
		options.Transport = network()
	}
	options.Telemetry.Disabled = true
	options.Retry = policy.RetryOptions{
		MaxRetries: maxRetries, TryTimeout: attemptTimeout, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: maxRetryDelay, ShouldRetry: shouldRetry,
	}
	return runtime.NewPipeline("dataverse", "v9.2", runtime.PipelineOptions{
		PerCall:  []policy.Policy{throttle{}},
		PerRetry: []policy.Policy{bearer},
	}, &options)
}

// network is the transport of all environments, so that a run reuses the
// connections of the survey before it.
var network = sync.OnceValue(func() policy.Transporter {
	pool := http.DefaultTransport.(*http.Transport).Clone()
	pool.MaxIdleConnsPerHost = maxConcurrent
	return transport{pool}
})

// transport sends requests without following redirects: the Web API has none,
// and a sign-in page would get the token. Unlike those of an [http.Client],
// its errors do not hold the URL, which names customers.
type transport struct{ http.RoundTripper }

// Do implements [policy.Transporter].
func (t transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxPage)
	return resp, nil
}

// shouldRetry decides about everything but 429, which is for throttle.
func shouldRetry(resp *http.Response, err error) bool {
	if err == nil {
		return resp.StatusCode >= http.StatusInternalServerError
	}
	var dns *net.DNSError
	unknownHost := errors.As(err, &dns) && dns.IsNotFound
	return !unknownHost && !errors.As(err, new(*http.MaxBytesError))
}

// throttle waits when Dataverse limits the requests. The retry policy bounds
// the number of attempts, but here only the total wait matters: long reads are
// throttled often, and for a few seconds each time.
type throttle struct{}

// Do implements [policy.Policy].
func (throttle) Do(req *policy.Request) (*http.Response, error) {
	var waited time.Duration
	for {
		resp, err := req.Next()
		if err != nil || resp.StatusCode != http.StatusTooManyRequests {
			return resp, err
		}
		delay := cmp.Or(httpx.RetryAfter(resp.Header, time.Now()), throttleDelay) + rand.N(time.Second)
		if waited += delay; waited > maxThrottled {
			return resp, nil
		}
		if err := wait.For(req.Raw().Context(), delay); err != nil {
			return nil, err
		}
	}
}

// freshCredential makes a new credential for every token. Those of azidentity
// keep their token and would return it again after Dataverse has refused it;
// the bearer token policy keeps tokens itself and asks only when it needs one.
type freshCredential func() (azcore.TokenCredential, error)

// GetToken implements [azcore.TokenCredential].
func (f freshCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	credential, err := f()
	if err != nil {
		return azcore.AccessToken{}, err
	}
	token, err := credential.GetToken(ctx, options)
	if err != nil {
		return azcore.AccessToken{}, &signInError{err}
	}
	return token, nil
}

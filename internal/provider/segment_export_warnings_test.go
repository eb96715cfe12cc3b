package provider

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// jumpingClock passes as usual, and jumps over all that is to be waited.
type jumpingClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *jumpingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *jumpingClock) Wait(ctx context.Context, d time.Duration, _ <-chan struct{}) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	return ctx.Err()
}

// warningsOf are the warnings with a summary.
func warningsOf(diags []*tfprotov6.Diagnostic, summary string) (details []string) {
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning && d.Summary == summary {
			details = append(details, d.Detail)
		}
	}
	return details
}

// Klaviyo counts the members of lists 15 times a minute. Who waits for that is told
// what to do about it.
func TestSegmentExport_waitsToCount(t *testing.T) {
	t.Parallel()
	for _, check := range []string{membershipCount, membershipSample} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			clock := &jumpingClock{}
			w := newEnvWith(t, simulator.Options{RateLimits: true, Now: clock.Now})
			w.runs = clock
			c := newCore(w, mainKey)
			o := c.apply(c.absent(exportKind), w.exportObject(threeCSV).with("membership_check", check))
			var waited []string
			for i := range 20 {
				var diags []*tfprotov6.Diagnostic
				o, diags = c.read(o)
				c.check(diags)
				found := warningsOf(diags, "Waited To Count The Members Of A List")
				if i < 5 && len(found) > 0 {
					t.Errorf("the refresh number %d warns: %q", i, found)
				}
				waited = append(waited, found...)
			}
			if check == membershipSample {
				if len(waited) > 0 {
					t.Errorf("it warns: %q", waited)
				}
				return
			}
			if len(waited) != 1 {
				t.Fatalf("it warns: %q", waited)
			}
			for _, part := range []string{`the export "VIP customers to Klaviyo"`, "s, because Klaviyo counts", "15 times a minute", `set membership_check = "sample"`} {
				if !strings.Contains(waited[0], part) {
					t.Errorf("%q does not say %q", waited[0], part)
				}
			}
		})
	}
}

// A plan that had to wait for the limit of the account says so afterwards.
func TestSegmentExport_waitsForTheRateLimit(t *testing.T) {
	t.Parallel()
	clock := &jumpingClock{}
	w := newEnvWith(t, simulator.Options{Now: clock.Now})
	w.runs = clock
	c := newCore(w, mainKey)
	c.configureAgain(values{"api_key": mainKey, "base_url": w.URL, "retry_timeout": "1m"})
	o := c.apply(c.absent(exportKind), w.exportObject(threeCSV).with("membership_check", membershipNone))
	const summary = "Waited For Klaviyo's Rate Limit: VIP customers to Klaviyo"
	for _, tc := range []struct {
		retryAfter string
		warnings   int
	}{{"2", 0}, {"20", 1}} {
		w.Inject(simulator.Fault{Path: "/api/lists", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {tc.retryAfter}}})
		_, diags := c.read(o)
		c.check(diags)
		found := warningsOf(diags, summary)
		if len(found) != tc.warnings {
			t.Errorf("after a wait of %s s it warns: %q", tc.retryAfter, found)
		}
		for _, words := range found {
			if !strings.Contains(words, "waited 20s, since") {
				t.Errorf("it says %q", words)
			}
		}
	}
}

// A plan says what apply does if the segments change until then.
func TestSegmentExport_ifChangedAfterThePlan(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	for says, pin := range map[string]any{
		"Because of pin_to_plan = true, apply fails if they hold something else then.":                true,
		"Apply exports what they hold then. To export only what was planned, set pin_to_plan = true.": false,
		"Apply exports what they hold then, unless pin_to_plan is true.":                              tftypes.UnknownValue,
	} {
		plan := c.plan(c.absent(exportKind), w.exportObject(threeCSV).with("pin_to_plan", pin))
		c.check(plan.Diagnostics)
		found := warningsOf(plan.Diagnostics, "3 Profiles To Export: VIP customers to Klaviyo")
		if len(found) != 1 || !strings.HasSuffix(found[0], "This is what the segments hold now. "+says) {
			t.Errorf("pin_to_plan = %v: it warns %q", pin, found)
		}
	}
}

// Nobody is told to correct a row that Klaviyo could not take for now, and each row
// that is to be corrected is with the reason that Klaviyo gave for it.
func TestSegmentExport_notTakenAndRefused(t *testing.T) {
	t.Parallel()
	clock := &jumpingClock{}
	w := newEnvWith(t, simulator.Options{Now: clock.Now})
	w.runs = clock
	w.FailEmail("bob@example.com", "server_error", "A server error occurred. Please try again.")
	c := newCore(w, mainKey)
	config := w.exportObject(threeCSV)
	apply := func(o object) (object, string, string) {
		o, diags := c.applyPlan(o, config, c.plan(o, config))
		c.check(diags)
		details := func(summary string) string {
			return strings.Join(warningsOf(diags, summary+": VIP customers to Klaviyo"), "\n")
		}
		return o, details("Profiles That Klaviyo Refused"), details("Profiles That Klaviyo Could Not Take")
	}

	o, refused, untaken := apply(c.absent(exportKind))
	if refused != "" {
		t.Errorf("nothing is wrong with the rows, but it warns: %s", refused)
	}
	const failing = "1 profile was not taken, because of trouble on Klaviyo's side or for a reason that is about no value of the row. The run sent those that Klaviyo named several times:\n" +
		"  - Klaviyo: A server error occurred. Please try again.: 1 row (2 of vip)\n" +
		"The next plan shows a run of the export as due"
	if !strings.HasPrefix(untaken, failing) {
		t.Errorf("it warns: %s", untaken)
	}

	w.FailEmail("ann@example.com", "invalid", "Nope.")
	w.FailEmail("eve@example.com", "invalid", "Email is blocked")
	config["triggers"] = values{"again": "yes"}
	if _, refused, untaken = apply(o); !strings.Contains(refused, "Klaviyo took 0 of 3 profiles. It refused:\n  - Klaviyo: Email is blocked: 1 row (3 of vip)\n  - Klaviyo: Nope.: 1 row (1 of vip)\nCorrect") {
		t.Errorf("it warns: %s", refused)
	}
	if !strings.HasPrefix(untaken, failing) || strings.Contains(untaken, "blocked") {
		t.Errorf("it warns: %s", untaken)
	}
}

// A run after which fewer people are on the list than Klaviyo acknowledged says so.
func TestSegmentExport_shortList(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddMembers(w.list.ID, three[2])
	w.Unsubscribe(w.list.ID, three[2]) // is withheld, which is another warning's matter
	c := newCore(w, mainKey)
	config := w.exportObject(threeCSV)
	first, diags := c.applyPlan(c.absent(exportKind), config, c.plan(c.absent(exportKind), config))
	c.check(diags)
	const summary = "Fewer Members Than Exported: VIP customers to Klaviyo"
	if found := warningsOf(diags, summary); len(found) > 0 {
		t.Errorf("a list with all people is said to be short: %q", found)
	}
	w.OnRequest(func(r *http.Request) {
		if r.URL.Query().Has("additional-fields[list]") && w.sent("POST", importsPath) == 2 {
			w.RemoveMembers(w.list.ID, three[0])
		}
	})
	w.segment(threeCSV + "joe@example.com,Joe\n") // the others are not sent again, and should be on the list all the same
	_, diags = c.applyPlan(first, config, c.plan(c.mustRead(first), config))
	c.check(diags)
	found := warningsOf(diags, summary)
	if len(found) != 1 {
		t.Fatalf("warnings %q", found)
	}
	for _, part := range []string{"acknowledged 3 profiles of people who did not opt out", "has 2 members, 1 fewer", "merged profiles", "several addresses for one person", `membership_check = "full"`} {
		if !strings.Contains(found[0], part) {
			t.Errorf("%q does not say %q", found[0], part)
		}
	}
}

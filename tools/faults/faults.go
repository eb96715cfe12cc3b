package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// promise is what an operator sees of a fault. After the next apply the list is right
// again in any case, and the plan after it is empty.
type promise struct {
	status string // of the run, if the apply succeeds
	fails  string // summary of the error, if it does not
	warns  string // summary of a warning, if there is one
	words  []string
	then   string // the rest, in words

	// stale says that the run succeeds with a segment that is not the one of the cell.
	stale bool
}

func (p promise) String() string {
	text := p.status
	switch {
	case p.fails != "":
		text = "fails, says \"" + p.fails + "\""
	case p.warns != "":
		text += ", says \"" + p.warns + "\""
	}
	return text + "; " + p.then
}

const (
	succeeded = "succeeded"
	partial   = "partial"
)

// fault is a way in which an apply goes wrong.
type fault struct {
	name    string
	promise promise
	except  map[mode]promise // where the mode makes a difference

	arm    func(*world)
	disarm func(*world)      // what [simulator.Server.ClearFaults] does not
	struck func(*world) bool // whether the fault has happened, where nothing else tells

	provider, export string // further arguments of these blocks while the fault lasts
	remote           bool   // the segment is read over HTTP
}

// goesOn is the promise that the run waits, or sends something again, and succeeds.
func goesOn(then string) promise { return promise{status: succeeded, then: then} }

const nextApply = "the next apply makes it good"

func fails(summary string, words ...string) promise {
	return promise{fails: summary, words: words, then: nextApply}
}

const htmlPage = "<html><body>Bad Gateway</body></html>"

// requests lets the mode's own requests go wrong.
func requests(f simulator.Fault) func(*world) {
	return func(w *world) { w.inject(f) }
}

func retryAfter(value string) http.Header { return http.Header{"Retry-After": {value}} }

// faults are all faults with their promises.
var faults = []fault{
	{
		name: "none", arm: func(*world) {}, promise: goesOn("this is how the cells go without a fault"),
		struck: func(w *world) bool { return w.imports() >= 2 && (w.cell.mode != upsert || w.last.Sent == "changes") },
	},
	{name: "429 storm", arm: requests(simulator.Fault{Times: 8, Status: 429, Header: retryAfter("0")}), promise: goesOn("waits and goes on")},
	{name: "429, Retry-After missing", arm: requests(simulator.Fault{Times: 3, Status: 429}), promise: goesOn("waits and goes on")},
	{
		name: "429, Retry-After dated", promise: goesOn("waits until then and goes on"),
		arm: func(w *world) {
			date := time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat)
			w.inject(simulator.Fault{Times: 2, Status: 429, Header: retryAfter(date)})
		},
	},
	{
		name: "429, Retry-After in 2099", arm: requests(simulator.Fault{Nth: 2, Status: 429, Header: retryAfter("Thu, 01 Jan 2099 00:00:00 GMT")}),
		promise: fails("Klaviyo's Rate Limit Is Used Up", "Klaviyo asks to wait for"),
	},
	{
		name: "429, Retry-After 10^9 s", arm: requests(simulator.Fault{Nth: 2, Status: 429, Header: retryAfter("1000000000")}),
		promise: fails("Klaviyo's Rate Limit Is Used Up", "Klaviyo asks to wait for 24h"),
	},
	{name: "429, Retry-After negative", arm: requests(simulator.Fault{Times: 2, Status: 429, Header: retryAfter("-5")}), promise: goesOn("takes it for missing")},
	{name: "429, Retry-After text", arm: requests(simulator.Fault{Times: 2, Status: 429, Header: retryAfter("soon")}), promise: goesOn("takes it for missing")},
	{
		name: "5xx, transient", promise: goesOn("sends the request again"),
		arm: func(w *world) {
			for _, status := range []int{500, 503, 504} {
				w.inject(simulator.Fault{Status: status})
			}
		},
	},
	{
		name: "5xx, lasting", arm: requests(simulator.Fault{Nth: 2, Times: -1, Status: 503}), provider: `retry_timeout = "2s"`,
		promise: fails("Klaviyo Fails", "gave up after", "https://status.klaviyo.com"),
	},
	{
		name: "HTML page, 502", promise: goesOn("sends the request again"),
		arm: requests(simulator.Fault{Times: 2, Status: 502, Body: htmlPage}),
	},
	{
		name: "HTML page, 403", promise: fails("Klaviyo Blocks This Address", "before it reached Klaviyo's API"),
		arm: requests(simulator.Fault{Nth: 2, Status: 403, Body: htmlPage}),
	},
	{
		name: "HTML page, 200", promise: goesOn("does not take it for success, sends the request again"),
		arm: requests(simulator.Fault{Times: 2, Status: 200, Body: htmlPage}),
	},
	{
		name: "reset before acceptance", promise: goesOn("sends the request again"),
		arm: requests(simulator.Fault{Times: 3, DropBefore: true}),
	},
	{
		name: "reset after acceptance", promise: goesOn("sends the request again, which changes nothing"),
		arm: requests(simulator.Fault{Times: 2, DropAfter: true}),
	},
	{
		name: "slow answers", promise: goesOn("waits"),
		arm: requests(simulator.Fault{Times: 2, Delay: time.Second}),
	},
	{
		name: "slower than request_timeout", promise: goesOn("sends the request again"), provider: `request_timeout = "3s"`,
		arm: requests(simulator.Fault{Times: 2, Delay: time.Minute}),
	},
	{name: "truncated JSON", arm: truncate, promise: goesOn("reads the answer again")},
	{
		name: "job stuck", export: "timeouts {\n    update = \"15s\"\n  }", arm: func(w *world) { w.DelayJobs(1, 24*time.Hour) },
		disarm:  func(w *world) { w.ReleaseJobs() },
		promise: fails("Export Interrupted", "timeouts.update of 15s is over", "accepted but not finished 1 job"),
	},
	{
		name: "job cancelled", arm: func(w *world) { w.CancelJobs(1) },
		promise: fails("Klaviyo Cancelled Imports", `of segment "vip"`),
	},
	{
		name: "rows fail once", promise: goesOn("sends them again in the same run"),
		arm:    func(w *world) { w.FailForNow(200, 1) },
		struck: func(w *world) bool { return w.imports() >= 3 },
	},
	{
		name: "rows fail each time", arm: func(w *world) { w.FailForNow(200, 100) }, disarm: func(w *world) { w.FailForNow(1, 0) },
		promise: promise{status: partial, warns: "Profiles That Klaviyo Could Not Take", then: "everybody else is exported; " + nextApply},
	},
	{
		name: "rows refused for good", arm: refuseRows, disarm: correctRows,
		promise: promise{
			status: partial, warns: "Profiles That Klaviyo Refused", words: []string{"Correct these rows in the source"},
			then: "everybody else is exported; once the rows are corrected, " + nextApply,
		},
	},
	{
		name: "key revoked half-way", arm: func(w *world) { w.onHalfway(func() { w.RevokeKey(key) }) }, disarm: addKey,
		promise: fails("API Key Refused", "may have been revoked"),
	},
	{
		name: "scope lost half-way", arm: loseScope, disarm: addKey,
		promise: fails("API Key Lacks A Scope", "create a new private key"),
		except: map[mode]promise{consent: {
			status: "not_subscribed", warns: "Nobody Was Subscribed", words: []string{"subscriptions:write"}, then: "everybody is on the list; " + nextApply,
		}},
	},
	{
		name: "list deleted half-way", arm: func(w *world) { w.onHalfway(func() { w.DeleteList(w.listID) }) },
		promise: fails("List Not Found", "deleted"),
	},
	{
		name: "account swapped half-way", arm: swapAccount, disarm: addKey,
		promise: fails("List Not Found"),
	},
	{
		name: "disk full at rejects_path", arm: func(w *world) { w.terraform.cli = filepath.Join(w.shared, onFullDisk) },
		promise: fails("Rejects File Cannot Be Written", "All profiles were sent"),
	},
	{
		name: "rejects_path is a folder", arm: blockRejects, disarm: unblockRejects,
		promise: fails("Rejects File Cannot Be Written", "Nothing was sent"),
	},
	{
		name: "source fails half-way", remote: true, arm: sourceAt(sending, func(_ int, content []byte) answer {
			return answer{content: content, cut: true}
		}),
		promise: fails("Segment Cannot Be Read", "the transfer breaks off again and again", "Klaviyo had finished 1 import job"),
	},
	{
		name: "source shrinks half-way", remote: true, arm: sourceAt(sending, func(_ int, content []byte) answer {
			return answer{content: content[:shorter(content)], tag: "shorter"}
		}),
		promise: promise{status: succeeded, then: "exports what is there; " + nextApply, stale: true},
		except:  map[mode]promise{mirror: fails("Too Many Members Would Be Removed")},
	},
	{
		name: "source changes half-way", remote: true, arm: sourceAt(sending, func(wholes int, content []byte) answer {
			if wholes <= 1 {
				return answer{content: content, cut: true}
			}
			return answer{content: content, tag: "other"}
		}),
		promise: fails("Segment Cannot Be Read", "changed while it was read"),
	},
}

// truncate cuts off answers to the mode's own requests and to what it reads.
func truncate(w *world) {
	reads := []string{"/api/profile-bulk-import-jobs"}
	switch w.cell.mode {
	case mirror:
		reads = append(reads, "/api/lists/*/profiles") // a removal is answered without a body
	case consent:
		reads = append(reads, "/api/profiles")
		fallthrough
	default:
		w.inject(simulator.Fault{Times: 2, Truncate: true})
	}
	for _, path := range reads {
		w.Inject(simulator.Fault{Method: http.MethodGet, Path: path, Times: 2, Truncate: true})
	}
}

// The rows that are refused for good, at once and in the finished job.
const refusedAtOnce, refusedLater = "comer7@example.com", "comer8@example.com"

func refuseRows(w *world) {
	w.RefuseEmail(refusedAtOnce, "invalid", "Invalid email address")
	w.FailEmail(refusedLater, "invalid", "Email is blocked")
}

// correctRows makes the rows others, which Klaviyo takes.
func correctRows(w *world) {
	w.TakeEmail(refusedAtOnce)
	w.TakeEmail(refusedLater)
	w.people = slices.Clone(w.people)
	for i, p := range w.people {
		if p.email == refusedAtOnce || p.email == refusedLater {
			w.people[i].name = "Corrected"
		}
	}
}

func addKey(w *world) { w.AddKey(key) }

// loseScope takes from the key a scope that the mode needs.
func loseScope(w *world) {
	lost := map[mode]string{upsert: "profiles:write", mirror: "lists:write", consent: "subscriptions:write"}[w.cell.mode]
	left := slices.DeleteFunc(slices.Clone(simulator.AllScopes), func(scope string) bool { return scope == lost })
	w.onHalfway(func() { w.AddKey(key, left...) })
}

// swapAccount makes the key one of another account.
func swapAccount(w *world) {
	other := w.AddAccount(simulator.Account{ID: "Other1"})
	w.onHalfway(func() { w.AddKeyFor(other.ID, key) })
}

func blockRejects(w *world) {
	place := filepath.Join(w.dir, "rejects.csv")
	_ = os.Remove(place) // Mkdir fails if it is still there
	if err := os.Mkdir(place, 0o700); err != nil {
		w.cell.breaks("%s", err)
	}
}

func unblockRejects(w *world) { _ = os.Remove(filepath.Join(w.dir, "rejects.csv")) }

// An apply of a plan looks at the version of the segment, and then reads it to send it.
const sending = 2

// sourceAt lets a source go wrong from its nth read on.
func sourceAt(nth int, fault func(wholes int, content []byte) answer) func(*world) {
	return func(w *world) { w.source.arm(nth, fault) }
}

// shorter is where the first half of the rows ends.
func shorter(content []byte) int {
	return bytes.LastIndexByte(content[:len(content)/2], '\n') + 1
}

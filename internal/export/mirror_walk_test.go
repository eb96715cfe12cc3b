package export_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// readsMembers reports whether a request reads a page of members.
func readsMembers(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/lists/") && strings.HasSuffix(r.URL.Path, "/profiles")
}

// Members who all joined in one second are all read.
func TestMirrorReadsThousandsOfOneSecond(t *testing.T) {
	t.Parallel()
	at := time.Now().Truncate(time.Second)
	w := newEnv(t, simulator.Options{Now: func() time.Time { return at }})
	w.AddMembers(w.listID, strangers(4321)...)
	e := mirroring(w.export(people(3456)))
	e.Mirror = export.MirrorAll
	if r := w.runMirror(t, e); r.Removed != 4321 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, addresses(3456))
}

// Members who join or leave while the list is read hide nobody else, and a member who is in
// the segment is never removed.
func TestMirrorWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	const rows, there = 4000, 3000
	for name, scope := range map[string]export.Mirror{"all": export.MirrorAll, "exported": export.MirrorExported} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(rows)
			e := mirroring(w.export(source))
			e.Mirror = scope
			w.runMirror(t, e)
			w.AddMembers(w.listID, strangers(there)...)
			source.rows = source.rows[1000:] // too many to be listed
			var mu sync.Mutex
			var gone, came []string
			w.OnRequest(func(r *http.Request) {
				if !readsMembers(r) {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				n := len(came)
				if n >= 40 {
					return
				}
				came = append(came, fmt.Sprintf("late%d@example.com", n))
				gone = append(gone, address(rows-1-n))
				w.AddMembers(w.listID, came[n])
				w.RemoveMembers(w.listID, gone[n])
			})
			if scope == export.MirrorExported {
				w.RemoveMembers(w.listID, strangers(there)[100:]...) // or they are too many
			}
			r := w.runMirror(t, e)
			if r.LeaversUnknown {
				t.Error("who left is not known")
			}
			members := w.MemberEmails(w.listID)
			for i := 1000; i < rows-40; i++ {
				if _, on := slices.BinarySearch(members, address(i)); !on {
					t.Fatalf("%s is in the segment and was removed", address(i))
				}
			}
			left := addresses(1000)
			if scope == export.MirrorAll {
				left = append(left, strangers(there)...)
			}
			for _, email := range left {
				if _, on := slices.BinarySearch(members, email); on {
					t.Fatalf("%s is still on the list", email)
				}
			}
			if scope == export.MirrorExported {
				for _, email := range append(strangers(100), came...) {
					if _, on := slices.BinarySearch(members, email); !on {
						t.Errorf("%s was removed, whom others added", email)
					}
				}
			}
		})
	}
}

// A list may be empty although somebody is to be removed.
func TestMirrorOfAnEmptyList(t *testing.T) {
	t.Parallel()
	for _, scope := range []export.Mirror{export.MirrorExported, export.MirrorAll} {
		w := newEnv(t, simulator.Options{})
		source := people(50)
		e := mirroring(w.export(source))
		e.Mirror = scope
		w.runMirror(t, e)
		for _, email := range addresses(50) {
			w.Unsubscribe(w.listID, email)
		}
		source.rows = source.rows[5:]
		if r := w.runMirror(t, e); r.Removed != 0 || r.LeaversUnknown || len(w.removals()) != 0 {
			t.Errorf("%d removed", r.Removed)
		}
		w.checkMembers(t, nil)
	}
}

// A segment that is empty or breaks off empties no list.
func TestMirrorOfABrokenSegment(t *testing.T) {
	t.Parallel()
	const rows = 1000
	for scope, name := range map[export.Mirror]string{export.MirrorExported: "exported", export.MirrorAll: "all"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(rows)
			e := mirroring(w.export(source))
			e.Mirror, e.Safeguards.MaxRemovedPercent = scope, export.DefaultMaxRemovedPercent
			w.runMirror(t, e)
			all := source.rows
			broken := errors.New("the connection broke")
			for what, damage := range map[string]func(){
				"empty": func() { source.rows = nil },
				"breaks off": func() {
					source.before = func(_ context.Context, row int) error { return map[bool]error{true: broken}[row == 500] }
				},
				"half": func() { source.rows = all[:rows/2] },
				"empty, which is allowed": func() {
					source.rows, e.Safeguards.AllowEmptySegment = nil, true
				},
			} {
				source.rows, source.before, e.Safeguards.AllowEmptySegment = all, nil, false
				damage()
				_, err := e.Run(t.Context(), w.client, export.RunOptions{})
				if err == nil {
					t.Errorf("%s: the run succeeded", what)
				} else if what != "breaks off" && what != "empty" {
					asError(t, err, removedLimit, tooManyRemoved, "Nobody was removed", "where 25 % are allowed")
				}
				w.checkMembers(t, addresses(rows))
			}
			if n := len(w.removals()); n != 0 {
				t.Errorf("%d requests removed members", n)
			}
			source.rows, source.before, e.Safeguards.AllowEmptySegment, e.Safeguards.MaxRemovedPercent = nil, nil, true, 100
			if r := w.runMirror(t, e); r.Removed != rows {
				t.Errorf("%d removed where it is allowed", r.Removed)
			}
		})
	}
}

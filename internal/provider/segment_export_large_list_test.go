package provider

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A list of many pages, whose members joined over years, is read by several
// goroutines at once, which all log. The built provider must live through that.
func TestAccSegmentExport_largeList(t *testing.T) {
	concurrent(t)
	t.Parallel()
	const (
		groups    = 60 // of members who joined at the same time
		groupSize = 50
		applies   = 5
	)
	var joined atomic.Pointer[time.Time] // the clock of Klaviyo while members join
	w := newEnvWith(t, simulator.Options{Now: func() time.Time {
		if at := joined.Load(); at != nil {
			return *at
		}
		return time.Now()
	}})
	var rows strings.Builder
	rows.WriteString("EMail,FirstName\n")
	for group := range groups {
		at := time.Now().AddDate(0, -group-1, 0)
		joined.Store(&at)
		emails := make([]string, groupSize)
		for i := range emails {
			emails[i] = fmt.Sprintf("member%d@example.com", group*groupSize+i)
			fmt.Fprintf(&rows, "%s,Member\n", emails[i])
		}
		w.AddMembers(w.list.ID, emails...)
	}
	joined.Store(nil)
	c := newCLI(t, w.export(rows.String()).with(exportBlock, "membership_check", `"full"`), "GORACE=halt_on_error=1")
	for i := range applies {
		words := "0 added, 0 changed, 0 destroyed"
		if i == 0 {
			words = "2 added, 0 changed, 0 destroyed"
		}
		c.run(words, "apply", "-no-color", "-input=false", "-auto-approve")
	}
	w.wantImports(1)
	if pages := w.sent("GET", "/api/lists/"+w.list.ID+"/profiles"); pages < applies*groups*groupSize/100 {
		t.Errorf("%d pages of the list were read in %d applies of a list of %d", pages, applies, groups*groupSize)
	}
}

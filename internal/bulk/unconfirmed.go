package bulk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// codeNotConfirmed marks rows of which nobody knows whether Klaviyo imported
// them.
const codeNotConfirmed = "not_confirmed"

// Unconfirmed are the profiles that a finished job counts neither as imported
// nor as failed.
type Unconfirmed struct {
	Job      string // its id
	Profiles int64  // not confirmed
	Sent     int64  // profiles in the job, these among them

	rows span
}

// String is "445 of 4,853 profiles of job 01ABC (rows 1 to 4,853 of segment
// "vip")".
func (u Unconfirmed) String() string {
	return fmt.Sprintf("%s of %s of job %s (%s)", tally.Thousands(u.Profiles), tally.Count(u.Sent, "profile"), u.Job, u.rows)
}

// Unconfirmeds are those of all jobs of a run, in the order of the rows.
type Unconfirmeds []Unconfirmed

// Total is the number of profiles.
func (all Unconfirmeds) Total() (profiles int64) {
	for _, u := range all {
		profiles += u.Profiles
	}
	return profiles
}

// String lists the first few jobs, a line each.
func (all Unconfirmeds) String() string {
	const maxListed = 20
	var b strings.Builder
	for _, u := range all[:min(len(all), maxListed)] {
		fmt.Fprintf(&b, "  - %s\n", u)
	}
	if more := len(all) - maxListed; more > 0 {
		fmt.Fprintf(&b, "  - and %s, which the log names\n", tally.Count(int64(more), "more job"))
	}
	return b.String()
}

// leaveOpen records that so many profiles of a job are not confirmed. Which they
// are is known only if they are all of it.
func (r *Report) leaveOpen(job string, m *manifest, profiles int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := Unconfirmed{job, int64(profiles), int64(m.profiles()), m.span()}
	at, _ := slices.BinarySearchFunc(r.Unconfirmed, u, func(a, b Unconfirmed) int { return cmp.Compare(a.rows.part.from, b.rows.part.from) })
	r.Unconfirmed = slices.Insert(r.Unconfirmed, at, u)
	words := fmt.Sprintf("Klaviyo finished job %s (%s) without counting the profile as imported or as failed", job, u.rows)
	for i := range profiles {
		row := tally.Row{}
		if profiles == m.profiles() {
			row = m.row(i)
		}
		r.list(row, codeNotConfirmed, words)
	}
}

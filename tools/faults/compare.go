package main

import (
	"fmt"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// compare says how the list differs from what the mode makes of the segment, empty if
// it does not.
func (w *world) compare() string {
	members := byEmail(w.Members(w.listID))
	missing, wrong := 0, 0
	for _, p := range w.people {
		switch member, found := members[p.email]; {
		case !found:
			missing++
		case !p.is(member):
			wrong++
		}
	}
	strangers := 0
	if w.cell.mode == mirror {
		strangers = len(members) - (len(w.people) - missing)
	}
	unsubscribed := 0
	if w.cell.mode == consent {
		subscribed := w.subscribed()
		for _, p := range w.people {
			if p.consents && !subscribed[p.email] {
				unsubscribed++
			}
		}
	}
	if missing+wrong+strangers+unsubscribed == 0 {
		return w.harm()
	}
	return fmt.Sprintf("of %d people %d are not on the list, %d have other values, %d who consent are not subscribed; %d others are on it",
		len(w.people), missing, wrong, unsubscribed, strangers)
}

// found says what the list holds that is as it should be.
func (w *world) found() string {
	text := fmt.Sprintf("right: %d people", len(w.Members(w.listID)))
	if w.cell.mode == consent {
		text += fmt.Sprintf(", %d subscribed", len(w.subscribed()))
	}
	return text + "; no changes"
}

// harm says what must be wrong at no time, empty if nothing is: somebody on the list
// who was never in the segment, somebody off it who never left, somebody subscribed
// who never consented.
func (w *world) harm() string {
	now, known, consents := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range w.people {
		now[p.email], known[p.email] = true, true
		consents[p.email] = p.consents
	}
	stayed := 0
	members := byEmail(w.Members(w.listID))
	for _, p := range w.before {
		known[p.email] = true
		consents[p.email] = consents[p.email] || p.consents
		if _, on := members[p.email]; now[p.email] && !on {
			stayed++
		}
	}
	if gone := !slices.ContainsFunc(w.Lists(), func(l simulator.List) bool { return l.ID == w.listID }); gone {
		stayed = 0
	}
	strangers := 0
	for email := range members {
		if !known[email] {
			strangers++
		}
	}
	against := 0
	for email := range w.subscribed() {
		if !consents[email] {
			against++
		}
	}
	if stayed+strangers+against == 0 {
		return ""
	}
	return fmt.Sprintf("harm is done: %d people were removed from the list who had not left, %d are on it who were never in the segment, %d are subscribed who never consented",
		stayed, strangers, against)
}

func (w *world) subscribed() map[string]bool {
	all := map[string]bool{}
	for _, email := range w.Subscribed("email") {
		all[email] = true
	}
	return all
}

func byEmail(members []simulator.Profile) map[string]simulator.Profile {
	all := make(map[string]simulator.Profile, len(members))
	for _, m := range members {
		all[m.Email] = m
	}
	return all
}

// is reports whether a profile has the values of a row. An empty cell leaves a property
// alone.
func (p person) is(profile simulator.Profile) bool {
	note, _ := profile.Properties["note"].(string)
	return profile.Attributes["first_name"] == p.name && (p.note == "" || note == p.note)
}

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// person is a row of the segment.
type person struct {
	email, name, note string
	consents          bool
}

// The first segment, and what changes in it. Most people take next to no room; those who
// come and change take so much that they do not fit into one import.
const (
	people       = 12_000
	badRows      = 100
	comers       = 200
	changed      = 200
	leavers      = 200
	mirrorLeaves = 1_100 // more than one request takes off a list
	newConsents  = 1_300 // more than one request subscribes
	noteSize     = 15_000
)

func firstSegment() []person {
	all := make([]person, people)
	for i := range all {
		all[i] = person{email: fmt.Sprintf("person%d@example.com", i), name: fmt.Sprintf("Person %d", i), consents: i%2 == 0}
	}
	return all
}

// secondSegment is what becomes of a segment: the first people have left, the next
// ones have changed, and others have joined. With consent, some of those in the middle
// newly say yes and some no longer do.
func secondSegment(first []person, m mode) []person {
	gone := leavers
	if m == mirror {
		gone = mirrorLeaves
	}
	all := append([]person{}, first[gone:]...)
	for i := range changed {
		all[i].name += " the Second"
		all[i].note = strings.Repeat("changed;", noteSize/8)
	}
	for i := range comers {
		all = append(all, person{
			email: fmt.Sprintf("comer%d@example.com", i), name: "Comer", note: strings.Repeat("has come", noteSize/8), consents: i%2 == 0,
		})
	}
	if m == consent {
		middle := all[2*changed:]
		for i := range 2 * newConsents {
			middle[i].consents = i%2 != 0 || i%26 != 0 // everybody, less one in thirteen of those who did
		}
	}
	return all
}

// csvOf is a segment as a file, with some rows that nobody can export.
func csvOf(all []person) []byte {
	var b bytes.Buffer
	b.WriteString("EMail,FirstName,Note,Accepts Marketing,Since\n")
	for i, p := range all {
		says := "no"
		if p.consents {
			says = "yes"
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s,2024-03-05\n", p.email, p.name, p.note, says)
		if i < badRows {
			b.WriteString("nobody,Nobody,,no,\n")
		}
	}
	return b.Bytes()
}

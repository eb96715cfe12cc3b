package export

import (
	"encoding/json"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// maxBatchBytes leaves room for the envelope of an import.
const maxBatchBytes = klaviyo.MaxImportBytes - klaviyo.ImportOverhead

// batch is the profiles of one import request.
type batch struct {
	json     []byte // resource objects, separated by commas
	profiles []sent
}

// sent is a profile in a batch.
type sent struct {
	row   Row
	email uint64 // half of the hash of the address, to recognise it in a report
	end   int    // where it ends in the batch's json
}

func (b *batch) reset() { b.json, b.profiles = b.json[:0], b.profiles[:0] }

// fits reports whether a profile of so many bytes can be added.
func (b *batch) fits(size int) bool {
	return len(b.profiles) < klaviyo.MaxImportProfiles && len(b.json)+size+1 <= maxBatchBytes
}

func (b *batch) add(row Row, email profile.Hash, json []byte) {
	b.append(sent{row: row, email: email.Lo}, json)
}

func (b *batch) append(p sent, json []byte) {
	if len(b.profiles) > 0 {
		b.json = append(b.json, ',')
	}
	b.json = append(b.json, json...)
	p.end = len(b.json)
	b.profiles = append(b.profiles, p)
}

// at returns the bytes of the i-th profile.
func (b *batch) at(i int) []byte {
	start := 0
	if i > 0 {
		start = b.profiles[i-1].end + 1 // the comma
	}
	return b.json[start:b.profiles[i].end]
}

// edit keeps the profiles as keep returns them and takes out those for which
// it returns nil.
func (b *batch) edit(keep func(i int, json []byte) []byte) {
	var out batch
	out.json = make([]byte, 0, len(b.json))
	out.profiles = make([]sent, 0, len(b.profiles))
	for i, p := range b.profiles {
		if json := keep(i, b.at(i)); json != nil {
			out.append(p, json)
		}
	}
	*b = out
}

// halves splits a batch of two profiles or more.
func (b *batch) halves() (first, second *batch) {
	middle := len(b.profiles) / 2
	first, second = &batch{}, &batch{}
	for i, p := range b.profiles {
		half := first
		if i >= middle {
			half = second
		}
		half.append(p, b.at(i))
	}
	return first, second
}

// rows hands over the places of the profiles, for the report of the job.
func (b *batch) rows() []sent { return slices.Clone(b.profiles) }

// withoutPhone returns a profile without its phone number, nil if it has none.
func withoutPhone(resource []byte) []byte {
	var p struct {
		Type       string                     `json:"type"`
		Attributes map[string]json.RawMessage `json:"attributes"`
	}
	if json.Unmarshal(resource, &p) != nil || p.Attributes["phone_number"] == nil {
		return nil
	}
	delete(p.Attributes, "phone_number")
	out, err := json.Marshal(p)
	if err != nil {
		return nil
	}
	return out
}

package export

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/url"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// sampleSize is how many people a sample has: as many as one request looks up. If 3 %
// of the people are missing, a sample of this size shows it with 95 % certainty.
const sampleSize = klaviyo.MaxLookup

// maxSampledAddress is the longest address in a sample, as it is written in a URL, so
// that the URL of a request for a sample stays below the 8 KB that proxies take.
const maxSampledAddress = 60

// Sample are the people of the segments whose addresses have the lowest hashes. So
// they are spread over the segments, and the same as long as the people are. The zero
// value is empty.
type Sample struct {
	people []sampled // by hash
}

// sampled is somebody in a sample.
type sampled struct {
	hash      profile.Hash // of the address
	email     string
	key       uint64 // of the address in the sketch of the reader; 0 if it has none
	unchanged bool   // was not sent by the run that took the sample
}

// add takes a profile into the sample, unless that is nil, if its hash is among the
// lowest so far. Addresses that are long, or that Klaviyo may have in another form, are
// left out.
func (s *Sample) add(p *pipeline.Profile, unchanged bool) {
	if s == nil || len(s.people) == sampleSize && compareHashes(p.Email, s.people[sampleSize-1].hash) > 0 {
		return
	}
	spellings := profile.Spellings(p.JSON)
	if len(spellings) != 1 || len(url.QueryEscape(spellings[0])) > maxSampledAddress {
		return
	}
	at, _ := slices.BinarySearchFunc(s.people, p.Email, func(one sampled, h profile.Hash) int { return compareHashes(one.hash, h) })
	s.people = slices.Insert(s.people, at, sampled{p.Email, spellings[0], p.Key, unchanged})
	s.people = s.people[:min(len(s.people), sampleSize)]
}

func compareHashes(a, b profile.Hash) int {
	switch {
	case a == b:
		return 0
	case a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	default:
		return 1
	}
}

// SampleCheck is what looking up a sample on the list found.
type SampleCheck struct {
	People  int64 `json:"people"`  // of the sample who should be on the list
	Missing int64 `json:"missing"` // of these who are not on it and did not opt out
}

// Absent are people of a sample who were not on the list right after a run: Klaviyo
// refused or merged them, or they opted out. It holds hashes of their addresses with a
// random salt.
type Absent struct {
	Salt []byte        `json:"salt"`
	Keys pipeline.Keys `json:"keys"`
}

// key is the key of an address, from its hash.
func (a *Absent) key(h profile.Hash) uint64 {
	mac := hmac.New(sha256.New, a.Salt)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], h.Hi)
	binary.BigEndian.PutUint64(b[8:], h.Lo)
	mac.Write(b[:])
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

func (a *Absent) has(h profile.Hash) bool { return a != nil && slices.Contains(a.Keys, a.key(h)) }

// LastSent is what a check of a sample must know of the last run.
type LastSent struct {
	Fingerprint string  // of the profiles that it sent
	Absent      *Absent // nil if that is not known
}

// SurveySampled is Survey, which also takes a sample of the people.
func (e *Export) SurveySampled(ctx context.Context) (*Survey, *Sample, error) {
	sample := &Sample{}
	survey, err := e.surveySampled(ctx, e.pipeline().NewReader(), e.newRejects(), sample)
	return survey, sample, err
}

// CheckSample looks up on the list those of a sample who were in the segments at the
// last run. The result is nil if who that is is not known because too much has changed:
// then a run sends everything anyway.
func (e *Export) CheckSample(ctx context.Context, client *klaviyo.Client, survey *Survey, s *Sample, last LastSent) (*SampleCheck, error) {
	people, known := s.sentBefore(survey, last.Fingerprint)
	if !known {
		logging.Debug(ctx, "No sample was looked up, since who was sent before is not known", logging.Fields{"list": e.ListID})
		return nil, nil
	}
	missing, err := e.notOnList(ctx, client, people)
	if err != nil {
		return nil, err
	}
	missing = slices.DeleteFunc(missing, func(one sampled) bool { return last.Absent.has(one.hash) })
	if missing, err = e.withoutOptOuts(ctx, client, missing); err != nil {
		return nil, err
	}
	return &SampleCheck{People: int64(len(people)), Missing: int64(len(missing))}, nil
}

// sentBefore are the people of the sample whom Klaviyo has acknowledged before, so that
// they should be on the list. It reports false if that is not known.
func (s *Sample) sentBefore(survey *Survey, lastFingerprint string) (people []sampled, known bool) {
	changes := survey.Changes
	if changes == nil {
		return s.people, survey.Fingerprint == lastFingerprint
	}
	for _, one := range s.people {
		if !changes.Added.Has(one.key) {
			people = append(people, one)
		}
	}
	return people, true
}

// notOnList are those of a few people who are not on the list.
func (e *Export) notOnList(ctx context.Context, client *klaviyo.Client, people []sampled) ([]sampled, error) {
	on := map[profile.Hash]bool{}
	for email, err := range client.MembersAmong(ctx, e.ListID, emailsOf(people)) {
		if err != nil {
			return nil, ListError(e.ListID, err)
		}
		on[profile.HashOfAddress(email)] = true
	}
	var missing []sampled
	for _, one := range people {
		if !on[one.hash] {
			missing = append(missing, one)
		}
	}
	return missing, nil
}

// withoutOptOuts are those of a few people who did not opt out.
func (e *Export) withoutOptOuts(ctx context.Context, client *klaviyo.Client, people []sampled) ([]sampled, error) {
	if len(people) == 0 || e.OptOuts == IgnoreOptOuts {
		return people, nil
	}
	found, err := suppressionsOf(ctx, client, emailsOf(people))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(people, func(one sampled) bool { return e.optOutOf(found[one.hash], time.Time{}) != noOptOut }), nil
}

func emailsOf(people []sampled) []string {
	emails := make([]string, len(people))
	for i, one := range people {
		emails[i] = one.email
	}
	return emails
}

// SampleAbsent looks up a sample that a run has taken. Those who are not on the list
// are not missing later, unless the run did not send them and they were not absent
// before: then somebody took them off since the check before the run.
func (e *Export) SampleAbsent(ctx context.Context, client *klaviyo.Client, s *Sample, before *Absent) (*Absent, error) {
	missing, err := e.notOnList(ctx, client, s.people)
	if err != nil {
		return nil, err
	}
	absent := &Absent{Salt: make([]byte, 16)}
	_, _ = rand.Read(absent.Salt) // never fails: see crypto/rand
	for _, one := range missing {
		if !one.unchanged || before.has(one.hash) {
			absent.Keys = append(absent.Keys, absent.key(one.hash))
		}
	}
	slices.Sort(absent.Keys)
	return absent, nil
}

package pipeline

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// identified is a segment of rows with a phone number and an id, which so many
// rows in a row share.
type identified struct{ rows, sharedBy, next int }

func (s identified) Open(context.Context, []string) (segment.Rows, error) { return &s, nil }

func (identified) Version(context.Context) (string, error) { return "", nil }

func (*identified) JSON() []bool { return nil }

func (*identified) Close() error { return nil }

func (s *identified) Next(dst []string) ([]string, error) {
	if s.next == s.rows {
		return dst, io.EOF
	}
	n := s.next / s.sharedBy
	s.next++
	text := strconv.Itoa(1_000_000_000 + n)
	return append(dst, "p"+strconv.Itoa(s.next)+"@example.com", "+3460"+text[len(text)-7:], text), nil
}

func identifiedReader(rows, sharedBy int) *Reader {
	p := &Pipeline{
		Segments: []Segment{{Name: "s", Source: identified{rows: rows, sharedBy: sharedBy}}},
		Mapping:  profile.Mapping{Email: "email", PhoneNumber: "phone", ExternalID: "id"},
	}
	return p.NewReader()
}

// The set of addresses and what finds shared identifiers take about 30 bytes a row
// together, also where each is shared by two, and the latter little once it is done.
func TestSharedMemory(t *testing.T) { //nolint:paralleltest // measures the heap
	race.SkipHeap(t)
	const rows = 1_000_000
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for sharedBy, limit := range map[int]uint64{1: 30, 2: 31, 1000: 30} {
		before := used()
		r := identifiedReader(rows, sharedBy)
		r.FindShared()
		var during uint64
		r.OnRows = func(n int64) {
			if n == rows {
				during = used() - before
			}
		}
		if _, err := r.Read(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		after := used() - before
		t.Logf("shared by %d: %d bytes a row while they are found, %d after", sharedBy, during/rows, after/rows)
		if during > limit*rows || after > 30*rows || r.FoundShared() != (sharedBy > 1) {
			t.Errorf("shared by %d: %d bytes a row while they are found, %d after", sharedBy, during/rows, after/rows)
		}
		runtime.KeepAlive(r)
	}
}

// Those who share an identifier are counted by the pass after the first, all of them.
func TestSharedAreCounted(t *testing.T) {
	t.Parallel()
	for sharedBy, want := range map[int]int64{1: 0, 2: 6000, 7: 6000, 3000: 6000, 2999: 5998} {
		r := identifiedReader(3000, sharedBy)
		r.FindShared()
		for pass := range 3 {
			s, err := r.Read(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Shared.Total; got != want && pass > 0 || got != 0 && pass == 0 {
				t.Errorf("pass %d, shared by %d: %d counted, want %d", pass, sharedBy, got, want)
			}
		}
	}
}

// BenchmarkShared is the cost of a survey per row of a million, with and without
// looking for shared identifiers.
func BenchmarkShared(b *testing.B) {
	const rows = 1_000_000
	for _, find := range []bool{false, true} {
		b.Run(fmt.Sprintf("find=%t", find), func(b *testing.B) {
			for b.Loop() {
				r := identifiedReader(rows, 1)
				if find {
					r.FindShared()
				}
				if _, err := r.Read(b.Context(), nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

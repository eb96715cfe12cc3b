package export

import (
	"bytes"
	"context"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// SetBatchRoom makes the batches of an export smaller than imports may be, so
// that few rows are several jobs.
func (e *Export) SetBatchRoom(profiles, bytes int) { e.room = batchRoom{profiles, bytes} }

// Packed is what a run of an export would send.
type Packed struct {
	Survey
	Bodies [][]byte // of the batches, without their envelopes
	Sent   []SentProfile
	Unsent []tally.Row
}

// SentProfile is a profile in one of the batches.
type SentProfile struct {
	Row  tally.Row
	JSON []byte
}

// Pack is a run up to where its batches leave for Klaviyo, whatever the
// safeguards say.
func (e *Export) Pack(ctx context.Context) (*Packed, error) {
	unsent := &rejects{known: map[rejectKey]int32{}, order: map[string]int{}}
	for i, s := range e.Segments {
		unsent.order[s.Name] = i
	}
	r := e.newRun(nil, prepared{survey: &Survey{}, roster: e.newRoster(), optOuts: &hashSet{}}, unsent, RunOptions{})
	end := make(chan error, 1)
	go func() {
		defer close(r.batches)
		pack := packer{run: r}
		if err := pack.addSegments(ctx); err != nil {
			end <- err
			return
		}
		end <- pack.flush(ctx)
	}()
	p := &Packed{}
	for b := range r.batches {
		p.Bodies = append(p.Bodies, slices.Concat(b.body...))
		for _, s := range b.profiles {
			p.Sent = append(p.Sent, SentProfile{b.row(s), bytes.Clone(b.json(s))})
		}
		r.pool.put(b)
	}
	for _, row := range unsent.rows {
		p.Unsent = append(p.Unsent, tally.Row{Segment: e.Segments[row.segment].Name, Number: row.number})
	}
	p.Survey = *r.counts.survey()
	return p, <-end
}

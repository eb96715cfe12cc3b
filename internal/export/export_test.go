package export

import (
	"bytes"
	"context"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// SetBatchLimits makes the batches of an export smaller than imports may be, so
// that few rows are several jobs.
func (e *Export) SetBatchLimits(profiles, bytes int) {
	e.limits = bulk.Limits{Profiles: profiles, Bytes: bytes}
}

// Packed is what a run of an export would send.
type Packed struct {
	Survey
	Sent   []SentProfile
	Unsent []tally.Row
}

// SentProfile is a profile that would be sent.
type SentProfile struct {
	Row  tally.Row
	JSON []byte
}

// Pack is a run up to where its profiles go to Klaviyo, whatever the safeguards
// say.
func (e *Export) Pack(ctx context.Context) (*Packed, error) {
	p := &Packed{}
	r := e.pipeline().NewReader()
	r.FindShared()
	if _, err := r.Read(ctx, nil); err != nil {
		return p, err
	}
	r.OnSkip = func(row tally.Row, _, _ string) { p.Unsent = append(p.Unsent, row) }
	s, err := r.Read(ctx, func(one *pipeline.Profile) error {
		p.Sent = append(p.Sent, SentProfile{one.Row, bytes.Clone(one.JSON)})
		return nil
	})
	if s != nil {
		p.Survey = *s
	}
	return p, err
}

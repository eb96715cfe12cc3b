package bulk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func TestHeldUpSumsUpStatuses(t *testing.T) {
	t.Parallel()
	var h heldUp
	for i := range 25 {
		h.byStatus(t.Context(), klaviyo.ImportJob{ID: fmt.Sprintf("job-%02d", i), Status: "paused"})
	}
	h.byStatus(t.Context(), klaviyo.ImportJob{ID: "job-00", Status: "lost"})
	h.byStatus(t.Context(), klaviyo.ImportJob{ID: "job-01", Status: klaviyo.JobProcessing})
	h.byStatus(t.Context(), klaviyo.ImportJob{ID: "job-99", Status: klaviyo.JobQueued})
	text := h.String()
	for _, want := range []string{`job job-00 has the status "lost"`, `23 jobs have the status "paused"`, "job-02, job-03", "and 3 more, which the log names."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if strings.Contains(text, "job-01") || strings.Contains(text, "job-99") {
		t.Errorf("%q names a job whose status is known", text)
	}
}

func TestHeldUpByNothing(t *testing.T) {
	t.Parallel()
	var h heldUp
	if err := h.by(nil); err != nil || h.String() != "" {
		t.Errorf("error %v, %q", err, h.String())
	}
}

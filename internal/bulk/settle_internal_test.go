package bulk

import (
	"fmt"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// What Klaviyo's counts and errors say of five profiles, and what follows.
func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	const sent, null = 5, -1
	for name, tc := range map[string]struct {
		total, completed, failed int64
		named, nameless          int
		want                     outcome
	}{
		"all imported":                           {5, 5, 0, 0, 0, outcome{}},
		"some failed, without a reason":          {5, 3, 2, 0, 0, outcome{failed: 2}},
		"some failed, with names":                {5, 3, 2, 2, 0, outcome{failed: 2}},
		"all failed":                             {5, 0, 5, 5, 0, outcome{failed: 5}},
		"neither imported nor failed":            {5, 3, 1, 1, 0, outcome{failed: 1, unconfirmed: 1}},
		"nothing happened":                       {5, 0, 0, 0, 0, outcome{unconfirmed: 5}},
		"imported as well as failed":             {5, 4, 3, 0, 0, outcome{failed: 3}},
		"fewer imported, and errors that count":  {5, 3, 0, 1, 0, outcome{failed: 1, unconfirmed: 1}},
		"fewer imported, and nameless errors":    {5, 3, 0, 0, 1, outcome{failed: 1, unconfirmed: 1}},
		"more nameless errors than there can be": {5, 3, 0, 0, 9, outcome{failed: 2}},
		"two errors of one failure":              {5, 4, 1, 0, 2, outcome{failed: 1}},

		"no counts":                        {5, null, null, 0, 0, outcome{}},
		"no counts, but errors":            {5, null, null, 1, 2, outcome{failed: 3}},
		"no counts, more errors than rows": {5, null, null, 3, 9, outcome{failed: 5}},
		"not even the total":               {null, null, null, 0, 0, outcome{}},
		"only the imported":                {5, 4, null, 0, 0, outcome{unconfirmed: 1}},
		"only the imported, and an error":  {5, 4, null, 1, 0, outcome{failed: 1}},
		"only the failed":                  {5, null, 2, 0, 0, outcome{failed: 2}},
		"only that none failed":            {5, null, 0, 0, 0, outcome{}},

		"a total of fewer":                        {2, null, null, 0, 0, outcome{unconfirmed: 3}},
		"a total of fewer, with errors":           {2, null, null, 1, 0, outcome{failed: 1, unconfirmed: 3}},
		"a total of fewer, of which one failed":   {2, null, 1, 1, 0, outcome{failed: 1, unconfirmed: 3}},
		"a total of fewer, of which more failed":  {2, null, 4, 4, 0, outcome{failed: 4, unconfirmed: 1}},
		"a total of fewer, all of them imported":  {2, 2, 0, 0, 0, outcome{unconfirmed: 3}},
		"a total of none":                         {0, null, null, 0, 0, outcome{unconfirmed: 5}},
		"a total of fewer, and all imported":      {2, 5, 0, 0, 0, outcome{}},
		"a total of more, and all imported":       {9, 5, 0, 0, 0, outcome{}},
		"a total of more":                         {9, null, null, 0, 0, outcome{}},
		"more imported than sent":                 {5, 7, 0, 0, 0, outcome{}},
		"more imported than sent, and one failed": {5, 7, 1, 1, 0, outcome{failed: 1}},
		"more failed than sent":                   {5, 0, 9, 0, 0, outcome{failed: 5}},
		"more of everything":                      {99, 99, 99, 5, 99, outcome{failed: 5}},
	} {
		job := klaviyo.ImportJob{TotalCount: tc.total, CompletedCount: tc.completed, FailedCount: tc.failed}
		if got := outcomeOf(job, sent, tc.named, tc.nameless); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// However little Klaviyo's counts fit together, all profiles are accounted for,
// and none is taken for imported that is not counted so.
func TestOutcomeOfAddsUp(t *testing.T) {
	t.Parallel()
	const most = 4 // profiles; the counts may be larger
	for sent := 1; sent <= most; sent++ {
		for n := range (most + 3) * (most + 3) * (most + 3) {
			total, completed, failed := int64(n%(most+3))-1, int64(n/(most+3)%(most+3))-1, int64(n/(most+3)/(most+3))-1
			job := klaviyo.ImportJob{TotalCount: total, CompletedCount: completed, FailedCount: failed}
			for named := range sent + 1 {
				for nameless := range most {
					o := outcomeOf(job, sent, named, nameless)
					imported := sent - o.failed - o.unconfirmed
					what := fmt.Sprintf("%d sent, job %d/%d/%d, %d and %d errors: %+v", sent, total, completed, failed, named, nameless, o)
					if o.failed < 0 || o.unconfirmed < 0 || imported < 0 {
						t.Error(what)
					}
					if o.failed < named || int64(o.failed) < min(failed, int64(sent)) {
						t.Errorf("%s: too few failed", what)
					}
					if completed >= 0 && int64(imported) > completed || completed < 0 && total >= 0 && int64(imported) > total {
						t.Errorf("%s: more imported than are counted", what)
					}
					if o.unconfirmed > 0 && completed < 0 && total < 0 {
						t.Errorf("%s: not confirmed by no count", what)
					}
				}
			}
		}
	}
}

package export

import "testing"

// One batch is filled while all uploaders have theirs, and a batch that nobody
// has taken yet has not left: an error would name its rows nowhere.
func TestRunHasNoMoreBatchesThanItCanSend(t *testing.T) {
	t.Parallel()
	r := exportOf(alike{}).newRun(nil, prepared{survey: &Survey{}}, nil, RunOptions{})
	for n := 1; len(r.pool.allowed) > 0; n++ {
		b, err := r.pool.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n > uploaders+1 {
			t.Fatalf("a batch number %d for %d uploaders", n, uploaders)
		}
		select {
		case r.batches <- b:
			t.Fatal("a batch leaves while there is no uploader")
		default:
		}
	}
}

package export

// SetBatchRoom makes the batches of an export smaller than imports may be, so
// that few rows are several jobs.
func (e *Export) SetBatchRoom(profiles, bytes int) { e.room = batchRoom{profiles, bytes} }

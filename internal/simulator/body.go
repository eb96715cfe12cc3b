package simulator

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// maxBodyBytes is the largest request that Klaviyo takes.
const maxBodyBytes = 5_000_000

// maxDrainBytes is how much of a body that is too large is still read; see
// readBody.
const maxDrainBytes = 64 << 20

// bodies are buffers for reading requests. What outlives a request is copied
// out of them.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBody comes before all checks, even when one of them refuses the request:
// a server that answers in the middle of a body and hangs up leaves the client
// with a broken connection in place of the answer.
func (x *exchange) readBody() {
	x.buffer = bodies.Get().(*bytes.Buffer)
	x.buffer.Reset()
	size, err := x.buffer.ReadFrom(io.LimitReader(x.request.Body, maxBodyBytes+1))
	x.body = x.buffer.Bytes()
	x.server.recorder.tookBody(x.record, x.body)
	switch {
	case err != nil:
		x.bodyError = refusal(newProblem(400, "parse_error", "Malformed request.", "The request body could not be read."))
	case size > maxBodyBytes:
		_, _ = io.Copy(io.Discard, io.LimitReader(x.request.Body, maxDrainBytes))
		x.bodyError = refusal(tooLarge(fmt.Sprintf("The request is larger than the %d bytes allowed.", maxBodyBytes)))
	}
}

func (x *exchange) checkBody() *response { return x.bodyError }

// releaseBody gives the buffer back once the request is answered.
func (x *exchange) releaseBody() {
	if x.buffer != nil {
		bodies.Put(x.buffer)
		x.buffer, x.body = nil, nil
	}
}

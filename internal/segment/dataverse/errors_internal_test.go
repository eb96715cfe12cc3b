package dataverse

import (
	"strings"
	"testing"
)

// What Dataverse says goes into messages without control characters.
func TestStatusErrorIsSafe(t *testing.T) {
	t.Parallel()
	answer := &statusError{status: 400, code: "0x\x1b[31m", message: "It is \x1b[31m."}
	if strings.Contains(answer.Error(), "\x1b") {
		t.Errorf("error %q", answer)
	}
}

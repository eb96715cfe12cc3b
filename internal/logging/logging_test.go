package logging_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

// All goroutines of a request log through the request's context.
func TestLoggingFromManyGoroutines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ctx := tflogtest.RootLogger(t.Context(), &out)
	ctx = logging.WithField(ctx, "request", "ada@example.com")
	var all sync.WaitGroup
	const goroutines, lines = 100, 20
	for range goroutines {
		all.Go(func() {
			for range lines {
				logging.Debug(ctx, "a page was read", logging.Fields{"member": "joan@example.com"})
				_ = logging.WithField(ctx, "run", "grace@example.com")
			}
		})
	}
	all.Wait()
	if got := strings.Count(out.String(), "a page was read"); got != goroutines*lines {
		t.Errorf("%d lines were logged, want %d", got, goroutines*lines)
	}
	if strings.Contains(out.String(), "example.com") {
		t.Error("an address was logged")
	}
}

func TestLoggingMasks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ctx := tflogtest.RootLogger(t.Context(), &out)
	ctx = logging.WithField(ctx, "field", "pk_secret1")
	logging.Info(ctx, "the address ada@example.com", logging.Fields{
		"text": "pk_secret2", "error": errors.New("\x1b[2J +34600111222"), "list": []string{"grace@example.com"},
		"number": 12, "wait": 90 * time.Second,
	})
	logging.Warn(ctx, "joan@example.com", nil)
	for _, secret := range []string{"secret", "example.com", "600111222", `\u001b`} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log has %q: %s", secret, out.String())
		}
	}
	for _, shown := range []string{`"number":12`, `"wait":"1m30s"`, `"list":"[***]"`, `"field":"pk_***"`} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("the log lacks %s: %s", shown, out.String())
		}
	}
}

package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

func TestFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := wait.For(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("it ended after %s with %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if err := wait.For(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("it ended after %s with %v", time.Since(start), err)
		}
	})
}

// Once its context has ended, a wait fails, however short it is.
func TestForAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if err := wait.For(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
	}
}

func TestWaitEndsWhenWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		wake := make(chan struct{})
		time.AfterFunc(time.Minute, func() { close(wake) })
		if err := (wait.System{}).Wait(t.Context(), time.Hour, wake); err != nil || time.Since(start) != time.Minute {
			t.Errorf("it ended after %s with %v", time.Since(start), err)
		}
	})
}

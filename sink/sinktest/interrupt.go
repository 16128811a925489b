package sinktest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/exportyard/exportyard/sink"
)

// Interrupt checks that transfers which end after each of the given numbers of
// bytes, by an error of the source, a canceled context, a deadline or a panic,
// leave no object and nothing over. Run does so around the size of a part;
// this is for sizes of one's own.
func Interrupt(t *testing.T, newHarness func(t *testing.T) Harness, bytes ...int) {
	t.Helper()
	if err := interruptAt(t.Context(), newHarness(t), bytes); err != nil {
		t.Error(err)
	}
}

func interrupted(ctx context.Context, h Harness) error {
	return interruptAt(ctx, h, []int{0, 1, h.Part - 1, h.Part, h.Part + 1, h.Large})
}

var errSource = errors.New("the source ends early")

// interruptions end a transfer whose writer has taken some bytes already.
var interruptions = []struct {
	name  string
	bound func(ctx context.Context) (context.Context, context.CancelFunc)
	end   func(ctx context.Context, cancel context.CancelFunc) error
}{
	{"source error", context.WithCancel, func(context.Context, context.CancelFunc) error { return errSource }},
	{"cancel", context.WithCancel, func(_ context.Context, cancel context.CancelFunc) error { cancel(); return nil }},
	{"deadline", withSoon, func(ctx context.Context, _ context.CancelFunc) error { <-ctx.Done(); return nil }},
	{"panic", context.WithCancel, func(context.Context, context.CancelFunc) error { panic(errSource) }},
}

func withSoon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 30*time.Millisecond)
}

func interruptAt(ctx context.Context, h Harness, points []int) error {
	for _, by := range interruptions {
		for _, at := range points {
			bounded, cancel := by.bound(ctx)
			err := transfer(bounded, h.Sink, content(1, at), func() error { return by.end(bounded, cancel) })
			cancel()
			if err == nil {
				return fmt.Errorf("%s after %d bytes: the transfer reports success", by.name, at)
			}
			var failed abortError
			if errors.As(err, &failed) {
				return fmt.Errorf("%s after %d bytes: %w", by.name, at, failed)
			}
			if err := errors.Join(absent(ctx, h.Sink, key), nothingOver(ctx, h)); err != nil {
				return fmt.Errorf("%s after %d bytes: %w", by.name, at, err)
			}
		}
	}
	return nil
}

// transfer writes data to an object the way an engine does, with end called
// before the last byte that would have come.
func transfer(ctx context.Context, s sink.Sink, data []byte, end func() error) (err error) {
	w, err := s.Create(ctx, key, nil)
	if err != nil {
		return err // the deadline may have passed already
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if failed := w.Abort(); failed != nil {
			err = errors.Join(err, abortError{failed})
		}
	}()
	if err := write(w, data); err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	if _, err := w.Write([]byte("the rest")); err != nil {
		return err
	}
	return w.Commit()
}

// abortError is an Abort's error.
type abortError struct{ error }

func (e abortError) Error() string { return "abort: " + e.error.Error() }

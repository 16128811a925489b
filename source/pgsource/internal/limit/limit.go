// Package limit paces reads, so that an export leaves the host's database to its
// users.
package limit

import (
	"context"
	"sync"
	"time"
)

// A Limiter keeps what all readers take together under a rate. It is safe for
// concurrent use; nil does not limit.
type Limiter struct {
	rows, bytes float64 // a second; 0 is no limit

	mu   sync.Mutex
	paid time.Time // until when what was taken is paid for
}

// New returns a limiter of so many rows and bytes a second, nil when both are 0.
func New(rows, bytes int64) *Limiter {
	if rows <= 0 && bytes <= 0 {
		return nil
	}
	return &Limiter{rows: float64(rows), bytes: float64(bytes)}
}

// Wait takes rows and bytes, and returns when the time that they may take is
// over, or when ctx ends.
func (l *Limiter) Wait(ctx context.Context, rows, bytes int) error {
	if l == nil {
		return nil
	}
	wait := l.take(time.Now(), rows, bytes)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// take books what is taken now and returns how long it takes to pay for it.
func (l *Limiter) take(now time.Time, rows, bytes int) time.Duration {
	var seconds float64
	if l.rows > 0 {
		seconds = float64(rows) / l.rows
	}
	if l.bytes > 0 {
		seconds = max(seconds, float64(bytes)/l.bytes)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paid.Before(now) {
		l.paid = now
	}
	l.paid = l.paid.Add(time.Duration(seconds * float64(time.Second)))
	return l.paid.Sub(now)
}

// Package latch is the lock in front of a store in memory, with the store's clock.
package latch

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A Latch lets one method in at a time. Make it with [New].
type Latch struct {
	mu  sync.Mutex
	now func() time.Time
}

// New returns a latch with this clock.
func New(now func() time.Time) *Latch { return &Latch{now: now} }

// Begin takes the lock and the time. The caller ends unless there is an error.
func (l *Latch) Begin(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("memstore: %w", err)
	}
	l.mu.Lock()
	return l.now().UTC().Truncate(time.Microsecond), nil
}

// End gives the lock back.
func (l *Latch) End() { l.mu.Unlock() }

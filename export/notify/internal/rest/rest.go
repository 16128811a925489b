// Package rest leaves receivers that failed alone for a while, so that one that is dead
// does not keep messages for others waiting.
package rest

import (
	"sync"
	"time"
)

// most is how many failing receivers are remembered. Beyond that all are forgotten, which
// costs each of them one attempt.
const most = 10_000

// A List holds the receivers that have failed. It is safe for concurrent use.
type List struct {
	rest time.Duration
	now  func() time.Time

	mu    sync.Mutex
	until map[string]time.Time
}

// New returns an empty list whose receivers rest so long; not at all if that is negative.
func New(rest time.Duration, now func() time.Time) *List {
	return &List{rest: rest, now: now, until: map[string]time.Time{}}
}

// Wait returns how long the receiver still rests. When that is over, one caller is let
// through to try it.
func (l *List) Wait(receiver string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	until, failing := l.until[receiver]
	if !failing {
		return 0
	}
	now := l.now()
	if wait := until.Sub(now); wait > 0 {
		return wait
	}
	l.until[receiver] = now.Add(l.rest)
	return 0
}

// Note says how an attempt went.
func (l *List) Note(receiver string, failed bool) {
	if l.rest < 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.until, receiver)
	if !failed {
		return
	}
	if len(l.until) >= most {
		clear(l.until)
	}
	l.until[receiver] = l.now().Add(l.rest)
}

package queuetest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// harnessOf is the harness of what breaks a store, with a clock that can be moved.
func harnessOf[S interface {
	queue.JobStore
	queue.EntryReader
}](breaking func(*memstore.Store) S,
) queuetest.Harness {
	var mu sync.Mutex
	var ahead time.Duration
	b := breaking(memstore.New(&memstore.Options{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}}))
	return queuetest.Harness{
		Store: b, Entries: b,
		Advance: func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			ahead += d
		},
		Reopen: func(testing.TB) (queue.JobStore, queue.EntryReader) {
			empty := memstore.New(nil)
			return empty, empty
		},
	}
}

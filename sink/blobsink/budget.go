package blobsink

import (
	"context"
	"slices"
	"sync"
)

// uncounted is how many bytes of an object are written before its upload takes
// from the budget: manifests and probes never wait for exports.
const uncounted = 64 << 10

// beginning is how much of an object s3blob reads, in memory that grows by
// doubling, before it decides to upload in parts.
const beginning = 16 << 20

// A Budget bounds the memory that the uploads of a process hold, over all sinks
// that share it. An upload takes the most that it may need at its 65,536th byte,
// in one piece and in turn, and gives it back when it ends; until there is room,
// Write waits. Reading takes nothing.
type Budget struct {
	mu      sync.Mutex
	total   int64
	free    int64
	waiting []*claim // in order of their coming
}

// A claim is an upload that waits for room.
type claim struct {
	bytes int64
	taken chan struct{} // closed when it has it
}

// NewBudget returns a budget of so many bytes: 32 MiB are needed for each upload
// at once with the default [Options].
func NewBudget(bytes int64) *Budget { return &Budget{total: bytes, free: bytes} }

// take waits until there are n bytes, which are not more than the total.
func (b *Budget) take(ctx context.Context, n int64) error {
	c := &claim{n, make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	b.serve()
	b.mu.Unlock()
	select {
	case <-c.taken:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, c); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	} else {
		b.free += n // it came all the same
	}
	b.serve()
	return ctx.Err()
}

func (b *Budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.serve()
}

// serve hands out what is free. Who came first goes first, or large uploads would
// wait for ever.
func (b *Budget) serve() {
	for len(b.waiting) > 0 && b.waiting[0].bytes <= b.free {
		b.free -= b.waiting[0].bytes
		close(b.waiting[0].taken)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

// memory is the most that an upload holds in parts of that size: those that are
// sent and the one that is filled, beside the beginning.
func (s *Sink) memory(partSize int) int64 {
	return max(2*beginning, beginning+int64(s.opts.Concurrency+1)*int64(partSize))
}

package ranges

import (
	"context"
	"io"
	"sync"
)

// A Connection reads ranges, one after another.
type Connection interface {
	// Range starts to read the rows of a range, counted from 0. They are closed
	// before the next range is asked for.
	Range(ctx context.Context, n int64) Rows
	// End is called when the connection is not needed any more.
	End()
}

// Rows are the rows of a range as they come.
type Rows interface {
	// Next appends the next row to dst; the end is [io.EOF].
	Next(ctx context.Context, dst []byte) ([]byte, error)
	// Close ends the reading, at the rows' end or when the context has ended.
	Close()
}

// A Dial returns another connection, or nil when there is none to be had: the
// others then read all ranges.
type Dial func(ctx context.Context) Connection

// A Fan reads ranges by a goroutine for each connection. Whoever is free takes the
// next range, and waits with its blocks full while rows of an earlier range are
// still to come. One goroutine takes the rows.
type Fan struct {
	cancel context.CancelCauseFunc
	ended  <-chan struct{} // with the first error, or the context
	cause  func() error    // why
	done   sync.WaitGroup

	total  int64 // ranges
	mu     sync.Mutex
	next   int64        // range to read
	owners chan *worker // of the ranges, in order

	owner *worker // of the range whose rows are being taken
	block *block  // of that range
	row   int     // of that block
	taken int64   // ranges
	cut   int64   // rows
}

// Start begins to read so many ranges over the first connection and those that
// the dials give. Each has two blocks of about blockBytes. The context bounds
// the whole read.
func Start(ctx context.Context, total int64, blockBytes int, first Connection, dials ...Dial) *Fan {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &Fan{
		cancel: cancel, ended: ctx.Done(), cause: func() error { return context.Cause(ctx) }, total: total,
		// With two blocks a worker has at most two ranges that nobody has begun to take.
		owners: make(chan *worker, 2*(1+len(dials))),
	}
	dials = append([]Dial{func(context.Context) Connection { return first }}, dials...)
	for _, dial := range dials {
		f.done.Go(func() {
			if conn := dial(ctx); conn != nil {
				defer conn.End()
				if err := f.work(ctx, newWorker(blockBytes), conn); err != nil {
					cancel(err) // the first one counts
				}
			}
		})
	}
	return f
}

// work reads ranges until there are no more.
func (f *Fan) work(ctx context.Context, w *worker, conn Connection) error {
	for {
		n, ok := f.claim(w)
		if !ok {
			return nil
		}
		if err := w.read(ctx, conn, n); err != nil {
			return err
		}
	}
}

// claim returns the next range and notes whose it is.
func (f *Fan) claim(w *worker) (n int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == f.total {
		return 0, false
	}
	f.next++
	f.owners <- w
	return f.next - 1, true
}

// Next appends the next row to dst. The end is io.EOF.
func (f *Fan) Next(ctx context.Context, dst []byte) ([]byte, error) {
	for f.block == nil || f.row == len(f.block.ends) {
		if err := f.advance(ctx); err != nil {
			return dst, err
		}
	}
	begin := 0
	if f.row > 0 {
		begin = f.block.ends[f.row-1]
	}
	dst = append(dst, f.block.data[begin:f.block.ends[f.row]]...)
	f.row++
	f.cut++
	return dst, nil
}

// advance gives the block back and takes the one behind it.
func (f *Fan) advance(ctx context.Context) error {
	if f.block != nil {
		last := f.block.last
		f.owner.giveBack(f.block)
		f.block, f.row = nil, 0
		if last {
			f.owner = nil
			f.taken++
		}
	}
	if f.owner == nil {
		if f.taken == f.total {
			return io.EOF
		}
		owner, err := receive(ctx, f, f.owners)
		if err != nil {
			return err
		}
		f.owner = owner
	}
	var err error
	f.block, err = receive(ctx, f, f.owner.ready)
	return err
}

// receive waits for a value, for the first error or for the end of a context.
func receive[T any](ctx context.Context, f *Fan, from <-chan T) (value T, err error) {
	select {
	case value = <-from:
		return value, nil
	case <-ctx.Done():
	case <-f.ended:
	}
	if ctx.Err() != nil {
		return value, ctx.Err()
	}
	return value, f.cause()
}

// Cut returns how many rows have been taken so far.
func (f *Fan) Cut() int64 { return f.cut }

// Close ends the reading and waits for every connection's end.
func (f *Fan) Close() {
	f.cancel(nil)
	f.done.Wait()
}

package ranges

import (
	"context"
	"io"
)

// A block holds rows of one range end to end.
type block struct {
	data []byte
	ends []int // of the rows
	last bool  // of its range
}

// A worker is one connection's blocks: one that is being filled, and one that is
// full or waits to be.
type worker struct {
	bytes int
	free  chan *block
	ready chan *block
}

func newWorker(bytes int) *worker {
	w := &worker{bytes: bytes, free: make(chan *block, 2), ready: make(chan *block, 1)}
	w.free <- new(block)
	w.free <- new(block)
	return w
}

// read makes blocks of the rows of a range; the last may be empty.
func (w *worker) read(ctx context.Context, conn Connection, n int64) error {
	ctx, cancel := context.WithCancel(ctx)
	rows := conn.Range(ctx, n)
	defer rows.Close()
	defer cancel() // before that, so that nobody waits for rows behind an error
	for last := false; !last; {
		b, err := w.take(ctx)
		if err != nil {
			return err
		}
		if last, err = b.fill(ctx, rows, w.bytes); err != nil {
			return err
		}
		select {
		case w.ready <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take returns an empty block.
func (w *worker) take(ctx context.Context) (*block, error) {
	select {
	case b := <-w.free:
		if b.data == nil {
			b.data = make([]byte, 0, w.bytes+w.bytes/8)
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// giveBack empties a block. One that long rows have made too large starts anew.
func (w *worker) giveBack(b *block) {
	b.data, b.ends, b.last = b.data[:0], b.ends[:0], false
	if cap(b.data) > 2*w.bytes {
		b.data = nil
	}
	w.free <- b
}

// fill appends rows until the block is full or the range ends.
func (b *block) fill(ctx context.Context, rows Rows, bytes int) (last bool, err error) {
	for len(b.data) < bytes {
		data, err := rows.Next(ctx, b.data)
		if err == io.EOF {
			b.last = true
			return true, nil
		}
		if err != nil {
			return false, err
		}
		b.data = data
		b.ends = append(b.ends, len(data))
	}
	return false, nil
}

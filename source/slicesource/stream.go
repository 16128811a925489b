package slicesource

import (
	"context"
	"fmt"
	"io"
	"iter"
	"reflect"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource/internal/fields"
)

// A stream is the function of a source made by NewFunc. start returns a buffer
// and the walker that fills it.
type stream struct {
	start func() (reflect.Value, walker)
}

// A walker walks the function's rows: it loads each into the buffer and calls
// row, with the error if there is one, until row returns false.
type walker func(ctx context.Context, q source.Query, row func(error) bool)

// A streamReader reads one sequence. The sequence runs in a coroutine that is
// left when a batch is full, not at every row.
type streamReader struct {
	program *program
	ctx     context.Context // bounds the read, as Open's contract says
	cancel  context.CancelFunc
	next    func() (error, bool)
	stop    func()
	batch   *source.Batch // the one being filled
	last    []fields.Cell // the key of the last row, nil before the first
	rows    int           // looked at
	err     error         // what ended the read
}

func (s *Source) openStream(ctx context.Context, q source.Query) (source.Reader, error) {
	buf, walk := s.stream.start()
	p, err := s.compile(q, buf)
	if err != nil {
		return nil, err
	}
	r := &streamReader{program: p}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.next, r.stop = iter.Pull(func(full func(error) bool) {
		stopped := false
		walk(r.ctx, q, func(err error) bool {
			if err == nil {
				err = r.row()
			} else {
				err = fmt.Errorf("slicesource: dataset %q: %w", s.dataset.Name, err)
			}
			if err != nil || r.batch.Full() {
				stopped = !full(err) || err != nil
			}
			return !stopped
		})
		if err := r.ctx.Err(); err != nil && !stopped {
			full(err)
		}
	})
	return r, nil
}

// row appends the row in the buffer to the batch if it is asked for.
func (r *streamReader) row() error {
	if r.rows++; r.rows%checkEvery == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	if ok, err := r.program.wanted(); !ok || err != nil {
		return err
	}
	if r.program.key != nil {
		if err := r.inOrder(); err != nil || !r.program.within() {
			return err
		}
	}
	return r.program.appendRow(r.batch)
}

// inOrder loads the row's key and checks that it comes after the last one's.
func (r *streamReader) inOrder() error {
	p := r.program
	if err := p.loadKey(); err != nil {
		return err
	}
	if r.last == nil {
		r.last = make([]fields.Cell, len(p.key))
	} else if p.compareKey(r.last) <= 0 {
		return &source.DataError{Dataset: p.dataset.Name, Column: p.dataset.Key[0], Rule: "rows are not in the order of the key, each key once"}
	}
	for i := range p.key {
		r.last[i].Keep(&p.key[i].cell)
	}
	return nil
}

// Read appends rows to b.
func (r *streamReader) Read(ctx context.Context, b *source.Batch) error {
	if r.err == nil {
		r.err = r.canceled(ctx)
	}
	if r.err != nil {
		return r.err
	}
	r.batch = b
	release := context.AfterFunc(ctx, r.cancel)
	err, more := r.next()
	release()
	r.batch = nil
	switch {
	case r.canceled(ctx) != nil && (err != nil || !more):
		r.err = r.canceled(ctx)
	case !more:
		r.err = io.EOF
	default:
		r.err = err
	}
	if r.err == io.EOF && b.Len() > 0 {
		return nil
	}
	return r.err
}

// canceled returns the error of Read's context, or of the one that bounds the
// whole read.
func (r *streamReader) canceled(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.ctx.Err()
}

// Close ends the sequence.
func (r *streamReader) Close() error {
	r.err = errClosed
	r.cancel()
	r.stop()
	return nil
}

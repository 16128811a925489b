package pipeline

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A unit is one run of rows on its way: filled by the reader, worked on by a
// worker, taken by the writer, used again.
type unit struct {
	raw   *source.RawBatch // rows as they came, where the reader only cuts, until they are decoded
	batch *source.Batch    // the rows' cells; of raw rows only where the writer needs them
	rows  int
	first bool // no separator before its rows
	done  chan struct{}
	out   []byte
	sum   format.Sum
	err   error
}

// A line moves units from one reader over workers to one writer, in the order
// in which they were read. Its units are the bound on memory and the
// back-pressure.
type line struct {
	reader source.Reader
	raw    source.RawReader // the same, nil where rows come as cells
	schema source.Schema
	size   int                   // bytes of a unit
	arenas chan *source.RawBatch // for raw rows; a worker gives its one back as soon as it has decoded it
	free   chan *unit
	work   chan *unit
	order  chan *unit
	wg     sync.WaitGroup
}

func newLine(r source.Reader, schema source.Schema, workers, units, size int) *line {
	l := &line{
		reader: r, schema: schema, size: size,
		free: make(chan *unit, units), work: make(chan *unit, units), order: make(chan *unit, units),
	}
	l.raw, _ = source.RawOf(r)
	for range units {
		u := &unit{done: make(chan struct{}, 1)}
		if l.raw == nil {
			u.batch = source.NewBatch(schema, 0, size)
		}
		l.free <- u
	}
	if l.raw != nil {
		l.arenas = make(chan *source.RawBatch, max(2, workers))
		for range cap(l.arenas) {
			raw := source.NewRawBatch(0, size)
			raw.Data = make([]byte, 0, size+size/8) // what growing to it would leave behind is more
			l.arenas <- raw
		}
	}
	return l
}

// run moves all rows. Each of the workers works on one unit at a time; write
// takes finished ones in order. It returns how many rows were read, and when
// nothing of the line runs any more.
func (l *line) run(ctx context.Context, workers []func(*unit) error, write func(*unit) error) (rows int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, work := range workers {
		l.wg.Go(func() {
			for u := range l.work {
				u.err = guarded(work, u)
				u.done <- struct{}{}
			}
		})
	}
	var readErr error
	l.wg.Go(func() {
		defer close(l.order)
		defer close(l.work)
		rows, readErr = l.read(ctx)
	})
	for u := range l.order {
		<-u.done
		if err != nil {
			continue // let the reader come to its end
		}
		if err = u.err; err == nil {
			err = guarded(write, u)
		}
		if err != nil {
			cancel(err)
			continue
		}
		l.free <- u
	}
	l.wg.Wait()
	if err == nil {
		err = readErr
	}
	return rows, err
}

// guarded turns a panic of the source or the format into an error.
func guarded(fn func(*unit) error, u *unit) (err error) {
	defer Recovered(&err)
	return fn(u)
}

// read fills free units and hands them on, in order, until the rows end.
func (l *line) read(ctx context.Context) (rows int64, err error) {
	for first := true; ; first = false {
		u, err := l.next(ctx)
		if err != nil {
			return rows, err
		}
		switch err := guarded(func(u *unit) error { return l.fill(ctx, u) }, u); {
		case err == io.EOF:
			return rows, nil
		case err != nil:
			return rows, err
		}
		u.first = first
		rows += int64(u.rows)
		l.order <- u // has room for every unit
		l.work <- u
	}
}

// next waits for a free unit, and for an arena where rows come raw.
func (l *line) next(ctx context.Context) (u *unit, err error) {
	select {
	case u = <-l.free:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if l.raw == nil {
		return u, nil
	}
	select {
	case u.raw = <-l.arenas:
		return u, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// fill fills a unit, and tells the reader's errors from the end of ctx.
func (l *line) fill(ctx context.Context, u *unit) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if u.raw != nil {
		u.raw.Reset()
		err = l.raw.ReadRaw(ctx, u.raw)
		u.rows = u.raw.Len()
	} else {
		u.batch.Reset()
		err = l.reader.Read(ctx, u.batch)
		u.rows = u.batch.Len()
	}
	switch {
	case err == io.EOF && u.rows > 0: // exactly io.EOF: a wrapped one is a connection that broke
		return &ReadError{errors.New("the source returned rows together with the end")}
	case err == io.EOF:
		return io.EOF
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &ReadError{err}
	case u.rows == 0:
		return &ReadError{errors.New("the source returned an empty batch before the end")}
	}
	return nil
}

// newBatch returns a batch for a worker to decode into, nil where rows come as cells.
func (l *line) newBatch() *source.Batch {
	if l.raw == nil {
		return nil
	}
	return source.NewBatch(l.schema, 0, l.size)
}

// cells returns the unit's rows as cells: its own, or decoded into b.
func (l *line) cells(u *unit, b *source.Batch) (*source.Batch, error) {
	if l.raw == nil {
		return u.batch, nil
	}
	b.Reset()
	if err := l.raw.Decode(u.raw, b); err != nil {
		return b, &ReadError{err}
	}
	l.arenas <- u.raw
	u.raw = nil
	if b.Len() != u.rows {
		return b, &ReadError{errors.New("the source decoded another number of rows than it had cut")}
	}
	return b, nil
}

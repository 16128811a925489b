package pgsource

import (
	"context"
	"errors"
	"io"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/limit"
	"github.com/exportyard/exportyard/source/pgsource/internal/session"
)

var (
	_ source.CountedReader = (*reader)(nil)
	_ source.RawReader     = (*reader)(nil)
)

// Open begins a read-only transaction, counts the rows of the query in it
// (unless told not to) and starts to read them. The reader is a
// [source.RawReader].
func (v view) Open(ctx context.Context, q source.Query) (_ source.Reader, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ses, err := v.begin(ctx, q)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &reader{ses: ses, cancel: cancel, ended: ctx.Err, limiter: v.limiter}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if !v.opts.OmitCount {
		if r.count, err = ses.Count(ctx); err != nil {
			return nil, err
		}
		r.counted = true
	}
	if r.rows, err = v.rows(ctx, ses, q); err != nil {
		return nil, err
	}
	return r, nil
}

// A reader gives the rows of one query, from one snapshot.
type reader struct {
	ses     *session.Session
	rows    rows
	cancel  context.CancelFunc
	ended   func() error // the error of Open's context
	limiter *limit.Limiter
	count   int64
	counted bool
	closed  bool
	row     []byte // scratch of Read
	err     error  // what was given last, when it was the end
}

// Read fills b.
func (r *reader) Read(ctx context.Context, b *source.Batch) error {
	return r.guard(ctx, func() error {
		bytes := 0
		for !b.Full() {
			row, err := r.next(ctx, r.row[:0])
			if err == io.EOF && b.Len() > 0 {
				break
			}
			if err != nil {
				return err
			}
			r.row = row
			bytes += len(row)
			if err := r.ses.Decode(b, row, 1); err != nil {
				return err
			}
			b.EndRow()
		}
		return r.limiter.Wait(ctx, b.Len(), bytes)
	})
}

// ReadRaw cuts rows off the wire.
func (r *reader) ReadRaw(ctx context.Context, raw *source.RawBatch) error {
	return r.guard(ctx, func() error {
		for !raw.Full() {
			data, err := r.next(ctx, raw.Data)
			if err == io.EOF && raw.Len() > 0 {
				break
			}
			if err != nil {
				return err
			}
			raw.Data = data
			raw.EndRow()
		}
		return r.limiter.Wait(ctx, raw.Len(), len(raw.Data))
	})
}

// Decode turns rows that were cut into cells.
func (r *reader) Decode(raw *source.RawBatch, b *source.Batch) error {
	if err := r.ses.Decode(b, raw.Data, raw.Len()); err != nil {
		return err
	}
	return b.SetLen(raw.Len())
}

// guard runs one read and remembers how it ended. It ends with either context:
// the one of Open, which the connection has, and this one.
func (r *reader) guard(ctx context.Context, read func() error) error {
	if r.err != nil {
		return r.err
	}
	if r.closed {
		return errors.New("pgsource: read after close")
	}
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	if r.err = ctx.Err(); r.err == nil {
		r.err = read()
	}
	return r.err
}

func (r *reader) next(ctx context.Context, dst []byte) ([]byte, error) {
	dst, err := r.rows.Next(ctx, dst)
	switch {
	case err == io.EOF && !r.counted:
		r.count, r.counted = r.rows.Cut(), true
	case err != nil && err != io.EOF && ctx.Err() == nil && r.ended() != nil:
		return dst, r.ended()
	}
	return dst, err
}

// Count returns the number of rows that the server counted in the snapshot of
// this read; without that count, what it says at the end to have sent.
func (r *reader) Count() (rows int64, known bool) { return r.count, r.counted }

// Close ends the transaction and gives the connection back.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.cancel()
	if r.rows != nil {
		r.rows.Close()
	}
	r.ses.End()
	return nil
}

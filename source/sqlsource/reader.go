package sqlsource

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/scan"
	"github.com/exportyard/exportyard/source/sqlsource/internal/snapshot"
)

var _ source.CountedReader = (*reader)(nil)

// Open begins a read-only transaction, counts the rows of the query in it
// (unless told not to) and starts to read them.
func (s *Source) Open(ctx context.Context, q source.Query) (_ source.Reader, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ses, t, err := s.begin(ctx, q)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &reader{ses: ses, table: t, cancel: cancel, ended: ctx.Err}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if !s.opts.OmitCount {
		if r.count, err = ses.Count(ctx); err != nil {
			return nil, err
		}
		r.counted = true
	}
	if r.rows, r.scan, err = ses.Rows(ctx); err != nil { //nolint:rowserrcheck // scan.Rows looks at it at the end of the rows
		return nil, err
	}
	return r, nil
}

// A reader gives the rows of one query, from one snapshot.
type reader struct {
	ses     *snapshot.Session
	table   *snapshot.Table
	cancel  context.CancelFunc
	ended   func() error // the error of Open's context
	rows    *sql.Rows
	scan    *scan.Rows
	count   int64
	counted bool
	err     error // what Read gave last, when it was the end
}

// Read fills b.
func (r *reader) Read(ctx context.Context, b *source.Batch) error {
	if r.err != nil {
		return r.err
	}
	// The read ends with either context: the one of Open, which the driver
	// has, and this one.
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	r.err = r.read(ctx, b)
	return r.err
}

func (r *reader) read(ctx context.Context, b *source.Batch) error {
	if r.rows == nil {
		return errors.New("sqlsource: read after close")
	}
	if err := cmp.Or(ctx.Err(), r.ended()); err != nil {
		return err
	}
	err := r.scan.Fill(b)
	// What ended the context ended the rows, whatever the driver says about it.
	if canceled := cmp.Or(ctx.Err(), r.ended()); canceled != nil && (err != nil || !b.Full()) {
		return canceled
	}
	switch {
	case err != nil:
		return r.table.Failed(ctx, "read", err)
	case b.Len() == 0:
		return io.EOF
	}
	return nil
}

// Count returns the number of rows that the database counted in the snapshot
// of this read.
func (r *reader) Count() (rows int64, known bool) { return r.count, r.counted }

// Close ends the transaction and gives the connection back.
func (r *reader) Close() error {
	r.cancel()
	if r.rows != nil {
		// An error of the rows has been returned by Read.
		_ = r.rows.Close()
		r.rows = nil
	}
	return r.ses.End()
}

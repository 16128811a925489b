package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/exportyard/exportyard/source"
)

var _ source.CountedReader = (*reader)(nil)

// Open begins a read-only transaction, counts the rows of the query in it
// (unless told not to) and starts to read them.
func (s *Source) Open(ctx context.Context, q source.Query) (_ source.Reader, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ses, err := s.ask(ctx, q)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &reader{ses: ses, cancel: cancel, ended: ctx.Err}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if !s.opts.OmitCount {
		if r.count, err = ses.count(ctx); err != nil {
			return nil, err
		}
		r.counted = true
	}
	columns, err := ses.t.indexes(q)
	if err != nil {
		return nil, err
	}
	st := ses.statement()
	st.write("select ")
	for j, i := range columns {
		if j > 0 {
			st.write(", ")
		}
		st.write(ses.t.readExpr(i, ses.types))
	}
	st.write(" from ")
	ses.from(st)
	if err := ses.where(ctx, st); err != nil {
		return nil, err
	}
	if err := ses.order(ctx, st, columns); err != nil {
		return nil, err
	}
	forms, err := ses.units(ctx, columns)
	if err != nil {
		return nil, err
	}
	if r.rows, err = ses.query(ctx, st); err != nil {
		return nil, err
	}
	r.scan = newScan(ses.t, columns, forms, r.rows)
	return r, nil
}

// indexes returns the fields of a batch that answers q.
func (t *table) indexes(q source.Query) ([]int, error) {
	var out []int
	for _, names := range [][]string{q.Columns, q.Guard} {
		for _, name := range names {
			i := t.schema.Index(name)
			if i < 0 {
				return nil, fmt.Errorf("sqlsource: dataset %q has no column %q", t.Name, name)
			}
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("sqlsource: dataset %q: the query asks for no column", t.Name)
	}
	return out, nil
}

// readExpr is column i as it is selected: such that the value comes as it is
// stored, whatever its driver makes of types by itself.
func (t *table) readExpr(i int, types []class) string {
	ref, k := t.ref(i), t.schema[i].Kind
	switch {
	case t.dialect == SQLite:
		// Without a declared type, so that drivers convert neither dates nor bools.
		return "+" + ref
	case t.dialect == PostgreSQL && (k == source.String || k == source.JSON):
		return "cast(" + ref + " as text)"
	case t.dialect == MySQL && types[i] == float:
		return t.dialect.readFloat(ref, float)
	case t.dialect == MySQL && (types[i] == day || types[i] == wallClock || types[i] == instant):
		return "cast(" + ref + " as char)"
	}
	return ref
}

// A reader gives the rows of one query, from one snapshot.
type reader struct {
	ses     *session
	cancel  context.CancelFunc
	ended   func() error // the error of Open's context
	rows    *sql.Rows
	scan    *scan
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
	if r.err = r.read(ctx, b); r.err != nil {
		return r.err
	}
	return nil
}

func (r *reader) read(ctx context.Context, b *source.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.rows == nil {
		return errors.New("sqlsource: read after close")
	}
	if err := r.scan.fill(b); err != nil {
		if ctx.Err() == nil && r.ended() != nil {
			return r.ended()
		}
		return r.ses.t.failed(ctx, "read", err)
	}
	if b.Len() == 0 {
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
	var err error
	if r.rows != nil {
		// An error of the rows has been returned by Read.
		_ = r.rows.Close()
		r.rows = nil
	}
	if r.ses != nil {
		err = r.ses.end()
		r.ses = nil
	}
	return err
}

// A scan reads rows straight into the vectors of a batch.
type scan struct {
	rows  *sql.Rows
	cells []cell
	dest  []any
}

// newScan scans the fields with those indexes, whose times are stored in those
// forms, and then the extras.
func newScan(t *table, columns []int, forms []form, rows *sql.Rows, extras ...any) *scan {
	s := &scan{rows: rows, cells: make([]cell, len(columns))}
	for j, i := range columns {
		s.cells[j] = cell{dataset: t.Name, field: t.schema[i], form: forms[j], typed: t.dialect == SQLite}
		s.dest = append(s.dest, &s.cells[j])
	}
	s.dest = append(s.dest, extras...)
	return s
}

// fill appends rows to b until it is full or they end.
func (s *scan) fill(b *source.Batch) error {
	for j := range s.cells {
		s.cells[j].vec = b.Col(j)
	}
	for !b.Full() && s.rows.Next() {
		if err := s.rows.Scan(s.dest...); err != nil {
			return err
		}
		b.EndRow()
	}
	return s.rows.Err()
}

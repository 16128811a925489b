package pgsource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/limit"
	"github.com/exportyard/exportyard/source/pgsource/internal/session"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
)

var (
	_ source.Source   = (*Source)(nil)
	_ source.Counter  = (*Source)(nil)
	_ source.Splitter = (*Source)(nil)
	_ source.Spanner  = (*Source)(nil)
)

// A Source reads datasets from one database. It is safe for concurrent use and
// never closes the pool.
type Source struct{ view }

// A view is the datasets as they are, or as a snapshot has them.
type view struct {
	*shared
	snapshot string // the exported snapshot to read; empty when each read has its own
}

type shared struct {
	pool     *pgxpool.Pool
	datasets []Dataset
	tables   []*statement.Table // of the datasets
	opts     Options
	limiter  *limit.Limiter
	held     atomic.Int64 // snapshots
}

// New returns a source of the datasets. It does not touch the database. The
// error names every problem of the declarations.
func New(pool *pgxpool.Pool, datasets []Dataset, opts *Options) (*Source, error) {
	s := &shared{pool: pool}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Snapshots == 0 {
		s.opts.Snapshots = defaultSnapshots
	}
	if s.opts.RangeBlocks <= 0 {
		s.opts.RangeBlocks = defaultRangeBlocks
	}
	s.limiter = limit.New(s.opts.RowsPerSecond, s.opts.BytesPerSecond)
	var errs []error
	if pool == nil {
		errs = append(errs, errors.New("pgsource: no pool of connections"))
	}
	for _, ds := range datasets {
		if slices.ContainsFunc(s.datasets, func(other Dataset) bool { return other.Name == ds.Name }) {
			errs = append(errs, fmt.Errorf("pgsource: dataset %q is declared twice", ds.Name))
		}
		t, err := prepare(ds)
		errs = append(errs, err)
		s.datasets, s.tables = append(s.datasets, ds), append(s.tables, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Source{view{shared: s}}, nil
}

// Datasets returns the catalog, in the order of the declarations.
func (s *shared) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	out := make([]source.Dataset, len(s.datasets))
	for i, ds := range s.datasets {
		out[i] = ds.public()
		if ds.Off == nil {
			continue
		}
		reason, err := ds.Off(ctx, tenant)
		if err != nil {
			return nil, fmt.Errorf("pgsource: ask whether dataset %q is off: %w", ds.Name, err)
		}
		out[i].Off = reason
	}
	return out, nil
}

// table returns the table of a dataset.
func (s *shared) table(name string) (*statement.Table, error) {
	for _, t := range s.tables {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("pgsource: %q: %w", name, source.ErrUnknownDataset)
}

// begin starts a session for a query.
func (v view) begin(ctx context.Context, q source.Query) (*session.Session, error) {
	t, err := v.table(q.Dataset)
	if err != nil {
		return nil, err
	}
	return session.Begin(ctx, v.pool, t, q, session.Options{Timeout: v.opts.StatementTimeout, Snapshot: v.snapshot})
}

// ask runs fn in a session of its own.
func (v view) ask(ctx context.Context, q source.Query, fn func(*session.Session) error) error {
	ses, err := v.begin(ctx, q)
	if err != nil {
		return err
	}
	defer ses.End()
	return fn(ses)
}

// Count returns the exact number of rows of the query.
func (v view) Count(ctx context.Context, q source.Query) (rows int64, err error) {
	err = v.ask(ctx, q, func(ses *session.Session) error {
		rows, err = ses.Count(ctx)
		return err
	})
	return rows, err
}

// Split numbers the rows in the order of the key, in the database, and returns
// the key of every so many-th row but the last.
func (v view) Split(ctx context.Context, q source.Query, rows int64) (keys []source.Key, err error) {
	err = v.ask(ctx, q, func(ses *session.Session) error {
		keys, err = ses.Split(ctx, rows)
		return err
	})
	return keys, err
}

// Span returns the least and the greatest time of the rows of the query.
func (v view) Span(ctx context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	err = v.ask(ctx, q, func(ses *session.Session) error {
		first, last, ok, err = ses.Span(ctx)
		return err
	})
	return first, last, ok, err
}

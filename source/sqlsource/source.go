package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/snapshot"
)

var (
	_ source.Source   = (*Source)(nil)
	_ source.Counter  = (*Source)(nil)
	_ source.Splitter = (*Source)(nil)
	_ source.Spanner  = (*Source)(nil)
)

// A Source reads datasets from one database. It is safe for concurrent use and
// never closes the database.
type Source struct {
	db       *sql.DB
	datasets []Dataset
	tables   []*snapshot.Table // of the datasets
	opts     Options
}

// New returns a source of the datasets. It does not touch the database. The
// error names every problem of the declarations.
func New(db *sql.DB, d Dialect, datasets []Dataset, opts *Options) (*Source, error) {
	s := &Source{db: db}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Recheck == 0 {
		s.opts.Recheck = time.Minute
	}
	var errs []error
	if db == nil {
		errs = append(errs, errors.New("sqlsource: no database"))
	}
	if !dialect.Dialect(d).Valid() {
		return nil, errors.Join(append(errs, errors.New("sqlsource: no dialect: want SQLite, PostgreSQL or MySQL"))...)
	}
	for _, ds := range datasets {
		if slices.ContainsFunc(s.datasets, func(other Dataset) bool { return other.Name == ds.Name }) {
			errs = append(errs, fmt.Errorf("sqlsource: dataset %q is declared twice", ds.Name))
		}
		t, err := prepare(d, ds)
		errs = append(errs, err)
		s.datasets, s.tables = append(s.datasets, ds), append(s.tables, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Datasets returns the catalog, in the order of the declarations.
func (s *Source) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	out := make([]source.Dataset, len(s.datasets))
	for i, ds := range s.datasets {
		out[i] = ds.public()
		if ds.Off == nil {
			continue
		}
		reason, err := ds.Off(ctx, tenant)
		if err != nil {
			return nil, fmt.Errorf("sqlsource: ask whether dataset %q is off: %w", ds.Name, err)
		}
		out[i].Off = reason
	}
	return out, nil
}

// begin starts a snapshot for the query.
func (s *Source) begin(ctx context.Context, q source.Query) (*snapshot.Session, *snapshot.Table, error) {
	i := slices.IndexFunc(s.tables, func(t *snapshot.Table) bool { return t.Name == q.Dataset })
	if i < 0 {
		return nil, nil, fmt.Errorf("sqlsource: %q: %w", q.Dataset, source.ErrUnknownDataset)
	}
	ses, err := snapshot.Begin(ctx, s.db, s.tables[i], q, s.opts.Recheck)
	return ses, s.tables[i], err
}

// ask runs fn in a snapshot of its own.
func (s *Source) ask(ctx context.Context, q source.Query, fn func(*snapshot.Session) error) error {
	ses, _, err := s.begin(ctx, q)
	if err != nil {
		return err
	}
	return errors.Join(fn(ses), ses.End())
}

// Count returns the exact number of rows of the query.
func (s *Source) Count(ctx context.Context, q source.Query) (rows int64, err error) {
	err = s.ask(ctx, q, func(ses *snapshot.Session) (err error) {
		rows, err = ses.Count(ctx)
		return err
	})
	return rows, err
}

// Split numbers the rows in the order of the key, in the database, and returns
// the key of every so many-th row but the last.
func (s *Source) Split(ctx context.Context, q source.Query, rows int64) (keys []source.Key, err error) {
	err = s.ask(ctx, q, func(ses *snapshot.Session) (err error) {
		keys, err = ses.Split(ctx, rows)
		return err
	})
	return keys, err
}

// Span returns the least and the greatest time of the rows of the query.
func (s *Source) Span(ctx context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	err = s.ask(ctx, q, func(ses *snapshot.Session) (err error) {
		first, last, ok, err = ses.Span(ctx)
		return err
	})
	return first, last, ok, err
}

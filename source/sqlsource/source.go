package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/exportyard/exportyard/source"
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
	db     *sql.DB
	tables []*table
	opts   Options
}

// New returns a source of the datasets. It does not touch the database. The
// error names every problem of the declarations.
func New(db *sql.DB, dialect Dialect, datasets []Dataset, opts *Options) (*Source, error) {
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
	if !dialect.valid() {
		return nil, errors.Join(append(errs, errors.New("sqlsource: no dialect: want SQLite, PostgreSQL or MySQL"))...)
	}
	for _, ds := range datasets {
		if s.table(ds.Name) != nil {
			errs = append(errs, fmt.Errorf("sqlsource: dataset %q is declared twice", ds.Name))
			continue
		}
		t, err := newTable(dialect, ds)
		errs = append(errs, err)
		s.tables = append(s.tables, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) table(name string) *table {
	i := slices.IndexFunc(s.tables, func(t *table) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return s.tables[i]
}

// Datasets returns the catalog, in the order of the declarations.
func (s *Source) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	out := make([]source.Dataset, len(s.tables))
	for i, t := range s.tables {
		out[i] = t.public()
		if t.Off == nil {
			continue
		}
		reason, err := t.Off(ctx, tenant)
		if err != nil {
			return nil, fmt.Errorf("sqlsource: ask whether dataset %q is off: %w", t.Name, err)
		}
		out[i].Off = reason
	}
	return out, nil
}

// ask begins a snapshot for the query.
func (s *Source) ask(ctx context.Context, q source.Query) (*session, error) {
	t := s.table(q.Dataset)
	if t == nil {
		return nil, fmt.Errorf("sqlsource: %q: %w", q.Dataset, source.ErrUnknownDataset)
	}
	return begin(ctx, s.db, t, q, s.opts.Recheck)
}

// Count returns the exact number of rows of the query.
func (s *Source) Count(ctx context.Context, q source.Query) (rows int64, err error) {
	ses, err := s.ask(ctx, q)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, ses.end()) }()
	return ses.count(ctx)
}

func (s *session) count(ctx context.Context) (rows int64, err error) {
	st := s.statement()
	st.write("select count(*) from ")
	s.from(st)
	if err := s.where(ctx, st); err != nil {
		return 0, err
	}
	return rows, s.row(ctx, st, &rows)
}

// Split numbers the rows in the order of the key, in the database, and returns
// the key of every so many-th row but the last.
func (s *Source) Split(ctx context.Context, q source.Query, rows int64) (_ []source.Key, err error) {
	ses, err := s.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ses.end()) }()
	if len(ses.t.Key) == 0 || rows <= 0 {
		return nil, fmt.Errorf("sqlsource: dataset %q has no key to split by: %w", ses.t.Name, source.ErrUnsupported)
	}
	total, err := ses.countKeys(ctx)
	if err != nil || total <= rows {
		return nil, err
	}
	return ses.split(ctx, rows, (total-1)/rows)
}

// countKeys counts the rows and refuses a key with nulls.
func (s *session) countKeys(ctx context.Context) (int64, error) {
	st := s.statement()
	st.write("select count(*)")
	for _, name := range s.t.Key {
		st.write(", count(", s.t.ref(s.t.schema.Index(name)), ")")
	}
	st.write(" from ")
	s.from(st)
	if err := s.where(ctx, st); err != nil {
		return 0, err
	}
	counts, dest := make([]int64, 1+len(s.t.Key)), make([]any, 1+len(s.t.Key))
	for j := range counts {
		dest[j] = &counts[j]
	}
	if err := s.row(ctx, st, dest...); err != nil {
		return 0, err
	}
	for j, n := range counts[1:] {
		if n != counts[0] {
			return 0, &source.DataError{Dataset: s.t.Name, Column: s.t.Key[j], Rule: "a key column holds nulls"}
		}
	}
	return counts[0], nil
}

func (s *session) split(ctx context.Context, every, most int64) ([]source.Key, error) {
	order, err := s.orderExprs(ctx)
	if err != nil {
		return nil, err
	}
	columns := make([]int, len(s.t.Key))
	st := s.statement()
	st.write("select ")
	for j, name := range s.t.Key {
		columns[j] = s.t.schema.Index(name)
		st.write("c", strconv.Itoa(j), ", ")
	}
	st.write("n from (select ")
	for j, i := range columns {
		st.write(s.t.readExpr(i, s.types), " as c", strconv.Itoa(j), ", ")
	}
	st.write("row_number() over (order by ")
	for j, expr := range order {
		if j > 0 {
			st.write(", ")
		}
		st.write(expr)
	}
	st.write(") as n from ")
	s.from(st)
	if err := s.where(ctx, st); err != nil {
		return nil, err
	}
	st.write(") as numbered where n % ", strconv.FormatInt(every, 10), " = 0 and n <= ", strconv.FormatInt(every*most, 10), " order by n")
	forms, err := s.units(ctx, columns)
	if err != nil {
		return nil, err
	}
	rows, err := s.query(ctx, st)
	if err != nil {
		return nil, err
	}
	var number int64
	sc := newScan(s.t, columns, forms, rows, &number)
	keys, err := sc.keys(s.t.Key)
	if err := errors.Join(err, rows.Close()); err != nil {
		return nil, s.t.failed(ctx, "split", err)
	}
	return keys, nil
}

// Span returns the least and the greatest time of the rows of the query.
func (s *Source) Span(ctx context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	ses, err := s.ask(ctx, q)
	if err != nil {
		return first, last, false, err
	}
	defer func() { err = errors.Join(err, ses.end()) }()
	i := ses.t.schema.Index(ses.t.Time)
	if i < 0 {
		return first, last, false, fmt.Errorf("sqlsource: dataset %q has no time column: %w", ses.t.Name, source.ErrUnsupported)
	}
	if first, ok, err = ses.extreme(ctx, i, ""); err != nil || !ok {
		return first, last, false, err
	}
	last, ok, err = ses.extreme(ctx, i, " desc")
	return first, last, ok, err
}

// extreme returns the first time in that direction.
func (s *session) extreme(ctx context.Context, i int, direction string) (t time.Time, ok bool, err error) {
	o, err := s.operand(ctx, i)
	if err != nil {
		return t, false, err
	}
	st := s.statement()
	st.write("select ", s.t.readExpr(i, s.types), " from ")
	s.from(st)
	if err := s.where(ctx, st); err != nil {
		return t, false, err
	}
	st.write(" and ", s.t.ref(i), " is not null order by ", o.expr, direction, " limit 1")
	forms, err := s.units(ctx, []int{i})
	if err != nil {
		return t, false, err
	}
	rows, err := s.query(ctx, st)
	if err != nil {
		return t, false, err
	}
	sc := newScan(s.t, []int{i}, forms, rows)
	b := source.NewBatch(s.t.schema[i:i+1], 1, 0)
	err = sc.fill(b)
	if err := errors.Join(err, rows.Close()); err != nil {
		return t, false, s.t.failed(ctx, "span", err)
	}
	if b.Len() == 0 {
		return t, false, nil
	}
	return source.Instant(s.t.schema[i].Kind, b.Col(0).Int64s()[0]), true, nil
}

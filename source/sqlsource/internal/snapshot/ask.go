package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/scan"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// Count returns the number of rows of the query.
func (s *Session) Count(ctx context.Context) (rows int64, err error) {
	st := dialect.New(s.t.Dialect)
	st.Write("select count(*) from ")
	s.From(st)
	if err := s.Where(ctx, st); err != nil {
		return 0, err
	}
	return rows, s.row(ctx, st, &rows)
}

// Rows starts to read the query.
func (s *Session) Rows(ctx context.Context) (*sql.Rows, *scan.Rows, error) {
	var columns []int
	for _, names := range [][]string{s.q.Columns, s.q.Guard} {
		for _, name := range names {
			i := s.t.Schema.Index(name)
			if i < 0 {
				return nil, nil, fmt.Errorf("sqlsource: dataset %q has no column %q", s.t.Name, name)
			}
			columns = append(columns, i)
		}
	}
	if len(columns) == 0 {
		return nil, nil, fmt.Errorf("sqlsource: dataset %q: the query asks for no column", s.t.Name)
	}
	st := dialect.New(s.t.Dialect)
	st.Write("select ")
	for j, i := range columns {
		if j > 0 {
			st.Write(", ")
		}
		st.Write(s.view.Read(i))
	}
	st.Write(" from ")
	s.From(st)
	if err := s.Where(ctx, st); err != nil {
		return nil, nil, err
	}
	if err := s.Order(ctx, st, columns); err != nil {
		return nil, nil, err
	}
	return s.Scan(ctx, st, columns)
}

// Split returns the key of every so many-th row but the last.
func (s *Session) Split(ctx context.Context, every int64) ([]source.Key, error) {
	if len(s.t.Key) == 0 || every <= 0 {
		return nil, fmt.Errorf("sqlsource: dataset %q has no key to split by: %w", s.t.Name, source.ErrUnsupported)
	}
	total, err := s.countKeys(ctx)
	if err != nil || total <= every {
		return nil, err
	}
	st, columns, err := s.numbered(ctx)
	if err != nil {
		return nil, err
	}
	last := (total - 1) / every * every
	st.Write(" where n % ", strconv.FormatInt(every, 10), " = 0 and n <= ", strconv.FormatInt(last, 10), " order by n")
	var number int64
	rows, sc, err := s.Scan(ctx, st, columns, &number) //nolint:rowserrcheck // scan.Rows looks at it at the end of the rows
	if err != nil {
		return nil, err
	}
	keys, err := sc.Keys()
	if err := errors.Join(err, rows.Close()); err != nil {
		return nil, s.t.Failed(ctx, "split", err)
	}
	return keys, nil
}

// countKeys counts the rows and refuses a key with nulls.
func (s *Session) countKeys(ctx context.Context) (int64, error) {
	st := dialect.New(s.t.Dialect)
	st.Write("select count(*)")
	for _, name := range s.t.Key {
		st.Write(", count(", s.view.Ref(s.t.Schema.Index(name)), ")")
	}
	st.Write(" from ")
	s.From(st)
	if err := s.Where(ctx, st); err != nil {
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

// numbered selects the key and the number of each row in its order.
func (s *Session) numbered(ctx context.Context) (*dialect.Statement, []int, error) {
	order, err := s.KeyOrder(ctx)
	if err != nil {
		return nil, nil, err
	}
	columns := make([]int, len(s.t.Key))
	st := dialect.New(s.t.Dialect)
	st.Write("select ")
	for j := range columns {
		st.Write("c", strconv.Itoa(j), ", ")
	}
	st.Write("n from (select ")
	for j, name := range s.t.Key {
		columns[j] = s.t.Schema.Index(name)
		st.Write(s.view.Read(columns[j]), " as c", strconv.Itoa(j), ", ")
	}
	st.Write("row_number() over (order by ", strings.Join(order, ", "), ") as n from ")
	s.From(st)
	if err := s.Where(ctx, st); err != nil {
		return nil, nil, err
	}
	st.Write(") as numbered")
	return st, columns, nil
}

// Form returns how the values of temporal column i are stored.
func (s *Session) Form(ctx context.Context, i int) (stored.Form, error) { return s.view.Form(ctx, i) }

// Span returns the least and the greatest time of the rows of the query.
func (s *Session) Span(ctx context.Context) (first, last time.Time, ok bool, err error) {
	i := s.t.Schema.Index(s.t.Time)
	if i < 0 {
		return first, last, false, fmt.Errorf("sqlsource: dataset %q has no time column: %w", s.t.Name, source.ErrUnsupported)
	}
	if first, ok, err = s.extreme(ctx, i, ""); err != nil || !ok {
		return first, last, false, err
	}
	last, ok, err = s.extreme(ctx, i, " desc")
	return first, last, ok, err
}

// extreme returns the first time in that direction.
func (s *Session) extreme(ctx context.Context, i int, direction string) (t time.Time, ok bool, err error) {
	o, err := s.view.Operand(ctx, i)
	if err != nil {
		return t, false, refused(err)
	}
	st := dialect.New(s.t.Dialect)
	st.Write("select ", s.view.Read(i), " from ")
	s.From(st)
	if err := s.Where(ctx, st); err != nil {
		return t, false, err
	}
	st.Write(" and ", s.view.Ref(i), " is not null order by ", o.Expr, direction, " limit 1")
	rows, sc, err := s.Scan(ctx, st, []int{i}) //nolint:rowserrcheck // scan.Rows looks at it at the end of the rows
	if err != nil {
		return t, false, err
	}
	b := source.NewBatch(s.t.Schema[i:i+1], 1, 0)
	err = sc.Fill(b)
	if err := errors.Join(err, rows.Close()); err != nil {
		return t, false, s.t.Failed(ctx, "span", err)
	}
	if b.Len() == 0 {
		return t, false, nil
	}
	return source.Instant(s.t.Schema[i].Kind, b.Col(0).Int64s()[0]), true, nil
}

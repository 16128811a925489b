// Package snapshot asks one query of one dataset on one connection, in one
// read-only transaction.
package snapshot

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/column"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/scan"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// A Table is a dataset made ready. Its columns that have a role are among the fields.
type Table struct {
	Name          string
	Dialect       dialect.Dialect
	Pieces        []dialect.Piece // of the from clause
	Plain         bool            // the from clause is a table
	Schema        source.Schema
	Forms         map[string]stored.Form // declared, by column
	Key           []string
	Tenant        string
	Time          string
	Subject       string
	KeepCollation bool

	mu     sync.Mutex
	types  []dialect.Class
	rowid  bool
	checks map[checkKey]checkedAnswer
}

// Bounds reports whether the declared query uses :from or :to.
func (t *Table) Bounds() bool {
	return slices.ContainsFunc(t.Pieces, func(p dialect.Piece) bool { return p.Param == "from" || p.Param == "to" })
}

// What a table has learned about its values serves all sessions.

type checkKey struct {
	tenant string
	column int
}

type checkedAnswer struct {
	column.Answer
	at time.Time
}

// maxChecks bounds the answers that are remembered.
const maxChecks = 4096

// endTimeout bounds the statements that give a connection back.
const endTimeout = 5 * time.Second

// A Session is one query's transaction.
type Session struct {
	conn    *sql.Conn
	t       *Table
	q       source.Query
	recheck time.Duration
	view    *column.View
	rowid   bool // the table has SQLite's row number
}

var _ column.Look = (*Session)(nil)

// Begin starts a session. What it finds out about how values are stored is
// trusted for recheck.
func Begin(ctx context.Context, db *sql.DB, t *Table, q source.Query, recheck time.Duration) (_ *Session, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, t.Failed(ctx, "connect for", err)
	}
	s := &Session{conn: conn, t: t, q: q, recheck: recheck}
	s.view = &column.View{
		Dataset: t.Name, Dialect: t.Dialect, Schema: t.Schema, Types: make([]dialect.Class, len(t.Schema)), Forms: t.Forms,
		KeepCollation: t.KeepCollation && len(t.Key) > 0, Look: s,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.End())
		}
	}()
	for _, sql := range t.Dialect.Begin() {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			return nil, t.Failed(ctx, "begin a snapshot of", err)
		}
	}
	return s, s.learn(ctx)
}

// End gives the connection back to the pool, or closes it when it cannot be
// made what it was. The statements are sent even when the read was canceled.
func (s *Session) End() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	for _, sql := range s.t.Dialect.End() {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			// Once the connection is gone there is nothing to roll back; the
			// pool drops one that its driver calls bad.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			break
		}
	}
	if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("sqlsource: give back the connection: %w", err)
	}
	return nil
}

// learn asks for the types of the columns, once for each table.
func (s *Session) learn(ctx context.Context) error {
	s.t.mu.Lock()
	types, rowid := s.t.types, s.t.rowid
	s.t.mu.Unlock()
	if types != nil {
		s.view.Types, s.rowid = types, rowid
		return nil
	}
	st := dialect.New(s.t.Dialect)
	st.Write("select ")
	for i := range s.t.Schema {
		if i > 0 {
			st.Write(", ")
		}
		st.Write(s.view.Ref(i))
	}
	st.Write(" from ")
	s.From(st)
	st.Write(" where 1 = 0")
	rows, err := s.Query(ctx, st)
	if err != nil {
		return err
	}
	columns, err := rows.ColumnTypes()
	if err := errors.Join(err, rows.Close(), rows.Err()); err != nil {
		return s.t.Failed(ctx, "describe", err)
	}
	if len(columns) != len(s.t.Schema) {
		return s.t.Failed(ctx, "describe", fmt.Errorf("the driver names %d columns of %d", len(columns), len(s.t.Schema)))
	}
	types = make([]dialect.Class, len(columns))
	for i, c := range columns {
		types[i] = s.t.Dialect.ClassOf(c.DatabaseTypeName())
	}
	s.view.Types, s.rowid = types, s.hasRowid(ctx)
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.t.types, s.t.rowid = types, s.rowid
	return nil
}

// hasRowid reports whether rows without a key can be ordered by SQLite's own number.
func (s *Session) hasRowid(ctx context.Context) bool {
	if s.t.Dialect != dialect.SQLite || !s.t.Plain || s.t.Schema.Index("rowid") >= 0 {
		return false
	}
	st := dialect.New(s.t.Dialect)
	st.Write("select q.rowid from ")
	s.From(st)
	st.Write(" where 1 = 0")
	rows, err := s.Query(ctx, st)
	if err != nil {
		return false
	}
	return errors.Join(rows.Close(), rows.Err()) == nil
}

// Query runs a statement.
func (s *Session) Query(ctx context.Context, st *dialect.Statement) (*sql.Rows, error) {
	rows, err := s.conn.QueryContext(ctx, st.SQL(), st.Args()...)
	if err != nil {
		return nil, s.t.Failed(ctx, "query", err)
	}
	return rows, nil
}

// row runs a statement that gives one row.
func (s *Session) row(ctx context.Context, st *dialect.Statement, dest ...any) error {
	err := s.conn.QueryRowContext(ctx, st.SQL(), st.Args()...).Scan(dest...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s.t.Failed(ctx, "query", err)
	}
	return err
}

// Failed wraps a database's error. A driver's words for a canceled context
// differ; the context's own error is what a caller looks for.
func (t *Table) Failed(ctx context.Context, verb string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var bad *source.DataError
	if errors.As(err, &bad) {
		return bad
	}
	return fmt.Errorf("sqlsource: %s dataset %q: %w", verb, t.Name, err)
}

// Remember keeps answers per tenant and column.
func (s *Session) Remember(i int, look func() (column.Answer, error)) (column.Answer, error) {
	t, key := s.t, checkKey{s.q.Tenant, i}
	t.mu.Lock()
	known, ok := t.checks[key]
	t.mu.Unlock()
	// A query that sees the range itself may show other rows each time.
	if ok && !t.Bounds() && time.Since(known.at) < s.recheck {
		return known.Answer, nil
	}
	a, err := look()
	if err != nil {
		return a, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.checks == nil || len(t.checks) >= maxChecks {
		t.checks = make(map[checkKey]checkedAnswer)
	}
	t.checks[key] = checkedAnswer{a, time.Now()}
	return a, nil
}

// Values asks about the values of column i, see [column.Look]. About the tenant
// column itself it asks all rows.
func (s *Session) Values(ctx context.Context, what string, i int, end string, dest ...any) error {
	st := dialect.New(s.t.Dialect)
	st.Write("select ", what, " from ")
	s.From(st)
	st.Write(" where ", s.view.Ref(i), " is not null")
	if s.t.Schema[i].Name != s.t.Tenant {
		if err := s.tenant(ctx, st); err != nil {
			return err
		}
	}
	st.Write(end)
	return s.row(ctx, st, dest...)
}

// Scan runs a statement that selects the columns and then the extras.
func (s *Session) Scan(ctx context.Context, st *dialect.Statement, columns []int, extras ...any) (*sql.Rows, *scan.Rows, error) {
	forms, err := s.view.ReadForms(ctx, columns)
	if err != nil {
		return nil, nil, err
	}
	to := make([]scan.Column, len(columns))
	for j, i := range columns {
		to[j] = scan.Column{Field: s.t.Schema[i], Form: forms[j]}
	}
	rows, err := s.Query(ctx, st)
	if err != nil {
		return nil, nil, err
	}
	return rows, scan.New(s.t.Name, to, s.t.Dialect == dialect.SQLite, rows, extras...), nil
}

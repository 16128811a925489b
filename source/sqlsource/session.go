package sqlsource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A session is one query's transaction on one connection: one snapshot.
type session struct {
	conn    *sql.Conn
	t       *table
	q       source.Query
	recheck time.Duration
	types   []class // by field
	rowid   bool    // the table has SQLite's row number
}

// knowledge is what a table has learned about its database, for all sessions.
type knowledge struct {
	mu     sync.Mutex
	types  []class
	rowid  bool
	checks map[checkKey]checkedAnswer
}

type checkKey struct {
	tenant string
	column int // its complement for the unit it is read in
}

// An answer is what a look at the values of a column gave.
type answer struct {
	form  form
	which int
}

type checkedAnswer struct {
	answer
	at time.Time
}

// maxChecks bounds the answers that are remembered.
const maxChecks = 4096

// endTimeout bounds the statements that give a connection back.
const endTimeout = 5 * time.Second

func begin(ctx context.Context, db *sql.DB, t *table, q source.Query, recheck time.Duration) (_ *session, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, t.failed(ctx, "connect for", err)
	}
	s := &session{conn: conn, t: t, q: q, recheck: recheck}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	for _, sql := range t.dialect.begin() {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			return nil, t.failed(ctx, "begin a snapshot of", err)
		}
	}
	return s, s.learn(ctx)
}

// end gives the connection back to the pool, or closes it when it cannot be
// made what it was. The statements are sent even when the read was canceled.
func (s *session) end() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	for _, sql := range s.t.dialect.end() {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			// A rollback that fails leaves nothing to roll back once the
			// connection is gone; the pool drops one that its driver calls bad.
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
func (s *session) learn(ctx context.Context) error {
	k := &s.t.known
	k.mu.Lock()
	s.types, s.rowid = k.types, k.rowid
	k.mu.Unlock()
	if s.types != nil {
		return nil
	}
	st := s.statement()
	st.write("select ")
	for i := range s.t.schema {
		if i > 0 {
			st.write(", ")
		}
		st.write(s.t.ref(i))
	}
	st.write(" from ")
	s.from(st)
	st.write(" where 1 = 0")
	rows, err := s.query(ctx, st)
	if err != nil {
		return err
	}
	types, err := rows.ColumnTypes()
	if err := errors.Join(err, rows.Close(), rows.Err()); err != nil {
		return s.t.failed(ctx, "describe", err)
	}
	s.types = make([]class, len(types))
	for i, ct := range types {
		s.types[i] = s.t.dialect.classOf(ct.DatabaseTypeName())
	}
	s.rowid = s.hasRowid(ctx)
	k.mu.Lock()
	k.types, k.rowid = s.types, s.rowid
	k.mu.Unlock()
	return nil
}

// hasRowid reports whether rows without a key can be ordered by SQLite's own number.
func (s *session) hasRowid(ctx context.Context) bool {
	if s.t.dialect != SQLite || s.t.Table == "" || s.t.schema.Index("rowid") >= 0 {
		return false
	}
	st := s.statement()
	st.write("select q.rowid from ")
	s.from(st)
	st.write(" where 1 = 0")
	rows, err := s.query(ctx, st)
	if err != nil {
		return false
	}
	return errors.Join(rows.Close(), rows.Err()) == nil
}

func (s *session) statement() *statement { return &statement{dialect: s.t.dialect} }

func (s *session) query(ctx context.Context, st *statement) (*sql.Rows, error) {
	rows, err := s.conn.QueryContext(ctx, st.sql.String(), st.args...)
	if err != nil {
		return nil, s.t.failed(ctx, "query", err)
	}
	return rows, nil
}

// row runs a statement that gives one row.
func (s *session) row(ctx context.Context, st *statement, dest ...any) error {
	err := s.conn.QueryRowContext(ctx, st.sql.String(), st.args...).Scan(dest...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s.t.failed(ctx, "query", err)
	}
	return err
}

// failed wraps a database's error. A driver's words for a canceled context
// differ; the context's own error is what a caller looks for.
func (t *table) failed(ctx context.Context, verb string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var bad *source.DataError
	if errors.As(err, &bad) {
		return bad
	}
	return fmt.Errorf("sqlsource: %s dataset %q: %w", verb, t.Name, err)
}

// checked remembers what look finds out about column i.
func (s *session) checked(i int, look func() (answer, error)) (answer, error) {
	k, key := &s.t.known, checkKey{s.q.Tenant, i}
	k.mu.Lock()
	known, ok := k.checks[key]
	k.mu.Unlock()
	// A query that sees the range itself may show other rows each time.
	if ok && !s.t.bounds() && time.Since(known.at) < s.recheck {
		return known.answer, nil
	}
	a, err := look()
	if err != nil {
		return a, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.checks == nil || len(k.checks) >= maxChecks {
		k.checks = make(map[checkKey]checkedAnswer)
	}
	k.checks[key] = checkedAnswer{a, time.Now()}
	return a, nil
}

// which returns the first of the conditions that holds for every value of
// column i that is not null, -1 when none does, 0 when there is no value.
func (s *session) which(ctx context.Context, i int, conditions []string) (int, error) {
	st := s.statement()
	st.write("select ")
	for j, c := range conditions {
		if j > 0 {
			st.write(", ")
		}
		st.write("coalesce(min(case when ", c, " then 1 else 0 end), 1)")
	}
	if err := s.tenantValues(ctx, st, i); err != nil {
		return 0, err
	}
	holds, dest := make([]int64, len(conditions)), make([]any, len(conditions))
	for j := range holds {
		dest[j] = &holds[j]
	}
	if err := s.row(ctx, st, dest...); err != nil {
		return 0, err
	}
	for j, h := range holds {
		if h == 1 {
			return j, nil
		}
	}
	return -1, nil
}

// tenantValues writes the rows of the tenant in which column i is not null.
func (s *session) tenantValues(ctx context.Context, st *statement, i int) error {
	st.write(" from ")
	s.from(st)
	st.write(" where ", s.t.ref(i), " is not null")
	return s.tenant(ctx, st)
}

// sample returns the forms that the times of column i may have, by the looks
// of one of them, or of the least and the greatest integer.
func (s *session) sample(ctx context.Context, i int) ([]form, error) {
	st := s.statement()
	st.write("select +", s.t.ref(i))
	if err := s.tenantValues(ctx, st, i); err != nil {
		return nil, err
	}
	st.write(" limit 1")
	var found any
	if err := s.row(ctx, st, &found); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	switch x := found.(type) {
	case int64:
		return s.unit(ctx, i)
	case string:
		parsed, ok := parseStamp(x)
		f := parsed.form
		if k := s.t.schema[i].Kind; !ok || !f.sorts() || !f.holds(k) {
			return nil, s.mixed(i, fmt.Sprintf("texts that do not sort as a %v does: store them as one layout in UTC, or declare a string", k))
		}
		if f.base < 19 {
			return []form{f}, nil
		}
		short := f
		short.digits = shortest
		return []form{f, short, f.open()}, nil
	default:
		return nil, s.mixed(i, "neither texts nor integers (a real number may be a Julian day, which has no exact time)")
	}
}

// units returns how the columns' times are to be read: as declared, or where
// SQLite holds integers, in the unit that these show. Texts show their own form.
func (s *session) units(ctx context.Context, columns []int) ([]form, error) {
	forms := make([]form, len(columns))
	for j, i := range columns {
		f, declared := s.t.forms[s.t.schema[i].Name]
		if declared || s.t.dialect != SQLite || !s.t.schema[i].Kind.Temporal() {
			forms[j] = f
			continue
		}
		a, err := s.checked(^i, func() (answer, error) {
			candidates, err := s.sample(ctx, i)
			switch {
			case errors.Is(err, source.ErrUnsupported): // each value is asked by itself
				return answer{}, nil
			case err != nil || len(candidates) == 0 || candidates[0].unit == 0:
				return answer{}, err
			}
			return answer{form: candidates[0]}, nil
		})
		if err != nil {
			return nil, err
		}
		forms[j] = a.form
	}
	return forms, nil
}

func (s *session) unit(ctx context.Context, i int) ([]form, error) {
	st := s.statement()
	st.write("select min(", s.t.ref(i), "), max(", s.t.ref(i), ")")
	if err := s.tenantValues(ctx, st, i); err != nil {
		return nil, err
	}
	st.write(" and typeof(", s.t.ref(i), ") = 'integer'")
	var least, greatest int64
	if err := s.row(ctx, st, &least, &greatest); err != nil {
		return nil, err
	}
	f, ok := unitOf(least, greatest)
	if !ok {
		return nil, s.mixed(i, "integers whose unit cannot be told: declare TimeStorage as unix seconds, milliseconds or microseconds")
	}
	return []form{f}, nil
}

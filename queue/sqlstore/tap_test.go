package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	errFault = errors.New("fault")
	errDead  = errors.New("the connection is dead")
)

// A fault is what happens at a statement.
type fault string

const (
	fails      fault = "fails"       // it is not executed and gives an error
	lostAnswer fault = "lost-answer" // it is executed and gives an error
	dies       fault = "dies"        // it is not executed; the connection is closed hard, and all that follows on it fails
	panics     fault = "panics"      // the driver panics; queries and prepared statements fail instead, since there database/sql itself never lets go
	cancels    fault = "cancels"     // the caller's context is over just before it
)

// A tap sits between database/sql and the driver. It writes down what is executed and
// makes the statement number at, counted from 1, go wrong.
type tap struct {
	mu     sync.Mutex
	log    []statement
	at     int // 0: never
	fault  fault
	cancel context.CancelFunc
}

type statement struct {
	query string
	args  []driver.NamedValue
}

// arm makes the statement number at from now on go wrong.
func (t *tap) arm(at int, f fault, cancel context.CancelFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log, t.at, t.fault, t.cancel = nil, at, f, cancel
}

func (t *tap) next(query string, args []driver.NamedValue) fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = append(t.log, statement{query, slices.Clone(args)})
	if len(t.log) != t.at {
		return ""
	}
	return t.fault
}

// hit reports whether the statement that was to go wrong was reached.
func (t *tap) hit() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at > 0 && len(t.log) >= t.at
}

// tapped opens a file through a tap.
func tapped(tb testing.TB, path string) (*sql.DB, *tap) {
	tb.Helper()
	plain, err := sql.Open("sqlite", path)
	require.NoError(tb, err)
	t := &tap{}
	db := sql.OpenDB(connector{driver: plain.Driver(), path: path, tap: t})
	tb.Cleanup(func() {
		require.NoError(tb, db.Close())
		require.NoError(tb, plain.Close())
	})
	return db, t
}

type connector struct {
	driver driver.Driver
	path   string
	tap    *tap
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.path)
	if err != nil {
		return nil, err
	}
	return &tappedConn{Conn: conn, tap: c.tap, open: map[driver.Stmt]struct{}{}}, nil
}

type tappedConn struct {
	driver.Conn
	tap  *tap
	dead bool
	open map[driver.Stmt]struct{}
}

// run executes do with what the tap has in store for it.
func (c *tappedConn) run(query string, args []driver.NamedValue, onPanic fault, do func() error) error {
	if c.dead {
		return errDead
	}
	f := c.tap.next(query, args)
	if f == panics {
		f = onPanic
	}
	switch f {
	case fails:
		return errFault
	case lostAnswer:
		if err := do(); err != nil {
			return err
		}
		return errFault
	case dies:
		c.dead = true
		err := errDead
		for stmt := range c.open {
			err = errors.Join(err, stmt.Close())
		}
		return errors.Join(err, c.Conn.Close())
	case panics:
		panic(errFault)
	case cancels:
		c.tap.cancel()
	}
	return do()
}

func (c *tappedConn) Close() error {
	if c.dead {
		return nil
	}
	return c.Conn.Close()
}

func (c *tappedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.run(query, args, panics, func() error {
		res, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

func (c *tappedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.run(query, args, fails, func() error {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	if err != nil && rows != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return rows, err
}

func (c *tappedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.dead {
		return nil, errDead
	}
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.open[stmt] = struct{}{}
	return &tappedStmt{Stmt: stmt, conn: c, query: query}, nil
}

func (c *tappedConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *tappedConn) IsValid() bool { return !c.dead && c.Conn.(driver.Validator).IsValid() }

type tappedStmt struct {
	driver.Stmt
	conn  *tappedConn
	query string
}

func (s *tappedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = s.conn.run(s.query, args, fails, func() error {
		res, err = s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
		return err
	})
	return res, err
}

func (s *tappedStmt) Close() error {
	if s.conn.dead {
		return nil
	}
	delete(s.conn.open, s.Stmt)
	return s.Stmt.Close()
}

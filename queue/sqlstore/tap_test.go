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
	panics     fault = "panics"      // the driver panics; queries fail instead, since there database/sql itself never lets go
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

// tapped opens the place through a tap.
func (p place) tapped(tb testing.TB) (*sql.DB, *tap) {
	tb.Helper()
	plain, err := sql.Open(p.Driver, p.DSN)
	require.NoError(tb, err)
	t := &tap{}
	db := sql.OpenDB(connector{driver: plain.Driver(), dsn: p.DSN, tap: t})
	tb.Cleanup(func() {
		require.NoError(tb, db.Close())
		require.NoError(tb, plain.Close())
	})
	return db, t
}

type connector struct {
	driver driver.Driver
	dsn    string
	tap    *tap
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &tappedConn{Conn: conn, tap: c.tap}, nil
}

type tappedConn struct {
	driver.Conn
	tap  *tap
	dead bool
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
		return errors.Join(errDead, c.Conn.Close())
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

func (c *tappedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (c *tappedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *tappedConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *tappedConn) IsValid() bool {
	if v, ok := c.Conn.(driver.Validator); ok && !v.IsValid() {
		return false
	}
	return !c.dead
}

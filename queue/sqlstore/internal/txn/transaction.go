package txn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// session is what a transaction speaks to.
type session interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// attempts is how often a transaction is begun that other writers made fail.
const attempts = 10

// Read runs f in a transaction that only looks.
func (d *Database) Read(ctx context.Context, f func(*Tx) error) error {
	return d.begun(ctx, d.dialect.beginRead(d.lockWait), false, f)
}

// Write runs f in a transaction that is committed if f returns nil. It runs f again
// when the database broke off because of other writers.
func (d *Database) Write(ctx context.Context, f func(*Tx) error) error {
	if d.writing != nil {
		select {
		case d.writing <- struct{}{}:
			defer func() { <-d.writing }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for attempt := 1; ; attempt++ {
		err := d.begun(ctx, d.dialect.beginWrite(d.lockWait), true, f)
		if err == nil || attempt == attempts || !passes(err) {
			return err
		}
		// Those whom the failure let through are to be first.
		select {
		case <-time.After(time.Duration(attempt) * 5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// begun runs a transaction, on another connection when the pool's turns out to be
// dead: a server's begin has no other reason to fail. Once the context is over, an error
// tells so, whatever a driver makes of it.
func (d *Database) begun(ctx context.Context, begin string, writes bool, f func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := d.transact(ctx, begin, writes, f)
		var unbegun *beginError
		if attempt < attempts && errors.As(err, &unbegun) && !d.dialect.oneWriter && ctx.Err() == nil {
			continue
		}
		if over := ctx.Err(); err != nil && over != nil && !errors.Is(err, over) {
			return fmt.Errorf("%w: %w", over, err)
		}
		return err
	}
}

// A beginError says that a transaction has not begun.
type beginError struct{ cause error }

func (e *beginError) Error() string { return "begin: " + e.cause.Error() }

func (e *beginError) Unwrap() error { return e.cause }

// passes reports an error that other writers caused and that will not come again
// when they are through. Nothing of the transaction has happened then.
func passes(err error) bool {
	switch stateOf(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	default:
		return errors.Is(err, ErrLostUpdate)
	}
}

// stateOf returns the code that the SQL standard has for an error, if the driver
// tells it.
func stateOf(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

func (d *Database) transact(ctx context.Context, begin string, writes bool, f func(*Tx) error) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	wait, err := d.dialect.settle(ctx, conn, d.lockWait)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		// Also when f panics.
		if !ended {
			rollBack(ctx, conn)
		}
	}()
	err = d.patiently(ctx, wait, func() error {
		_, err := conn.ExecContext(ctx, begin)
		if err != nil {
			// Some of it may have worked; mostly there is nothing to roll back.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "rollback")
		}
		return err
	})
	if err != nil {
		return &beginError{err}
	}
	tx, err := d.on(ctx, conn, writes)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// From here on the answer must not depend on who is still waiting for it.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "commit"); err != nil {
		return &CommitError{err}
	}
	ended = true
	return nil
}

// A CommitError says that a transaction may have happened, and may not have.
type CommitError struct{ cause error }

// Error says what the database said.
func (e *CommitError) Error() string { return "commit: " + e.cause.Error() }

// Unwrap returns what the database said.
func (e *CommitError) Unwrap() error { return e.cause }

// on returns the transaction that has begun on a session.
func (d *Database) on(ctx context.Context, on session, writes bool) (*Tx, error) {
	now, err := d.dialect.now(ctx, on)
	if err != nil {
		return nil, fmt.Errorf("ask for the time: %w", err)
	}
	return &Tx{
		on: on, dialect: d.dialect, locks: writes && !d.dialect.oneWriter,
		Now: now.Add(d.skew()).UTC().Truncate(time.Microsecond),
	}, nil
}

// rollBack ends the transaction of a connection. One that cannot say that it did
// is closed instead of returned to the pool: closing it rolls back too.
func rollBack(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "rollback"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// patiently repeats f as long as it fails for want of a lock, which is told by
// how long it took: only a lock makes it wait its full time.
func (d *Database) patiently(ctx context.Context, wait time.Duration, f func() error) error {
	end := time.Now().Add(d.lockWait)
	for {
		start := time.Now()
		err := f()
		if err == nil || ctx.Err() != nil || time.Since(start) < wait-wait/10 || time.Now().After(end) {
			return err
		}
	}
}

// Within runs f as a part of the host's transaction. What f did is taken back when
// it returns an error, and what the host did stays.
func (d *Database) Within(ctx context.Context, host *sql.Tx, f func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := d.within(ctx, host, f)
		if attempt == attempts || !errors.Is(err, ErrLostUpdate) || ctx.Err() != nil {
			return err
		}
	}
}

func (d *Database) within(ctx context.Context, host *sql.Tx, f func(*Tx) error) (err error) {
	if _, err := host.ExecContext(ctx, "savepoint exportyard"); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	kept := false
	defer func() {
		if kept {
			return
		}
		// Also when f panics.
		_, undo := host.ExecContext(context.WithoutCancel(ctx), "rollback to savepoint exportyard; release savepoint exportyard")
		if undo != nil && err != nil {
			err = fmt.Errorf("%w; roll the caller's transaction back, it could not be mended: %w", err, undo)
		}
	}()
	tx, err := d.on(ctx, host, true)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := host.ExecContext(ctx, "release savepoint exportyard"); err != nil {
		return fmt.Errorf("release the savepoint: %w", err)
	}
	kept = true
	return nil
}

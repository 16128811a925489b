package txn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// A Tx is a transaction on a connection of its own.
type Tx struct {
	Conn *sql.Conn
	// Lock ends a select of rows that the transaction may go on to change.
	Lock string
	// Now is the store's time, the same for the whole transaction, in whole
	// microseconds. It is taken after the wait for the lock.
	Now time.Time
}

// Read runs f in a transaction that only looks.
func (d *Database) Read(ctx context.Context, f func(*Tx) error) error {
	return d.transact(ctx, d.dialect.beginRead, "", f)
}

// Write runs f in a transaction that is committed if f returns nil.
func (d *Database) Write(ctx context.Context, f func(*Tx) error) error {
	select {
	case d.writing <- struct{}{}:
		defer func() { <-d.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return d.transact(ctx, d.dialect.beginWrite, d.dialect.lock, f)
}

func (d *Database) transact(ctx context.Context, begin, lock string, f func(*Tx) error) error {
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
		return fmt.Errorf("begin: %w", err)
	}
	now, err := d.dialect.now(ctx, conn)
	if err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	now = now.Add(d.skew()).UTC().Truncate(time.Microsecond)
	if err := f(&Tx{Conn: conn, Lock: lock, Now: now}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// From here on the answer must not depend on who is still waiting for it.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "commit"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	ended = true
	return nil
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

// Exec runs a statement.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.Conn.ExecContext(ctx, query, args...)
	return err
}

var errLostUpdate = errors.New("the row was changed by another writer")

// Change runs a statement that must change exactly one row.
func (tx *Tx) Change(ctx context.Context, query string, args ...any) error {
	res, err := tx.Conn.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return errLostUpdate
	}
	return nil
}

// A Scanner is a row to scan.
type Scanner interface{ Scan(dest ...any) error }

// Collect runs a query and returns what scan makes of its rows.
func Collect[T any](ctx context.Context, tx *Tx, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.Conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// A transaction is one on a connection of its own.
type transaction struct {
	conn *sql.Conn
	// lock ends a select of rows that the transaction may go on to change.
	lock string
	// now is the store's time, the same for the whole transaction, in whole
	// microseconds. It is taken after the wait for the lock.
	now time.Time
}

// read runs f in a transaction that only looks.
func (s *Store) read(ctx context.Context, f func(*transaction) error) error {
	return s.transact(ctx, s.dialect.beginRead, "", f)
}

// write runs f in a transaction that is committed if f returns nil.
func (s *Store) write(ctx context.Context, f func(*transaction) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.transact(ctx, s.dialect.beginWrite, s.dialect.lock, f)
}

func (s *Store) transact(ctx context.Context, begin, lock string, f func(*transaction) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	wait, err := s.dialect.settle(ctx, conn, s.lockWait)
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
	err = s.patiently(ctx, wait, func() error {
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
	now, err := s.dialect.now(ctx, conn)
	if err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	now = now.Add(s.skew()).UTC().Truncate(time.Microsecond)
	if err := f(&transaction{conn: conn, lock: lock, now: now}); err != nil {
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
func (s *Store) patiently(ctx context.Context, wait time.Duration, f func() error) error {
	end := time.Now().Add(s.lockWait)
	for {
		start := time.Now()
		err := f()
		if err == nil || ctx.Err() != nil || time.Since(start) < wait-wait/10 || time.Now().After(end) {
			return err
		}
	}
}

func (tx *transaction) exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.conn.ExecContext(ctx, query, args...)
	return err
}

var errLostUpdate = errors.New("the row was changed by another writer")

// change runs a statement that must change exactly one row.
func (tx *transaction) change(ctx context.Context, query string, args ...any) error {
	res, err := tx.conn.ExecContext(ctx, query, args...)
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

// A scanner is a row to scan.
type scanner interface{ Scan(dest ...any) error }

// collect runs a query and returns what scan makes of its rows.
func collect[T any](ctx context.Context, tx *transaction, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.conn.QueryContext(ctx, query, args...)
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

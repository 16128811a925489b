// Package txn runs the transactions of a store: each on a connection of its own,
// patient with other writers, and over for certain when it has returned. It knows
// what differs between databases, and brings a store's tables up to date.
package txn

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Database is a store's.
type Database struct {
	db       *sql.DB
	dialect  *Dialect
	lockWait time.Duration
	skew     func() time.Duration
	// writing holds one token: writers of one process wait for each other here,
	// in order, and not in the database.
	writing chan struct{}
}

// New returns a database whose transactions wait up to lockWait for a lock, 0 for
// a minute, and whose time is skew ahead of its own, nil for not.
func New(db *sql.DB, d *Dialect, lockWait time.Duration, skew func() time.Duration) *Database {
	if lockWait == 0 {
		lockWait = time.Minute
	}
	if skew == nil {
		skew = func() time.Duration { return 0 }
	}
	return &Database{db: db, dialect: d, lockWait: lockWait, skew: skew, writing: make(chan struct{}, 1)}
}

// Prepare makes the database ready, and its tables if migrate is set.
func (d *Database) Prepare(ctx context.Context, migrate bool) error {
	if err := d.dialect.prepare(ctx, d); err != nil {
		return err
	}
	if !migrate {
		err := d.Read(ctx, func(tx *Tx) error { return tx.checkVersion(ctx, len(d.dialect.migrations)) })
		if err != nil {
			return fmt.Errorf("check the tables that Migrate makes: %w", err)
		}
		return nil
	}
	return d.Write(ctx, func(tx *Tx) error { return tx.migrate(ctx, d.dialect.migrations) })
}

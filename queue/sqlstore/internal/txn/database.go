// Package txn runs the transactions of a store: each on a connection of its own, or
// within one of the host's, patient with other writers, and over for certain when it
// has returned. It knows what differs between databases, and brings a store's tables
// up to date.
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
	// writing holds one token where the database has one writer: writers of one
	// process wait for each other here, in order, and not in the database. Elsewhere nil.
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
	database := &Database{db: db, dialect: d, lockWait: lockWait, skew: skew}
	if d.oneWriter {
		database.writing = make(chan struct{}, 1)
	}
	return database
}

// Open makes the database ready. Its tables are brought up to date where that is
// the dialect's way, unless omit is set, and else only checked.
func (d *Database) Open(ctx context.Context, omit bool) error {
	if d.dialect.opens && !omit {
		return d.Migrate(ctx)
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	if err := d.Check(ctx); err != nil {
		return fmt.Errorf("check the tables that Migrate makes: %w", err)
	}
	return nil
}

// Check reports tables of another version than this code needs.
func (d *Database) Check(ctx context.Context) error {
	if d.dialect.isMade != "" {
		var tables int
		if err := d.db.QueryRowContext(ctx, d.dialect.isMade).Scan(&tables); err != nil {
			return err
		}
		if tables == 0 {
			return errNoTables
		}
	}
	return d.Read(ctx, func(tx *Tx) error { return tx.checkVersion(ctx, len(d.dialect.migrations)) })
}

// Migrate makes the database ready, and its tables.
func (d *Database) Migrate(ctx context.Context) error {
	if err := d.prepare(ctx); err != nil {
		return err
	}
	return d.Write(ctx, func(tx *Tx) error { return tx.migrate(ctx) })
}

func (d *Database) prepare(ctx context.Context) error {
	if d.dialect.prepare == nil {
		return nil
	}
	return d.dialect.prepare(ctx, d)
}

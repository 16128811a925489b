package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var (
	_ queue.JobStore    = (*Store)(nil)
	_ queue.EntryReader = (*Store)(nil)
)

// Options adjust a Store.
type Options struct {
	// Exclusive says that no other process uses the store, which the host knows
	// because it holds a lock. Open then returns every lease to ready; nothing is
	// counted. Default: false.
	Exclusive bool
	// OmitMigrate makes Open only check the version of the tables; [Migrate] is
	// then the host's to call. Default: false.
	OmitMigrate bool
	// LockWait is how long a method waits for other processes that write, if
	// its context allows. Default: 1 minute.
	LockWait time.Duration
	// Skew is asked for what is added to the database's time. Default: nil, nothing.
	// It is for tests.
	Skew func() time.Duration
}

// A Store keeps jobs in a database. It is safe for concurrent use, also by any
// number of processes. It starts no goroutine and needs no Close; the database
// stays the host's.
type Store struct {
	db       *sql.DB
	dialect  *dialect
	lockWait time.Duration
	skew     func() time.Duration
	// writing holds one token: writers of one process wait for each other here,
	// in order, and not in the database.
	writing chan struct{}
}

// Open returns a store on the database, whose tables it makes or brings up to date.
// The pool must allow two connections or more.
func Open(ctx context.Context, db *sql.DB, dialect Dialect, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	s, err := newStore(db, dialect, o)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w", err)
	}
	if err := s.open(ctx, o); err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w", err)
	}
	return s, nil
}

// Migrate makes the store's tables or brings them up to date, for hosts that do
// so before they start new code.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect) error {
	s, err := newStore(db, dialect, Options{})
	if err == nil {
		err = s.prepare(ctx, true)
	}
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	return nil
}

func newStore(db *sql.DB, name Dialect, o Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("no database")
	}
	d, ok := dialects[name]
	if !ok {
		return nil, fmt.Errorf("unknown dialect %q", string(name))
	}
	if db.Stats().MaxOpenConnections == 1 {
		return nil, errors.New("the pool allows one connection: whoever holds it while it asks the store would wait for ever; allow two or more")
	}
	if o.LockWait < 0 {
		return nil, errors.New("lock wait is negative")
	}
	s := &Store{db: db, dialect: d, lockWait: o.LockWait, skew: o.Skew, writing: make(chan struct{}, 1)}
	if s.lockWait == 0 {
		s.lockWait = time.Minute
	}
	if s.skew == nil {
		s.skew = func() time.Duration { return 0 }
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	if err := s.prepare(ctx, !o.OmitMigrate); err != nil {
		return err
	}
	if !o.Exclusive {
		return nil
	}
	return s.write(ctx, func(tx *transaction) error { return tx.releaseAll(ctx) })
}

// prepare makes the database ready, and its tables if migrate is set.
func (s *Store) prepare(ctx context.Context, migrate bool) error {
	if err := s.dialect.prepare(ctx, s); err != nil {
		return err
	}
	if !migrate {
		err := s.read(ctx, func(tx *transaction) error { return tx.checkVersion(ctx, len(s.dialect.migrations)) })
		if err != nil {
			return fmt.Errorf("check the tables that Migrate makes: %w", err)
		}
		return nil
	}
	return s.write(ctx, func(tx *transaction) error { return tx.migrate(ctx, s.dialect.migrations) })
}

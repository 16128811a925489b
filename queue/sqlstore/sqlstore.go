package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/group"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/lease"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/operating"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/outbox"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

var (
	_ queue.JobStore    = (*Store)(nil)
	_ queue.EntryReader = (*Store)(nil)
	_ queue.TxCreator   = (*Store)(nil)
	_ queue.OutboxStore = (*Store)(nil)
	_ queue.InboxStore  = (*Store)(nil)
	_ feed.Store        = (*Store)(nil)
	_ operator.Store    = (*Store)(nil)
)

// A Dialect says which database a store is on.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"     // SQLite 3.35 or newer, in a file
	PostgreSQL Dialect = "postgresql" // PostgreSQL 12 or newer
)

var dialects = map[Dialect]*txn.Dialect{SQLite: &txn.SQLite, PostgreSQL: &txn.PostgreSQL}

// Options adjust a Store.
type Options struct {
	// Exclusive says that no other process uses the store, which the host knows
	// because it holds a lock. Open then returns every lease to ready; nothing is
	// counted. Default: false.
	Exclusive bool
	// OmitMigrate makes Open only check the version of SQLite's tables; [Migrate] is
	// then the host's to call, as it always is on PostgreSQL. Default: false.
	OmitMigrate bool
	// LockWait is how long a method waits for other processes that write, if
	// its context allows. Default: 1 minute.
	LockWait time.Duration
	// AuditKeys chain the audit log, so that no entry can be altered unseen by who has
	// the database and not the keys. All processes of a store have them, or none.
	// Default: nil, no chain.
	AuditKeys *chain.Keys
	// Skew is asked for what is added to the database's time. Default: nil, nothing.
	// It is for tests.
	Skew func() time.Duration
}

// A Store keeps jobs in a database. It is safe for concurrent use, also by any
// number of processes. It starts no goroutine and needs no Close; the database
// stays the host's.
type Store struct {
	db *txn.Database
	// keys chain the audit log; nil for no chain.
	keys *chain.Keys
	// endings ends the leases that are to end at the same time in one transaction.
	endings group.Group[lease.Ending, lease.Ended]
	*events
	*overview
}

// events are the methods of [queue.OutboxStore], [queue.InboxStore] and [feed.Store],
// overview those of [operator.Store].
type (
	events   = outbox.Store
	overview = operating.Store
)

// Open returns a store on the database. On SQLite it makes its tables or brings them
// up to date; on PostgreSQL it checks that [Migrate] has. The pool must allow two
// connections or more.
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
	database := txn.New(db, d, o.LockWait, o.Skew)
	s := &Store{db: database, keys: o.AuditKeys, events: outbox.New(database)}
	s.overview = operating.New(database, s.tables)
	s.endings = group.Group[lease.Ending, lease.Ended]{Most: mostEndings, Answer: s.endAll, Final: mayHaveHappened}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	if err := s.db.Open(ctx, o.OmitMigrate); err != nil {
		return err
	}
	if !o.Exclusive {
		return nil
	}
	return s.write(ctx, func(tx *table.Tx) error { return lease.ReleaseAll(ctx, tx) })
}

// tables is the transaction as the tables know it.
func (s *Store) tables(tx *txn.Tx) *table.Tx { return &table.Tx{Tx: tx, Keys: s.keys} }

// read runs f in a transaction that only looks.
func (s *Store) read(ctx context.Context, f func(*table.Tx) error) error {
	return s.db.Read(ctx, func(tx *txn.Tx) error { return f(s.tables(tx)) })
}

// write runs f in a transaction that is committed if f returns nil.
func (s *Store) write(ctx context.Context, f func(*table.Tx) error) error {
	return s.db.Write(ctx, func(tx *txn.Tx) error { return f(s.tables(tx)) })
}

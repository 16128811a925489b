package sqlstore_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		path    string
		dialect sqlstore.Dialect
		opts    *sqlstore.Options
		damage  func(*testing.T, *sql.DB)
		want    string
	}{
		{name: "a pool of one", dialect: sqlstore.SQLite, damage: func(_ *testing.T, db *sql.DB) { db.SetMaxOpenConns(1) }, want: "the pool allows one connection"},
		{name: "memory", path: ":memory:", dialect: sqlstore.SQLite, want: "give it a file"},
		{name: "an unknown dialect", dialect: "oracle", want: `unknown dialect "oracle"`},
		{name: "a negative wait", dialect: sqlstore.SQLite, opts: &sqlstore.Options{LockWait: -1}, want: "lock wait is negative"},
		{name: "no tables", dialect: sqlstore.SQLite, opts: &sqlstore.Options{OmitMigrate: true}, want: "there are no tables: call Migrate, or run the SQL that Migrations gives"},
		{name: "newer tables", dialect: sqlstore.SQLite, damage: func(t *testing.T, db *sql.DB) {
			require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite))
			_, err := db.ExecContext(t.Context(), "insert into exportyard_schema (version) values (999)")
			require.NoError(t, err)
		}, want: "made by newer code"},
		{name: "newer tables without migration", dialect: sqlstore.SQLite, opts: &sqlstore.Options{OmitMigrate: true}, damage: func(t *testing.T, db *sql.DB) {
			require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite))
			_, err := db.ExecContext(t.Context(), "insert into exportyard_schema (version) values (999)")
			require.NoError(t, err)
		}, want: "made by newer code"},
		{name: "older tables without migration", dialect: sqlstore.SQLite, opts: &sqlstore.Options{OmitMigrate: true}, damage: func(t *testing.T, db *sql.DB) {
			_, err := db.ExecContext(t.Context(), "create table exportyard_schema (version integer)")
			require.NoError(t, err)
		}, want: "migrate first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.path == "" {
				c.path = newFile(t)
			}
			db := openFile(t, c.path)
			if c.damage != nil {
				c.damage(t, db)
			}
			_, err := sqlstore.Open(t.Context(), db, c.dialect, c.opts)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := sqlstore.Open(t.Context(), nil, sqlstore.SQLite, nil)
	require.ErrorContains(t, err, "no database")
}

func openFile(t testing.TB, path string) *sql.DB { return file(path).db(t) }

func TestMigrateThenOpen(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	db := openFile(t, path)
	require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite))
	require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite), "a second time")
	store, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{OmitMigrate: true})
	require.NoError(t, err)
	_, _, err = store.Create(t.Context(), draft("a"), nil)
	require.NoError(t, err)
}

// A commit that was answered must be on the disk, whatever the host's connections
// are set to.
func TestConnectionsFlushAndWait(t *testing.T) {
	t.Parallel()
	db := openFile(t, newFile(t)+"?_pragma=synchronous(off)&_pragma=busy_timeout(5)")
	db.SetMaxOpenConns(2)
	store, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	_, _, err = store.Create(t.Context(), draft("a"), nil)
	require.NoError(t, err)
	conn, err := db.Conn(t.Context()) // the one that was used last
	require.NoError(t, err)
	defer conn.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "500"} {
		var got string
		require.NoError(t, conn.QueryRowContext(t.Context(), "pragma "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
}

// The host's own longer wait stays.
func TestLongerWaitStays(t *testing.T) {
	t.Parallel()
	db := openFile(t, newFile(t)+"?_pragma=busy_timeout(7000)")
	_, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	var got int
	require.NoError(t, db.QueryRowContext(t.Context(), "pragma busy_timeout").Scan(&got))
	require.Equal(t, 7000, got)
}

// Several openings of one new file at the same time must not fail each other.
func TestOpenAtTheSameTime(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		db := openFile(t, path)
		all.Go(func() { _, errs[i] = sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestExclusiveTakesEveryLeaseBack(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	before := file(path).open(t, nil)
	base(t, before, true) // base/1 and the plan of unplanned are leased
	got := claimOne(t, before)
	l := queue.Lease{Tenant: "acme", Job: "base", Number: got.Part.Number, Fence: got.Part.Fence, Rows: 5}
	_, err := before.Renew(t.Context(), queue.Renew{Leases: []queue.Lease{l}, Lease: time.Hour})
	require.NoError(t, err)
	version := func(id string) int64 {
		j, err := before.Get(t.Context(), "acme", id)
		require.NoError(t, err)
		return j.Version
	}
	base1, unplanned1 := version("base"), version("unplanned")

	after := file(path).open(t, &sqlstore.Options{Exclusive: true})
	require.Greater(t, version("base"), base1)
	require.Greater(t, version("unplanned"), unplanned1)
	for id, parts := range map[string]int{"base": 5, "unplanned": 2} {
		list, err := after.Parts(t.Context(), "acme", id, -1, 10)
		require.NoError(t, err)
		require.Len(t, list, parts)
		for _, p := range list {
			require.NotEqual(t, queue.Leased, p.State)
			require.False(t, p.Suspect)
			require.Zero(t, p.Failures)
			if p.State == queue.Ready {
				require.Zero(t, p.Rows)
			}
		}
		j, err := after.Get(t.Context(), "acme", id)
		require.NoError(t, err)
		require.Zero(t, j.Crashes)
	}
	_, err = before.Finish(t.Context(), queue.Finish{Tenant: "acme", Job: "base", Number: 1, Fence: 1, Outcome: queue.Seal}, nil)
	require.ErrorIs(t, err, queue.ErrFenced)
	claimed, err := after.Claim(t.Context(), queue.Claim{Worker: "w", Limit: 10, Lease: time.Hour})
	require.NoError(t, err)
	require.Len(t, claimed, 4)

	again := inFile(t).open(t, &sqlstore.Options{Exclusive: true})
	due, err := again.Due(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, due)
}

// hold begins to write and does not end.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	conn, err := openFile(t, path).Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "begin immediate")
	require.NoError(t, err)
	return func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), "rollback")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestLockedIsToldAfterLockWait(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	store := file(path).open(t, &sqlstore.Options{LockWait: 30 * time.Millisecond})
	release := hold(t, path)
	_, _, err := store.Create(t.Context(), draft("a"), nil)
	require.ErrorContains(t, err, "sqlstore: create: begin: ")
	_, err = store.Get(t.Context(), "acme", "a")
	require.ErrorIs(t, err, queue.ErrNotFound, "a writer kept a reader out")
	release()
	_, _, err = store.Create(t.Context(), draft("a"), nil)
	require.NoError(t, err)
}

// A lock that is held longer than the connection itself waits does not show.
func TestLockedIsWaitedFor(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	store := file(path).open(t, nil)
	timer := time.AfterFunc(1200*time.Millisecond, hold(t, path))
	defer timer.Stop()
	_, _, err := store.Create(t.Context(), draft("a"), nil)
	require.NoError(t, err)
}

// A waiting method ends with its context, and so do those that wait behind it.
func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	store := file(path).open(t, nil)
	defer hold(t, path)()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		all.Go(func() { _, errs[i] = store.Claim(ctx, queue.Claim{Worker: "w", Limit: 1, Lease: time.Hour}) })
	}
	all.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}

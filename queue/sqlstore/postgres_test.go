package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

func TestOpenOnPostgreSQLOnlyChecks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage string
		want   string
	}{
		{"no tables", "", "there are no tables: call Migrate, or run the SQL that Migrations gives"},
		{"older tables", "create table exportyard_schema (version integer)", "migrate first"},
		{"newer tables", "create table exportyard_schema (version integer); insert into exportyard_schema values (999)", "made by newer code"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := emptySchema(t)
			db := p.db(t)
			_, err := db.ExecContext(t.Context(), tt.damage)
			require.NoError(t, err)
			_, err = sqlstore.Open(t.Context(), db, p.Dialect, nil)
			require.ErrorContains(t, err, tt.want)
			var jobs int
			require.Error(t, db.QueryRowContext(t.Context(), "select count(*) from exportyard_job").Scan(&jobs), "it made tables")
		})
	}
}

func TestMigrateAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, where := range []func(testing.TB) place{inFile, emptySchema} {
		p := where(t)
		t.Run(string(p.Dialect), func(t *testing.T) {
			t.Parallel()
			errs := make([]error, 6)
			var all sync.WaitGroup
			for i := range errs {
				db := p.db(t)
				all.Go(func() { errs[i] = sqlstore.Migrate(t.Context(), db, p.Dialect) })
			}
			all.Wait()
			require.NoError(t, errors.Join(errs...))
			versions, err := sqlstore.Migrations(p.Dialect)
			require.NoError(t, err)
			var n, most int
			require.NoError(t, p.db(t).QueryRowContext(t.Context(), "select count(*), max(version) from exportyard_schema").Scan(&n, &most))
			require.Equal(t, len(versions), n)
			require.Equal(t, versions[n-1].Version, most)
			p.open(t, nil)
		})
	}
}

func TestMigrationsByHand(t *testing.T) {
	t.Parallel()
	for _, where := range []func(testing.TB) place{inFile, emptySchema} {
		p := where(t)
		t.Run(string(p.Dialect), func(t *testing.T) {
			t.Parallel()
			versions, err := sqlstore.Migrations(p.Dialect)
			require.NoError(t, err)
			tx, err := p.db(t).BeginTx(t.Context(), nil)
			require.NoError(t, err)
			for i, v := range versions {
				require.Equal(t, i+1, v.Version)
				_, err = tx.ExecContext(t.Context(), v.SQL)
				require.NoError(t, err)
			}
			require.NoError(t, tx.Commit())
			store := p.open(t, &sqlstore.Options{OmitMigrate: true})
			base(t, store, true)
		})
	}
	_, err := sqlstore.Migrations("oracle")
	require.ErrorContains(t, err, `unknown dialect "oracle"`)
}

// Servers may be set to levels and modes that a store cannot do with.
func TestSettingsOfTheServerDoNotMatter(t *testing.T) {
	t.Parallel()
	p := inSchema(t)
	p.DSN += " default_transaction_isolation=serializable default_transaction_read_only=on timezone=Asia/Kathmandu"
	store := p.open(t, nil)
	base(t, store, true)
	everyMethod(t, store)
}

// locked begins a transaction of somebody else that holds what the statement locks.
func (p place) locked(t *testing.T, statements ...string) *sql.Tx {
	t.Helper()
	tx, err := p.db(t).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	for _, s := range statements {
		_, err = tx.ExecContext(t.Context(), s)
		require.NoError(t, err)
	}
	return tx
}

// waiting returns when another connection of the test's schema waits for a lock.
func (p place) waiting(t *testing.T) {
	t.Helper()
	db := p.db(t)
	require.Eventually(t, func() bool {
		var n int
		err := db.QueryRowContext(t.Context(), `select count(*) from pg_locks l where not l.granted
			and exists (select 1 from pg_locks t where t.pid = l.pid and t.relation = 'exportyard_job'::regclass)`).Scan(&n)
		return err == nil && n > 0
	}, time.Minute, 5*time.Millisecond)
}

const lockBase = "select 1 from exportyard_job where id = 'base' for update"

func TestClaimPassesALockedJob(t *testing.T) {
	t.Parallel()
	p := inSchema(t)
	store := p.open(t, nil)
	base(t, store, false)
	_, _, err := store.Create(t.Context(), draft("other"), nil)
	require.NoError(t, err)
	p.locked(t, lockBase)
	got := claimOne(t, store)
	require.Equal(t, "other", got.Job.ID)
}

// Where all jobs with work are locked, a claim waits instead of telling that there is none.
func TestClaimWaitsForTheLastJob(t *testing.T) {
	t.Parallel()
	p := inSchema(t)
	store := p.open(t, nil)
	base(t, store, false)
	tx := p.locked(t, lockBase)
	type answer struct {
		got []queue.Claimed
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		got, err := store.Claim(t.Context(), queue.Claim{Worker: "w", Limit: 5, Lease: time.Hour})
		answers <- answer{got, err}
	}()
	p.waiting(t)
	require.NoError(t, tx.Rollback())
	a := <-answers
	require.NoError(t, a.err)
	require.Len(t, a.got, 2)
}

func TestLockedRowIsToldAfterLockWait(t *testing.T) {
	t.Parallel()
	p := inSchema(t)
	store := p.open(t, &sqlstore.Options{LockWait: 50 * time.Millisecond})
	base(t, store, false)
	cancel := queue.Update{Tenant: "acme", Job: "base", Event: queue.Cancel}
	tx := p.locked(t, lockBase)
	_, err := store.Update(t.Context(), cancel, nil)
	require.ErrorContains(t, err, "55P03")
	_, err = store.Get(t.Context(), "acme", "base")
	require.NoError(t, err, "a writer kept a reader out")
	require.NoError(t, tx.Rollback())
	_, err = store.Update(t.Context(), cancel, nil)
	require.NoError(t, err)
}

// Of two transactions that wait for each other the server ends one. If it is the
// store's, the store begins it again and nobody notices.
func TestDeadlockIsBegunAgain(t *testing.T) {
	t.Parallel()
	p := inSchema(t)
	db, tap := p.tapped(t)
	store, err := sqlstore.Open(t.Context(), db, p.Dialect, nil)
	require.NoError(t, err)
	_, _, err = store.Create(t.Context(), draft("base"), entriesOf("base"))
	require.NoError(t, err)
	// The other one would never find out that they wait for each other.
	tx := p.locked(t, "set local deadlock_timeout = '1h'", "select 1 from exportyard_tenant for update")
	tap.arm(0, "", nil)
	done := make(chan error, 1)
	go func() {
		_, err := store.Update(t.Context(), queue.Update{Tenant: "acme", Job: "base", Event: queue.Cancel}, entriesOf("cancel"))
		done <- err
	}()
	p.waiting(t)
	_, err = tx.ExecContext(t.Context(), lockBase) // comes back when the store has let go
	require.NoError(t, err)
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-done)
	begins := 0
	for _, s := range tap.log {
		if len(s.query) > 5 && s.query[:5] == "begin" {
			begins++
		}
	}
	require.GreaterOrEqual(t, begins, 2)
}

// Connections that the server has closed cost nothing: no transaction had begun on them.
func TestDeadConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	p := inSchema(t)
	p.DSN += fmt.Sprint(" application_name=doomed", schemas.Add(1))
	store := p.open(t, nil)
	base(t, store, false)
	var all sync.WaitGroup
	for range 8 { // so that the pool has several
		all.Go(func() { _, _ = store.Get(t.Context(), "acme", "base") })
	}
	all.Wait()
	var killed int
	other := p.db(t)
	require.NoError(t, other.QueryRowContext(t.Context(), `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where application_name = current_setting('application_name') and pid <> pg_backend_pid()`).Scan(&killed))
	require.Positive(t, killed)
	for range 8 {
		_, err := store.Get(t.Context(), "acme", "base")
		require.NoError(t, err)
	}
}

// A server that crashes is passing trouble: calls fail while it is away and do not hang,
// and all that was answered is there when it is back.
func TestServerIsRestarted(t *testing.T) {
	t.Parallel()
	needServer(t)
	settings := []string{"shared_buffers=16MB", "synchronous_commit=on"}
	s, err := startServer(settings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.remove()) })
	p := place{Dialect: sqlstore.PostgreSQL, Driver: "pgx", DSN: s.dsn()}
	require.NoError(t, sqlstore.Migrate(t.Context(), p.db(t), p.Dialect))
	store := p.open(t, nil)
	base(t, store, true)
	before := dump(t, p.db(t))
	s.kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = store.Claim(ctx, queue.Claim{Worker: "w", Limit: 1, Lease: time.Hour})
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it hung")
	require.NoError(t, s.start(settings...))
	require.Eventually(t, func() bool { _, err := store.Get(ctx, "acme", "base"); return err == nil }, time.Minute, 10*time.Millisecond)
	require.Equal(t, before, dump(t, p.db(t)))
	everyMethod(t, store)
	s.kill()
}

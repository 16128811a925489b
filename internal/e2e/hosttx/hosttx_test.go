// Package hosttx_test holds requests that are part of a host's own transaction, on the
// databases that hosts share with the job store.
package hosttx_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source/slicesource"
)

func TestMain(m *testing.M) { server.Main(m) }

type order struct {
	ID   int64  `export:"order_id,key"`
	Shop string `export:"shop,tenant"`
}

// A host has a table of its own beside the job store.
type host struct {
	*export.Engine
	t     *testing.T
	db    *sql.DB
	store *sqlstore.Store
}

func newHost(t *testing.T, db *sql.DB, dialect sqlstore.Dialect) *host {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, sqlstore.Migrate(ctx, db, dialect))
	store, err := sqlstore.Open(ctx, db, dialect, nil)
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, "create table customers (name text primary key)")
	require.NoError(t, err)
	src, err := slicesource.New("orders", []order{{1, "acme"}, {2, "acme"}}, nil)
	require.NoError(t, err)
	files, err := memsink.New(nil)
	require.NoError(t, err)
	engine, err := export.New(export.Config{
		Source: src, Store: store, Sink: files, Formats: []format.Formatter{csvfmt.Format{}}, Poll: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	return &host{Engine: engine, t: t, db: db, store: store}
}

// each runs a test on each database.
func each(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "host.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(200)")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		test(t, newHost(t, db, sqlstore.SQLite))
	})
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		test(t, newHost(t, server.StartPostgres(t), sqlstore.PostgreSQL))
	})
}

var allOrders = export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv"}

// within makes a customer and a request in one transaction, and ends it.
func (h *host) within(name string, r export.Request, end func(*sql.Tx) error) (*export.Job, error) {
	h.t.Helper()
	tx, err := h.db.BeginTx(h.t.Context(), nil)
	require.NoError(h.t, err)
	_, err = tx.ExecContext(h.t.Context(), "insert into customers values ('"+name+"')")
	require.NoError(h.t, err)
	j, err := h.RequestTx(h.t.Context(), tx, r)
	require.NoError(h.t, end(tx))
	return j, err
}

// counts returns how many customers, jobs, parts and audit entries there are.
func (h *host) counts() (customers, jobs, parts, entries int) {
	h.t.Helper()
	ctx := h.t.Context()
	require.NoError(h.t, h.db.QueryRowContext(ctx, "select count(*) from customers").Scan(&customers))
	all, _, err := h.List(ctx, "acme", nil)
	require.NoError(h.t, err)
	for _, j := range all {
		page, err := h.store.Parts(ctx, "acme", j.ID, -1, 100)
		require.NoError(h.t, err)
		parts += len(page)
	}
	lines, err := h.Audit(ctx, "acme", 0, 100)
	require.NoError(h.t, err)
	events, err := h.store.Entries(ctx, "acme", queue.Outbox, 0, 100)
	require.NoError(h.t, err)
	return customers, len(all), parts, len(lines) + len(events)
}

func (h *host) requireCounts(customers, jobs, parts, entries int) {
	h.t.Helper()
	c, j, p, e := h.counts()
	require.Equal(h.t, []int{customers, jobs, parts, entries}, []int{c, j, p, e}, "customers, jobs, parts, entries")
}

// R3: what the host writes and the request come to be together or not at all.
func TestR3_HostsTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *host) {
		_, err := h.within("rolled back", allOrders, (*sql.Tx).Rollback)
		require.NoError(t, err)
		h.requireCounts(0, 0, 0, 0)

		j, err := h.within("committed", allOrders, (*sql.Tx).Commit)
		require.NoError(t, err)
		h.requireCounts(1, 1, 2, 1)
		require.Equal(t, export.Pending, j.State)

		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		h.Ring(ctx)
		for now, err := range h.Watch(t.Context(), "acme", j.ID, 10*time.Millisecond) {
			require.NoError(t, err)
			j = now
		}
		stop()
		require.NoError(t, <-done)
		require.Equal(t, export.Completed, j.State, "%v", j.Error)
		require.EqualValues(t, 2, j.Rows)
	})
}

// R1, R2, R3: a refusal leaves the host's transaction as it was: it can go on and commit.
func TestR3_RefusalsLeaveTheTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *host) {
		keyed := allOrders
		keyed.IdempotencyKey = "order-1"
		first, err := h.within("first", keyed, (*sql.Tx).Commit)
		require.NoError(t, err)
		again, err := h.within("again", keyed, (*sql.Tx).Commit)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)

		var refused *export.Error
		_, err = h.within("conflict", allOrders, (*sql.Tx).Commit)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, export.CodeConflict, refused.Code)
		require.Equal(t, first.ID, refused.Job)

		wrong := allOrders
		wrong.Format, wrong.Interval = "paper", "decade"
		_, err = h.within("wrong", wrong, (*sql.Tx).Commit)
		require.ErrorAs(t, err, &refused)
		require.Len(t, refused.Problems, 2, "everything that is wrong is said at once")
		customers, jobs, parts, _ := h.counts()
		require.Equal(t, []int{4, 1, 2}, []int{customers, jobs, parts})
	})
}

// R3: a transaction that has ended takes no request.
func TestR3_EndedTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *host) {
		tx, err := h.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, tx.Commit())
		_, err = h.RequestTx(t.Context(), tx, allOrders)
		var refused *export.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, export.CodeUnavailable, refused.Code)
		require.ErrorIs(t, err, sql.ErrTxDone)
		h.requireCounts(0, 0, 0, 0)
	})
}

//go:build unix

package fleet_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/fleet"
	"github.com/exportyard/exportyard/internal/e2e/server"
)

// outage is how long PostgreSQL is out of order: longer than a lease.
const outage = 2 * time.Second

// R5: PostgreSQL crashes, takes no writes or has no connection left while exports
// are made. Requesters are told that it is unavailable; every export completes, no
// slot stays taken.
func TestR5_DatabaseOutOfOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		fail func(t *testing.T, db *server.Postgres, y *yard)
	}{
		{"restarted", func(t *testing.T, db *server.Postgres, y *yard) {
			db.Stop()
			y.feedFor(outage, nil)
			db.Start(t)
		}},
		{"read-only", func(t *testing.T, db *server.Postgres, y *yard) {
			y.exec("pgx", db.DSN(), "alter system set default_transaction_read_only = on", "select pg_reload_conf()")
			y.feedFor(outage, nil)
			y.exec("pgx", db.DSN(), "set default_transaction_read_only = off", "alter system reset default_transaction_read_only", "select pg_reload_conf()")
		}},
		{"out of connections", func(t *testing.T, db *server.Postgres, y *yard) {
			hog, err := sql.Open("pgx", db.DSN())
			require.NoError(t, err)
			defer func() { require.NoError(t, hog.Close()) }()
			takeAll(y.ctx, t, hog)
			y.feedFor(outage, nil)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := server.OwnPostgres(t)
			y := newYard(t, db.DSN(), 6, 250, 3*time.Minute).open()
			workers := []*process{y.start(fleet.Role{}), y.start(fleet.Role{})}
			y.feedFor(time.Minute, func() bool { return len(y.all) > 6 }) // one has ended
			before := len(y.all)
			tt.fail(t, db, y)
			y.feedFor(time.Minute, func() bool { return len(y.all) > before+2 })
			require.Greater(t, len(y.all), before+2, "no request is accepted any more")
			y.settle()
			for _, p := range workers {
				p.stop()
			}
		})
	}
}

// takeAll takes every connection that the server has, those of others included,
// and keeps them until the pool is closed.
func takeAll(ctx context.Context, t *testing.T, hog *sql.DB) {
	t.Helper()
	first, err := hog.Conn(ctx)
	require.NoError(t, err)
	const others = "select count(*) from pg_stat_activity where backend_type = 'client backend' and application_name <> 'hog'"
	for left := 1; left > 0; {
		_, err := first.ExecContext(ctx, "set application_name = 'hog'")
		require.NoError(t, err)
		_, err = first.ExecContext(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and application_name <> 'hog'")
		require.NoError(t, err)
		for {
			conn, err := hog.Conn(ctx)
			if err != nil {
				break // that was the last
			}
			if _, err := conn.ExecContext(ctx, "set application_name = 'hog'"); err != nil {
				break
			}
		}
		require.NoError(t, first.QueryRowContext(ctx, others).Scan(&left))
	}
}

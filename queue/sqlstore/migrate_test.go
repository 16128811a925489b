package sqlstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// older fills tables of a version: two jobs that run, of which only the seal of the second
// can be claimed, one that is completed and past its expiry, and an event.
func older(t *testing.T, p place, version int) {
	t.Helper()
	versions, err := sqlstore.Migrations(p.Dialect)
	require.NoError(t, err)
	run := func(query string) {
		t.Helper()
		_, err := p.db(t).ExecContext(t.Context(), query)
		require.NoError(t, err, query)
	}
	for _, v := range versions[:version] {
		run(v.SQL)
	}
	run("insert into exportyard_tenant (tenant, jobs, entries) values ('acme', 3, 1)")
	for i, job := range []struct {
		state  string
		sealed int
		parts  []string // the states of the plan, of one rows part, and of the seal
	}{
		{"running", 1, []string{"sealed", "leased", "ready"}},
		{"running", 2, []string{"sealed", "sealed", "ready"}},
		{"completed", 3, []string{"sealed", "sealed", "sealed"}},
	} {
		id := fmt.Sprint("job-", i+1)
		run(fmt.Sprintf(`insert into exportyard_job (id, tenant, seq, kind, slot, actor, idempotency_key, fingerprint, retry_of, request_version,
			state, reason_version, result_version, parts, parts_sealed, rows_planned, sealed_rows, sealed_bytes, crashes, cleanings, version,
			claimed, created_at, started_at, expires_at)
			values ('%[1]s', 'acme', %[2]d, 'archive', '%[1]s', '', '', '', '', 1, '%[3]s', 0, 0, 3, %[4]d, 1, 0, 0, 0, 0, 3, 1, 1, 1, %[5]s)`,
			id, i+1, job.state, job.sealed, map[bool]string{true: "5", false: "null"}[job.state == "completed"]))
		for n, state := range job.parts {
			kind := []queue.PartKind{queue.PlanPart, queue.RowsPart, queue.SealPart}[n]
			run(fmt.Sprintf(`insert into exportyard_part (job, number, kind, payload_version, state, fence)
				select ord, %d, '%s', 1, '%s', 1 from exportyard_job where id = '%s'`, n, kind, state, id))
		}
	}
	run(`insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, at)
		values ('o', 'acme', 'outbox', 1, 'job-3', 'export.completed', 'ann', 1, 1)`)
	if p.Dialect == sqlstore.PostgreSQL || version > 1 {
		run("update exportyard_job set ready = 1 where id = 'job-2'")
	}
	if turns := map[sqlstore.Dialect]int{sqlstore.SQLite: 7, sqlstore.PostgreSQL: 6}; version >= turns[p.Dialect] {
		run("update exportyard_tenant set waiting = 1")
	}
}

// Work that is going on in tables of any version goes on when they are brought up to date.
func TestTablesOfEachVersionGoOn(t *testing.T) {
	t.Parallel()
	for _, where := range []func(testing.TB) place{inFile, emptySchema} {
		dialect := where(t).Dialect
		versions, err := sqlstore.Migrations(dialect)
		require.NoError(t, err)
		for version := 1; version <= len(versions); version++ {
			t.Run(fmt.Sprintf("%s/%d", dialect, version), func(t *testing.T) {
				t.Parallel()
				p := where(t)
				older(t, p, version)
				if version < len(versions) {
					_, err := sqlstore.Open(t.Context(), p.db(t), dialect, &sqlstore.Options{OmitMigrate: true})
					require.ErrorContains(t, err, fmt.Sprintf("the tables are of version %d, this code needs %d: migrate first", version, len(versions)))
				}
				require.NoError(t, sqlstore.Migrate(t.Context(), p.db(t), dialect))
				goesOn(t, p.open(t, nil))
			})
		}
	}
}

func goesOn(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	got, err := store.Claim(t.Context(), queue.Claim{Worker: "w", Limit: 5, Lease: time.Hour})
	require.NoError(t, err)
	require.Len(t, got, 1, "only the seal of the second job is ready")
	require.Equal(t, "job-2", got[0].Job.ID)
	jobs, _, err := store.List(t.Context(), queue.ListQuery{Tenant: "acme"})
	require.NoError(t, err)
	require.Len(t, jobs, 3)
	_, err = store.Finish(t.Context(), queue.Finish{Tenant: "acme", Job: "job-1", Number: 1, Fence: 1, Outcome: queue.Seal}, nil)
	require.NoError(t, err)
	require.Equal(t, queue.SealPart, claimOne(t, store).Part.Kind)
	due, err := store.Due(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.Equal(t, queue.DueExpiry, due[0].Kind)
	require.False(t, due[0].Job.Held)
	events, err := store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 10, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, events, 1)
	_, existing, err := store.CreateSchedule(t.Context(), queue.Schedule{ID: "nightly", Tenant: "acme"}, nil)
	require.NoError(t, err)
	require.False(t, existing)
}

package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

var tables = []string{"exportyard_tenant", "exportyard_job", "exportyard_part", "exportyard_entry", "exportyard_schedule", "exportyard_run"}

// dump returns every byte that the store keeps.
func dump(t testing.TB, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range tables {
		rows, err := db.QueryContext(t.Context(), "select * from "+table+" order by 1, 2")
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			row := make([]any, len(columns))
			for i := range row {
				row[i] = new(any)
			}
			require.NoError(t, rows.Scan(row...))
			fmt.Fprint(&b, table)
			for _, v := range row {
				fmt.Fprintf(&b, " %v", *v.(*any))
			}
			b.WriteByte('\n')
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return b.String()
}

func payload(text string) queue.Payload { return queue.Payload{Version: 1, Data: []byte(text)} }

func draft(id string) queue.NewJob {
	return queue.NewJob{
		Job:   queue.Job{ID: id, Tenant: "acme", Kind: "archive", Slot: id, IdempotencyKey: id, Request: payload("request")},
		First: []queue.Part{{Kind: queue.PlanPart, Payload: payload("plan")}, {Kind: queue.SealPart, Payload: payload("seal")}},
	}
}

func entriesOf(id string) []queue.Entry {
	return []queue.Entry{
		{ID: id + "-audit", Kind: queue.Audit, Tenant: "acme", Job: id, Type: "test", Data: payload("audit")},
		{ID: id + "-outbox", Kind: queue.Outbox, Tenant: "acme", Job: id, Type: "test", Data: payload("outbox")},
	}
}

func planned(n int) []queue.Part {
	parts := make([]queue.Part, n)
	for i := range parts {
		parts[i] = queue.Part{Payload: payload(fmt.Sprint("rows ", i+1))}
	}
	return parts
}

// atomicSteps are changes of a store in which the job "base" was planned as three
// parts, of which the first is leased under fence 1 and the others are ready.
var atomicSteps = []struct {
	name string
	do   func(context.Context, *sqlstore.Store) error
	done map[string]int // how many rows it adds to or changes in the tables
}{
	{"create", func(ctx context.Context, s *sqlstore.Store) error {
		_, _, err := s.Create(ctx, draft("new"), entriesOf("new"))
		return err
	}, map[string]int{
		"select count(*) from exportyard_job where id = 'new' and state = 'pending'":                       1,
		"select count(*) from exportyard_part p join exportyard_job j on j.ord = p.job where j.id = 'new'": 2,
		"select count(*) from exportyard_entry where job = 'new'":                                          2,
		"select jobs from exportyard_tenant where tenant = 'acme'":                                         2,
		"select chain_number from exportyard_tenant where tenant = 'acme'":                                 3,
	}},
	{"claim", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Claim(ctx, queue.Claim{Worker: "w", Limit: 2, Lease: time.Hour})
		return err
	}, map[string]int{
		"select count(*) from exportyard_part where state = 'leased'": 3,
		"select max(claimed) from exportyard_job":                     4,
	}},
	{"renew", func(ctx context.Context, s *sqlstore.Store) error {
		l := queue.Lease{Tenant: "acme", Job: "base", Number: 1, Fence: 1, Rows: 5}
		_, err := s.Renew(ctx, queue.Renew{Leases: []queue.Lease{l}, Lease: 2 * time.Hour})
		return err
	}, map[string]int{"select sum(row_count) from exportyard_part": 5}},
	{"seal", func(ctx context.Context, s *sqlstore.Store) error {
		f := queue.Finish{Tenant: "acme", Job: "base", Number: 1, Fence: 1, Outcome: queue.Seal, Rows: 7, Receipt: payload("r")}
		_, err := s.Finish(ctx, f, entriesOf("seal"))
		return err
	}, map[string]int{
		"select count(*) from exportyard_part where state = 'sealed' and receipt is not null and row_count = 7": 1,
		"select parts_sealed from exportyard_job":                  2,
		"select sealed_rows from exportyard_job":                   7,
		"select count(*) from exportyard_entry where job = 'seal'": 2,
		"select chain_number from exportyard_tenant":               3,
	}},
	{"refuse", func(ctx context.Context, s *sqlstore.Store) error {
		f := queue.Finish{Tenant: "acme", Job: "base", Number: 1, Fence: 1, Outcome: queue.Refuse, Reason: payload("r")}
		_, err := s.Finish(ctx, f, entriesOf("refuse"))
		return err
	}, map[string]int{
		"select count(*) from exportyard_part where state = 'failed'":   1,
		"select count(*) from exportyard_part where state = 'canceled'": 3,
		"select count(*) from exportyard_job where state = 'failed'":    1,
		"select count(*) from exportyard_entry where job = 'refuse'":    2,
	}},
	{"cancel", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Update(ctx, queue.Update{Tenant: "acme", Job: "base", Event: queue.Cancel}, entriesOf("cancel"))
		return err
	}, map[string]int{
		"select count(*) from exportyard_part where state = 'canceled'": 4,
		"select count(*) from exportyard_job where state = 'canceled'":  1,
		"select count(*) from exportyard_entry where job = 'cancel'":    2,
	}},
	{"requeue", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Requeue(ctx, operator.Requeue{Tenant: "acme", Job: "base", Number: 1}, entriesOf("requeue"))
		return err
	}, map[string]int{
		"select count(*) from exportyard_part where state = 'leased'": 0,
		"select version from exportyard_job":                          4,
		"select count(*) from exportyard_entry where job = 'requeue'": 2,
	}},
	{"forget", func(ctx context.Context, s *sqlstore.Store) error {
		return s.Forget(ctx, operator.Forget{Tenant: "acme", Job: "ended"}, entriesOf("forget"))
	}, map[string]int{
		"select count(*) from exportyard_job":                        1,
		"select count(*) from exportyard_part":                       5,
		"select count(*) from exportyard_entry where job = 'forget'": 2,
	}},
	{"claim outbox", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.ClaimOutbox(ctx, queue.OutboxClaim{Limit: 2, Lease: time.Hour})
		return err
	}, map[string]int{"select count(*) from exportyard_entry where due_at > 0 and attempt = 1": 2}},
	{"mark read", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.MarkRead(ctx, queue.ReadMark{Tenant: "acme", IDs: []string{"unknown", "two-outbox"}, UpTo: 2})
		return err
	}, map[string]int{"select count(*) from exportyard_entry where read_at is not null": 2}},
	{"plan", func(ctx context.Context, s *sqlstore.Store) error {
		f := queue.Finish{Tenant: "acme", Job: "unplanned", Fence: 1, Outcome: queue.Seal, Planned: planned(4)}
		_, err := s.Finish(ctx, f, entriesOf("plan"))
		return err
	}, map[string]int{
		"select count(*) from exportyard_part p join exportyard_job j on j.ord = p.job where j.id = 'unplanned'":                     6,
		"select p.number from exportyard_part p join exportyard_job j on j.ord = p.job where j.id = 'unplanned' and p.kind = 'seal'": 5,
		"select count(*) from exportyard_job where state = 'running'":                                                                2,
		"select count(*) from exportyard_entry where job = 'plan'":                                                                   2,
	}},
}

// base makes the state that the steps begin with.
func base(t testing.TB, s *sqlstore.Store, unplanned bool) {
	t.Helper()
	ctx := t.Context()
	_, _, err := s.Create(ctx, draft("base"), nil)
	require.NoError(t, err)
	_, err = s.Update(ctx, queue.Update{}, append(entriesOf("one"), entriesOf("two")...))
	require.NoError(t, err)
	claim := func() {
		got, err := s.Claim(ctx, queue.Claim{Worker: "w", Limit: 1, Lease: time.Hour})
		require.NoError(t, err)
		require.Len(t, got, 1)
	}
	claim()
	_, err = s.Finish(ctx, queue.Finish{Tenant: "acme", Job: "base", Fence: 1, Outcome: queue.Seal, Planned: planned(3)}, nil)
	require.NoError(t, err)
	claim()
	if unplanned {
		_, _, err := s.Create(ctx, draft("unplanned"), nil)
		require.NoError(t, err)
		claim()
	}
}

// ended adds a job that has ended and left nothing.
func ended(t testing.TB, s *sqlstore.Store) {
	t.Helper()
	_, _, err := s.Create(t.Context(), draft("ended"), nil)
	require.NoError(t, err)
	for _, e := range []queue.Event{queue.Cancel, queue.Clean} {
		_, err = s.Update(t.Context(), queue.Update{Tenant: "acme", Job: "ended", Event: e}, nil)
		require.NoError(t, err)
	}
}

// Each statement of each step goes wrong in each way once. What the caller was told
// to have failed must have left nothing, or, if only the answer to the commit was
// lost, everything; and the pool must be good for the next try.
func TestR3_FaultAtEveryStatement(t *testing.T) {
	t.Parallel()
	withEach(t, func(t *testing.T, where func(testing.TB) place) {
		for _, step := range atomicSteps {
			for _, f := range []fault{fails, lostAnswer, dies, panics, cancels} {
				t.Run(step.name+"/"+string(f), func(t *testing.T) {
					t.Parallel()
					p := where(t)
					db, tap := p.tapped(t)
					store, err := sqlstore.Open(t.Context(), db, p.Dialect, &sqlstore.Options{AuditKeys: keysOf(t, "a")})
					require.NoError(t, err)
					base(t, store, step.name == "plan")
					if step.name == "forget" {
						ended(t, store)
					}
					look := p.db(t)
					before := dump(t, look)
					isDone := func() bool {
						for query, want := range step.done {
							var got int
							require.NoError(t, look.QueryRowContext(t.Context(), query).Scan(&got))
							if got != want {
								require.Equal(t, before, dump(t, look), "half of it is done")
								return false
							}
						}
						return true
					}
					require.False(t, isDone(), "the step has nothing to do")
					faults, first := 0, 1
					if p.Dialect == sqlstore.PostgreSQL {
						first = 2 // a begin that fails is tried on another connection
					}
					for at := first; ; at++ {
						ctx, cancel := context.WithCancel(t.Context())
						tap.arm(at, f, cancel)
						err := caught(func() error { return step.do(ctx, store) })
						cancel()
						hit := tap.hit()
						tap.arm(0, "", nil)
						if !hit {
							require.NoError(t, err)
							break
						}
						faults++
						if err == nil || isDone() {
							// The context was over after the last look at it, or only the answer was lost.
							require.True(t, f == cancels || f == lostAnswer, "statement %d", at)
							break
						}
					}
					require.True(t, isDone())
					require.Greater(t, faults, 4)
					require.Zero(t, db.Stats().InUse)
				})
			}
		}
	})
}

// caught turns a panic of the driver into an error.
func caught(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

// A connection whose transaction was cut off by its context must come back
// clean, or not at all: the pool has two, and all goes on after many such cuts.
func TestCanceledMidwayLeavesNoTransaction(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		db, tap := p.tapped(t)
		db.SetMaxOpenConns(2)
		store, err := sqlstore.Open(t.Context(), db, p.Dialect, &sqlstore.Options{AuditKeys: keysOf(t, "a")})
		require.NoError(t, err)
		base(t, store, false)
		look := p.db(t)
		before := dump(t, look)
		cuts := 0
		for {
			ctx, cancel := context.WithCancel(t.Context())
			tap.arm(cuts+1, cancels, cancel)
			_, err := store.Update(ctx, queue.Update{Tenant: "acme", Job: "base", Event: queue.Cancel}, entriesOf("x"))
			cancel()
			if err == nil {
				break
			}
			cuts++
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, before, dump(t, look))
			// Another process could write now.
			_, err = look.ExecContext(t.Context(), "update exportyard_job set claimed = claimed")
			require.NoError(t, err)
		}
		require.Greater(t, cuts, 5)
	})
}

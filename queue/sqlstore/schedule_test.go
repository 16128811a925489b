package sqlstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// standingTick is a tick of a new schedule that is due.
func standingTick(t testing.TB, s *sqlstore.Store, id string) queue.Tick {
	t.Helper()
	of, _, err := s.CreateSchedule(t.Context(), queue.Schedule{ID: id, Tenant: "acme", Settings: payload("settings"), Follows: "default", NextTick: time.Unix(0, 0)}, entriesOf(id))
	require.NoError(t, err)
	job := draft("job-of-" + id)
	return queue.Tick{
		Tenant: "acme", Schedule: id, Version: of.Version, Nominal: of.NextTick, Next: of.NextTick.Add(time.Hour), Outcome: queue.RunStarted, Job: job,
	}
}

// No statement about schedules looks at a whole table, or sorts. What is walked in
// order is the runs whose jobs are active, and the few schedules of the platform.
func TestNoStatementAboutSchedulesScansOrSorts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, tap := inFile(t).tapped(t)
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	platform, _, err := store.CreateSchedule(ctx, queue.Schedule{ID: "default"}, nil)
	require.NoError(t, err)
	tap.arm(0, "", nil)

	tick := standingTick(t, store, "nightly")
	_, _, err = store.CreateSchedule(ctx, queue.Schedule{ID: "nightly", Tenant: "acme"}, nil)
	require.NoError(t, err)
	of, run, err := store.TakeTick(ctx, tick, entriesOf("tick"))
	require.NoError(t, err)
	_, err = store.Update(ctx, queue.Update{Tenant: "acme", Job: run.Job, Event: queue.Fail}, nil)
	require.NoError(t, err)
	_, err = store.ChangeSchedule(ctx, queue.ScheduleChange{Schedule: "default", Version: platform.Version, Event: queue.EditSchedule}, nil)
	require.NoError(t, err)
	due, err := store.DueSchedules(ctx, 10)
	require.NoError(t, err)
	require.Len(t, due, 3)
	_, _, err = store.EndRun(ctx, queue.RunEnd{Tenant: "acme", Schedule: of.ID, Number: run.Number}, nil)
	require.NoError(t, err)
	_, err = store.GetSchedule(ctx, "acme", of.ID)
	require.NoError(t, err)
	_, err = store.Schedules(ctx, "acme", "a", 10)
	require.NoError(t, err)
	_, err = store.Runs(ctx, "acme", of.ID, 0, 10)
	require.NoError(t, err)

	seen := explain(t, db, tap, func(_, detail string) bool { return strings.Contains(detail, "exportyard_run_open") })
	require.Greater(t, seen, 15, "too few statements were seen")
}

// Each statement of a tick, of a run's end, and of a change goes wrong once in each way.
// There is never a job without its run, or a tick gone by without a trace.
func TestR3_FaultAtEveryStatementAboutSchedules(t *testing.T) {
	t.Parallel()
	steps := map[string]func(context.Context, *sqlstore.Store, queue.Tick) error{
		"tick": func(ctx context.Context, s *sqlstore.Store, tick queue.Tick) error {
			_, _, err := s.TakeTick(ctx, tick, entriesOf("step"))
			return err
		},
		"skipped tick": func(ctx context.Context, s *sqlstore.Store, tick queue.Tick) error {
			tick.Job.Slot = "base"
			_, _, err := s.TakeTick(ctx, tick, entriesOf("step"))
			return err
		},
		"end of a run": func(ctx context.Context, s *sqlstore.Store, _ queue.Tick) error {
			_, _, err := s.EndRun(ctx, queue.RunEnd{Tenant: "acme", Schedule: "ended", Number: 1, MaxFailures: 1}, entriesOf("step"))
			return err
		},
		"change": func(ctx context.Context, s *sqlstore.Store, tick queue.Tick) error {
			_, err := s.ChangeSchedule(ctx, queue.ScheduleChange{Tenant: "acme", Schedule: tick.Schedule, Version: tick.Version, Event: queue.PauseSchedule}, entriesOf("step"))
			return err
		},
		"create": func(ctx context.Context, s *sqlstore.Store, _ queue.Tick) error {
			_, _, err := s.CreateSchedule(ctx, queue.Schedule{ID: "new", Tenant: "acme"}, entriesOf("step"))
			return err
		},
	}
	withEach(t, func(t *testing.T, where func(testing.TB) place) {
		for name, step := range steps {
			for _, f := range []fault{fails, lostAnswer, dies, panics, cancels} {
				t.Run(name+"/"+string(f), func(t *testing.T) {
					t.Parallel()
					p := where(t)
					db, tap := p.tapped(t)
					store, err := sqlstore.Open(t.Context(), db, p.Dialect, nil)
					require.NoError(t, err)
					base(t, store, false)
					tick, ended := standingTick(t, store, "nightly"), standingTick(t, store, "ended")
					_, run, err := store.TakeTick(t.Context(), ended, nil)
					require.NoError(t, err)
					_, err = store.Update(t.Context(), queue.Update{Tenant: "acme", Job: run.Job, Event: queue.Fail}, nil)
					require.NoError(t, err)
					look := p.db(t)
					before := dump(t, look)
					faults, done, at := 0, false, 1
					if p.Dialect == sqlstore.PostgreSQL {
						at = 2 // a begin that fails is tried on another connection
					}
					for ; !done; at++ {
						ctx, cancel := context.WithCancel(t.Context())
						tap.arm(at, f, cancel)
						err := caught(func() error { return step(ctx, store, tick) })
						cancel()
						hit := tap.hit()
						tap.arm(0, "", nil)
						if !hit {
							require.NoError(t, err)
						} else {
							faults++
						}
						// Both entries come with all the rest, and not without it.
						var entries int
						require.NoError(t, look.QueryRowContext(t.Context(), "select count(*) from exportyard_entry where job = 'step'").Scan(&entries))
						if done = entries > 0; !done {
							require.Error(t, err)
							require.Equal(t, before, dump(t, look), "half of it is done")
							continue
						}
						require.Equal(t, 2, entries)
						if err != nil {
							// The context was over after the last look at it, or only the answer was lost.
							require.True(t, f == cancels || f == lostAnswer, "statement %d", at)
						}
					}
					require.Greater(t, faults, 3)
					after := dump(t, look)
					_ = step(t.Context(), store, tick) // an error, or what is there already
					require.Equal(t, after, dump(t, look), "it can be done twice")
					require.Zero(t, db.Stats().InUse)
				})
			}
		}
	})
}

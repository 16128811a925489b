package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/standing"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
)

var _ queue.ScheduleStore = (*Store)(nil)

// orders is the transaction as the tables of schedules know it.
func orders(tx *table.Tx) standing.Tx { return standing.Tx{Tx: tx.Tx} }

// CreateSchedule stores a schedule.
func (s *Store) CreateSchedule(ctx context.Context, n queue.Schedule, entries []queue.Entry) (created queue.Schedule, existing bool, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		created = n.Make(tx.Now)
		stored, err := orders(tx).Insert(ctx, created)
		if err != nil {
			return err
		}
		if stored {
			existing = false
			return tx.Append(ctx, created.EntriesAfter(queue.Schedule{}, "", entries))
		}
		there, err := orders(tx).Schedule(ctx, n.Tenant, n.ID)
		created, existing = there.Schedule, true
		return err
	})
	if err != nil {
		return queue.Schedule{}, false, fmt.Errorf("sqlstore: create a schedule: %w", err)
	}
	return created, existing, nil
}

// ChangeSchedule applies an event to a schedule.
func (s *Store) ChangeSchedule(ctx context.Context, c queue.ScheduleChange, entries []queue.Entry) (after queue.Schedule, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		was, err := orders(tx).Schedule(ctx, c.Tenant, c.Schedule)
		if err != nil {
			return err
		}
		if after, err = c.Apply(was.Schedule); err != nil {
			return err
		}
		if err := orders(tx).Update(ctx, was, after); err != nil {
			return err
		}
		return tx.Append(ctx, after.EntriesAfter(was.Schedule, "", entries))
	})
	if err != nil {
		return queue.Schedule{}, fmt.Errorf("sqlstore: change a schedule: %w", err)
	}
	return after, nil
}

// GetSchedule returns the tenant's schedule.
func (s *Store) GetSchedule(ctx context.Context, tenant, id string) (queue.Schedule, error) {
	var found standing.Schedule
	err := s.read(ctx, func(tx *table.Tx) (err error) {
		found, err = orders(tx).Schedule(ctx, tenant, id)
		return err
	})
	if err != nil {
		return queue.Schedule{}, fmt.Errorf("sqlstore: get a schedule: %w", err)
	}
	return found.Schedule, nil
}

// Schedules returns a page of the tenant's schedules.
func (s *Store) Schedules(ctx context.Context, tenant, after string, limit int) (found []queue.Schedule, err error) {
	err = s.read(ctx, func(tx *table.Tx) error {
		found, err = orders(tx).List(ctx, tenant, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: schedules: %w", err)
	}
	return found, nil
}

// DueSchedules returns what the scheduler must look at.
func (s *Store) DueSchedules(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
	if limit < 1 {
		return nil, nil
	}
	var ticks, followers, runs []queue.DueSchedule
	err := s.read(ctx, func(tx *table.Tx) error {
		due, err := orders(tx).Ticks(ctx, limit)
		if err != nil {
			return err
		}
		for _, one := range due {
			ticks = append(ticks, queue.DueSchedule{Kind: queue.DueTick, Schedule: one})
		}
		if due, err = orders(tx).Followers(ctx, limit); err != nil {
			return err
		}
		for _, one := range due {
			followers = append(followers, queue.DueSchedule{Kind: queue.DueFollower, Schedule: one})
		}
		ended, err := orders(tx).Ended(ctx, table.ActiveStates, limit)
		if err != nil {
			return err
		}
		for _, one := range ended {
			j, err := tx.Job(ctx, one.Run.Tenant, one.Run.Job, "")
			if err != nil {
				return err
			}
			runs = append(runs, queue.DueSchedule{Kind: queue.DueRun, Schedule: one.Schedule, Run: one.Run, Job: j.Job})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: due schedules: %w", err)
	}
	return queue.TakeTurns(limit, ticks, followers, runs), nil
}

// TakeTick takes a tick.
func (s *Store) TakeTick(ctx context.Context, t queue.Tick, entries []queue.Entry) (after queue.Schedule, run queue.Run, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		after, run, err = takeTick(ctx, tx, t, entries)
		return err
	})
	var conflict *queue.ConflictError
	if errors.As(err, &conflict) {
		return queue.Schedule{}, queue.Run{}, conflict
	}
	if err != nil {
		return queue.Schedule{}, queue.Run{}, fmt.Errorf("sqlstore: take a tick: %w", err)
	}
	return after, run, nil
}

func takeTick(ctx context.Context, tx *table.Tx, t queue.Tick, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
	was, err := orders(tx).Schedule(ctx, t.Tenant, t.Schedule)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	var active *queue.Job
	if t.Outcome == queue.RunStarted {
		if active, err = holder(ctx, tx, t.NewJob()); err != nil {
			return queue.Schedule{}, queue.Run{}, err
		}
	}
	after, run, err := t.Apply(was.Schedule, active, tx.Now)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if err := orders(tx).Update(ctx, was, after); err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if err := orders(tx).InsertRun(ctx, was, run); err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	entries = after.EntriesAfter(was.Schedule, run.Outcome, entries)
	if run.Outcome == queue.RunStarted {
		_, err = createNew(ctx, tx, t.NewJob(), entries)
	} else {
		err = tx.Append(ctx, entries)
	}
	return after, run, err
}

// holder returns the job that holds the slot of a new one, nil when none does.
func holder(ctx context.Context, tx *table.Tx, n queue.NewJob) (*queue.Job, error) {
	_, _, err := existingFor(ctx, tx, n)
	var conflict *queue.ConflictError
	if errors.As(err, &conflict) {
		return &conflict.Active, nil
	}
	return nil, err
}

// EndRun records how the job of a run has ended.
func (s *Store) EndRun(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (after queue.Schedule, run queue.Run, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		after, run, err = endRun(ctx, tx, e, entries)
		return err
	})
	if err != nil {
		return queue.Schedule{}, queue.Run{}, fmt.Errorf("sqlstore: end a run: %w", err)
	}
	return after, run, nil
}

func endRun(ctx context.Context, tx *table.Tx, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
	was, err := orders(tx).Schedule(ctx, e.Tenant, e.Schedule)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	open, err := orders(tx).Run(ctx, was, e.Number)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	j, err := tx.Job(ctx, open.Tenant, open.Job, "")
	if err != nil && !errors.Is(err, queue.ErrNotFound) {
		return queue.Schedule{}, queue.Run{}, err
	}
	after, run, err := e.Apply(was.Schedule, open, j.Job)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if err := orders(tx).Update(ctx, was, after); err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if err := orders(tx).EndRun(ctx, was, run); err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	return after, run, tx.Append(ctx, after.EntriesAfter(was.Schedule, run.Outcome, entries))
}

// Runs returns a page of a schedule's runs.
func (s *Store) Runs(ctx context.Context, tenant, schedule string, before int64, limit int) (runs []queue.Run, err error) {
	err = s.read(ctx, func(tx *table.Tx) error {
		of, err := orders(tx).Schedule(ctx, tenant, schedule)
		if err != nil {
			return err
		}
		runs, err = orders(tx).Runs(ctx, of, before, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: runs: %w", err)
	}
	return runs, nil
}

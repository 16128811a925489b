package standing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

const selectRun = `select r.number, r.nominal, r.since, r.manual, r.actor, r.outcome, r.job, r.reason_version, r.reason, r.at, r.ended_at
	from exportyard_run r `

// scanRun scans a run of a schedule.
func scanRun(of Schedule) func(txn.Scanner) (queue.Run, error) {
	return func(row txn.Scanner) (queue.Run, error) {
		r := queue.Run{Tenant: of.Tenant, Schedule: of.ID}
		err := row.Scan(&r.Number, txn.ScanTime(&r.Nominal), txn.ScanTime(&r.Since), &r.Manual, &r.Actor, &r.Outcome, &r.Job,
			&r.Reason.Version, &r.Reason.Data, txn.ScanTime(&r.At), txn.ScanTime(&r.EndedAt))
		return r, err
	}
}

// Run returns a run of a schedule.
func (tx Tx) Run(ctx context.Context, of Schedule, number int64) (queue.Run, error) {
	r, err := scanRun(of)(tx.Row(ctx, selectRun+"where r.schedule = $1 and r.number = $2"+tx.ForUpdate("r"), of.Ord, number))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("run %d of schedule %s: %w", number, of.ID, queue.ErrNotFound)
	}
	return r, err
}

// Runs returns a page of the runs of a schedule, newest first.
func (tx Tx) Runs(ctx context.Context, of Schedule, before int64, limit int) ([]queue.Run, error) {
	if before <= 0 {
		before = of.Runs + 1
	}
	return txn.Collect(ctx, tx.Tx, scanRun(of), selectRun+"where r.schedule = $1 and r.number < $2 order by r.number desc limit $3", of.Ord, before, max(limit, 0))
}

// InsertRun stores a run of a schedule.
func (tx Tx) InsertRun(ctx context.Context, of Schedule, r queue.Run) error {
	err := tx.Exec(ctx, `insert into exportyard_run (schedule, number, nominal, since, manual, actor, outcome, job, reason_version, reason, at, ended_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		of.Ord, r.Number, txn.Micros(r.Nominal), txn.Micros(r.Since), number(r.Manual), r.Actor, r.Outcome, r.Job,
		r.Reason.Version, r.Reason.Data, txn.Micros(r.At), txn.Micros(r.EndedAt))
	if err != nil {
		return fmt.Errorf("write run %d of schedule %s: %w", r.Number, of.ID, err)
	}
	return nil
}

// EndRun stores the outcome of a run, if it was not known yet.
func (tx Tx) EndRun(ctx context.Context, of Schedule, r queue.Run) error {
	err := tx.Change(ctx, 1, "update exportyard_run set outcome = $1, ended_at = $2 where schedule = $3 and number = $4 and outcome = 'started'",
		r.Outcome, txn.Micros(r.EndedAt), of.Ord, r.Number)
	if err != nil {
		return fmt.Errorf("write run %d of schedule %s: %w", r.Number, of.ID, err)
	}
	return nil
}

// An Ended is a run whose job has ended, with its schedule.
type Ended struct {
	Schedule queue.Schedule
	Run      queue.Run
}

// Ended returns runs whose job has ended while they are still started, in the order in
// which they were. It looks at the runs whose jobs are active, of which there are as
// many as the slots of schedules allow.
func (tx Tx) Ended(ctx context.Context, activeStates string, limit int) ([]Ended, error) {
	type key struct{ schedule, number int64 }
	keys, err := txn.Collect(ctx, tx.Tx, func(row txn.Scanner) (k key, err error) {
		return k, row.Scan(&k.schedule, &k.number)
	}, `select r.schedule, r.number from exportyard_run r join exportyard_job j on j.id = r.job
		where r.outcome = 'started' and j.state not in `+activeStates+` order by r.ord limit $1`, limit)
	if err != nil {
		return nil, err
	}
	var ended []Ended
	for _, k := range keys {
		s, err := tx.one(ctx, "where s.ord = $1", k.schedule)
		if err != nil {
			return nil, err
		}
		r, err := tx.Run(ctx, s, k.number)
		if err != nil {
			return nil, err
		}
		ended = append(ended, Ended{Schedule: s.Schedule, Run: r})
	}
	return ended, nil
}

// number is a bool as it is stored.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

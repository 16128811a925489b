// Package standing reads and writes the rows of schedules and of their runs. What
// they become is decided elsewhere.
package standing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// A Tx is a transaction on the tables of schedules.
type Tx struct{ *txn.Tx }

// A Schedule is a schedule with what only the store knows of it.
type Schedule struct {
	queue.Schedule
	Ord int64
}

const selectSchedule = `select s.ord, s.tenant, s.id, s.owner, s.follows, s.followed, s.settings_version, s.settings,
	s.state, s.reason_version, s.reason, s.next_tick, s.due_at, s.last_tick, s.failures, s.runs, s.version, s.created_at
	from exportyard_schedule s `

func (tx Tx) scanSchedule(row txn.Scanner) (Schedule, error) {
	var s Schedule
	err := row.Scan(&s.Ord, &s.Tenant, &s.ID, &s.Owner, &s.Follows, &s.Followed, &s.Settings.Version, &s.Settings.Data,
		&s.State, &s.Reason.Version, &s.Reason.Data, txn.ScanTime(&s.NextTick), txn.ScanTime(&s.DueAt), txn.ScanTime(&s.LastTick),
		&s.Failures, &s.Runs, &s.Version, txn.ScanTime(&s.CreatedAt))
	s.Now = tx.Now
	return s, err
}

func (tx Tx) one(ctx context.Context, where string, args ...any) (Schedule, error) {
	return tx.scanSchedule(tx.Row(ctx, selectSchedule+where, args...))
}

// Schedule returns the tenant's schedule, and locks it when the transaction may write.
func (tx Tx) Schedule(ctx context.Context, tenant, id string) (Schedule, error) {
	s, err := tx.one(ctx, "where s.tenant = $1 and s.id = $2"+tx.ForUpdate("s"), tenant, id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("schedule %s: %w", id, queue.ErrNotFound)
	}
	return s, err
}

// Insert stores a schedule and reports whether there was none with its ID.
func (tx Tx) Insert(ctx context.Context, s queue.Schedule) (stored bool, err error) {
	var ord int64
	err = tx.Row(ctx, `insert into exportyard_schedule (tenant, id, owner, follows, followed, settings_version, settings,
		state, reason_version, reason, next_tick, due_at, last_tick, failures, runs, version, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		on conflict (tenant, id) do nothing returning ord`,
		s.Tenant, s.ID, s.Owner, s.Follows, s.Followed, s.Settings.Version, s.Settings.Data,
		s.State, s.Reason.Version, s.Reason.Data, txn.Micros(s.NextTick), txn.Micros(s.DueAt), txn.Micros(s.LastTick),
		s.Failures, s.Runs, s.Version, txn.Micros(s.CreatedAt)).Scan(&ord)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Update stores what a schedule became, if it is still the version that was read. One
// that kept its version was not changed.
func (tx Tx) Update(ctx context.Context, was Schedule, s queue.Schedule) error {
	if s.Version == was.Version {
		return nil
	}
	err := tx.Change(ctx, 1, `update exportyard_schedule set owner = $1, follows = $2, followed = $3, settings_version = $4, settings = $5,
		state = $6, reason_version = $7, reason = $8, next_tick = $9, due_at = $10, last_tick = $11, failures = $12, runs = $13, version = $14
		where ord = $15 and version = $16`,
		s.Owner, s.Follows, s.Followed, s.Settings.Version, s.Settings.Data,
		s.State, s.Reason.Version, s.Reason.Data, txn.Micros(s.NextTick), txn.Micros(s.DueAt), txn.Micros(s.LastTick), s.Failures, s.Runs, s.Version,
		was.Ord, was.Version)
	if err != nil {
		return fmt.Errorf("write schedule %s: %w", s.ID, err)
	}
	return nil
}

// List returns a page of the tenant's schedules in order of their IDs.
func (tx Tx) List(ctx context.Context, tenant, after string, limit int) ([]queue.Schedule, error) {
	return tx.schedules(ctx, "where s.tenant = $1 and s.id > $2 and s.state <> 'removed' order by s.id limit $3", tenant, after, max(limit, 0))
}

func (tx Tx) schedules(ctx context.Context, where string, args ...any) ([]queue.Schedule, error) {
	return txn.Collect(ctx, tx.Tx, func(row txn.Scanner) (queue.Schedule, error) {
		s, err := tx.scanSchedule(row)
		return s.Schedule, err
	}, selectSchedule+where, args...)
}

// Ticks returns the schedules with a tick that is due, as [queue.Schedule.Ticks] judges,
// the longest due first.
func (tx Tx) Ticks(ctx context.Context, limit int) ([]queue.Schedule, error) {
	return tx.schedules(ctx, "where s.due_at is not null and s.due_at <= $1 order by s.due_at limit $2", txn.Micros(tx.Now), limit)
}

// Followers returns schedules that are behind the one that they follow, as
// [queue.Schedule.Behind] judges. The platform has few schedules.
func (tx Tx) Followers(ctx context.Context, limit int) ([]queue.Schedule, error) {
	return tx.schedules(ctx, `join exportyard_schedule p on p.tenant = '' and p.id = s.follows
		where s.follows <> '' and s.state = 'active' and s.followed < p.version and s.tenant <> '' limit $1`, limit)
}

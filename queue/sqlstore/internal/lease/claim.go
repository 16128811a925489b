// Package lease gives parts to workers, prolongs what they hold, and ends it.
package lease

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/fair"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Claim leases parts to a worker. It passes by what others have locked; when it has
// nothing else, busy says so. A patient claim waits for the first of those, which may
// have nothing more to give then.
func Claim(ctx context.Context, tx *table.Tx, c queue.Claim, patient bool) (claimed []queue.Claimed, busy bool, err error) {
	all, err := allInFlight(ctx, tx, c)
	if err != nil {
		return nil, false, err
	}
	s := search{tx: tx, claim: c, hands: fair.Hands(c, all), rows: map[string]table.Job{}, before: fair.InFlight{All: all, Tenants: map[string]int{}}}
	if s.hands == 0 {
		return nil, false, nil
	}
	if err := s.look(ctx, patient); err != nil {
		return nil, false, err
	}
	claimed = fair.Pick(c, s.offers, s.before, tx.Now)
	if len(claimed) == 0 && tx.RowLocks() {
		left, err := s.tenants(ctx, start, 1, "")
		return nil, len(left) > 0, err
	}
	return claimed, false, s.store(ctx, claimed)
}

// allInFlight counts the parts in flight of all tenants, up to the claim's limit if there
// is one, and keeps other such claims out.
func allInFlight(ctx context.Context, tx *table.Tx, c queue.Claim) (n int, err error) {
	if c.InAll < 1 {
		return 0, nil
	}
	if tx.RowLocks() {
		if err := tx.Exec(ctx, "select one from exportyard_fleet for update"); err != nil {
			return 0, err
		}
	}
	err = tx.Row(ctx, "select count(*) from (select 1 from exportyard_part p where p.state = 'leased' limit $1) f", c.InAll).Scan(&n)
	return n, err
}

// store writes what was claimed, and whose turn it was.
func (s *search) store(ctx context.Context, claimed []queue.Claimed) error {
	if len(claimed) == 0 {
		return nil
	}
	turn, err := s.tx.Turn(ctx)
	if err != nil {
		return err
	}
	changes := make([]*table.PartChange, len(claimed))
	jobs, tenants := map[string]int64{}, map[string]int64{}
	for i, got := range claimed {
		turn++
		jobs[got.Job.ID], tenants[got.Job.Tenant] = turn, turn
		// What is claimed was offered: ready, and under the fence before.
		was := got.Part
		was.State, was.Fence = queue.Ready, got.Part.Fence-1
		changes[i] = &table.PartChange{Job: s.rows[got.Job.ID].Ord, Was: was, Now: got.Part}
	}
	if err := s.tx.UpdateParts(ctx, changes); err != nil {
		return err
	}
	if err := s.storeJobs(ctx, jobs); err != nil {
		return err
	}
	return s.tx.UpdateTurns(ctx, tenants)
}

// storeJobs notes that it was the turn of jobs.
func (s *search) storeJobs(ctx context.Context, turns map[string]int64) error {
	rows := make([][]any, 0, len(turns))
	for id, turn := range turns {
		j := s.rows[id]
		after := j.Started(s.tx.Now)
		rows = append(rows, []any{j.Ord, j.Version, turn, txn.Micros(after.StartedAt), after.Version, table.Number(j.PartsSealed == j.Parts-1), txn.Micros(s.tx.Now)})
	}
	err := s.tx.ChangeEach(ctx, "update exportyard_job set claimed = v.column3, started_at = v.column4, version = v.column5, claimed_at = v.column7, ready = "+table.HasReady("v.column6"),
		[]string{"bigint", "bigint", "bigint", "bigint", "bigint", "bigint", "bigint"},
		"where exportyard_job.ord = v.column1 and exportyard_job.version = v.column2", rows)
	if err != nil {
		return fmt.Errorf("write claimed jobs: %w", err)
	}
	return nil
}

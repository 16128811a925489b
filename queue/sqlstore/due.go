package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// dueJobs finds the jobs that may be due for a kind, the longest due first, with
// the words of the index that is made for it. [queue.Job.DueKinds] judges.
var dueJobs = []struct {
	kind  queue.DueKind
	where string
}{
	{queue.DueDeadline, "where j.deadline_at is not null and j.deadline_at <= $1 and j.state in " + table.ActiveStates + " order by j.deadline_at limit $2"},
	{queue.DueExpiry, "where j.expires_at is not null and j.expires_at <= $1 and j.state = 'completed' and j.held = 0 order by j.expires_at limit $2"},
	{queue.DueCleaning, "where j.clean_at is not null and j.clean_at <= $1 and j.held = 0 order by j.clean_at limit $2"},
	{queue.DueNotice, "where j.notice_at is not null and j.notice_at <= $1 and j.state = 'completed' and j.held = 0 order by j.notice_at limit $2"},
}

// Due returns what the sweeper must look at.
func (s *Store) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	if limit < 1 {
		return nil, nil
	}
	var lists [][]queue.Due
	err := s.read(ctx, func(tx *table.Tx) error {
		list, err := dueLeases(ctx, tx, limit)
		if err != nil {
			return err
		}
		lists = append(lists, list)
		for _, due := range dueJobs {
			jobs, err := txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+due.where, txn.Micros(tx.Now), limit)
			if err != nil {
				return err
			}
			list = nil
			for _, j := range jobs {
				if slices.Contains(j.DueKinds(tx.Now), due.kind) {
					list = append(list, queue.Due{Kind: due.kind, Job: j.Job})
				}
			}
			lists = append(lists, list)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: due: %w", err)
	}
	return queue.MixDue(limit, lists...), nil
}

// dueLeases finds the leases that are over, as [queue.Part.LeaseOver] judges.
func dueLeases(ctx context.Context, tx *table.Tx, limit int) ([]queue.Due, error) {
	type lease struct {
		job    int64
		number int
	}
	leases, err := txn.Collect(ctx, tx.Tx, func(row txn.Scanner) (l lease, err error) {
		return l, row.Scan(&l.job, &l.number)
	}, "select job, number from exportyard_part where state = 'leased' and lease_until <= $1 order by lease_until limit $2", txn.Micros(tx.Now), limit)
	if err != nil {
		return nil, err
	}
	var list []queue.Due
	for _, l := range leases {
		j, err := tx.ScanJob(tx.Row(ctx, table.SelectJob+"where j.ord = $1", l.job))
		if err != nil {
			return nil, err
		}
		parts, err := tx.Parts(ctx, j, []int{l.number})
		if err != nil {
			return nil, err
		}
		if c, ok := parts[l.number]; ok && c.Was.LeaseOver(tx.Now) {
			list = append(list, queue.Due{Kind: queue.DueLease, Job: j.Job, Part: c.Was})
		}
	}
	return list, nil
}

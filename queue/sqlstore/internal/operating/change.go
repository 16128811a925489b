package operating

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/lease"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Requeue makes a part ready.
func (s *Store) Requeue(ctx context.Context, r operator.Requeue, entries []queue.Entry) (job queue.Job, err error) {
	err = s.db.Write(ctx, func(tx *txn.Tx) error {
		job, err = lease.Requeue(ctx, s.tables(tx), r, entries)
		return err
	})
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: requeue: %w", err)
	}
	return job, nil
}

// Forget removes a job.
func (s *Store) Forget(ctx context.Context, f operator.Forget, entries []queue.Entry) error {
	err := s.db.Write(ctx, func(tx *txn.Tx) error { return forget(ctx, s.tables(tx), f, entries) })
	if err != nil {
		return fmt.Errorf("sqlstore: forget: %w", err)
	}
	return nil
}

func forget(ctx context.Context, tx *table.Tx, f operator.Forget, entries []queue.Entry) error {
	j, err := tx.Job(ctx, f.Tenant, f.Job, tx.ForUpdate("j"))
	if err != nil {
		return err
	}
	var awaited int
	err = tx.Row(ctx, "select count(*) from exportyard_run where job = $1 and outcome = 'started'", j.ID).Scan(&awaited)
	if err != nil {
		return err
	}
	if err := f.Apply(j.Job, awaited > 0); err != nil {
		return err
	}
	if err := tx.DeleteJob(ctx, j); err != nil {
		return err
	}
	return tx.Append(ctx, queue.EntriesIn(j.State, entries))
}

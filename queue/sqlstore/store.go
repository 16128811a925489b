package sqlstore

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Get returns the tenant's job.
func (s *Store) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	var j table.Job
	err := s.read(ctx, func(tx *table.Tx) (err error) {
		j, err = tx.Job(ctx, tenant, id, "")
		return err
	})
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: get: %w", err)
	}
	return j.Job, nil
}

// Parts returns a page of a job's parts.
func (s *Store) Parts(ctx context.Context, tenant, job string, after, limit int) (parts []queue.Part, err error) {
	err = s.read(ctx, func(tx *table.Tx) error {
		j, err := tx.Job(ctx, tenant, job, "")
		if err != nil {
			return err
		}
		parts, err = txn.Collect(ctx, tx.Tx, table.ScanPart(j.Job), table.SelectPart+"where p.job = $1 and p.number > $2 order by p.number limit $3",
			j.Ord, after, max(limit, 0))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: parts: %w", err)
	}
	return parts, nil
}

// Update applies an event to a job, or only appends entries.
func (s *Store) Update(ctx context.Context, u queue.Update, entries []queue.Entry) (job queue.Job, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		if u.Job == "" {
			return tx.Append(ctx, queue.EntriesIn("", entries))
		}
		job, err = update(ctx, tx, u, entries)
		return err
	})
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: update: %w", err)
	}
	return job, nil
}

func update(ctx context.Context, tx *table.Tx, u queue.Update, entries []queue.Entry) (queue.Job, error) {
	was, err := tx.Job(ctx, u.Tenant, u.Job, tx.ForUpdate("j"))
	if err != nil {
		return queue.Job{}, err
	}
	j := was
	if j.Job, err = u.Apply(was.Job, tx.Now); err != nil {
		return queue.Job{}, err
	}
	if err := tx.UpdateJob(ctx, was, &j); err != nil {
		return queue.Job{}, err
	}
	return j.Progress(), tx.Append(ctx, queue.EntriesIn(j.State, entries))
}

// Entries returns the tenant's entries of a kind.
func (s *Store) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) (entries []queue.Entry, err error) {
	err = s.read(ctx, func(tx *table.Tx) error {
		entries, err = tx.Entries(ctx, tenant, kind, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: entries: %w", err)
	}
	return entries, nil
}

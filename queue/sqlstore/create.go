package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Create stores a job and its first parts.
func (s *Store) Create(ctx context.Context, n queue.NewJob, entries []queue.Entry) (queue.Job, bool, error) {
	return create(ctx, s.write, n, entries)
}

// CreateTx is Create within a transaction of the host's, on the database in which
// the store's tables are. On SQLite a transaction that has read, and then finds that
// others wrote, cannot write: begin it with a write. How its commit is flushed is as the
// host's connection has it.
func (s *Store) CreateTx(ctx context.Context, tx *sql.Tx, n queue.NewJob, entries []queue.Entry) (queue.Job, bool, error) {
	if tx == nil {
		return queue.Job{}, false, errors.New("sqlstore: create: no transaction")
	}
	within := func(ctx context.Context, f func(*table.Tx) error) error {
		return s.db.Within(ctx, tx, func(tx *txn.Tx) error { return f(s.tables(tx)) })
	}
	return create(ctx, within, n, entries)
}

// create creates a job in a transaction that run begins and ends.
func create(ctx context.Context, run func(context.Context, func(*table.Tx) error) error,
	n queue.NewJob, entries []queue.Entry,
) (created queue.Job, existing bool, err error) {
	err = run(ctx, func(tx *table.Tx) error {
		created, existing, err = existingFor(ctx, tx, n)
		if err != nil || existing {
			return err
		}
		created, err = createNew(ctx, tx, n, entries)
		return err
	})
	if err == nil {
		return created, existing, nil
	}
	// A conflict is told as it is, unless more went wrong.
	if conflict, ok := err.(*queue.ConflictError); ok { //nolint:errorlint // what wraps it says more
		return queue.Job{}, false, conflict
	}
	return queue.Job{}, false, fmt.Errorf("sqlstore: create: %w", err)
}

// existingFor returns the job that came with the same idempotency key, or an error
// if there is a reason not to create one.
func existingFor(ctx context.Context, tx *table.Tx, n queue.NewJob) (queue.Job, bool, error) {
	found, err := txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+`where j.Ord in (
		select ord from exportyard_job where tenant = $1 and idempotency_key = $2 and idempotency_key <> ''
		union all select ord from exportyard_job where slot = $3 and state in `+table.ActiveStates+`
		union all select ord from exportyard_job where id = $4)`, n.Tenant, n.IdempotencyKey, n.Slot, n.ID)
	if err != nil {
		return queue.Job{}, false, err
	}
	for _, j := range found {
		if n.IdempotencyKey == "" || j.IdempotencyKey != n.IdempotencyKey || j.Tenant != n.Tenant {
			continue
		}
		if j.Fingerprint != n.Fingerprint {
			return queue.Job{}, false, fmt.Errorf("job %s: %w", j.ID, queue.ErrIdempotencyMismatch)
		}
		return j.Job, true, nil
	}
	for _, j := range found {
		if j.Slot == n.Slot && j.State.Active() {
			return queue.Job{}, false, &queue.ConflictError{Active: j.Job}
		}
	}
	if len(found) > 0 {
		return queue.Job{}, false, fmt.Errorf("there is a job %q already", n.ID)
	}
	return queue.Job{}, false, nil
}

func createNew(ctx context.Context, tx *table.Tx, n queue.NewJob, entries []queue.Entry) (queue.Job, error) {
	job, parts := n.Make(tx.Now)
	entries = queue.EntriesIn(job.State, entries)
	own := slices.DeleteFunc(slices.Clone(entries), func(e queue.Entry) bool { return e.Tenant != n.Tenant })
	counted, err := tx.Count(ctx, n.Tenant, 1, own, true)
	if err != nil {
		return queue.Job{}, err
	}
	ord, stored, err := tx.InsertJob(ctx, job, counted.Jobs)
	if err != nil {
		return queue.Job{}, err
	}
	if !stored {
		// Somebody was faster. Looking again tells with what.
		return queue.Job{}, fmt.Errorf("write job %s: %w", n.ID, txn.ErrLostUpdate)
	}
	if err := tx.InsertParts(ctx, ord, parts); err != nil {
		return queue.Job{}, err
	}
	return job, tx.AppendCounted(ctx, entries, map[string]table.Counted{n.Tenant: counted})
}

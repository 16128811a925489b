package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Create stores a job and its first parts.
func (s *Store) Create(ctx context.Context, n queue.NewJob, entries []queue.Entry) (created queue.Job, existing bool, err error) {
	err = s.write(ctx, func(tx *transaction) error {
		created, existing, err = tx.existing(ctx, n)
		if err != nil || existing {
			return err
		}
		created, err = tx.create(ctx, n, entries)
		return err
	})
	var conflict *queue.ConflictError
	if errors.As(err, &conflict) {
		return queue.Job{}, false, conflict
	}
	if err != nil {
		return queue.Job{}, false, fmt.Errorf("sqlstore: create: %w", err)
	}
	return created, existing, nil
}

// existing returns the job that came with the same idempotency key, or an error
// if there is a reason not to create one.
func (tx *transaction) existing(ctx context.Context, n queue.NewJob) (queue.Job, bool, error) {
	if n.IdempotencyKey != "" {
		j, found, err := tx.oneJob(ctx, "where j.tenant = $1 and j.idempotency_key = $2 and j.idempotency_key <> ''", n.Tenant, n.IdempotencyKey)
		if err != nil {
			return queue.Job{}, false, err
		}
		if found && j.Fingerprint != n.Fingerprint {
			return queue.Job{}, false, fmt.Errorf("job %s: %w", j.ID, queue.ErrIdempotencyMismatch)
		}
		if found {
			return j.Job, true, nil
		}
	}
	j, found, err := tx.oneJob(ctx, "where j.slot = $1 and j.state in "+activeStates, n.Slot)
	if err != nil {
		return queue.Job{}, false, err
	}
	if found {
		return queue.Job{}, false, &queue.ConflictError{Active: j.Job}
	}
	return queue.Job{}, false, nil
}

func (tx *transaction) create(ctx context.Context, n queue.NewJob, entries []queue.Entry) (queue.Job, error) {
	job, parts := n.Make(tx.Now)
	seq, err := tx.count(ctx, "jobs", n.Tenant, 1)
	if err != nil {
		return queue.Job{}, err
	}
	ord, stored, err := tx.insertJob(ctx, job, seq)
	if err != nil {
		return queue.Job{}, err
	}
	if !stored {
		return queue.Job{}, fmt.Errorf("there is a job %q already", n.ID)
	}
	if err := tx.insertParts(ctx, ord, parts); err != nil {
		return queue.Job{}, err
	}
	return job, tx.append(ctx, job.State, entries)
}

// Get returns the tenant's job.
func (s *Store) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	var j jobRow
	err := s.read(ctx, func(tx *transaction) (err error) {
		j, err = tx.job(ctx, tenant, id)
		return err
	})
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: get: %w", err)
	}
	return j.Job, nil
}

// List returns a page of the tenant's jobs, newest first.
func (s *Store) List(ctx context.Context, q queue.ListQuery) (jobs []queue.Job, next string, err error) {
	where, args, err := listed(q)
	if err != nil {
		return nil, "", fmt.Errorf("sqlstore: list: %w", err)
	}
	err = s.read(ctx, func(tx *transaction) error {
		found, err := txn.Collect(ctx, tx.Tx, tx.scanJob, selectJob+where, args...)
		if err != nil {
			return err
		}
		if len(found) > q.PageSize() {
			found = found[:q.PageSize()]
			next = queue.Cursor(q.Tenant, found[len(found)-1].seq)
		}
		for _, j := range found {
			jobs = append(jobs, j.Job)
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("sqlstore: list: %w", err)
	}
	return jobs, next, nil
}

// listed returns the conditions of a list, which asks for one job more than the
// page has to know whether there is a next one.
func listed(q queue.ListQuery) (where string, args []any, err error) {
	var b strings.Builder
	bind := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	b.WriteString("where j.tenant = " + bind(q.Tenant))
	if q.After != "" {
		seq, err := queue.ParseCursor(q.Tenant, q.After)
		if err != nil {
			return "", nil, err
		}
		b.WriteString(" and j.seq < " + bind(seq))
	}
	if len(q.States) > 0 {
		marks := make([]string, len(q.States))
		for i, state := range q.States {
			marks[i] = bind(state)
		}
		b.WriteString(" and j.state in (" + strings.Join(marks, ", ") + ")")
	}
	if q.Kind != "" {
		b.WriteString(" and j.kind = " + bind(q.Kind))
	}
	if q.Actor != "" {
		b.WriteString(" and j.actor = " + bind(q.Actor))
	}
	b.WriteString(" order by j.seq desc limit " + bind(q.PageSize()+1))
	return b.String(), args, nil
}

// Parts returns a page of a job's parts.
func (s *Store) Parts(ctx context.Context, tenant, job string, after, limit int) (parts []queue.Part, err error) {
	err = s.read(ctx, func(tx *transaction) error {
		j, err := tx.job(ctx, tenant, job)
		if err != nil {
			return err
		}
		parts, err = txn.Collect(ctx, tx.Tx, scanPart(j.Job), selectPart+"where p.job = $1 and p.number > $2 order by p.number limit $3",
			j.ord, after, max(limit, 0))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: parts: %w", err)
	}
	return parts, nil
}

// Update applies an event to a job, or only appends entries.
func (s *Store) Update(ctx context.Context, u queue.Update, entries []queue.Entry) (job queue.Job, err error) {
	err = s.write(ctx, func(tx *transaction) error {
		if u.Job == "" {
			return tx.append(ctx, "", entries)
		}
		job, err = tx.update(ctx, u, entries)
		return err
	})
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: update: %w", err)
	}
	return job, nil
}

func (tx *transaction) update(ctx context.Context, u queue.Update, entries []queue.Entry) (queue.Job, error) {
	was, err := tx.job(ctx, u.Tenant, u.Job)
	if err != nil {
		return queue.Job{}, err
	}
	j := was
	if j.Job, err = u.Apply(was.Job, tx.Now); err != nil {
		return queue.Job{}, err
	}
	if err := tx.updateJob(ctx, was, j); err != nil {
		return queue.Job{}, err
	}
	if err := tx.append(ctx, j.State, entries); err != nil {
		return queue.Job{}, err
	}
	after, err := tx.job(ctx, u.Tenant, u.Job)
	return after.Job, err
}

package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// renew prolongs one lease, or says that it is lost.
func (tx *transaction) renew(ctx context.Context, l queue.Lease, r queue.Renew) (queue.Renewed, error) {
	j, err := tx.job(ctx, l.Tenant, l.Job)
	if errors.Is(err, queue.ErrNotFound) {
		return queue.Renewed{Lost: true}, nil
	}
	if err != nil {
		return queue.Renewed{}, err
	}
	lost := queue.Renewed{Lost: true, JobState: j.State}
	if !j.State.Active() {
		return lost, nil
	}
	was, err := tx.part(ctx, j, l.Number)
	if errors.Is(err, queue.ErrNotFound) {
		return lost, nil
	}
	if err != nil {
		return queue.Renewed{}, err
	}
	p, err := was.Renew(l, tx.Now, r.Lease)
	if err != nil {
		return lost, nil
	}
	return queue.Renewed{JobState: j.State}, tx.updatePart(ctx, j, was, p)
}

// Finish ends the lease of a part.
func (s *Store) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (job queue.Job, err error) {
	err = s.write(ctx, func(tx *transaction) error {
		job, err = tx.finish(ctx, f, entries)
		return err
	})
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: finish: %w", err)
	}
	return job, nil
}

func (tx *transaction) finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	was, err := tx.job(ctx, f.Tenant, f.Job)
	if err != nil {
		return queue.Job{}, err
	}
	part, err := tx.part(ctx, was, f.Number)
	if err != nil {
		return queue.Job{}, err
	}
	j, p := was, part
	if j.Job, p, err = f.Apply(was.Job, part, tx.Now); err != nil {
		return queue.Job{}, err
	}
	if err := tx.updatePart(ctx, j, part, p); err != nil {
		return queue.Job{}, err
	}
	if p.State == queue.Sealed {
		if err := tx.sealed(ctx, &j, p, f); err != nil {
			return queue.Job{}, err
		}
	}
	if err := tx.updateJob(ctx, was, j); err != nil {
		return queue.Job{}, err
	}
	if err := tx.append(ctx, j.State, entries); err != nil {
		return queue.Job{}, err
	}
	after, err := tx.job(ctx, f.Tenant, f.Job)
	return after.Job, err
}

// sealed counts a sealed part, and stores what a sealed plan planned.
func (tx *transaction) sealed(ctx context.Context, j *jobRow, p queue.Part, f queue.Finish) error {
	switch p.Kind {
	case queue.RowsPart:
		j.sealedRows += p.Rows
		j.sealedBytes += p.Bytes
	case queue.PlanPart:
		err := tx.Exec(ctx, "update exportyard_part set number = $1 where job = $2 and kind = 'seal'", len(f.Planned)+1, j.ord)
		if err != nil {
			return fmt.Errorf("renumber the seal part: %w", err)
		}
		return tx.insertParts(ctx, j.ord, f.PlannedParts(j.Job))
	}
	return nil
}

// releaseAll gives every leased part back.
func (tx *transaction) releaseAll(ctx context.Context) error {
	jobs, err := txn.Collect(ctx, tx.Tx, tx.scanJob, selectJob+"where j.ord in (select p.job from exportyard_part p where p.state = 'leased')"+tx.Lock)
	if err != nil {
		return err
	}
	for _, was := range jobs {
		parts, err := txn.Collect(ctx, tx.Tx, scanPart(was.Job), selectPart+"where p.job = $1 and p.state = 'leased'"+tx.Lock, was.ord)
		if err != nil {
			return err
		}
		j := was
		for _, part := range parts {
			f := queue.Finish{Number: part.Number, Fence: part.Fence, Outcome: queue.Release}
			var p queue.Part
			if j.Job, p, err = f.Apply(j.Job, part, tx.Now); err != nil {
				return err
			}
			if err := tx.updatePart(ctx, j, part, p); err != nil {
				return err
			}
		}
		if err := tx.updateJob(ctx, was, j); err != nil {
			return err
		}
	}
	return nil
}

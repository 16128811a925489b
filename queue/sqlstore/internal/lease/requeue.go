package lease

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
)

// Requeue makes a part ready, whoever holds it.
func Requeue(ctx context.Context, tx *table.Tx, r operator.Requeue, entries []queue.Entry) (queue.Job, error) {
	of := jobEnding{tx: tx}
	wanted := Ending{Finish: queue.Finish{Tenant: r.Tenant, Job: r.Job, Number: r.Number}}
	if err := of.load(ctx, []Ending{wanted}, []int{0}); err != nil {
		return queue.Job{}, err
	}
	if of.missing != nil {
		return queue.Job{}, of.missing
	}
	c, ok := of.parts[r.Number]
	if !ok {
		return queue.Job{}, fmt.Errorf("part %d of job %s: %w", r.Number, r.Job, queue.ErrNotFound)
	}
	j, p, err := r.Apply(of.j.Job, c.Now)
	if err != nil {
		return queue.Job{}, err
	}
	of.became(c, j, p)
	if err := of.store(ctx); err != nil {
		return queue.Job{}, err
	}
	return of.j.Progress(), tx.Append(ctx, queue.EntriesIn(j.State, entries))
}

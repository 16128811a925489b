package lease

import (
	"context"
	"errors"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
)

// Renew prolongs leases and stores their progress.
func Renew(ctx context.Context, tx *table.Tx, r queue.Renew) ([]queue.Renewed, error) {
	answers := make([]queue.Renewed, len(r.Leases))
	var changes []*table.PartChange
	for _, group := range byJob(r.Leases, func(l queue.Lease) (tenant, job string) { return l.Tenant, l.Job }) {
		of, err := renewOf(ctx, tx, r, group, answers)
		if err != nil {
			return nil, err
		}
		changes = append(changes, of...)
	}
	return answers, tx.UpdateParts(ctx, changes)
}

// renewOf answers for the leases of one job, and returns how its parts change.
func renewOf(ctx context.Context, tx *table.Tx, r queue.Renew, group []int, answers []queue.Renewed) ([]*table.PartChange, error) {
	first := r.Leases[group[0]]
	// Shared, so that nobody ends the parts of this job in another order meanwhile.
	j, err := tx.Job(ctx, first.Tenant, first.Job, tx.ForShare("j"))
	numbers := make([]int, len(group))
	for i, at := range group {
		answers[at] = queue.Renewed{Lost: true, JobState: j.State}
		numbers[i] = r.Leases[at].Number
	}
	if errors.Is(err, queue.ErrNotFound) || err == nil && !j.State.Active() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	parts, err := tx.Parts(ctx, j, numbers)
	if err != nil {
		return nil, err
	}
	for _, at := range group {
		l := r.Leases[at]
		c, ok := parts[l.Number]
		if !ok {
			continue
		}
		p, err := c.Now.Renew(l, tx.Now, r.Lease)
		if err != nil {
			continue // it is not held under this fence
		}
		c.Now, c.Changed = p, true
		answers[at] = queue.Renewed{JobState: j.State}
	}
	return changed(parts), nil
}

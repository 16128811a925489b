package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
)

// Renew prolongs leases and stores progress.
func (s *Store) Renew(ctx context.Context, r queue.Renew) (answers []queue.Renewed, err error) {
	err = s.write(ctx, func(tx *transaction) error {
		answers = make([]queue.Renewed, len(r.Leases))
		var changes []*partChange
		for _, group := range byJob(r.Leases, func(l queue.Lease) (tenant, job string) { return l.Tenant, l.Job }) {
			of, err := tx.renew(ctx, r, group, answers)
			if err != nil {
				return err
			}
			changes = append(changes, of...)
		}
		return tx.updateParts(ctx, changes)
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: renew: %w", err)
	}
	return answers, nil
}

// renew answers for the leases of one job, and returns how its parts change.
func (tx *transaction) renew(ctx context.Context, r queue.Renew, group []int, answers []queue.Renewed) ([]*partChange, error) {
	first := r.Leases[group[0]]
	// Shared, so that nobody ends the parts of this job in another order meanwhile.
	j, err := tx.job(ctx, first.Tenant, first.Job, tx.ForShare("j"))
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
	parts, err := tx.parts(ctx, j, numbers)
	if err != nil {
		return nil, err
	}
	for _, at := range group {
		l := r.Leases[at]
		c, ok := parts[l.Number]
		if !ok {
			continue
		}
		p, err := c.now.Renew(l, tx.Now, r.Lease)
		if err != nil {
			continue // it is not held under this fence
		}
		c.now, c.changed = p, true
		answers[at] = queue.Renewed{JobState: j.State}
	}
	return changed(parts), nil
}

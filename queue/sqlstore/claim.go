package sqlstore

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// mayBeClaimed is [queue.Claimable] as far as SQL needs it to look at few rows:
// what it lets pass, [queue.Claim.Pick] judges. $1 is the time.
const mayBeClaimed = ` p.state = 'ready' and (p.not_before is null or p.not_before <= $1)
	and (p.kind <> 'seal' or j.parts_sealed = j.parts - 1) `

// Claim leases parts to a worker.
func (s *Store) Claim(ctx context.Context, c queue.Claim) (claimed []queue.Claimed, err error) {
	if c.Limit < 1 {
		return nil, nil
	}
	err = s.write(ctx, func(tx *transaction) error {
		claimed, err = tx.claim(ctx, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: claim: %w", err)
	}
	return claimed, nil
}

func (tx *transaction) claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	rows, offers, err := tx.offers(ctx, c)
	if err != nil {
		return nil, err
	}
	claimed := c.Pick(offers, tx.Now)
	if len(claimed) == 0 {
		return nil, nil
	}
	var turn int64
	err = tx.Conn.QueryRowContext(ctx, "select coalesce(max(claimed), 0) from exportyard_job where state in "+activeStates).Scan(&turn)
	if err != nil {
		return nil, err
	}
	last := make(map[string]int64, len(claimed))
	for _, got := range claimed {
		turn++
		last[got.Job.ID] = turn
		// What is claimed was offered: ready, and under the fence before.
		was := got.Part
		was.State, was.Fence = queue.Ready, got.Part.Fence-1
		if err := tx.updatePart(ctx, rows[got.Job.ID], was, got.Part); err != nil {
			return nil, err
		}
	}
	for _, o := range offers {
		if turn, ok := last[o.Job.ID]; ok {
			if err := tx.claimed(ctx, rows[o.Job.ID], turn); err != nil {
				return nil, err
			}
		}
	}
	return claimed, nil
}

// claimed notes that it was the job's turn.
func (tx *transaction) claimed(ctx context.Context, j jobRow, turn int64) error {
	after := j.Started(tx.Now)
	err := tx.Change(ctx, "update exportyard_job set claimed = $1, started_at = $2, version = $3 where ord = $4 and version = $5",
		turn, txn.Micros(after.StartedAt), after.Version, j.ord, j.Version)
	if err != nil {
		return fmt.Errorf("write job %s: %w", j.ID, err)
	}
	return nil
}

// offers returns what a claim may choose from, and the rows of these jobs.
func (tx *transaction) offers(ctx context.Context, c queue.Claim) (map[string]jobRow, []queue.Offer, error) {
	if c.Alone {
		rows, offers, err := tx.suspects(ctx)
		if err != nil || len(offers) > 0 {
			return rows, offers, err
		}
	}
	jobs, err := txn.Collect(ctx, tx.Tx, tx.scanJob, selectJob+"where j.state in "+activeStates+
		" and exists (select 1 from exportyard_part p where p.job = j.ord and p.suspect = 0 and"+mayBeClaimed+
		") order by j.claimed, j.ord limit $2"+tx.Lock, txn.Micros(tx.Now), c.Limit)
	if err != nil {
		return nil, nil, err
	}
	// With as many jobs as hands each gives one part.
	each := c.Limit
	if len(jobs) == c.Limit {
		each = 1
	}
	return tx.offer(ctx, jobs, 0, each)
}

// suspects returns the first suspect of the job whose turn it is. Suspects are
// few, so all of them are looked at.
func (tx *transaction) suspects(ctx context.Context) (map[string]jobRow, []queue.Offer, error) {
	jobs, err := txn.Collect(ctx, tx.Tx, tx.scanJob, selectJob+"where j.ord in (select p.job from exportyard_part p where p.state = 'ready' and p.suspect = 1)"+
		" and j.state in "+activeStates+
		" and exists (select 1 from exportyard_part p where p.job = j.ord and p.suspect = 1 and"+mayBeClaimed+
		") order by j.claimed, j.ord limit 1"+tx.Lock, txn.Micros(tx.Now))
	if err != nil {
		return nil, nil, err
	}
	return tx.offer(ctx, jobs, 1, 1)
}

func (tx *transaction) offer(ctx context.Context, jobs []jobRow, suspect, each int) (map[string]jobRow, []queue.Offer, error) {
	rows := make(map[string]jobRow, len(jobs))
	offers := make([]queue.Offer, len(jobs))
	for i, j := range jobs {
		parts, err := txn.Collect(ctx, tx.Tx, scanPart(j.Job), selectPart+"join exportyard_job j on j.ord = p.job where p.job = $2 and p.suspect = $3 and"+
			mayBeClaimed+"order by p.number limit $4"+tx.Lock, txn.Micros(tx.Now), j.ord, suspect, each)
		if err != nil {
			return nil, nil, err
		}
		rows[j.ID] = j
		offers[i] = queue.Offer{Job: j.Job, Parts: parts}
	}
	return rows, offers, nil
}

// Renew prolongs leases and stores progress.
func (s *Store) Renew(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
	answers := make([]queue.Renewed, len(r.Leases))
	err := s.write(ctx, func(tx *transaction) (err error) {
		for i, l := range r.Leases {
			if answers[i], err = tx.renew(ctx, l, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: renew: %w", err)
	}
	return answers, nil
}

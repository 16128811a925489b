// Package lease gives parts to workers, prolongs what they hold, and ends it.
package lease

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// mayBeClaimed is [queue.Claimable] as far as SQL needs it to look at few rows:
// what it lets pass, [queue.Claim.Pick] judges. $1 is the time.
const mayBeClaimed = ` p.state = 'ready' and (p.not_before is null or p.not_before <= $1)
	and (p.kind <> 'seal' or j.parts_sealed = j.parts - 1) `

// Claim leases parts to a worker.
func Claim(ctx context.Context, tx *table.Tx, c queue.Claim) ([]queue.Claimed, error) {
	rows, offers, err := offersFor(ctx, tx, c)
	if err != nil {
		return nil, err
	}
	claimed := c.Pick(offers, tx.Now)
	if len(claimed) == 0 {
		return nil, nil
	}
	changes := make([]*table.PartChange, len(claimed))
	last := make(map[string]int64, len(rows))
	for i, got := range claimed {
		last[got.Job.ID] = int64(i + 1)
		// What is claimed was offered: ready, and under the fence before.
		was := got.Part
		was.State, was.Fence = queue.Ready, got.Part.Fence-1
		changes[i] = &table.PartChange{Job: rows[got.Job.ID].Ord, Was: was, Now: got.Part}
	}
	if err := tx.UpdateParts(ctx, changes); err != nil {
		return nil, err
	}
	return claimed, claimedJobs(ctx, tx, rows, last)
}

// claimedJobs notes that it was the turn of jobs, last in which order.
func claimedJobs(ctx context.Context, tx *table.Tx, jobs map[string]table.Job, last map[string]int64) error {
	var turn int64
	err := tx.Row(ctx, "select coalesce(max(claimed), 0) from exportyard_job where state in "+table.ActiveStates).Scan(&turn)
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(last))
	for id, n := range last {
		j := jobs[id]
		after := j.Started(tx.Now)
		rows = append(rows, []any{j.Ord, j.Version, turn + n, txn.Micros(after.StartedAt), after.Version, table.Number(j.PartsSealed == j.Parts-1)})
	}
	err = tx.ChangeEach(ctx, "update exportyard_job set claimed = v.column3, started_at = v.column4, version = v.column5, ready = "+table.HasReady("v.column6"),
		[]string{"bigint", "bigint", "bigint", "bigint", "bigint", "bigint"},
		"where exportyard_job.ord = v.column1 and exportyard_job.version = v.column2", rows)
	if err != nil {
		return fmt.Errorf("write claimed jobs: %w", err)
	}
	return nil
}

const inRotation = "where j.state in " + table.ActiveStates + " and j.ready = 1" +
	" and exists (select 1 from exportyard_part p where p.job = j.ord and p.suspect = 0 and" + mayBeClaimed +
	") order by j.claimed, j.ord limit $2"

// offersFor returns what a claim may choose from, and the rows of these jobs.
func offersFor(ctx context.Context, tx *table.Tx, c queue.Claim) (map[string]table.Job, []queue.Offer, error) {
	if c.Alone {
		rows, offers, err := suspects(ctx, tx)
		if err != nil || len(offers) > 0 {
			return rows, offers, err
		}
	}
	jobs, err := txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+inRotation+tx.SkipLocked("j"), txn.Micros(tx.Now), c.Limit)
	if err != nil {
		return nil, nil, err
	}
	// With as many jobs as hands each gives one part.
	each := c.Limit
	if len(jobs) == c.Limit {
		each = 1
	}
	rows, offers, err := offer(ctx, tx, jobs, 0, each)
	for err == nil && len(offers) == 0 && tx.RowLocks() {
		// Perhaps others have locked all that there is. They do so for a moment: wait for
		// the first, which may have nothing more to give then.
		jobs, err = txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+inRotation+tx.ForUpdate("j"), txn.Micros(tx.Now), 1)
		if err != nil || len(jobs) == 0 {
			break
		}
		rows, offers, err = offer(ctx, tx, jobs, 0, c.Limit)
	}
	return rows, offers, err
}

// suspects returns the first suspect of the job whose turn it is. Suspects are
// few, so all of them are looked at.
func suspects(ctx context.Context, tx *table.Tx) (map[string]table.Job, []queue.Offer, error) {
	jobs, err := txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+"where j.ord in (select p.job from exportyard_part p where p.state = 'ready' and p.suspect = 1)"+
		" and j.state in "+table.ActiveStates+
		" and exists (select 1 from exportyard_part p where p.job = j.ord and p.suspect = 1 and"+mayBeClaimed+
		") order by j.claimed, j.ord limit 1"+tx.ForUpdate("j"), txn.Micros(tx.Now))
	if err != nil {
		return nil, nil, err
	}
	return offer(ctx, tx, jobs, 1, 1)
}

// offer returns the first claimable parts of jobs, and of those that have none nothing.
func offer(ctx context.Context, tx *table.Tx, jobs []table.Job, suspect, each int) (map[string]table.Job, []queue.Offer, error) {
	rows := make(map[string]table.Job, len(jobs))
	offers := make([]queue.Offer, 0, len(jobs))
	for _, j := range jobs {
		parts, err := txn.Collect(ctx, tx.Tx, table.ScanPart(j.Job), table.SelectPart+"join exportyard_job j on j.ord = p.job where"+mayBeClaimed+
			"and p.job = $2 and p.suspect = $3 order by p.number limit $4", txn.Micros(tx.Now), j.Ord, suspect, each)
		if err != nil {
			return nil, nil, err
		}
		if len(parts) > 0 {
			rows[j.ID] = j
			offers = append(offers, queue.Offer{Job: j.Job, Parts: parts})
		}
	}
	return rows, offers, nil
}

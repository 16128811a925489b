package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// An ending is one call of Finish.
type ending struct {
	queue.Finish
	entries []queue.Entry
}

// ended is its answer.
type ended struct {
	job queue.Job
	err error
}

// mostEndings is how many leases end in one transaction at most.
const mostEndings = 128

// Finish ends the lease of a part. Those who do so at the same time share a
// transaction, in which each is judged by itself.
func (s *Store) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	answer, err := s.ending.Do(ctx, ending{f, entries})
	if err == nil {
		err = answer.err
	}
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: finish: %w", err)
	}
	return answer.job, nil
}

// mayHaveHappened reports an error that leaves open whether a transaction happened.
func mayHaveHappened(err error) bool {
	var unsure *txn.CommitError
	return errors.As(err, &unsure)
}

// endAll ends leases. An error that is not an answer to one of them is one of all.
func (s *Store) endAll(ctx context.Context, endings []ending) (answers []ended, err error) {
	err = s.write(ctx, func(tx *transaction) error {
		answers = make([]ended, len(endings))
		var entries []queue.Entry
		for _, group := range byJob(endings, func(e ending) (tenant, job string) { return e.Tenant, e.Job }) {
			of := jobEnding{tx: tx}
			if err := of.load(ctx, endings, group); err != nil {
				return err
			}
			for _, i := range group {
				if answers[i].err = of.apply(endings[i]); answers[i].err == nil {
					answers[i].job = of.j.progress()
				}
			}
			if err := of.store(ctx); err != nil {
				return err
			}
			entries = append(entries, of.entries...)
		}
		return tx.append(ctx, entries)
	})
	return answers, err
}

// byJob groups the indexes of a list by job, in an order of jobs that is the same for
// all who lock several.
func byJob[T any](list []T, of func(T) (tenant, job string)) [][]int {
	type key struct{ tenant, job string }
	groups := map[key][]int{}
	var keys []key
	for i, one := range list {
		var k key
		k.tenant, k.job = of(one)
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], i)
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.job, b.job), cmp.Compare(a.tenant, b.tenant)) })
	order := make([][]int, len(keys))
	for i, k := range keys {
		order[i] = groups[k]
	}
	return order
}

// A jobEnding ends leases of one job.
type jobEnding struct {
	tx      *transaction
	missing error // why there is no such job
	was, j  jobRow
	parts   map[int]*partChange
	plan    *queue.Finish // the one that sealed the plan
	entries []queue.Entry
}

// load reads the job and the parts that the endings are about, and locks them.
func (of *jobEnding) load(ctx context.Context, endings []ending, group []int) error {
	first := endings[group[0]]
	was, err := of.tx.job(ctx, first.Tenant, first.Job, of.tx.ForUpdate("j"))
	if errors.Is(err, queue.ErrNotFound) {
		of.missing = err
		return nil
	}
	if err != nil {
		return err
	}
	numbers := make([]int, len(group))
	for i, at := range group {
		numbers[i] = endings[at].Number
	}
	of.was, of.j = was, was
	of.parts, err = of.tx.parts(ctx, was, numbers)
	return err
}

// apply ends one lease, in memory, or returns why not.
func (of *jobEnding) apply(e ending) error {
	if of.missing != nil {
		return of.missing
	}
	c, ok := of.parts[e.Number]
	if !ok {
		return fmt.Errorf("part %d of job %s: %w", e.Number, e.Job, queue.ErrNotFound)
	}
	j, p, err := e.Apply(of.j.Job, c.now, of.tx.Now)
	if err != nil {
		return err
	}
	if p.Kind == queue.RowsPart {
		of.j.leasedRows -= c.now.Rows
		of.j.leasedBytes -= c.now.Bytes
		if p.State == queue.Sealed {
			of.j.sealedRows += p.Rows
			of.j.sealedBytes += p.Bytes
		}
	}
	if !j.State.Active() {
		of.j.leasedRows, of.j.leasedBytes = 0, 0
	}
	if p.Kind == queue.PlanPart && p.State == queue.Sealed {
		of.plan = &e.Finish
	}
	of.j.Job, c.now, c.changed = j, p, true
	of.entries = append(of.entries, queue.EntriesIn(j.State, e.entries)...)
	return nil
}

// store writes what the endings changed.
func (of *jobEnding) store(ctx context.Context) error {
	changes := changed(of.parts)
	if len(changes) == 0 {
		return nil
	}
	if err := of.tx.updateParts(ctx, changes); err != nil {
		return err
	}
	if of.plan != nil {
		err := of.tx.Exec(ctx, "update exportyard_part set number = $1 where job = $2 and kind = 'seal'", len(of.plan.Planned)+1, of.j.ord)
		if err != nil {
			return fmt.Errorf("renumber the seal part: %w", err)
		}
		if err := of.tx.insertParts(ctx, of.j.ord, of.plan.PlannedParts(of.j.Job)); err != nil {
			return err
		}
	}
	return of.tx.updateJob(ctx, of.was, &of.j)
}

// changed returns the changes that there are, in the order of numbers.
func changed(parts map[int]*partChange) []*partChange {
	var list []*partChange
	for _, c := range parts {
		if c.changed {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *partChange) int { return cmp.Compare(a.was.Number, b.was.Number) })
	return list
}

// releaseAll gives every leased part back.
func (tx *transaction) releaseAll(ctx context.Context) error {
	jobs, err := txn.Collect(ctx, tx.Tx, tx.scanJob, selectJob+"where j.ord in (select p.job from exportyard_part p where p.state = 'leased') order by j.id"+tx.ForUpdate("j"))
	if err != nil {
		return err
	}
	for _, was := range jobs {
		parts, err := txn.Collect(ctx, tx.Tx, scanPart(was.Job), selectPart+"where p.job = $1 and p.state = 'leased'"+tx.ForUpdate("p"), was.ord)
		if err != nil {
			return err
		}
		of := jobEnding{tx: tx, was: was, j: was, parts: map[int]*partChange{}}
		for _, p := range parts {
			of.parts[p.Number] = &partChange{job: was.ord, was: p, now: p}
			err := of.apply(ending{Finish: queue.Finish{Number: p.Number, Fence: p.Fence, Outcome: queue.Release}})
			if err != nil {
				return err
			}
		}
		if err := of.store(ctx); err != nil {
			return err
		}
	}
	return nil
}

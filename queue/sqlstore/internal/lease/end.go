package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// An Ending is how one lease is to end, with the entries of the change.
type Ending struct {
	queue.Finish
	Entries []queue.Entry
}

// Ended is the job after one lease has ended, or why it has not.
type Ended struct {
	Job queue.Job
	Err error
}

// End ends leases, of any jobs, and answers for each. An error that is no answer to one
// of them is one of all.
func End(ctx context.Context, tx *table.Tx, endings []Ending) ([]Ended, error) {
	answers := make([]Ended, len(endings))
	var entries []queue.Entry
	for _, group := range byJob(endings, func(e Ending) (tenant, job string) { return e.Tenant, e.Job }) {
		of := jobEnding{tx: tx}
		if err := of.load(ctx, endings, group); err != nil {
			return nil, err
		}
		for _, i := range group {
			if answers[i].Err = of.apply(endings[i]); answers[i].Err == nil {
				answers[i].Job = of.j.Progress()
			}
		}
		if err := of.store(ctx); err != nil {
			return nil, err
		}
		entries = append(entries, of.entries...)
	}
	return answers, tx.Append(ctx, entries)
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
	tx      *table.Tx
	missing error // why there is no such job
	was, j  table.Job
	parts   map[int]*table.PartChange
	plan    *queue.Finish // the one that sealed the plan
	entries []queue.Entry
}

// load reads the job and the parts that the endings are about, and locks them.
func (of *jobEnding) load(ctx context.Context, endings []Ending, group []int) error {
	first := endings[group[0]]
	was, err := of.tx.Job(ctx, first.Tenant, first.Job, of.tx.ForUpdate("j"))
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
	of.parts, err = of.tx.Parts(ctx, was, numbers)
	return err
}

// apply ends one lease, in memory, or returns why not.
func (of *jobEnding) apply(e Ending) error {
	if of.missing != nil {
		return of.missing
	}
	c, ok := of.parts[e.Number]
	if !ok {
		return fmt.Errorf("part %d of job %s: %w", e.Number, e.Job, queue.ErrNotFound)
	}
	j, p, err := e.Apply(of.j.Job, c.Now, of.tx.Now)
	if err != nil {
		return err
	}
	of.became(c, j, p)
	if p.Kind == queue.PlanPart && p.State == queue.Sealed {
		of.plan = &e.Finish
	}
	of.entries = append(of.entries, queue.EntriesIn(j.State, e.Entries)...)
	return nil
}

// became takes over what a rule made of the job and a part that was open.
func (of *jobEnding) became(c *table.PartChange, j queue.Job, p queue.Part) {
	if p.Kind == queue.RowsPart {
		of.j.LeasedRows -= c.Now.Rows
		of.j.LeasedBytes -= c.Now.Bytes
		if p.State == queue.Sealed {
			of.j.SealedRows += p.Rows
			of.j.SealedBytes += p.Bytes
		}
	}
	if !j.State.Active() {
		of.j.LeasedRows, of.j.LeasedBytes = 0, 0
	}
	of.j.Job, c.Now, c.Changed = j, p, true
}

// store writes what the endings changed.
func (of *jobEnding) store(ctx context.Context) error {
	changes := changed(of.parts)
	if len(changes) == 0 {
		return nil
	}
	if err := of.tx.UpdateParts(ctx, changes); err != nil {
		return err
	}
	if of.plan != nil {
		err := of.tx.Exec(ctx, "update exportyard_part set number = $1 where job = $2 and kind = 'seal'", len(of.plan.Planned)+1, of.j.Ord)
		if err != nil {
			return fmt.Errorf("renumber the seal part: %w", err)
		}
		if err := of.tx.InsertParts(ctx, of.j.Ord, of.plan.PlannedParts(of.j.Job)); err != nil {
			return err
		}
	}
	return of.tx.UpdateJob(ctx, of.was, &of.j)
}

// changed returns the changes that there are, in the order of numbers.
func changed(parts map[int]*table.PartChange) []*table.PartChange {
	var list []*table.PartChange
	for _, c := range parts {
		if c.Changed {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *table.PartChange) int { return cmp.Compare(a.Was.Number, b.Was.Number) })
	return list
}

// ReleaseAll gives every leased part back.
func ReleaseAll(ctx context.Context, tx *table.Tx) error {
	jobs, err := txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+"where j.ord in (select p.job from exportyard_part p where p.state = 'leased') order by j.id"+tx.ForUpdate("j"))
	if err != nil {
		return err
	}
	for _, was := range jobs {
		parts, err := txn.Collect(ctx, tx.Tx, table.ScanPart(was.Job), table.SelectPart+"where p.job = $1 and p.state = 'leased'", was.Ord)
		if err != nil {
			return err
		}
		of := jobEnding{tx: tx, was: was, j: was, parts: map[int]*table.PartChange{}}
		for _, p := range parts {
			of.parts[p.Number] = &table.PartChange{Job: was.Ord, Was: p, Now: p}
			err := of.apply(Ending{Finish: queue.Finish{Number: p.Number, Fence: p.Fence, Outcome: queue.Release}})
			if err != nil {
				return err
			}
		}
		if err := of.store(ctx); err != nil {
			return err
		}
	}
	return tx.Append(ctx, nil)
}

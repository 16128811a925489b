package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/memstore/internal/journal"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
	"github.com/exportyard/exportyard/queue/operator"
)

var _ operator.Store = (*Store)(nil)

// A place is where a job stands in a list of active jobs.
type place struct {
	operator.Job
	since, ord int64
}

func (p place) compare(since, ord int64) int {
	return cmp.Or(cmp.Compare(p.since, since), cmp.Compare(p.ord, ord))
}

// ActiveJobs returns a page of the active jobs of all tenants.
func (s *Store) ActiveJobs(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer s.latch.End()
	list := "operator " + string(q.Only)
	var after []int64
	if q.After != "" {
		if after, err = cursor.Parse(list, q.After, 2); err != nil {
			return nil, "", err
		}
	}
	var found []place
	for _, r := range s.active {
		j := operator.Job{Job: r.Read(now), ClaimedAt: r.ClaimedAt, Waits: r.Waits(), Suspect: r.Suspect()}
		p := place{Job: j, since: q.Since(j).UnixMicro(), ord: r.Ord}
		if q.Selects(j, now) && (after == nil || p.compare(after[0], after[1]) > 0) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b place) int { return a.compare(b.since, b.ord) })
	next := ""
	if len(found) > q.PageSize() {
		found = found[:q.PageSize()]
		last := found[len(found)-1]
		next = cursor.Make(list, last.since, last.ord)
	}
	jobs := make([]operator.Job, len(found))
	for i, p := range found {
		jobs[i] = p.Job
	}
	return jobs, next, nil
}

// Requeue makes a part ready.
func (s *Store) Requeue(ctx context.Context, q operator.Requeue, entries []queue.Entry) (queue.Job, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.latch.End()
	r, err := s.find(q.Tenant, q.Job)
	if err != nil {
		return queue.Job{}, err
	}
	p := r.Part(q.Number)
	if p == nil {
		return queue.Job{}, fmt.Errorf("memstore: part %d of job %s: %w", q.Number, q.Job, queue.ErrNotFound)
	}
	job, part, err := q.Apply(r.Job, *p)
	if err != nil {
		return queue.Job{}, err
	}
	if err := journal.Append(s.entries, job.State, entries, now); err != nil {
		return queue.Job{}, err
	}
	r.SetPart(part)
	s.write(r, job)
	return r.Read(now), nil
}

// Forget removes a job.
func (s *Store) Forget(ctx context.Context, f operator.Forget, entries []queue.Entry) error {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return err
	}
	defer s.latch.End()
	r, err := s.find(f.Tenant, f.Job)
	if err != nil {
		return err
	}
	if err := f.Apply(r.Job, s.awaited(r.Job)); err != nil {
		return err
	}
	if err := journal.Append(s.entries, r.Job.State, entries, now); err != nil {
		return err
	}
	delete(s.jobs, f.Job)
	if key := (idempotencyKey{f.Tenant, r.Job.IdempotencyKey}); s.keys[key] == r {
		delete(s.keys, key)
	}
	s.tenants[f.Tenant] = slices.DeleteFunc(s.tenants[f.Tenant], func(other *row.Job) bool { return other == r })
	return nil
}

// awaited reports whether a run of a schedule waits for the end of the job.
func (s *Store) awaited(j queue.Job) bool {
	for _, st := range s.schedules {
		if slices.ContainsFunc(st.Open(), func(r queue.Run) bool { return r.Over(j) }) {
			return true
		}
	}
	return false
}

// Gauges returns how the store is.
func (s *Store) Gauges(ctx context.Context, most int) (operator.Gauges, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return operator.Gauges{}, err
	}
	defer s.latch.End()
	g := operator.Gauges{Now: now}
	for _, r := range s.active {
		g.Active++
		if r.Job.State == queue.Pending {
			g.PendingAge = max(g.PendingAge, now.Sub(r.Job.CreatedAt))
		}
		for _, p := range r.Parts {
			switch {
			case p.State == queue.Ready:
				g.Ready++
			case p.State == queue.Leased:
				g.Leased++
			}
			if p.LeaseOver(now) {
				g.LeaseOver = max(g.LeaseOver, now.Sub(p.LeaseUntil))
			}
		}
	}
	for _, n := range []*int{&g.Active, &g.Ready, &g.Leased} {
		*n = min(*n, max(most, 0))
	}
	return g, nil
}

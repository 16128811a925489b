package queuetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

func (s *site) operator() operator.Store { return as[operator.Store](s) }

// active returns all jobs that a query selects, read by pages of its limit.
func (s *site) active(q operator.Query) []operator.Job {
	s.Helper()
	var all []operator.Job
	for {
		jobs, next, err := s.operator().ActiveJobs(s.ctx, q)
		s.noError(err, "active jobs")
		if len(jobs) > q.PageSize() || next != "" && len(jobs) == 0 {
			s.Fatalf("a page of %d has %d jobs, and the cursor %q", q.PageSize(), len(jobs), next)
		}
		all = append(all, jobs...)
		if next == "" {
			return all
		}
		q.After = next
	}
}

// activeAre fails unless a query selects these jobs, in one page and in pages of each size.
func (s *site) activeAre(q operator.Query, want ...queue.Job) {
	s.Helper()
	for limit := range 4 {
		q.Limit = limit
		got := []string{}
		for _, j := range s.active(q) {
			s.same(j.Job, s.get(j.Job), "a listed job")
			got = append(got, j.ID)
		}
		equal(s, got, ids(want), fmt.Sprintf("the list of jobs with trouble %q, in pages of %d", q.Only, q.PageSize()))
	}
}

// one returns an active job as the operator sees it.
func (s *site) one(j queue.Job) operator.Job {
	s.Helper()
	all := s.active(operator.Query{})
	i := slices.IndexFunc(all, func(o operator.Job) bool { return o.ID == j.ID })
	if i < 0 {
		s.Fatalf("the job %s is not listed", j.ID)
	}
	return all[i]
}

// of is a draft of a tenant.
func (s *site) of(tenant string, age time.Duration) queue.NewJob {
	n := s.draft()
	n.Tenant, n.MaxAge = tenant, age
	return n
}

var activeRules = []rule{
	{"ActiveJobsOfAllTenants", "the active jobs of all tenants are listed in the order of their creation, and no others", func(s *site) {
		running := s.planned(s.of("t3", 0), 2)
		s.update(s.pending(), queue.Cancel)
		second := s.create(s.of("t1", 0))
		third := s.create(s.of("t2", 0))
		fourth := s.create(s.of("t1", 0))
		s.update(second, queue.Fail)
		s.activeAre(operator.Query{}, running, third, fourth)
		s.activeAre(operator.Query{Only: "lazy"})
	}},
	{"ActiveJobsCursor", "a cursor of another list, or one that was altered, is refused", func(s *site) {
		for range 2 {
			s.create(s.of("t1", time.Hour))
		}
		_, next, err := s.operator().ActiveJobs(s.ctx, operator.Query{Limit: 1})
		s.noError(err, "active jobs")
		for _, q := range []operator.Query{{After: next + "A"}, {After: "nonsense"}, {Only: operator.Late, After: next}} {
			_, _, err := s.operator().ActiveJobs(s.ctx, q)
			s.wantError(err, queue.ErrCursor, fmt.Sprintf("active jobs after %q", q.After))
		}
		_, _, err = s.Store.List(s.ctx, queue.ListQuery{Tenant: "t1", After: next})
		s.wantError(err, queue.ErrCursor, "a list of a tenant")
	}},
	{"LateJobs", "jobs whose deadline is over or near are listed, of all tenants, the nearest first", func(s *site) {
		s.pending()
		last := s.create(s.of("t1", 4*time.Hour))
		second := s.create(s.of("t2", 2*time.Hour))
		third := s.create(s.of("t3", 3*time.Hour))
		s.update(s.create(s.of("t2", time.Hour)), queue.Fail)
		also := s.create(s.of("t1", 0))
		s.Advance(2 * time.Hour)
		s.activeAre(operator.Query{Only: operator.Late}, second)
		s.activeAre(operator.Query{Only: operator.Late, Span: 90 * time.Minute}, second, third)
		s.activeAre(operator.Query{Only: operator.Late, Span: 1000 * time.Hour}, second, third, last)
		equal(s, s.one(also).DeadlineAt.IsZero(), true, "whether a job has no deadline")
	}},
	{"IdleJobs", "jobs of which a part waits and none was claimed for long are listed, the longest idle first", func(s *site) {
		first := s.planned(s.of("t2", 0), 3)
		c := s.claimOf(first.ID)
		s.Advance(time.Minute)
		second := s.create(s.of("t1", 0))
		s.activeAre(operator.Query{Only: operator.Idle, Span: 30 * time.Minute})
		s.Advance(30 * time.Minute)
		s.activeAre(operator.Query{Only: operator.Idle, Span: 30 * time.Minute}, first, second)
		equal(s, s.one(second).ClaimedAt, s.get(second).CreatedAt, "since when a job that was never claimed is idle")
		s.finish(finish(c, queue.Release))
		before := s.get(first).Now
		got := s.claim(1)
		if at := s.one(got[0].Job).ClaimedAt; at.Before(before) || at.After(s.get(first).Now) {
			s.Fatalf("the job was claimed at %v, not at %v", before, at)
		}
		idle := second
		if got[0].Job.ID == second.ID {
			idle = first
		}
		s.activeAre(operator.Query{Only: operator.Idle, Span: 30 * time.Minute}, idle)
	}},
	{"AtWorkIsNotIdle", "a job whose parts are all held is not idle, however long they take", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.Advance(lease / 2)
		equal(s, s.one(j).Waits, false, "whether it waits")
		s.activeAre(operator.Query{Only: operator.Idle})
		s.finish(finish(c, queue.Release))
		equal(s, s.one(j).Waits, true, "whether it waits")
		s.activeAre(operator.Query{Only: operator.Idle}, j)
		s.seal(s.claimOf(j.ID))
		equal(s, s.one(j).Waits, true, "whether it waits for its seal")
	}},
	{"SuspectJobs", "active jobs with a part that lost its lease are listed, each once, in the order of their creation", func(s *site) {
		s.claimOf(s.pending().ID)
		first := s.planned(s.of("t2", 0), 0)
		lost := []queue.Claimed{s.claimOf(first.ID)}
		second := s.create(s.of("t1", 0))
		lost = append(lost, s.claimOf(second.ID))
		s.Advance(lease)
		for _, c := range lost {
			s.finish(finish(c, queue.LeaseOver))
		}
		s.activeAre(operator.Query{Only: operator.Suspect}, first, second)
		got := s.one(first)
		equal(s, got.Suspect, true, "whether it is suspect")
		equal(s, got.Waits, false, "whether it waits")
		s.update(first, queue.Cancel)
		s.activeAre(operator.Query{Only: operator.Suspect}, second)
	}},
}

func (s *site) requeue(p queue.Part, entries ...queue.Entry) queue.Job {
	s.Helper()
	j, err := s.operator().Requeue(s.ctx, operator.Requeue{Tenant: p.Tenant, Job: p.Job, Number: p.Number}, entries)
	s.noError(err, "requeue")
	return j
}

var requeueRules = []rule{
	{"RequeueTakesAway", "a part that is held is taken away: its holder is fenced, its progress gone, and others may claim it", func(s *site) {
		j := s.running(2)
		c := s.claimOf(j.ID)
		s.renew(leaseOf(c, 5, 50))
		got := s.requeue(c.Part)
		s.same(got, s.get(j), "the answer")
		equal(s, got.Rows, int64(0), "the number of rows")
		_, err := s.Store.Finish(s.ctx, finish(c, queue.Seal), nil)
		s.wantError(err, queue.ErrFenced, "the late holder's seal")
		again := s.claimOf(j.ID)
		equal(s, again.Part.Number, c.Part.Number, "the part")
		equal(s, again.Part.Fence, c.Part.Fence+1, "the fence")
	}},
	{"RequeueIsNow", "a part that waits for its time is ready at once, and as good as new", func(s *site) {
		j := s.running(0)
		f := finish(s.claimOf(j.ID), queue.Retry)
		f.Delay = 100 * time.Hour
		s.finish(f)
		s.nothing("a part that waits")
		s.requeue(s.part(j, 1))
		p := s.claimOf(j.ID).Part
		equal(s, p.Failures, 0, "the number of errors")
	}},
	{"RequeueClears", "a suspect is no suspect any more, and the crashes of its job are forgotten", func(s *site) {
		j := s.running(0)
		s.lose(s.claimOf(j.ID))
		s.lose(s.claimAlone(j.ID))
		equal(s, s.get(j).Crashes, 1, "the number of crashes")
		got := s.requeue(s.part(j, 1))
		equal(s, got.Crashes, 0, "the number of crashes")
		equal(s, s.claimOf(j.ID).Part.Suspect, false, "whether it is suspect")
	}},
	{"RequeueRefused", "a part that has ended, or whose job has, is not requeued, and nothing is written", func(s *site) {
		running := s.running(2)
		s.seal(s.claimOf(running.ID))
		canceled := s.update(s.pending(), queue.Cancel)
		for _, r := range []operator.Requeue{
			{Tenant: tenant, Job: running.ID, Number: 1},
			{Tenant: tenant, Job: canceled.ID, Number: 0},
		} {
			was := s.view(queue.Job{Tenant: tenant, ID: r.Job})
			_, err := s.operator().Requeue(s.ctx, r, []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrBadTransition, "requeue")
			s.unchanged(was, "a refused requeue")
		}
	}},
	{"R32_RequeueIsTheTenants", "another tenant's part, and one that is not there, is not found", func(s *site) {
		j := s.running(1)
		was := s.view(j)
		for _, r := range []operator.Requeue{{Tenant: "globex", Job: j.ID, Number: 1}, {Tenant: tenant, Job: j.ID, Number: 9}, {Tenant: tenant, Job: "none"}} {
			_, err := s.operator().Requeue(s.ctx, r, []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrNotFound, "requeue")
		}
		s.unchanged(was, "a requeue of what is not there")
	}},
	{"RequeueIsTold", "a requeue appends its entries, or nothing happens", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		e, ended := s.entry(queue.Running), s.entry(queue.Failed)
		s.requeue(c.Part, e, ended)
		equal(s, s.written(), []string{e.ID}, "the entries")
		was := s.view(j)
		_, err := s.operator().Requeue(s.ctx, operator.Requeue{Tenant: tenant, Job: j.ID, Number: 1}, []queue.Entry{e})
		if err == nil {
			s.Fatalf("an entry was appended twice")
		}
		s.unchanged(was, "a requeue whose entry was refused")
	}},
}

var gaugeRules = []rule{
	{"GaugesOfNothing", "the gauges of an empty store are zero", func(s *site) {
		g := s.gauges(100)
		equal(s, g, operator.Gauges{Now: g.Now}, "the gauges")
	}},
	{"GaugesCount", "active jobs and their open parts are counted, over all tenants, and no further than asked", func(s *site) {
		s.update(s.running(3), queue.Cancel)
		s.planned(s.of("t1", 0), 4)
		s.claim(3)
		s.create(s.of("t2", 0))
		g := s.gauges(100)
		equal(s, []int{g.Active, g.Ready, g.Leased}, []int{2, 4, 3}, "the list of active jobs, ready parts and leased ones")
		g = s.gauges(2)
		equal(s, []int{g.Active, g.Ready, g.Leased}, []int{2, 2, 2}, "the list when none is counted above 2")
	}},
	{"GaugesOfTime", "the ages are of the oldest pending job, and of the lease that was over first", func(s *site) {
		j := s.running(2)
		s.claimOf(j.ID)
		s.Advance(lease / 2)
		s.claimOf(j.ID)
		first := s.create(s.of("t1", 0))
		s.Advance(time.Hour)
		s.create(s.of("t2", 0))
		s.Advance(2 * time.Hour)
		g := s.gauges(100)
		equal(s, g.LeaseOver.Truncate(time.Minute), 3*time.Hour-lease/2, "for how long a lease is over")
		equal(s, g.PendingAge.Truncate(time.Minute), 3*time.Hour, "the age of the oldest pending job")
		s.update(first, queue.Cancel)
		equal(s, s.gauges(100).PendingAge.Truncate(time.Minute), 2*time.Hour, "the age of the second")
		s.update(j, queue.Cancel)
		equal(s, s.gauges(100).LeaseOver, 0, "for how long a lease is over")
	}},
}

func (s *site) gauges(most int) operator.Gauges {
	s.Helper()
	g, err := s.operator().Gauges(s.ctx, most)
	s.noError(err, "gauges")
	return g
}

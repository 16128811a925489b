package queuetest

import (
	"fmt"
	"sync"

	"github.com/exportyard/exportyard/queue"
)

// tenantsWith returns a job of a tenant of its own for each number of parts, of which none
// has given a part since all were planned, in the order in which it is their turn.
func (s *site) tenantsWith(parts ...int) []queue.Job {
	s.Helper()
	for range parts {
		n := s.draft()
		n.Tenant = s.id("tenant")
		s.create(n)
	}
	plans := s.claim(len(parts))
	equal(s, len(plans), len(parts), "the number of plans")
	jobs := make([]queue.Job, len(parts))
	for i, n := range parts {
		jobs[i] = s.seal(plans[i], func(f *queue.Finish) { f.Planned = rowsParts(n) })
	}
	return jobs
}

// limited is a claim with limits, for more hands than there are parts.
func limited(perTenant, inAll int) queue.Claim {
	return queue.Claim{Worker: "w", Limit: 100, Lease: lease, PerTenant: perTenant, InAll: inAll}
}

// givesTo claims, checks which jobs gave a part, in order, and returns the parts.
func (s *site) givesTo(c queue.Claim, want ...queue.Job) []queue.Claimed {
	s.Helper()
	claimed := s.claimAs(c)
	got := []string{}
	for _, one := range claimed {
		got = append(got, one.Job.ID)
	}
	equal(s, got, ids(want), "the list of jobs that gave a part")
	return claimed
}

var fairRules = []rule{
	{"D12_TenantsTakeTurns", "of several tenants each gives one part in turn, within a claim and from claim to claim", func(s *site) {
		jobs := s.tenantsWith(10, 3, 1)
		a, b, c := jobs[0], jobs[1], jobs[2]
		s.gives(1, a)
		s.gives(1, b)
		s.gives(4, c, a, b, a)
		s.gives(3, b, a, a)
		s.gives(3, a, a, a)
	}},
	{"D12_ManyJobsAreOneTurn", "a tenant with many jobs gets no more turns than one with a single job", func(s *site) {
		drafts := []queue.NewJob{s.draft(), s.draft(), s.draft(), s.draft()}
		single := drafts[0]
		single.Tenant = s.id("tenant")
		s.create(single)
		for _, n := range drafts[1:] {
			s.create(n)
		}
		for _, plan := range s.claim(len(drafts)) {
			s.seal(plan, func(f *queue.Finish) { f.Planned = rowsParts(6) })
		}
		given := map[string]int{}
		for range 3 {
			for _, c := range s.claim(2) {
				given[c.Job.ID]++
			}
		}
		want := map[string]int{single.ID: 3}
		for _, n := range drafts[1:] {
			want[n.ID] = 1
		}
		equal(s, given, want, "how often each job gave a part")
	}},
	{"D12_LongestWaitingTenantFirst", "a tenant that was never claimed, or longer ago, comes before one that has just given parts", func(s *site) {
		big := s.running(100)
		s.gives(2, big, big)
		small := s.draft()
		small.Tenant = s.id("tenant")
		j := s.create(small)
		plan := s.claimOf(j.ID)
		s.gives(3, big, big, big)
		s.seal(plan, func(f *queue.Finish) { f.Planned = rowsParts(2) })
		s.gives(1, j)
		s.gives(1, big)
		s.gives(1, j)
	}},
	{"D12_OneOfManyParts", "a tenant whose job was planned in many parts leaves the others their turns", func(s *site) {
		jobs := s.tenantsWith(s.Parts/10, 1, 1, 1, 1)
		s.gives(7, jobs[0], jobs[1], jobs[2], jobs[3], jobs[4], jobs[0], jobs[0])
	}},
	{"D12_ATenantComesBack", "a tenant that had nothing to give is claimed again when it has", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.nothing("a tenant whose part is leased")
		s.finish(finish(c, queue.Release))
		c = s.claimOf(j.ID)
		s.finish(finish(c, queue.Retry))
		s.lose(s.claimOf(j.ID))
		s.seal(s.claimAlone(j.ID))
		one, two := s.claimOf(j.ID), s.draft()
		s.create(two)
		s.update(j, queue.Cancel)
		s.wantError(s.finishError(one), queue.ErrFenced, "seal of a canceled job")
		s.claimOf(two.ID)
		s.nothing("a tenant whose jobs give no more")
	}},
	{"D12_LimitOfATenant", "of a tenant no more parts are leased than the limit, over all its jobs and from claim to claim; others go on", func(s *site) {
		jobs := s.tenantsWith(5, 5)
		a, b := jobs[0], jobs[1]
		more := s.draft()
		more.Tenant = a.Tenant
		held := s.givesTo(limited(2, 0), s.create(more), b, a, b)
		s.givesTo(limited(2, 0))
		s.seal(held[2])
		s.givesTo(limited(2, 0), a)
		s.finish(finish(held[1], queue.Retry))
		s.givesTo(limited(2, 0), b)
		s.givesTo(limited(3, 0), a, b)
	}},
	{"D12_LimitInAll", "of all tenants together no more parts are leased than the limit", func(s *site) {
		jobs := s.tenantsWith(5, 5)
		a, b := jobs[0], jobs[1]
		held := s.givesTo(limited(0, 3), a, b, a)
		s.givesTo(limited(0, 3))
		s.finish(finish(held[0], queue.Release))
		s.givesTo(limited(0, 3), b)
		s.givesTo(limited(3, 5), a, b)
	}},
	{"D12_EveryKindCounts", "a plan and a seal are parts in flight like any other", func(s *site) {
		drafts := []queue.NewJob{s.draft(), s.draft()}
		for _, n := range drafts {
			s.create(n)
		}
		for _, c := range []queue.Claim{limited(1, 0), limited(0, 1)} {
			got := s.claimAs(c)
			equal(s, len(got), 1, "the number of plans")
			s.givesTo(c)
			s.finish(finish(got[0], queue.Release))
		}
		for _, plan := range s.claim(2) {
			s.seal(plan)
		}
		for _, c := range []queue.Claim{limited(1, 0), limited(0, 1)} {
			got := s.claimAs(c)
			equal(s, len(got), 1, "the number of seals")
			equal(s, got[0].Part.Kind, queue.SealPart, "the kind of the part")
			s.givesTo(c)
			s.finish(finish(got[0], queue.Release))
		}
	}},
	{"D12_OverdueCounts", "a part whose lease is over is in flight until it is taken back", func(s *site) {
		j := s.running(2)
		c := s.claimOf(j.ID)
		s.Advance(lease)
		s.givesTo(limited(1, 0))
		s.givesTo(limited(0, 1))
		s.finish(finish(c, queue.LeaseOver))
		s.givesTo(limited(1, 1), j)
	}},
	{"D12_EndedJobsCountNothing", "the parts of a job that has ended are not in flight", func(s *site) {
		jobs := s.tenantsWith(3, 3)
		s.givesTo(limited(2, 3), jobs[0], jobs[1], jobs[0])
		s.update(jobs[0], queue.Cancel)
		s.givesTo(limited(2, 3), jobs[1])
	}},
	{"D12_SuspectsKeepLimits", "a suspect is not given when its tenant, or all, have reached the limit", func(s *site) {
		j := s.running(3)
		two := s.claim(2)
		s.lose(two[0])
		for _, c := range []queue.Claim{limited(1, 0), limited(0, 1)} {
			c.Alone = true
			s.givesTo(c)
		}
		s.seal(two[1])
		c := limited(1, 1)
		c.Alone = true
		equal(s, s.oneOf(j.ID, s.claimAs(c)).Part.Number, 1, "the part")
	}},
	{"D12_LimitsHoldBetweenWorkers", "limits hold whoever claims at the same time", limitsHold},
}

// limitsHold lets many workers claim at once, some parts at a time, until none is given.
func limitsHold(s *site) {
	jobs := s.tenantsWith(20, 20, 20)
	for _, limits := range []struct{ perTenant, inAll, want int }{{3, 0, 9}, {0, 7, 7}, {3, 7, 7}} {
		var mu sync.Mutex
		var held []queue.Claimed
		together(12, func(i int) {
			c := limited(limits.perTenant, limits.inAll)
			c.Worker, c.Limit = fmt.Sprint("w", i), 2
			got, err := s.Store.Claim(s.ctx, c)
			if err != nil {
				s.Errorf("claim: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			held = append(held, got...)
		})
		held = append(held, s.claimAs(limited(limits.perTenant, limits.inAll))...)
		equal(s, len(held), limits.want, "the number of parts in flight")
		of := map[string]int{}
		for _, c := range held {
			if of[c.Job.ID]++; limits.perTenant > 0 && of[c.Job.ID] > limits.perTenant {
				s.Fatalf("%d parts of a tenant are in flight", of[c.Job.ID])
			}
		}
		leased := 0
		for _, j := range jobs {
			for _, p := range s.parts(j) {
				if p.State == queue.Leased {
					leased++
				}
			}
		}
		equal(s, leased, limits.want, "the number of leased parts")
		for _, c := range held {
			s.finish(finish(c, queue.Release))
		}
	}
}

// finishError seals a part and returns what the store says.
func (s *site) finishError(c queue.Claimed) error {
	_, err := s.Store.Finish(s.ctx, finish(c, queue.Seal), nil)
	return err
}

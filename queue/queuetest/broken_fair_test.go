package queuetest_test

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"github.com/exportyard/exportyard/queue"
)

// fairMutants break the rules of turns and limits.
var fairMutants = []mutant{
	{"jobs take turns, whoever's", []string{"D12_ManyJobsAreOneTurn"}, func(b *broken) {
		last, n := map[string]int{}, 0
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			return b.chosen(ctx, c, func(all []queue.Claimed) []queue.Claimed {
				var jobs [][]queue.Claimed
				for _, one := range all {
					i := slices.IndexFunc(jobs, func(of []queue.Claimed) bool { return of[0].Job.ID == one.Job.ID })
					if i < 0 {
						jobs = append(jobs, nil)
						i = len(jobs) - 1
					}
					jobs[i] = append(jobs[i], one)
				}
				slices.SortStableFunc(jobs, func(x, y []queue.Claimed) int { return cmp.Compare(last[x[0].Job.ID], last[y[0].Job.ID]) })
				given := queue.TakeTurns(c.Limit, jobs...)
				for _, one := range given {
					n++
					last[one.Job.ID] = n
				}
				return given
			})
		}
	}},
	{"one tenant first", []string{"D12_TenantsTakeTurns", "D12_LongestWaitingTenantFirst", "D12_OneOfManyParts"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			return b.chosen(ctx, c, func(all []queue.Claimed) []queue.Claimed {
				slices.SortStableFunc(all, func(x, y queue.Claimed) int { return cmp.Compare(x.Job.Tenant, y.Job.Tenant) })
				return all[:min(c.Limit, len(all))]
			})
		}
	}},
	{"a tenant is forgotten", []string{"D12_ATenantComesBack"}, func(b *broken) {
		asleep := map[string]bool{}
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			if asleep["acme"] && !c.Alone {
				return nil, nil
			}
			got, err := b.Store.Claim(ctx, c)
			asleep["acme"] = len(got) == 0
			return got, err
		}
	}},
	{"no limit of a tenant", []string{"D12_LimitOfATenant", "D12_EveryKindCounts", "D12_OverdueCounts", "D12_SuspectsKeepLimits", "D12_LimitsHoldBetweenWorkers"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			c.PerTenant = 0
			return b.Store.Claim(ctx, c)
		}
	}},
	{"no limit in all", []string{"D12_LimitInAll", "D12_EveryKindCounts", "D12_OverdueCounts", "D12_SuspectsKeepLimits", "D12_LimitsHoldBetweenWorkers"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			c.InAll = 0
			return b.Store.Claim(ctx, c)
		}
	}},
	{"plans and seals do not count", []string{"D12_EveryKindCounts"}, beside(func(_ queue.Job, p queue.Part) bool { return p.Kind != queue.RowsPart })},
	{"overdue leases do not count", []string{"D12_OverdueCounts"}, beside(func(j queue.Job, p queue.Part) bool { return p.LeaseOver(j.Now) })},
	{"ended jobs count", []string{"D12_EndedJobsCountNothing"}, func(b *broken) {
		owners, claimed := b.owners(), map[string]int{}
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			if c.InAll > 0 {
				for id, n := range claimed {
					if j, err := b.Store.Get(ctx, owners(id), id); err == nil && !j.State.Active() {
						c.InAll = max(1, c.InAll-n)
					}
				}
			}
			got, err := b.Store.Claim(ctx, c)
			for _, one := range got {
				claimed[one.Job.ID]++
			}
			return got, err
		}
	}},
	{"suspects past the limits", []string{"D12_SuspectsKeepLimits"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			if c.Alone {
				c.PerTenant, c.InAll = 0, 0
			}
			return b.Store.Claim(ctx, c)
		}
	}},
	{"counted before it is leased, not when", []string{"D12_LimitsHoldBetweenWorkers"}, func(b *broken) {
		jobs := b.known()
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			leased := 0
			b.eachPart(ctx, jobs(), func(_ queue.Job, p queue.Part) {
				if p.State == queue.Leased {
					leased++
				}
			})
			for range 100 {
				runtime.Gosched()
			}
			if c.InAll > 0 {
				c.Limit, c.InAll = min(c.Limit, c.InAll-leased), 0
			}
			return b.Store.Claim(ctx, c)
		}
	}},
}

// chosen claims everything, and gives back what is not chosen of it.
func (b *broken) chosen(ctx context.Context, c queue.Claim, choose func([]queue.Claimed) []queue.Claimed) ([]queue.Claimed, error) {
	c.Limit = 20_000
	all, err := b.Store.Claim(ctx, c)
	if err != nil {
		return nil, err
	}
	kept := choose(slices.Clone(all))
	for _, one := range all {
		p := one.Part
		if slices.ContainsFunc(kept, func(k queue.Claimed) bool { return k.Part.Job == p.Job && k.Part.Number == p.Number }) {
			continue
		}
		f := queue.Finish{Tenant: p.Tenant, Job: p.Job, Number: p.Number, Fence: p.Fence, Outcome: queue.Release}
		if _, err := b.Store.Finish(ctx, f, nil); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// beside raises limits by the leased parts for which passed holds.
func beside(passed func(queue.Job, queue.Part) bool) func(*broken) {
	return func(b *broken) {
		jobs := b.known()
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			more := 0
			b.eachPart(ctx, jobs(), func(j queue.Job, p queue.Part) {
				if p.State == queue.Leased && passed(j, p) {
					more++
				}
			})
			if c.PerTenant > 0 {
				c.PerTenant += more
			}
			if c.InAll > 0 {
				c.InAll += more
			}
			return b.Store.Claim(ctx, c)
		}
	}
}

// known notes the jobs that are created.
func (b *broken) known() func() []queue.NewJob {
	var jobs []queue.NewJob
	b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
		jobs = append(jobs, n)
		return b.Store.Create(ctx, n, e)
	}
	return func() []queue.NewJob { return jobs }
}

func (b *broken) eachPart(ctx context.Context, jobs []queue.NewJob, do func(queue.Job, queue.Part)) {
	for _, n := range jobs {
		j, err := b.Store.Get(ctx, n.Tenant, n.ID)
		if err != nil {
			continue
		}
		parts, _ := b.Store.Parts(ctx, n.Tenant, n.ID, -1, 1000)
		for _, p := range parts {
			do(j, p)
		}
	}
}

package sqlstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

func draftOf(tenant, id string) queue.NewJob {
	n := draft(id)
	n.Tenant = tenant
	return n
}

// inRounds lets a fleet of 64 hands claim what it can and seal all of it, again and again,
// and returns after how many rounds each tenant's job was completed. A plan makes as many
// parts as the tenant wants. It ends when all but the big one are done.
func inRounds(t *testing.T, s *sqlstore.Store, wants map[string]int, before func(round int)) map[string]int {
	t.Helper()
	done := map[string]int{}
	for round := 1; len(done) < len(wants)-1; round++ {
		require.Less(t, round, 20, "it takes for ever")
		before(round)
		got, err := s.Claim(t.Context(), queue.Claim{Worker: "fleet", Limit: 64, Lease: time.Hour})
		require.NoError(t, err)
		require.NotEmpty(t, got)
		jobs, errs := make([]queue.Job, len(got)), make([]error, len(got))
		var all sync.WaitGroup
		for i, c := range got {
			f := queue.Finish{Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence, Outcome: queue.Seal}
			if c.Part.Kind == queue.PlanPart {
				f.Planned = planned(wants[c.Part.Tenant])
			}
			all.Go(func() { jobs[i], errs[i] = s.Finish(t.Context(), f, nil) })
		}
		all.Wait()
		require.NoError(t, errors.Join(errs...))
		for _, j := range jobs {
			if j.State == queue.Completed {
				done[j.Tenant] = round
			}
		}
	}
	return done
}

// One tenant has 10,000 parts, which are worked on already when 99 tenants ask for one
// each: these are done within three times as many rounds as one that is alone.
func TestR45_SmallTenantsEndWithinThreeTimesTheirRoundsAlone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		s := p.open(t, nil)
		_, _, err := s.Create(t.Context(), draftOf("alone", "alone"), nil)
		require.NoError(t, err)
		alone := inRounds(t, s, map[string]int{"big": 0, "alone": 1}, func(int) {})["alone"]
		require.Equal(t, 3, alone, "the plan, the rows, the seal")

		wants := map[string]int{"big": 10_000}
		for i := range 99 {
			wants[fmt.Sprint("small", i)] = 1
		}
		_, _, err = s.Create(t.Context(), draftOf("big", "big"), nil)
		require.NoError(t, err)
		const arrive = 3
		done := inRounds(t, s, wants, func(round int) {
			for i := 0; round == arrive && i < 99; i++ {
				tenant := fmt.Sprint("small", i)
				_, _, err := s.Create(t.Context(), draftOf(tenant, tenant), nil)
				require.NoError(t, err)
			}
		})
		for tenant, round := range done {
			require.LessOrEqual(t, round-arrive+1, 3*alone, tenant)
		}
		big, err := s.Get(t.Context(), "big", "big")
		require.NoError(t, err)
		require.Greater(t, big.PartsSealed, 1+64, "the large one goes on meanwhile")
	})
}

// wrongTurns counts the tenants of which the column waiting does not say whether they have
// a job with a ready part, or jobs of which the column ready does not.
const wrongTurns = `select (select count(*) from exportyard_tenant t where t.waiting <> case when exists (select 1 from exportyard_job j
		where j.tenant = t.tenant and j.state in ('pending', 'running') and j.ready = 1) then 1 else 0 end)
	+ (select count(*) from exportyard_job j where j.state in ('pending', 'running') and j.ready <> case when exists (select 1 from exportyard_part p
		where p.job = j.ord and p.state = 'ready' and p.suspect = 0 and (p.kind <> 'seal' or j.parts_sealed = j.parts - 1)) then 1 else 0 end)`

// Many create, claim, seal, give back and cancel at the same time, under limits. No work
// is forgotten: every job ends, and what claims go by is right in the end.
func TestD12_NoWorkIsForgotten(t *testing.T) {
	t.Parallel()
	const tenants, jobs, workers = 5, 8, 6
	onEach(t, func(t *testing.T, p place) {
		s := p.open(t, nil)
		var left atomic.Int64
		left.Store(tenants * jobs)
		ended := func(j queue.Job) {
			if !j.State.Active() {
				left.Add(-1)
			}
		}
		var all sync.WaitGroup
		for i := range tenants {
			all.Go(func() {
				for n := range jobs {
					tenant, id := fmt.Sprint("t", i), fmt.Sprint("job-", i, "-", n)
					_, _, err := s.Create(t.Context(), draftOf(tenant, id), nil)
					if err != nil {
						t.Errorf("create: %v", err)
						return
					}
					if n%4 == 3 {
						j, err := s.Update(t.Context(), queue.Update{Tenant: tenant, Job: id, Event: queue.Cancel}, nil)
						if err == nil {
							ended(j)
						} else if !errors.Is(err, queue.ErrBadTransition) {
							t.Errorf("cancel: %v", err)
						}
					}
				}
			})
		}
		for w := range workers {
			all.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(w)))
				for left.Load() > 0 && t.Context().Err() == nil && !t.Failed() {
					got, err := s.Claim(t.Context(), queue.Claim{Worker: "w", Limit: 1 + random.IntN(3), Lease: time.Hour, PerTenant: 3, InAll: 8})
					if err != nil {
						t.Errorf("claim: %v", err)
						return
					}
					for _, c := range got {
						f := queue.Finish{Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence, Outcome: queue.Seal}
						if random.IntN(4) == 0 {
							f.Outcome = []queue.Outcome{queue.Release, queue.Retry}[random.IntN(2)]
						} else if c.Part.Kind == queue.PlanPart {
							f.Planned = planned(random.IntN(4))
						}
						j, err := s.Finish(t.Context(), f, nil)
						switch {
						case err == nil:
							ended(j)
						case !errors.Is(err, queue.ErrFenced): // else it was canceled
							t.Errorf("finish: %v", err)
						}
					}
				}
			})
		}
		all.Wait()
		require.Zero(t, left.Load())
		var wrong int
		require.NoError(t, p.db(t).QueryRowContext(t.Context(), wrongTurns).Scan(&wrong))
		require.Zero(t, wrong)
	})
}

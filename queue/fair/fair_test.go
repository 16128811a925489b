package fair_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/fair"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// offer is a job, called by its tenant and a letter, with parts of these numbers; a
// negative one is a suspect's.
func offer(id string, numbers ...int) fair.Offer {
	o := fair.Offer{Job: queue.Job{ID: id, Tenant: id[:1], State: queue.Running}}
	for _, n := range numbers {
		o.Parts = append(o.Parts, queue.Part{Job: id, Number: max(n, -n), Kind: queue.RowsPart, State: queue.Ready, Suspect: n < 0})
	}
	return o
}

func picked(t require.TestingT, c queue.Claim, offers []fair.Offer, before fair.InFlight) []string {
	var got []string
	for _, p := range fair.Pick(c, offers, before, now) {
		require.Equal(t, queue.Leased, p.Part.State)
		require.Equal(t, p.Part.Suspect && c.Alone, p.Part.Alone)
		require.Equal(t, now, p.Job.StartedAt)
		require.Equal(t, now.Add(c.Lease), p.Part.LeaseUntil)
		got = append(got, fmt.Sprint(p.Job.ID, p.Part.Number))
	}
	return got
}

func TestR45_PickTakesTurns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		claim  queue.Claim
		offers []fair.Offer
		want   []string
	}{
		{"nothing", queue.Claim{Limit: 3}, nil, nil},
		{"no hands", queue.Claim{}, []fair.Offer{offer("aa", 1)}, nil},
		{"jobs of a tenant", queue.Claim{Limit: 5}, []fair.Offer{offer("aa", 1, 2, 3), offer("ab", 7), offer("ac", 4, 5)}, []string{"aa1", "ab7", "ac4", "aa2", "ac5"}},
		{"tenants", queue.Claim{Limit: 5}, []fair.Offer{offer("aa", 1, 2, 3), offer("ba", 7), offer("ca", 4, 5)}, []string{"aa1", "ba7", "ca4", "aa2", "ca5"}},
		{"tenants before jobs", queue.Claim{Limit: 4}, []fair.Offer{offer("aa", 1, 2), offer("ab", 3, 4), offer("ac", 5), offer("ba", 7, 8)}, []string{"aa1", "ba7", "ab3", "ba8"}},
		{"all", queue.Claim{Limit: 9}, []fair.Offer{offer("aa", 1, 2), offer("ba", 7)}, []string{"aa1", "ba7", "aa2"}},
		{"past suspects", queue.Claim{Limit: 9}, []fair.Offer{offer("aa", -1, 2), offer("ba", -7)}, []string{"aa2"}},
		{"a suspect alone", queue.Claim{Limit: 9, Alone: true}, []fair.Offer{offer("aa", 1, 2), offer("ba", 6, -7)}, []string{"ba7"}},
		{"no suspect there", queue.Claim{Limit: 2, Alone: true}, []fair.Offer{offer("aa", 1, 2), offer("ba", 6)}, []string{"aa1", "ba6"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, picked(t, c.claim, c.offers, fair.InFlight{}))
		})
	}
}

func TestD12_PickKeepsLimits(t *testing.T) {
	t.Parallel()
	offers := []fair.Offer{offer("aa", 1, 2, 3), offer("ab", 4), offer("ba", 7, 8)}
	for _, c := range []struct {
		name   string
		claim  queue.Claim
		offers []fair.Offer
		before fair.InFlight
		want   []string
	}{
		{"none", queue.Claim{Limit: 5}, offers, fair.InFlight{Tenants: map[string]int{"a": 99}, All: 99}, []string{"aa1", "ba7", "ab4", "ba8", "aa2"}},
		{"of a tenant", queue.Claim{Limit: 5, PerTenant: 1}, offers, fair.InFlight{}, []string{"aa1", "ba7"}},
		{"of a tenant, over its jobs", queue.Claim{Limit: 9, PerTenant: 3}, offers, fair.InFlight{Tenants: map[string]int{"a": 1}}, []string{"aa1", "ba7", "ab4", "ba8"}},
		{"a tenant that has reached it", queue.Claim{Limit: 5, PerTenant: 2}, offers, fair.InFlight{Tenants: map[string]int{"a": 2}}, []string{"ba7", "ba8"}},
		{"a tenant beyond a limit that was higher", queue.Claim{Limit: 5, PerTenant: 2}, offers, fair.InFlight{Tenants: map[string]int{"a": 7}}, []string{"ba7", "ba8"}},
		{"in all", queue.Claim{Limit: 5, InAll: 4}, offers, fair.InFlight{All: 1}, []string{"aa1", "ba7", "ab4"}},
		{"in all, reached", queue.Claim{Limit: 5, InAll: 4}, offers, fair.InFlight{All: 4}, nil},
		{"both", queue.Claim{Limit: 5, PerTenant: 2, InAll: 4}, offers, fair.InFlight{Tenants: map[string]int{"a": 1}, All: 1}, []string{"aa1", "ba7", "ba8"}},
		{"a suspect too", queue.Claim{Limit: 5, Alone: true, PerTenant: 1}, []fair.Offer{offer("aa", -1), offer("ba", -7)}, fair.InFlight{Tenants: map[string]int{"a": 1}}, []string{"ba7"}},
		{"no suspect has room", queue.Claim{Limit: 5, Alone: true, PerTenant: 1}, []fair.Offer{offer("aa", -1), offer("ba", 7)}, fair.InFlight{Tenants: map[string]int{"a": 1}}, []string{"ba7"}},
		{"no suspect in all", queue.Claim{Limit: 5, Alone: true, InAll: 1}, []fair.Offer{offer("aa", -1)}, fair.InFlight{All: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, picked(t, c.claim, c.offers, c.before))
		})
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ hands, tenants, want int }{{1, 1, 1}, {5, 1, 5}, {5, 3, 3}, {5, 5, 1}, {3, 5, 1}} {
		require.Equal(t, c.want, fair.Depth(c.hands, c.tenants), "%d hands, %d tenants", c.hands, c.tenants)
	}
}

// A fleet is tenants with jobs of ready parts, as a store keeps them.
type fleet struct {
	jobs    []*fleetJob
	turns   map[string]int
	leased  map[string]int
	last, n int
}

type fleetJob struct {
	id      string
	ready   []int
	claimed int
}

// offers is what a store offers: no more than Depth asks for when lean.
func (f *fleet) offers(c queue.Claim, lean bool) []fair.Offer {
	slices.SortStableFunc(f.jobs, func(a, b *fleetJob) int {
		return cmp.Or(cmp.Compare(f.turns[a.id[:1]], f.turns[b.id[:1]]), cmp.Compare(a.id[:1], b.id[:1]), cmp.Compare(a.claimed, b.claimed))
	})
	var tenants []string
	jobs := map[string]int{}
	for _, j := range f.jobs {
		t := j.id[:1]
		if len(j.ready) > 0 && !slices.Contains(tenants, t) && (c.PerTenant == 0 || f.leased[t] < c.PerTenant) {
			tenants = append(tenants, t)
		}
	}
	if lean {
		tenants = tenants[:min(len(tenants), fair.Hands(c, f.n))]
	}
	depth := fair.Depth(c.Limit, len(tenants))
	var offers []fair.Offer
	for _, j := range f.jobs {
		t := j.id[:1]
		if len(j.ready) == 0 || lean && (!slices.Contains(tenants, t) || jobs[t] == depth) {
			continue
		}
		jobs[t]++
		ready := j.ready
		if lean {
			ready = ready[:min(depth, len(ready))]
		}
		offers = append(offers, offer(j.id, ready...))
	}
	return offers
}

// claim returns the tenants that got a part, in turn.
func (f *fleet) claim(t *rapid.T, c queue.Claim) []string {
	before := fair.InFlight{Tenants: f.leased, All: f.n}
	got := picked(t, c, f.offers(c, true), before)
	require.Equal(t, picked(t, c, f.offers(c, false), before), got, "what Depth asks for is not enough")
	var tenants []string
	for _, g := range got {
		i := slices.IndexFunc(f.jobs, func(j *fleetJob) bool { return j.id == g[:2] })
		f.jobs[i].ready = f.jobs[i].ready[1:]
		f.last++
		f.jobs[i].claimed, f.turns[g[:1]] = f.last, f.last
		f.leased[g[:1]]++
		f.n++
		tenants = append(tenants, g[:1])
	}
	return tenants
}

// Whatever work there is and however workers come, a tenant with work and room that waits
// sees each other tenant pass at most once before its turn, and no limit is passed.
func TestD12_NoTenantWaitsForMoreThanEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := &fleet{turns: map[string]int{}, leased: map[string]int{}}
		for i, parts := range rapid.SliceOfN(rapid.IntRange(0, 12), 1, 12).Draw(t, "parts") {
			j := &fleetJob{id: string(rune('a'+rapid.IntRange(0, 5).Draw(t, "tenant"))) + string(rune('a'+i))}
			for n := range parts {
				j.ready = append(j.ready, n+1)
			}
			f.jobs = append(f.jobs, j)
		}
		perTenant, inAll := rapid.IntRange(0, 4).Draw(t, "per tenant"), rapid.IntRange(0, 8).Draw(t, "in all")
		passed := map[string]map[string]int{} // by who waits: how often others came first
		for range rapid.IntRange(1, 40).Draw(t, "claims") {
			for _, tenant := range slices.Sorted(maps.Keys(f.leased)) { // some are done
				done := rapid.IntRange(0, f.leased[tenant]).Draw(t, "done")
				f.leased[tenant] -= done
				f.n -= done
			}
			waits := map[string]bool{}
			for _, j := range f.jobs {
				tenant := j.id[:1]
				waits[tenant] = waits[tenant] || len(j.ready) > 0 && (perTenant == 0 || f.leased[tenant] < perTenant)
			}
			for _, got := range f.claim(t, queue.Claim{Limit: rapid.IntRange(1, 5).Draw(t, "hands"), Lease: time.Minute, PerTenant: perTenant, InAll: inAll}) {
				delete(passed, got)
				for tenant, waiting := range waits {
					if !waiting || tenant == got {
						continue
					}
					if passed[tenant] == nil {
						passed[tenant] = map[string]int{}
					}
					passed[tenant][got]++
				}
				waits[got] = false
			}
			for tenant, waiting := range waits {
				if !waiting {
					delete(passed, tenant)
				}
				for other, n := range passed[tenant] {
					require.LessOrEqual(t, n, 1, "%s came %d times before %s, which waited", other, n, tenant)
				}
				if perTenant > 0 {
					require.LessOrEqual(t, f.leased[tenant], perTenant)
				}
			}
			if inAll > 0 {
				require.LessOrEqual(t, f.n, inAll)
			}
		}
	})
}

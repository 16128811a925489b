package worker_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// partTime is how long a part takes, of whatever kind.
const partTime = 10 * time.Second

// A market is tenants with a job each, and eight workers of eight hands.
type market struct {
	*site
	mu      sync.Mutex
	parts   map[string]int           // how many rows parts the tenant's plan makes
	asked   map[string]time.Duration // when the tenant's job was created
	took    map[string]time.Duration // until it was completed
	sealed  map[string]int
	busy    map[string]int // parts in the work
	most    map[string]int
	mostAll int
}

// gather starts the workers.
func gather(t *testing.T, tenantParts, allParts int) *market {
	c := &market{
		site: newSite(t), parts: map[string]int{}, asked: map[string]time.Duration{}, took: map[string]time.Duration{},
		sealed: map[string]int{}, busy: map[string]int{}, most: map[string]int{},
	}
	for i := range 8 {
		c.start(nil, func(config *worker.Config) {
			config.Name, config.Dispatcher, config.Parts = fmt.Sprint("w", i), queue.NewLocal(), 8
			config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
			config.TenantParts, config.AllParts = tenantParts, allParts
			config.Do, config.Settled = c.do, c.settled
		})
	}
	return c
}

// ask creates the job of a tenant.
func (c *market) ask(tenant string, parts int) {
	c.mu.Lock()
	c.parts[tenant], c.asked[tenant] = parts, c.now()
	c.mu.Unlock()
	_, _, err := c.store.Create(context.Background(), queue.NewJob{
		Job:   queue.Job{ID: "job-of-" + tenant, Tenant: tenant, Slot: tenant},
		First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
	}, nil)
	require.NoError(c, err)
}

func (c *market) do(ctx context.Context, h *worker.Held) (queue.Finish, []queue.Entry) {
	tenant := h.Job.Tenant
	c.mu.Lock()
	c.busy[tenant]++
	all := 0
	for _, n := range c.busy {
		all += n
	}
	c.most[tenant], c.mostAll = max(c.most[tenant], c.busy[tenant]), max(c.mostAll, all)
	c.mu.Unlock()
	f := after(partTime)(ctx, h)
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Part.Kind == queue.PlanPart {
		f.Planned = make([]queue.Part, c.parts[tenant])
	}
	c.busy[tenant]--
	return f, nil
}

func (c *market) settled(_ context.Context, h *worker.Held, _ queue.Finish, j queue.Job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealed[h.Job.Tenant]++
	if j.State == queue.Completed {
		c.took[h.Job.Tenant] = c.now() - c.asked[h.Job.Tenant]
	}
}

// One tenant has 10,000 parts, which are worked on already when 99 tenants ask for one
// each. Each of these ends within three times the time that it takes when it is alone.
func TestR45_SmallTenantsEndWithinThreeTimesTheirTimeAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                  string
		tenantParts, allParts int
		together              bool // they ask at the same time, else one after another
	}{
		{name: "at the same time", together: true},
		{name: "one after another"},
		{name: "at the same time, with limits", tenantParts: 32, allParts: 60, together: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var alone time.Duration
			synctest.Test(t, func(t *testing.T) {
				c := gather(t, tt.tenantParts, tt.allParts)
				c.ask("small", 1)
				c.until(10 * time.Minute)
				alone = c.took["small"]
			})
			require.GreaterOrEqual(t, alone, 3*partTime)
			synctest.Test(t, func(t *testing.T) {
				c := gather(t, tt.tenantParts, tt.allParts)
				c.ask("big", 10_000)
				c.until(2 * time.Minute)
				for i := range 99 {
					c.ask(fmt.Sprint("small", i), 1)
					if !tt.together {
						c.until(2*time.Minute + time.Duration(i)*time.Second)
					}
				}
				c.until(6 * time.Minute)
				c.mu.Lock()
				defer c.mu.Unlock()
				for i := range 99 {
					took := c.took[fmt.Sprint("small", i)]
					require.NotZero(t, took, "small%d has not ended", i)
					require.LessOrEqual(t, took, 3*alone, "small%d", i)
				}
				// The large one goes on meanwhile, and has all hands that nobody else wants.
				hands := 64
				if tt.tenantParts > 0 {
					hands = tt.tenantParts
					require.LessOrEqual(t, c.mostAll, tt.allParts)
				}
				require.Equal(t, hands, c.most["big"])
				require.Greater(t, c.sealed["big"], 300)
			})
		})
	}
}

// A ringing office counts rings.
type ringing struct {
	*office
	rings *atomic.Int32
}

func (r ringing) Ring(ctx context.Context) error {
	r.rings.Add(1)
	return r.office.Ring(ctx)
}

// A permit that comes when its tenant has no room comes to nothing. So whoever makes room
// rings again.
func TestD12_WhoeverMakesRoomRings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                  string
		tenantParts, allParts int
		want                  int32
	}{
		{name: "no limit", want: 4},
		{name: "of a tenant", tenantParts: 1, want: 8},
		{name: "of all", allParts: 1, want: 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 3)
				var rings atomic.Int32
				_, stop := s.start(after(time.Second), func(c *worker.Config) {
					c.Dispatcher, c.TenantParts, c.AllParts = ringing{newOffice(1), &rings}, tt.tenantParts, tt.allParts
				})
				s.until(time.Minute)
				stop()
				require.Equal(t, map[queue.PartState]int{queue.Sealed: 3}, s.states("job"))
				require.Equal(t, tt.want, rings.Load(), "three parts and the seal")
			})
		})
	}
}

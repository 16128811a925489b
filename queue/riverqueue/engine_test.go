package riverqueue_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/source"
)

// Three hosts share the work; at the end no permit is left over.
func TestD13_HostsShareTheWork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var worked [3]atomic.Int32
	var meet sync.WaitGroup // of the first part on each host
	meet.Add(len(worked))
	var hosts []*host
	for i := range worked {
		hosts = append(hosts, s.host(t, func(ctx context.Context, _ source.Query) {
			if worked[i].Add(1) == 1 {
				meet.Done()
			}
			met := make(chan struct{})
			go func() { meet.Wait(); close(met) }()
			select {
			case <-met:
			case <-time.After(patience):
				t.Error("the hosts never worked at the same time")
			}
		}))
	}
	for _, h := range hosts {
		h.work(t)
	}
	a, b := hosts[0].request(t, "acme"), hosts[1].request(t, "globex")
	hosts[2].completed(t, a.Tenant, a.ID)
	hosts[2].completed(t, b.Tenant, b.ID)
	for i := range worked {
		require.Positive(t, worked[i].Load())
	}
}

// A process that dies between the commit of a request and its ring leaves a job without
// a permit; a sweep anywhere closes the gap.
func TestD13_KilledBetweenCommitAndRing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.killed(t, "ring")
	h := s.host(t, nil)
	id := h.active(t, "acme")
	j, err := h.Get(t.Context(), "acme", id)
	require.NoError(t, err)
	require.Equal(t, export.Pending, j.State)
	require.Zero(t, count(t, h.pool, "true"), "there is a permit: it did not die in the gap")
	h.work(t)
	h.completed(t, "acme", id)
}

// A process that dies with a part takes a permit with it, here the only one that there may
// be. Others work on when the lease is over, long before River would look.
func TestR5_KilledWithTheOnlyPermit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Options.MaxInFlight = 1
	s.killed(t, "read")
	h := s.host(t, nil)
	require.Equal(t, 1, count(t, h.pool, "state = 'running'"))
	id := h.active(t, "acme")
	began := time.Now()
	h.work(t)
	h.completed(t, "acme", id)
	t.Logf("completed %v after the death", time.Since(began).Round(time.Millisecond))
}

// River's rows may be deleted at any moment.
func TestD13_LostPermits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t, nil)
	var parts atomic.Int32
	worker := s.host(t, func(ctx context.Context, _ source.Query) {
		if parts.Add(1)%3 == 1 { // those in use, too
			if _, err := h.pool.Exec(ctx, "delete from exportyard_river.river_job"); err != nil {
				t.Error(err)
			}
		}
	})
	worker.work(t)
	j := h.request(t, "acme")
	execute(t, h.pool, "delete from exportyard_river.river_job")
	h.completed(t, "acme", j.ID)
}

// Permits that nobody should have brought change nothing but how many parts are worked on
// at once, and that by no more than there are hands.
func TestD13_DoubledPermits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Options.MaxInFlight = 2
	var now, most atomic.Int32
	done := map[string]int{}
	var mu sync.Mutex
	h := s.host(t, func(_ context.Context, q source.Query) {
		n := now.Add(1)
		defer now.Add(-1)
		mu.Lock()
		defer mu.Unlock()
		most.Store(max(most.Load(), n))
		done[q.Tenant+" "+firstOf(q.After)]++
	})
	require.NoError(t, h.dispatcher.Ring(t.Context()))
	const double = "insert into exportyard_river.river_job (args, kind, max_attempts, queue) select args, kind, max_attempts, queue from exportyard_river.river_job"
	for range 6 {
		execute(t, h.pool, double)
	}
	require.Equal(t, 128, count(t, h.pool, "true"))
	a, b := h.request(t, "acme"), h.request(t, "globex")
	h.work(t)
	h.completed(t, a.Tenant, a.ID)
	h.completed(t, b.Tenant, b.ID)
	eventually(t, func() bool { return count(t, h.pool, counted) <= 2 }, "they stay")
	require.LessOrEqual(t, most.Load(), int32(4))
	for part, n := range done {
		require.Equal(t, 1, n, part)
	}
	require.Len(t, done, 2*tenantRows/partRows)
}

func firstOf(k source.Key) string {
	if len(k) == 0 {
		return ""
	}
	return k[0]
}

// R12: a cancellation on one host stops the work on another within a quarter of a lease,
// and the permit ends with it.
func TestR12_CancelReachesAnotherHost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Options.MaxInFlight = 3
	began, stopped := make(chan struct{}, 100), make(chan time.Time, 100)
	worker := s.host(t, func(ctx context.Context, _ source.Query) {
		began <- struct{}{}
		<-ctx.Done()
		stopped <- time.Now()
	})
	worker.work(t)
	h := s.host(t, nil)
	j := h.request(t, "acme")
	for range 3 {
		<-began
	}
	canceled := time.Now()
	_, err := h.Cancel(t.Context(), "acme", j.ID, "ann")
	require.NoError(t, err)
	for range 3 {
		require.Less(t, (<-stopped).Sub(canceled), s.Lease/4+s.Lease/2, "a quarter, and time for a busy machine")
	}
	eventually(t, func() bool { return count(t, h.pool, "state = 'running'") == 0 }, "permits outlast their parts")
	other := h.request(t, "globex")
	for range 2 {
		<-began // there are permits for others
	}
	_, err = h.Cancel(t.Context(), "globex", other.ID, "ann")
	require.NoError(t, err)
}

// A part that outlasts every time of River's is left alone.
func TestD13_LongPartIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Options.MaxInFlight = 1
	var reads atomic.Int32
	long := func(ctx context.Context, _ source.Query) {
		if reads.Add(1) > 1 {
			return
		}
		select {
		case <-time.After(2 * s.Lease): // four times Presence
		case <-ctx.Done():
			t.Error("the part was put down")
		}
	}
	h := s.host(t, long)
	h.work(t)
	s.host(t, long).work(t)
	j := h.request(t, "acme")
	h.completed(t, "acme", j.ID)
	require.Equal(t, int32(tenantRows/partRows), reads.Load(), "a part was done twice")
}

// PostgreSQL crashes and comes back, with all that all parts need.
func TestR26_ServerIsRestarted(t *testing.T) {
	t.Parallel()
	needServer(t)
	server, err := startServer()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.remove()) })
	t.Cleanup(func() { server.crash() })
	s := &site{DSN: server.database(t, "site"), Folder: t.TempDir(), Lease: 2 * time.Second, Options: riverqueue.Options{Presence: time.Second}}
	migrate(t, s.DSN)
	began, release := make(chan struct{}, 100), make(chan struct{})
	h := s.host(t, func(ctx context.Context, _ source.Query) {
		began <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
	})
	h.work(t)
	j := h.request(t, "acme")
	<-began
	server.crash()
	require.NoError(t, server.start())
	close(release)
	h.completed(t, "acme", j.ID)
}

// In poll-only mode nobody listens.
func TestPollOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Options.PollOnly = true
	h := s.host(t, nil)
	h.work(t)
	j := h.request(t, "acme")
	h.completed(t, "acme", j.ID)
	require.Zero(t, listeners(t, h.pool))
}

func listeners(t testing.TB, pool *pgxpool.Pool) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(),
		"select count(*) from pg_stat_activity where datname = current_database() and query like 'LISTEN%'").Scan(&n))
	return n
}

package worker_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/internal/backoff"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant = "acme"
	lease  = time.Minute
	sweep  = 15 * time.Second
	stale  = 40 * time.Second // two thirds of a lease
	beat   = 15 * time.Second // a quarter
)

// A site is a store and what works on it, in a bubble whose time begins with it.
type site struct {
	testing.TB
	store *memstore.Store
	bell  *queue.Local
	begin time.Time
}

func newSite(t testing.TB) *site {
	return &site{TB: t, store: memstore.New(nil), bell: queue.NewLocal(), begin: time.Now()}
}

// now is the time since the site began.
func (s *site) now() time.Duration { return time.Since(s.begin) }

// until waits for a moment after the beginning.
func (s *site) until(d time.Duration) { <-time.After(d - s.now()) }

// job makes a running job with n rows parts. No other job may have claimable parts.
func (s *site) job(id string, n int) {
	s.Helper()
	_, _, err := s.store.Create(s.Context(), queue.NewJob{
		Job:   queue.Job{ID: id, Tenant: tenant, Slot: id},
		First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
	}, nil)
	require.NoError(s, err)
	plan := s.claim("planner", false)
	require.Equal(s, id, plan.Job.ID)
	s.finish(plan, queue.Finish{Outcome: queue.Seal, Planned: make([]queue.Part, n)})
}

// claim claims a part by hand, for a process of which nothing is heard again.
func (s *site) claim(name string, alone bool) queue.Claimed {
	s.Helper()
	got, err := s.store.Claim(s.Context(), queue.Claim{Worker: name, Limit: 1, Alone: alone, Lease: lease})
	require.NoError(s, err)
	require.Len(s, got, 1)
	return got[0]
}

func (s *site) finish(c queue.Claimed, f queue.Finish) {
	s.Helper()
	f.Tenant, f.Job, f.Number, f.Fence = tenant, c.Job.ID, c.Part.Number, c.Part.Fence
	_, err := s.store.Finish(s.Context(), f, nil)
	require.NoError(s, err)
}

func (s *site) cancel(job string) {
	s.Helper()
	_, err := s.store.Update(s.Context(), queue.Update{Tenant: tenant, Job: job, Event: queue.Cancel}, nil)
	require.NoError(s, err)
}

// sweepOnce takes back the leases that are over. No number of them fails a job.
func (s *site) sweepOnce() {
	due, err := s.store.Due(context.Background(), 1000)
	require.NoError(s, err)
	for _, d := range due {
		if d.Kind != queue.DueLease {
			continue
		}
		_, err := s.store.Finish(context.Background(), queue.Finish{
			Tenant: tenant, Job: d.Job.ID, Number: d.Part.Number, Fence: d.Part.Fence, Outcome: queue.LeaseOver, MaxCrashes: 1 << 30,
		}, nil)
		require.NoError(s, err)
		require.NoError(s, s.bell.Ring(context.Background()))
	}
}

// sweeper sweeps as an engine does, from the beginning on, until it, or the test, is
// stopped.
func (s *site) sweeper() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	tick := time.NewTicker(sweep)
	loop.Go(func() {
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.sweepOnce()
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() { cancel(); loop.Wait() }
	s.Cleanup(stop)
	return stop
}

// parts returns all rows parts of a job.
func (s *site) parts(job string) []queue.Part {
	s.Helper()
	all, err := s.store.Parts(context.Background(), tenant, job, 0, 1000)
	require.NoError(s, err)
	return all[:len(all)-1]
}

// states counts a job's rows parts by their state.
func (s *site) states(job string) map[queue.PartState]int {
	s.Helper()
	found := map[queue.PartState]int{}
	for _, p := range s.parts(job) {
		found[p.State]++
	}
	return found
}

// A script is what a worker does with a part.
type script func(ctx context.Context, h *worker.Held) queue.Finish

func seal() queue.Finish { return queue.Finish{Outcome: queue.Seal} }

// after works for a while, unless it has to stop.
func after(d time.Duration) script {
	return func(ctx context.Context, _ *worker.Held) queue.Finish {
		select {
		case <-time.After(d):
			return seal()
		case <-ctx.Done():
			return queue.Finish{Outcome: queue.Retry}
		}
	}
}

// forever works until it has to stop.
func forever(ctx context.Context, _ *worker.Held) queue.Finish {
	<-ctx.Done()
	return queue.Finish{Outcome: queue.Retry}
}

// start runs a worker that does rows parts by the script. Stopping it waits for
// its end; the end of the test stops it in any case.
func (s *site) start(do script, with ...func(*worker.Config)) (w *worker.Worker, stop func()) {
	config := worker.Config{
		Store: s.store, Dispatcher: s.bell, Name: "w", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Do: func(ctx context.Context, h *worker.Held) (queue.Finish, []queue.Entry) {
			if h.Part.Kind != queue.RowsPart {
				return seal(), nil
			}
			return do(ctx, h), nil
		},
		Begin:   func(ctx context.Context, _ *worker.Held) context.Context { return ctx },
		End:     func(context.Context, *worker.Held, queue.Finish, error) {},
		Settled: func(context.Context, *worker.Held, queue.Finish, queue.Job) {},
		Parts:   4, Lease: lease, Poll: time.Second, Grace: 10 * time.Second,
		Retry: backoff.Policy{Base: time.Second, Cap: 5 * time.Second},
	}
	for _, set := range with {
		set(&config)
	}
	w = worker.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	s.Cleanup(stop)
	return w, stop
}

// A line is a worker's connection to the store, which passes every call to between.
type line struct {
	queue.JobStore
	claims  func(queue.Claim)
	between func(ctx context.Context, call string, do func() error) error
}

func (l *line) pass(ctx context.Context, call string, do func() error) error {
	if l.between == nil {
		return do()
	}
	return l.between(ctx, call, do)
}

func (l *line) Claim(ctx context.Context, c queue.Claim) (got []queue.Claimed, err error) {
	if l.claims != nil {
		l.claims(c)
	}
	var found []queue.Claimed
	err = l.pass(ctx, "claim", func() (err error) { found, err = l.JobStore.Claim(ctx, c); return err })
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (l *line) Renew(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
	var found []queue.Renewed
	err := l.pass(ctx, "renew", func() (err error) { found, err = l.JobStore.Renew(ctx, r); return err })
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (l *line) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	var found queue.Job
	err := l.pass(ctx, "finish", func() (err error) { found, err = l.JobStore.Finish(ctx, f, entries); return err })
	if err != nil {
		return queue.Job{}, err
	}
	return found, nil
}

// A diary notes what happened when, from any goroutine.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(at time.Duration, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v ", at)+fmt.Sprintf(format, args...))
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines
}

// A crowd counts who is there.
type crowd struct {
	mu        sync.Mutex
	now, most int
}

func (c *crowd) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func (c *crowd) size() (now, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, c.most
}

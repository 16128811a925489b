package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

const grace = 10 * time.Second

func TestR11_GracefulStop(t *testing.T) {
	t.Parallel()
	// What a part would still take when the worker is told to stop, and how it ends.
	finishes := after(90*time.Second + grace/2)
	fails := func(ctx context.Context, _ *worker.Held) queue.Finish {
		<-ctx.Done()
		return queue.Finish{Outcome: queue.Refuse} // an error that is none of the part's
	}
	lands := func(ctx context.Context, _ *worker.Held) queue.Finish {
		<-ctx.Done()
		return seal() // what it had committed before
	}
	for _, tt := range []struct {
		name  string
		parts int
		do    func(number int) script
		took  time.Duration
		want  map[queue.PartState]int
	}{
		{"nothing to do", 0, nil, 0, map[queue.PartState]int{}},
		{"all are put back", 100, func(int) script { return forever }, grace, map[queue.PartState]int{queue.Ready: 100}},
		{"all finish in time", 100, func(int) script { return finishes }, grace / 2, map[queue.PartState]int{queue.Sealed: 100}},
		{"half and half", 100, func(n int) script { return []script{finishes, forever}[n%2] }, grace, map[queue.PartState]int{queue.Sealed: 50, queue.Ready: 50}},
		{"errors of the stop do not count", 100, func(int) script { return fails }, grace, map[queue.PartState]int{queue.Ready: 100}},
		{"what was done in the last moment counts", 100, func(int) script { return lands }, grace, map[queue.PartState]int{queue.Sealed: 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", max(tt.parts, 1))
				if tt.parts == 0 {
					s.cancel("job")
				}
				var running crowd
				_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
					running.enter()
					defer running.leave()
					return tt.do(h.Part.Number)(ctx, h)
				}, func(c *worker.Config) { c.Parts = 200 })
				s.until(90 * time.Second)
				at, _ := running.size()
				require.Equal(t, tt.parts, at)
				stop()
				require.Equal(t, 90*time.Second+tt.took, s.now())
				at, _ = running.size()
				require.Zero(t, at)
				if tt.parts == 0 {
					return
				}
				require.Equal(t, tt.want, s.states("job"))
				for _, p := range s.parts("job") {
					require.Zero(t, p.Failures, "a deploy counted as a failure")
					require.False(t, p.Suspect, "a deploy counted as a crash")
					require.Equal(t, int64(1), p.Fence, "a part was claimed again during the stop")
				}
			})
		})
	}
}

func TestR11_NothingIsClaimedWhileStopping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 6)
		_, stop := s.start(after(15*time.Second), func(c *worker.Config) { c.Parts = 2 })
		s.until(10 * time.Second)
		go func() {
			s.until(12 * time.Second)
			_ = s.bell.Ring(context.Background())
		}()
		stop()
		require.Equal(t, 15*time.Second, s.now())
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 2, queue.Ready: 4}, s.states("job"))
	})
}

func TestR11_PartsClaimedAtTheLastMomentArePutBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer time.Duration // how long the store takes to answer a claim
		want   map[queue.PartState]int
	}{
		{"the store answers in time", grace / 2, map[queue.PartState]int{queue.Ready: 4}},
		// The store has taken it and not said so: the lease runs out.
		{"the store does not answer", time.Hour, map[queue.PartState]int{queue.Leased: 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 4)
				_, stop := s.start(forever, func(c *worker.Config) {
					c.Store = &line{JobStore: s.store, between: func(ctx context.Context, call string, do func() error) error {
						err := do()
						if call == "claim" {
							select {
							case <-time.After(tt.answer):
							case <-ctx.Done():
								return ctx.Err()
							}
						}
						return err
					}}
				})
				s.until(time.Second)
				stop()
				require.Equal(t, time.Second+grace, s.now())
				require.Equal(t, tt.want, s.states("job"))
			})
		})
	}
}

func TestR11_LeasesAreHeldUntilPartsArePutBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		_, stop := s.start(func(ctx context.Context, _ *worker.Held) queue.Finish {
			<-ctx.Done()
			<-time.After(3 * lease) // cleaning up at a slow destination
			return queue.Finish{Outcome: queue.Retry}
		})
		stopSweeper := s.sweeper()
		s.until(time.Second)
		stop()
		stopSweeper()
		require.Equal(t, time.Second+grace+3*lease, s.now())
		p := s.parts("job")[0]
		require.Equal(t, queue.Ready, p.State)
		require.False(t, p.Suspect, "a stop counted as a crash")
		require.Equal(t, int64(1), p.Fence, "somebody else could have it while it was worked on")
	})
}

func TestR9_FiftyDeploysCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 5)
		s.sweeper()
		for range 50 {
			_, stop := s.start(forever)
			<-time.After(70 * time.Second)
			stop()
		}
		for _, p := range s.parts("job") {
			require.Equal(t, queue.Ready, p.State)
			require.Zero(t, p.Failures)
			require.False(t, p.Suspect)
		}
		j, err := s.store.Get(t.Context(), tenant, "job")
		require.NoError(t, err)
		require.Zero(t, j.Crashes)
		require.Equal(t, queue.Running, j.State)
	})
}

func TestR11_WorkerThatStopsWhileTheStoreIsDownComesToAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 3)
		var down atomic.Bool
		_, stop := s.start(forever, func(c *worker.Config) {
			c.Store = &line{JobStore: s.store, between: func(_ context.Context, _ string, do func() error) error {
				if down.Load() {
					return errDown
				}
				return do()
			}}
		})
		s.until(time.Second)
		down.Store(true)
		stop()
		require.LessOrEqual(t, s.now(), time.Second+grace+stale, "it tries for as long as the leases can be counted on")
		require.Equal(t, map[queue.PartState]int{queue.Leased: 3}, s.states("job"))
	})
}

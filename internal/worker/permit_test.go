package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// office gives permits: as many at once as its channel holds.
type office struct {
	*queue.Local
	permits chan struct{}
	refuse  atomic.Int32 // how many calls of Serve fail first
	empty   atomic.Int32 // permits that came to nothing
}

var _ queue.Permitter = (*office)(nil)

func newOffice(permits int) *office {
	o := &office{Local: queue.NewLocal(), permits: make(chan struct{}, permits)}
	for range permits {
		o.permits <- struct{}{}
	}
	return o
}

// Serve gives a permit back that was good for a part, a second later one that could
// not be used, and keeps the others for a sweep.
func (o *office) Serve(ctx context.Context, hands int, use func() (bool, error)) error {
	if o.refuse.Add(-1) >= 0 {
		return errors.New("closed")
	}
	var all sync.WaitGroup
	for range hands {
		all.Go(func() {
			for ctx.Err() == nil {
				select {
				case <-o.permits:
				case <-ctx.Done():
					return
				}
				worked, err := use()
				switch {
				case err != nil:
					<-time.After(time.Second)
				case !worked:
					o.empty.Add(1)
					<-time.After(sweep)
				}
				o.permits <- struct{}{}
			}
		})
	}
	all.Wait()
	return nil
}

func TestD13_NeverMorePartsThanPermits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                 string
		permits, hands, want int
	}{
		{name: "fewer permits than hands", permits: 2, hands: 4, want: 2},
		{name: "more permits than hands", permits: 9, hands: 3, want: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 30)
				var running crowd
				var notes diary
				permits := newOffice(tt.permits)
				_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
					running.enter()
					defer running.leave()
					return after(time.Duration(1+h.Part.Number%7)*time.Second)(ctx, h)
				}, func(c *worker.Config) {
					c.Parts, c.Dispatcher = tt.hands, permits
					c.Store = &line{JobStore: s.store, claims: func(q queue.Claim) {
						if now, _ := running.size(); q.Limit != 1 || q.Alone && now > 0 {
							notes.note(s.now(), "a claim of %d, alone %v, beside %d", q.Limit, q.Alone, now)
						}
					}}
				})
				s.until(5 * time.Minute)
				stop()
				_, most := running.size()
				require.Equal(t, tt.want, most)
				require.Empty(t, notes.read())
				require.Equal(t, map[queue.PartState]int{queue.Sealed: 30}, s.states("job"))
				require.Positive(t, permits.empty.Load(), "the last ones came to nothing")
				require.Len(t, permits.permits, tt.permits, "none is kept")
			})
		})
	}
}

// A suspect is claimed alone, whatever permits there are, and they are good for
// others meanwhile.
func TestR9_SuspectRunsAloneByPermit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 6)
		s.claim("vanished", false)
		s.until(lease)
		s.sweepOnce()
		var running crowd
		var notes diary
		_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			running.enter()
			defer running.leave()
			if now, _ := running.size(); h.Part.Suspect {
				notes.note(s.now(), "the suspect begins beside %d", now-1)
				defer func() { now, _ := running.size(); notes.note(s.now(), "the suspect ends beside %d", now-1) }()
				return after(30*time.Second)(ctx, h)
			}
			return after(10*time.Second)(ctx, h)
		}, func(c *worker.Config) { c.Dispatcher = newOffice(4) })
		s.until(3 * time.Minute)
		stop()
		require.Equal(t, []string{"1m0s the suspect begins beside 0", "1m30s the suspect ends beside 0"}, notes.read())
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 6}, s.states("job"))
	})
}

// A permit is not lost on a store that is away, nor a worker on a dispatcher that is.
func TestD13_PermitsOutlastAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 3)
		permits := newOffice(1)
		permits.refuse.Store(2)
		_, stop := s.start(after(time.Second), func(c *worker.Config) {
			c.Dispatcher = permits
			c.Store = &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
				if call == "claim" && s.now() < 10*time.Second {
					return errors.New("away")
				}
				return do()
			}}
		})
		s.until(10*time.Second - time.Millisecond)
		require.Zero(t, permits.empty.Load(), "nobody knows that there is nothing")
		s.until(20 * time.Second)
		stop()
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 3}, s.states("job"))
	})
}

// A worker that stops gives what it holds back, uses no permit any more, and returns
// when its dispatcher has.
func TestR23_StopByPermit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 5)
		permits := newOffice(5)
		_, stop := s.start(forever, func(c *worker.Config) { c.Dispatcher, c.Parts = permits, 2 })
		s.until(time.Minute)
		require.Equal(t, map[queue.PartState]int{queue.Leased: 2, queue.Ready: 3}, s.states("job"))
		stop()
		require.Equal(t, time.Minute+10*time.Second, s.now(), "after the grace")
		require.Equal(t, map[queue.PartState]int{queue.Ready: 5}, s.states("job"))
		require.Len(t, permits.permits, 5)
	})
}

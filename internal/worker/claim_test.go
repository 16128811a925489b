package worker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

func TestR22_NeverMorePartsThanHands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 50)
		var running crowd
		var notes diary
		_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			running.enter()
			defer running.leave()
			return after(time.Duration(1+h.Part.Number%7)*time.Second)(ctx, h)
		}, func(c *worker.Config) {
			c.Parts = 3
			c.Store = &line{JobStore: s.store, claims: func(q queue.Claim) {
				synctest.Wait() // parts that were handed out have begun
				if now, _ := running.size(); now+q.Limit > 3 || q.Limit < 1 || q.Alone && now > 0 {
					notes.note(s.now(), "a claim of %d, alone %v, beside %d", q.Limit, q.Alone, now)
				}
			}}
		})
		s.until(5 * time.Minute)
		stop()
		_, most := running.size()
		require.Equal(t, 3, most)
		require.Empty(t, notes.read())
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 50}, s.states("job"))
	})
}

func TestR9_SuspectRunsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 6)
		s.claim("vanished", false)
		s.until(lease)
		s.sweepOnce() // part 1 is a suspect now
		var running crowd
		var notes diary
		do := func(ctx context.Context, h *worker.Held) queue.Finish {
			running.enter()
			defer running.leave()
			if now, _ := running.size(); h.Part.Suspect {
				notes.note(s.now(), "the suspect begins beside %d", now-1)
				defer func() { notes.note(s.now(), "the suspect ends") }()
				return after(30*time.Second)(ctx, h)
			}
			notes.note(s.now(), "another begins")
			return after(10*time.Second)(ctx, h)
		}
		_, stop := s.start(do)
		for range 20 { // rings change nothing
			<-time.After(time.Second)
			require.NoError(t, s.bell.Ring(t.Context()))
		}
		s.until(3 * time.Minute)
		stop()
		require.Equal(t, []string{
			"1m0s the suspect begins beside 0",
			"1m30s the suspect ends",
			"1m30s another begins", "1m30s another begins", "1m30s another begins", "1m30s another begins",
			"1m40s another begins",
		}, notes.read())
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 6}, s.states("job"))
	})
}

// With a backlog and two hands a worker is never idle by itself: one that hears of
// a suspect comes to rest for it, and one that hears of none does so now and then.
func TestR7_SuspectIsTakenBesideABacklog(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		heard bool
		by    time.Duration
	}{{"it hears of the suspect", true, 5 * time.Second}, {"it does not", false, 10*lease + 5*time.Second}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 1)
				s.claim("vanished", false)
				s.job("backlog", 5000)
				var notes diary
				var first sync.Once
				w, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
					if h.Part.Suspect {
						notes.note(s.now(), "taken")
					}
					// The two hands are never free at the same moment.
					d := 2 * time.Second
					first.Do(func() { d = time.Second })
					return after(d)(ctx, h)
				}, func(c *worker.Config) { c.Parts = 2 })
				s.until(lease)
				s.sweepOnce()
				if tt.heard {
					w.Suspect()
				}
				s.until(lease + tt.by)
				stop()
				require.Len(t, notes.read(), 1, "the suspect was claimed, once")
			})
		})
	}
}

func TestR9_SuspectWaitsForAProcessThatRunsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 2)
		s.claim("vanished", false)
		var notes diary
		_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			notes.note(s.now(), "part %d, suspect %v", h.Part.Number, h.Part.Suspect)
			return after(100*time.Second)(ctx, h)
		})
		s.until(lease)
		s.sweepOnce()
		s.until(5 * time.Minute)
		stop()
		require.Equal(t, []string{"0s part 2, suspect false", "1m40s part 1, suspect true"}, notes.read())
	})
}

func TestR7_RingWakesAtOnceAndPollFindsWhatNobodyRangFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		poll time.Duration
		ring bool
		want time.Duration
	}{
		{"a ring", time.Hour, true, 100 * time.Second},
		{"a ring that is lost", 7 * time.Second, false, 105 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				began := make(chan time.Duration, 1)
				_, stop := s.start(func(context.Context, *worker.Held) queue.Finish {
					began <- s.now()
					return seal()
				}, func(c *worker.Config) { c.Poll = tt.poll })
				s.until(100 * time.Second)
				s.job("job", 1)
				if tt.ring {
					require.NoError(t, s.bell.Ring(t.Context()))
				}
				require.Equal(t, tt.want, <-began)
				stop()
			})
		})
	}
}

func TestD12_FreedHandTakesTheNextPartAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 10)
		_, stop := s.start(after(time.Minute), func(c *worker.Config) { c.Parts, c.Poll = 1, 24*time.Hour })
		s.until(10*time.Minute + 1)
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 10}, s.states("job"))
		stop()
	})
}

func TestR8_WorkerDoesNotSpinWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		var claims crowd
		_, stop := s.start(after(time.Second), func(c *worker.Config) {
			c.Store = &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
				if call == "claim" && s.now() < 10*time.Minute {
					claims.enter()
					return errDown
				}
				return do()
			}}
		})
		s.until(10*time.Minute - 1)
		n, _ := claims.size()
		require.Equal(t, 600, n, "once a second")
		s.until(10*time.Minute + 2*time.Second)
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 1}, s.states("job"))
		stop()
	})
}

func TestR8_StoreThatDoesNotAnswerClaimsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 2)
		_, stop := s.start(after(5*time.Minute), func(c *worker.Config) {
			c.Store = &line{JobStore: s.store, between: func(ctx context.Context, call string, do func() error) error {
				if call == "claim" && s.now() > 0 {
					<-ctx.Done()
					return ctx.Err()
				}
				return do()
			}}
		})
		s.until(5*time.Minute + 1)
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 2}, s.states("job"), "leases were not renewed, or ends not reported")
		stop()
	})
}

// A brokenBell fails at every Wait, as the connection to a database that is gone does.
type brokenBell struct{ waits crowd }

func (b *brokenBell) Ring(context.Context) error { return errors.New("no bell") }

func (b *brokenBell) Wait(context.Context) error {
	b.waits.enter()
	return errors.New("no bell")
}

func TestD13_BrokenDispatcherIsReplacedByPolling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		bell := &brokenBell{}
		_, stop := s.start(after(time.Second), func(c *worker.Config) { c.Dispatcher = bell })
		s.until(time.Minute - time.Millisecond)
		s.job("job", 1)
		s.until(time.Minute + 2*time.Second)
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 1}, s.states("job"))
		n, _ := bell.waits.size()
		require.LessOrEqual(t, n, 63, "it waits for the bell more often than it polls")
		stop()
	})
}

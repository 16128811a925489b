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

var errDown = errors.New("the store is down")

func TestR7_AnotherWorkerTakesOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		claimed time.Duration // when the one that vanishes got the part
		ring    bool
		want    time.Duration // when the other begins
	}{
		{"right after a sweep", 0, true, lease},
		{"a moment after a sweep", time.Microsecond, true, lease + sweep},
		{"between sweeps", 7 * time.Second, true, lease + sweep},
		{"right before a sweep", sweep - time.Microsecond, true, lease + sweep},
		{"the ring is lost", 7 * time.Second, false, lease + sweep},
		{"the ring is lost between polls", time.Microsecond, false, lease + sweep},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 1)
				s.sweeper()
				s.until(tt.claimed)
				s.claim("vanished", false)
				began := make(chan time.Duration, 1)
				_, stop := s.start(func(_ context.Context, h *worker.Held) queue.Finish {
					require.Equal(t, int64(2), h.Part.Fence)
					require.True(t, h.Part.Suspect)
					require.True(t, h.Part.Alone)
					began <- s.now()
					return seal()
				}, func(c *worker.Config) {
					if !tt.ring {
						c.Dispatcher = queue.NewLocal()
					} else {
						c.Poll = time.Hour
					}
				})
				got := <-began
				stop()
				if tt.ring {
					require.Equal(t, tt.want, got)
				} else {
					require.GreaterOrEqual(t, got, tt.want)
					require.LessOrEqual(t, got, tt.want+time.Second)
				}
				require.Equal(t, map[queue.PartState]int{queue.Sealed: 1}, s.states("job"))
			})
		})
	}
}

func TestR7_LeasesAreKeptForAsLongAsTheWorkTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 3)
		s.sweeper()
		_, stop := s.start(after(24 * time.Hour))
		s.until(12 * time.Hour)
		for _, p := range s.parts("job") {
			require.Equal(t, queue.Leased, p.State)
			require.Equal(t, int64(1), p.Fence)
			require.LessOrEqual(t, time.Until(p.LeaseUntil), lease)
			require.Greater(t, time.Until(p.LeaseUntil), lease-beat-1)
		}
		s.until(24*time.Hour + time.Second)
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 3}, s.states("job"))
		stop()
	})
}

func TestR7_WorkThatDoesNotEndIsNotRenewedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		s.sweeper()
		var up atomic.Bool
		deaf := &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
			if call == "renew" && !up.Load() {
				return errDown
			}
			return do()
		}}
		_, stopDeaf := s.start(func(ctx context.Context, _ *worker.Held) queue.Finish {
			<-ctx.Done()
			require.ErrorIs(t, context.Cause(ctx), worker.ErrLeaseStale)
			<-time.After(10 * time.Minute) // a source that does not listen
			return seal()
		}, func(c *worker.Config) { c.Store = deaf })
		s.until(stale + time.Second)
		up.Store(true) // the next renewal would get through
		began := make(chan time.Duration, 1)
		_, stop := s.start(func(context.Context, *worker.Held) queue.Finish {
			began <- s.now()
			return seal()
		})
		require.LessOrEqual(t, <-began, lease+sweep+time.Second)
		stop()
		stopDeaf()
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 1}, s.states("job"))
		require.Equal(t, int64(2), s.parts("job")[0].Fence)
	})
}

func TestR8_StopsAtTwoThirdsOfALeaseWithoutRenewal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		from      time.Duration // the store is down from here on
		confirmed time.Duration // when it was last asked and answered
	}{
		{"from the beginning", 0, 0},
		{"before the first renewal", beat - 1, 0},
		{"after the first", beat + 1, beat},
		{"after many", 10*beat + time.Second, 10 * beat},
	} {
		for name, fail := range map[string]func(context.Context) error{
			"refuses":         func(context.Context) error { return errDown },
			"does not answer": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		} {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					s.job("job", 1)
					ended := make(chan time.Duration, 1)
					_, stop := s.start(func(ctx context.Context, _ *worker.Held) queue.Finish {
						<-ctx.Done()
						require.ErrorIs(t, context.Cause(ctx), worker.ErrLeaseStale)
						ended <- s.now()
						return seal() // too late: it must not count
					}, func(c *worker.Config) {
						c.Store = &line{JobStore: s.store, between: func(ctx context.Context, call string, do func() error) error {
							if call == "renew" && s.now() >= tt.from {
								return fail(ctx)
							}
							return do()
						}}
					})
					require.Equal(t, tt.confirmed+stale, <-ended)
					stop()
					p := s.parts("job")[0]
					require.Equal(t, queue.Leased, p.State, "whoever cannot be sure of its lease reports nothing")
					require.True(t, p.LeaseUntil.Equal(s.begin.Add(tt.confirmed+lease)), "the lease had a third to go")
				})
			})
		}
	}
}

func TestR8_RenewalThatIsNotAnsweredDoesNotHoldUpTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		_, stop := s.start(after(10*time.Minute), func(c *worker.Config) {
			c.Store = &line{JobStore: s.store, between: func(ctx context.Context, call string, do func() error) error {
				if call == "renew" && s.now() < 2*beat {
					<-ctx.Done() // nobody is going to answer any more
					return ctx.Err()
				}
				return do()
			}}
		})
		s.until(10*time.Minute + time.Second)
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 1}, s.states("job"))
		stop()
	})
}

// A lease counts from when it was asked for: the answer may have been long on its way.
func TestR8_LateAnswersDoNotMakeLeasesLonger(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		late string // the call that is answered late, once
		want time.Duration
	}{
		{"a claim", "claim", stale},
		{"a renewal", "renew", beat + stale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 1)
				ended := make(chan time.Duration, 1)
				_, stop := s.start(func(ctx context.Context, _ *worker.Held) queue.Finish {
					<-ctx.Done()
					ended <- s.now()
					return queue.Finish{Outcome: queue.Retry}
				}, func(c *worker.Config) {
					var renewals atomic.Int64
					c.Store = &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
						if call == "renew" && (tt.late != "renew" || renewals.Add(1) > 1) {
							return errDown
						}
						err := do()
						if call == tt.late && s.now() <= beat {
							<-time.After(10 * time.Second)
						}
						return err
					}}
				})
				require.Equal(t, tt.want, <-ended)
				stop()
			})
		})
	}
}

func TestR12_CancelReachesTheWorkWithinAHeartbeat(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{0, 1, beat - 1, beat, beat + 1, 40 * time.Second} {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 2)
				var calls crowd
				var ended sync.WaitGroup
				ended.Add(2)
				_, stop := s.start(func(ctx context.Context, _ *worker.Held) queue.Finish {
					defer ended.Done()
					<-ctx.Done()
					require.ErrorIs(t, context.Cause(ctx), worker.ErrJobEnded)
					require.LessOrEqual(t, s.now(), at+beat)
					return queue.Finish{Outcome: queue.Retry}
				}, func(c *worker.Config) {
					c.Store = &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
						if call == "finish" {
							calls.enter()
						}
						return do()
					}}
				})
				synctest.Wait()
				s.until(at)
				s.cancel("job")
				ended.Wait()
				stop()
				reports, _ := calls.size()
				require.Zero(t, reports, "there is nothing to report of a job that has ended")
				require.Equal(t, map[queue.PartState]int{queue.PartCanceled: 2}, s.states("job"))
			})
		})
	}
}

func TestR12_StopEndsTheWorkOfOneJobAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("one", 2)
		var notes diary
		w, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			<-ctx.Done()
			notes.note(s.now(), "%s: %v", h.Job.ID, context.Cause(ctx))
			return queue.Finish{Outcome: queue.Retry}
		})
		synctest.Wait()
		s.job("other", 1)
		s.until(4 * time.Second)
		s.cancel("one")
		w.Stop("one")
		w.Stop("nobody's")
		synctest.Wait()
		require.Equal(t, []string{"4s one: the job has ended", "4s one: the job has ended"}, notes.read())
		s.until(20 * time.Second)
		stop()
		require.Equal(t, "30s other: the engine is stopping", notes.read()[2])
	})
}

func TestR6_LostLeaseEndsTheWorkAndIsNotReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		var notes diary
		_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			if h.Part.Fence == 1 {
				<-ctx.Done()
				notes.note(s.now(), "first: %v", context.Cause(ctx))
			}
			return seal()
		})
		s.until(5 * time.Second)
		// An operator puts the part back, and somebody else takes it.
		p := s.parts("job")[0]
		s.finish(queue.Claimed{Job: queue.Job{ID: "job"}, Part: p}, queue.Finish{Outcome: queue.Release, Delay: time.Minute})
		s.until(time.Minute)
		require.Equal(t, []string{"15s first: the lease was lost"}, notes.read())
		require.Equal(t, queue.Ready, s.parts("job")[0].State, "the end of the first attempt changed the part")
		stop()
	})
}

// A worker may get a part back whose first attempt there has not come to its end.
func TestR6_TwoAttemptsInOneWorkerDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		s.sweeper()
		var notes diary
		_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			if h.Part.Fence == 1 {
				<-ctx.Done()
				<-time.After(20 * time.Second) // a source that is slow to stop
				notes.note(s.now(), "the first attempt ends")
				return seal()
			}
			notes.note(s.now(), "the second begins")
			return after(5*time.Minute)(ctx, h)
		}, func(c *worker.Config) {
			c.Settled = func(_ context.Context, h *worker.Held, f queue.Finish, _ queue.Job) {
				if h.Part.Kind == queue.RowsPart {
					notes.note(s.now(), "%s under fence %d", f.Outcome, h.Part.Fence)
				}
			}
		})
		s.until(5500 * time.Millisecond)
		s.finish(queue.Claimed{Job: queue.Job{ID: "job"}, Part: s.parts("job")[0]}, queue.Finish{Outcome: queue.Release})
		s.until(10 * time.Minute)
		require.Equal(t, []string{
			"6s the second begins", "35s the first attempt ends", "5m6s seal under fence 2",
		}, notes.read())
		stop()
	})
}

func TestA17_ProgressIsToldWithEachRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 2)
		w, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			for {
				select {
				case <-time.After(2 * time.Second):
					h.Progress.Rows.Add(10)
					h.Progress.Bytes.Add(100)
				case <-ctx.Done():
					return queue.Finish{Outcome: queue.Retry}
				}
			}
		})
		stored := func() (rows, bytes int64) {
			j, err := s.store.Get(t.Context(), tenant, "job")
			require.NoError(t, err)
			return j.Rows, j.Bytes
		}
		s.until(14*time.Second + 1)
		rows, _ := stored()
		require.Zero(t, rows)
		require.Equal(t, int64(140), w.Live("job"), "what the store does not know yet")
		s.until(15*time.Second + 1)
		rows, bytes := stored()
		require.Equal(t, int64(140), rows)
		require.Equal(t, int64(1400), bytes)
		require.Zero(t, w.Live("job"))
		s.until(16*time.Second + 1)
		require.Equal(t, int64(20), w.Live("job"))
		require.Zero(t, w.Live("another"))
		stop()
		require.Zero(t, w.Live("job"), "nothing is held any more")
	})
}

func TestA17_ChangedTellsWhenAPartHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 2)
		w, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			return after(time.Duration(h.Part.Number)*time.Minute)(ctx, h)
		})
		<-w.Changed()
		require.Equal(t, time.Minute, s.now())
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 1, queue.Leased: 1}, s.states("job"), "it was told before it was true")
		<-w.Changed()
		require.Equal(t, 2*time.Minute, s.now())
		stop()
	})
}

package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

func TestR6_FencedReportIsDropped(t *testing.T) {
	t.Parallel()
	for _, refusal := range []error{queue.ErrFenced, queue.ErrBadTransition, queue.ErrNotFound} {
		t.Run(refusal.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 1)
				var reports crowd
				var notes diary
				_, stop := s.start(after(time.Second), func(c *worker.Config) {
					c.Settled = func(_ context.Context, h *worker.Held, _ queue.Finish, _ queue.Job) {
						notes.note(s.now(), "settled part %d", h.Part.Number)
					}
					c.Store = &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
						if call != "finish" {
							return do()
						}
						reports.enter()
						return fmt.Errorf("store: %w", refusal)
					}}
				})
				s.until(30 * time.Second)
				n, _ := reports.size()
				require.Equal(t, 1, n, "it was said again")
				require.Empty(t, notes.read())
				stop()
			})
		})
	}
}

func TestR6_ReportOfAPartThatSomebodyElseHasChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 1)
		var notes diary
		_, stop := s.start(after(12*time.Second), func(c *worker.Config) {
			c.Poll = time.Hour
			c.Settled = func(context.Context, *worker.Held, queue.Finish, queue.Job) { notes.note(s.now(), "settled") }
		})
		s.until(5 * time.Second)
		s.finish(queue.Claimed{Job: queue.Job{ID: "job"}, Part: s.parts("job")[0]}, queue.Finish{Outcome: queue.Release})
		s.claim("another", false)
		s.until(14 * time.Second) // before the next renewal, the worker knows nothing of it
		stop()
		require.Empty(t, notes.read())
		p := s.parts("job")[0]
		require.Equal(t, queue.Leased, p.State)
		require.Equal(t, "another", p.Holder)
	})
}

func TestR8_ReportIsTriedAgainUntilTheStoreAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		fail func(context.Context, func() error) error
	}{
		{"it was refused", func(context.Context, func() error) error { return errDown }},
		{"there was no answer", func(ctx context.Context, _ func() error) error {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			<-ctx.Done()
			return ctx.Err()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 1)
				var tries crowd
				var notes diary
				_, stop := s.start(after(time.Second), func(c *worker.Config) {
					c.Settled = func(_ context.Context, h *worker.Held, f queue.Finish, j queue.Job) {
						if h.Part.Kind == queue.RowsPart {
							notes.note(0, "%s of part %d under fence %d, %d of %d", f.Outcome, f.Number, f.Fence, j.PartsSealed, j.Parts)
						}
					}
					c.Store = &line{JobStore: s.store, between: func(ctx context.Context, call string, do func() error) error {
						if call == "finish" && s.now() < 20*time.Second {
							tries.enter()
							return tt.fail(ctx, do)
						}
						return do()
					}}
				})
				s.until(time.Minute)
				stop()
				require.Equal(t, []string{"0s seal of part 1 under fence 1, 2 of 3"}, notes.read())
				n, _ := tries.size()
				require.Greater(t, n, 2)
				require.Less(t, n, 60, "it did not wait between tries")
				require.Equal(t, map[queue.PartState]int{queue.Sealed: 1}, s.states("job"))
			})
		})
	}
}

func TestR8_ReportIsGivenUpWhenTheLeaseCannotBeCountedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("one", 1)
		var last crowd
		var notes diary
		_, stop := s.start(after(time.Second), func(c *worker.Config) {
			c.Parts = 1
			c.Settled = func(_ context.Context, h *worker.Held, _ queue.Finish, _ queue.Job) {
				if h.Part.Kind == queue.RowsPart {
					notes.note(s.now(), "settled a part of %s", h.Job.ID)
				}
			}
			c.Store = &line{JobStore: s.store, between: func(_ context.Context, call string, do func() error) error {
				if call != "claim" && s.now() < time.Minute {
					last.enter()
					return errDown
				}
				return do()
			}}
		})
		s.until(time.Second)
		s.job("other", 1)
		s.until(2 * time.Minute)
		stop()
		require.Len(t, notes.read(), 1, "the hand of the part that was given up stayed busy: %v", notes.read())
		require.Contains(t, notes.read()[0], "other")
		require.Equal(t, map[queue.PartState]int{queue.Leased: 1}, s.states("one"), "the sweeper has not come yet")
		n, _ := last.size()
		require.Less(t, n, 80)
	})
}

func TestR9_PanicOfTheWorkCountsAsACrashOfThatPartAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.job("job", 3)
		s.sweeper()
		var notes, ends diary
		_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
			if h.Part.Number == 2 && h.Part.Fence == 1 {
				panic("out of luck")
			}
			notes.note(s.now(), "part %d, suspect %v", h.Part.Number, h.Part.Suspect)
			return after(5*time.Second)(ctx, h)
		}, func(c *worker.Config) {
			c.End = func(_ context.Context, h *worker.Held, f queue.Finish, err error) {
				var crash *pipeline.PanicError
				if errors.As(err, &crash) {
					ends.note(s.now(), "part %d: %v, in this file: %v", h.Part.Number, err, bytes.Contains(crash.Stack, []byte("report_test.go")))
					return
				}
				ends.note(s.now(), "part %d: %s, %v", h.Part.Number, f.Outcome, err)
			}
		})
		s.until(2 * time.Second)
		p := s.parts("job")[1]
		require.Equal(t, queue.Leased, p.State, "a crash reports nothing")
		s.until(2 * time.Minute)
		stop()
		require.ElementsMatch(t, []string{
			"0s part 1, suspect false", "0s part 3, suspect false", "1m0s part 2, suspect true",
		}, notes.read())
		require.Equal(t, map[queue.PartState]int{queue.Sealed: 3}, s.states("job"))
		require.ElementsMatch(t, []string{
			"0s part 2: panic of type string, in this file: true",
			"5s part 1: seal, <nil>", "5s part 3: seal, <nil>", "1m5s part 2: seal, <nil>", "1m5s part 4: seal, <nil>",
		}, ends.read())
	})
}

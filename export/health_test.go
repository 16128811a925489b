package export_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/sink"
)

// A patient store answers as it is told.
type patient struct {
	*memstore.Store
	get func(ctx context.Context) error
	due func() error
	fit error
}

func (p *patient) Check(ctx context.Context) error {
	if p.fit != nil {
		return p.fit
	}
	if p.get != nil {
		return p.get(ctx)
	}
	return nil
}

func (p *patient) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	if p.due != nil {
		if err := p.due(); err != nil {
			return nil, err
		}
	}
	return p.Store.Due(ctx, limit)
}

// newPatient is a house in a bubble, whose clocks are the bubble's.
func newPatient(t *testing.T, change func(*export.Config)) (*house, *patient) {
	t.Helper()
	p := &patient{Store: memstore.New(nil)}
	h := newHouse(t, func(c *export.Config) {
		c.Store, c.Now, c.Poll, c.Sweep = p, time.Now, time.Second, 15*time.Second
		if change != nil {
			change(c)
		}
	})
	return h, p
}

func codes(h export.Health) (unready, others []export.Code) {
	for _, c := range h.Concerns {
		if c.Unready {
			unready = append(unready, c.Code)
		} else {
			others = append(others, c.Code)
		}
	}
	return unready, others
}

func TestHealth(t *testing.T) {
	t.Parallel()
	errDown := errors.New("dial postgres://ann:CANARY@db/app: refused")
	tests := []struct {
		name    string
		change  func(*export.Config)
		act     func(h *house, p *patient)
		unready []export.Code
		others  []export.Code
	}{
		{name: "well"},
		{name: "well for an hour", act: func(h *house, _ *patient) { h.start(); pass(time.Hour) }},
		{
			name:    "the store is down",
			act:     func(_ *house, p *patient) { p.get = func(context.Context) error { return errDown } },
			unready: []export.Code{export.CodeStoreDown},
		},
		{
			name:    "the store panics",
			act:     func(_ *house, p *patient) { p.get = func(context.Context) error { panic("CANARY") } },
			unready: []export.Code{export.CodeStoreDown},
		},
		{
			name: "the store hangs",
			act: func(_ *house, p *patient) {
				p.get = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			},
			unready: []export.Code{export.CodeStoreDown},
		},
		{
			name:   "tables of a newer host",
			act:    func(_ *house, p *patient) { p.fit = fmt.Errorf("version 9: %w", operator.ErrUnfit) },
			others: []export.Code{export.CodeStoreUnfit},
		},
		{
			name: "no worker",
			act: func(h *house, _ *patient) {
				_, err := h.Request(context.Background(), csvOfAll)
				require.NoError(h.t, err)
				pass(15*time.Minute + time.Second)
			},
			others: []export.Code{export.CodePendingOld},
		},
		{
			name: "no sweeper",
			act: func(h *house, p *patient) {
				_, err := h.Request(context.Background(), csvOfAll)
				require.NoError(h.t, err)
				claimed, err := p.Claim(context.Background(), queue.Claim{Worker: "w", Limit: 1, Lease: time.Minute})
				require.NoError(h.t, err)
				require.Len(h.t, claimed, 1)
				pass(2*time.Minute + time.Second)
			},
			others: []export.Code{export.CodeLeaseExpired},
		},
		{
			name: "sweeps fail",
			act: func(h *house, p *patient) {
				p.due = func() error { return errDown }
				h.start()
				pass(61 * time.Second)
			},
			others: []export.Code{export.CodeSweepLate},
		},
		{
			name: "sweeps failed for a while",
			act: func(h *house, p *patient) {
				var down atomic.Bool
				down.Store(true)
				p.due = func() error {
					if down.Load() {
						return errDown
					}
					return nil
				}
				h.start()
				pass(2 * time.Minute)
				down.Store(false)
				pass(time.Minute)
			},
		},
		{
			name: "nobody delivers",
			act: func(h *house, _ *patient) {
				h.start()
				h.completed(csvOfAll)
				pass(15*time.Minute + time.Second)
			},
			others: []export.Code{export.CodeOutboxOld},
		},
		{
			name: "within one's own limits", change: func(c *export.Config) { c.Limits.Outbox = time.Hour },
			act: func(h *house, _ *patient) {
				h.start()
				h.completed(csvOfAll)
				pass(15*time.Minute + time.Second)
			},
		},
		{
			name: "a destination is down",
			change: func(c *export.Config) {
				c.Sink = &faultySink{Sink: c.Sink, fail: func(op, _ string) error {
					if op == "create" {
						return sink.ErrDenied
					}
					return nil
				}}
			},
			act: func(h *house, _ *patient) {
				_, err := h.Request(context.Background(), csvOfAll)
				require.Equal(h.t, export.CodeDestinationUnverified, refusal(h.t, err).Code)
			},
			others: []export.Code{export.CodeProbeFailed},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, p := newPatient(t, tt.change)
				if tt.act != nil {
					tt.act(h, p)
				}
				got := h.Health(context.Background())
				unready, others := codes(got)
				require.Equal(t, tt.unready, unready, "%v", got)
				require.Equal(t, tt.others, others, "%v", got)
				require.Equal(t, len(tt.unready) == 0, got.Ready)
				require.NotContains(t, got.String(), "CANARY")
				if got.Ready {
					require.NoError(t, got.Err())
					require.NotNil(t, got.Gauges)
					return
				}
				require.True(t, refusal(t, got.Err()).Has(tt.unready[0]))
			})
		})
	}
}

// A check never lasts longer than its context, and its end does not spoil the answer for
// others.
func TestHealthEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, p := newPatient(t, nil)
		p.get = func(context.Context) error { pass(3 * time.Second); return nil }
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		got := h.Health(ctx)
		require.Equal(t, 100*time.Millisecond, time.Since(begun))
		unready, _ := codes(got)
		require.Equal(t, []export.Code{export.CodeHealthUncertain}, unready)
		require.False(t, got.Ready)
		got = h.Health(context.Background())
		require.True(t, got.Ready)
		require.Equal(t, 3*time.Second, got.StoreLatency)
		require.Equal(t, 3*time.Second, time.Since(begun), "it waited for the question that was under way")
	})
}

// However often it is called, the store is asked once a second.
func TestHealthIsCheap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, p := newPatient(t, nil)
		var asked atomic.Int64
		p.get = func(context.Context) error { asked.Add(1); pass(time.Millisecond); return nil }
		for range 10 {
			var callers sync.WaitGroup
			for range 100 {
				callers.Go(func() { require.True(t, h.Health(context.Background()).Ready) })
			}
			callers.Wait()
			pass(500 * time.Millisecond)
		}
		require.LessOrEqual(t, asked.Load(), int64(5))
		require.GreaterOrEqual(t, asked.Load(), int64(4))
	})
}

// An engine knows whether it runs and when it swept, and what its probes found.
func TestHealthOfTheEngineItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := newPatient(t, nil)
		got := h.Health(context.Background())
		require.False(t, got.Running)
		require.Zero(t, got.SweptAt)
		stop := h.start()
		h.completed(csvOfAll)
		pass(20 * time.Second)
		got = h.Health(context.Background())
		require.True(t, got.Running)
		require.LessOrEqual(t, got.At.Sub(got.SweptAt), 15*time.Second)
		require.Equal(t, 1, got.Verified)
		require.Positive(t, got.Gauges.Outbox)
		require.True(t, got.Gauges.Counted)
		stop()
		pass(2 * time.Minute)
		got = h.Health(context.Background())
		require.False(t, got.Running)
		require.Empty(t, got.Concerns, "whoever does not run does not sweep late")
	})
}

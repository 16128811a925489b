package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A witness remembers events, and marks the context of each operation.
type witness struct {
	mu    sync.Mutex
	begun map[observe.Operation]int
	seen  []observe.Event
}

type marked struct{}

func (w *witness) Begin(ctx context.Context, op observe.Operation) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun == nil {
		w.begun = make(map[observe.Operation]int)
	}
	w.begun[op]++
	return context.WithValue(ctx, marked{}, op)
}

func (w *witness) Observe(ctx context.Context, e observe.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, e)
	switch e := e.(type) {
	case observe.PartEnded:
		if ctx.Value(marked{}) == observe.Operation(e.Part) {
			w.begun[e.Part]--
		}
	case observe.SweepEnded:
		if ctx.Value(marked{}) == observe.Operation(observe.Sweep{}) {
			w.begun[observe.Sweep{}]--
		}
	}
}

// open returns the operations that began and have not ended in their own context.
func (w *witness) open() []observe.Operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(maps.Collect(func(yield func(observe.Operation, int) bool) {
		for op, n := range w.begun {
			if n != 0 && !yield(op, n) {
				return
			}
		}
	})))
}

// jobs returns the events of jobs in short, in order.
func (w *witness) jobs() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, e := range w.seen {
		switch e := e.(type) {
		case observe.JobRequested:
			out = append(out, "requested")
		case observe.JobRefused:
			out = append(out, "refused "+e.Code)
		case observe.JobStarted:
			out = append(out, fmt.Sprintf("started %d parts %d rows", e.Parts, e.RowsPlanned))
		case observe.JobEnded:
			out = append(out, fmt.Sprintf("%s %s %d rows", e.State, e.Code, e.Rows))
		case observe.JobExpired:
			out = append(out, "expired")
		case observe.Downloaded:
			out = append(out, fmt.Sprintf("downloaded %d: %d bytes", e.File, e.Bytes))
		case observe.LeaseLost:
			out = append(out, fmt.Sprintf("lease of %d lost, %v late", e.Number, e.Late))
		}
	}
	return out
}

// of returns the events of one type.
func of[E observe.Event](w *witness) []E {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []E
	for _, e := range w.seen {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// The life of an export, as its observer sees it: every part in its own context, which is
// also that of the source and the sink.
func TestObserverSeesALife(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := &witness{}
	var unmarked []string
	var mu sync.Mutex
	check := func(ctx context.Context, what string) {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := ctx.Value(marked{}).(observe.Part); !ok {
			unmarked = append(unmarked, what)
		}
	}
	h := newHouse(t, func(c *export.Config) {
		inner := c.Source
		c.Observer, c.PartRows = w, 1000
		c.Source = &wrapped{Source: inner, open: func(ctx context.Context, q source.Query) (source.Reader, error) {
			check(ctx, "source")
			return inner.Open(ctx, q)
		}}
		c.Sink = &markedSink{c.Sink, func(ctx context.Context, key string) { check(ctx, key) }}
	})
	stop := h.start()
	j, m := h.completed(csvOfAll)
	_, err := h.Request(ctx, export.Request{Tenant: "acme", Format: "csv"})
	require.Error(t, err)
	h.content(j, 0)
	f, err := h.Download(ctx, export.Download{Tenant: "acme", Job: j.ID, Offset: m.Files[0].Bytes - 3, Length: 10})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, h.Delete(ctx, "acme", j.ID, "ann"))
	stop()
	require.Equal(t, []string{
		"requested", "started 3 parts 300 rows", "completed  300 rows", "refused unprocessable",
		fmt.Sprintf("downloaded 0: %d bytes", m.Files[0].Bytes), "downloaded 0: 3 bytes", "expired",
	}, w.jobs())
	require.Empty(t, w.open())
	var ends []string
	for _, e := range of[observe.PartEnded](w) {
		require.Equal(t, observe.Job{Tenant: "acme", ID: j.ID, Kind: "export"}, e.Job)
		require.Positive(t, e.Duration)
		ends = append(ends, fmt.Sprintf("%s %s %d rows, attempt %d", e.PartKind, e.Outcome, e.Rows, e.Attempt))
	}
	require.Equal(t, []string{"plan sealed 0 rows, attempt 1", "rows sealed 300 rows, attempt 1", "seal sealed 0 rows, attempt 1"}, ends)
	for _, key := range unmarked {
		require.Contains(t, key, "/probes/", "only the probe of a request writes outside of a part")
	}
}

// A markedSink shows the context of each object's making.
type markedSink struct {
	sink.Sink
	seen func(ctx context.Context, key string)
}

func (s *markedSink) Create(ctx context.Context, key string, o *sink.CreateOptions) (sink.Writer, error) {
	s.seen(ctx, key)
	return s.Sink.Create(ctx, key, o)
}

// Ends other than the good one, each told once and with its code.
func TestObserverSeesFailures(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	failing := func(err error) func(*export.Config) {
		return func(c *export.Config) {
			inner := c.Source
			c.PartRows, c.MaxAttempts = 1000, 2
			c.Source = &wrapped{Source: inner, open: func(context.Context, source.Query) (source.Reader, error) { return nil, err }}
		}
	}
	const started, sealed = "started 3 parts 300 rows", "sealed : <nil>"
	tests := []struct {
		name   string
		change func(*export.Config)
		act    func(h *house, j *export.Job)
		jobs   []string
		parts  []string
	}{
		{
			name: "retried, then refused", change: failing(errBoom),
			act:  func(h *house, j *export.Job) { h.start(); h.wait(j) },
			jobs: []string{started, "failed source_error 0 rows"}, parts: []string{sealed, "retried source_error: boom", "refused source_error: boom"},
		},
		{
			name: "bad data", change: failing(&source.DataError{Dataset: "runs", Column: "cost", Rule: "too long"}),
			act:  func(h *house, j *export.Job) { h.start(); h.wait(j) },
			jobs: []string{started, "failed bad_data 0 rows"}, parts: []string{sealed, `refused bad_data: dataset "runs", column "cost": too long`},
		},
		{
			name: "canceled",
			act: func(h *house, j *export.Job) {
				_, err := h.Cancel(ctx, "acme", j.ID, "ann")
				require.NoError(h.t, err)
			},
			jobs: []string{"canceled canceled 0 rows"},
		},
		{
			name: "deadline",
			act:  func(h *house, _ *export.Job) { h.clock.Advance(48 * time.Hour); require.NoError(h.t, h.Sweep(ctx)) },
			jobs: []string{"failed limit_duration 0 rows"},
		},
		{
			name: "a worker that is lost again and again", change: func(c *export.Config) { c.MaxCrashes = 1 },
			act: func(h *house, _ *export.Job) {
				for range 2 {
					claimed, err := h.store.Claim(ctx, queue.Claim{Worker: "w", Limit: 1, Alone: true, Lease: time.Minute})
					require.NoError(h.t, err)
					require.Len(h.t, claimed, 1)
					h.clock.Advance(time.Minute + time.Second)
					require.NoError(h.t, h.Sweep(ctx))
				}
			},
			jobs: []string{"lease of 0 lost, 1s late", "lease of 0 lost, 1s late", "failed worker_lost 0 rows"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &witness{}
			h := newHouse(t, func(c *export.Config) {
				if tt.change != nil {
					tt.change(c)
				}
				c.Observer = w
			})
			j, err := h.Request(ctx, csvOfAll)
			require.NoError(t, err)
			tt.act(h, j)
			require.Eventually(t, func() bool { return len(w.jobs()) == len(tt.jobs)+1 && len(w.open()) == 0 }, 10*time.Second, time.Millisecond)
			require.Equal(t, append([]string{"requested"}, tt.jobs...), w.jobs())
			var parts []string
			for _, e := range of[observe.PartEnded](w) {
				parts = append(parts, fmt.Sprintf("%s %s: %v", e.Outcome, e.Code, e.Err))
			}
			require.Equal(t, tt.parts, parts)
		})
	}
}

// A part that has to be put down says why: the export was canceled meanwhile.
func TestObserverSeesADroppedPart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := &witness{}
	gate := make(chan struct{}, 1)
	h := newHouse(t, func(c *export.Config) {
		c.Observer = w
		slow(c, gate)
	})
	stop := h.start()
	j, err := h.Request(ctx, csvOfAll)
	require.NoError(t, err)
	gate <- struct{}{}
	for now, err := range h.Watch(ctx, "acme", j.ID, time.Millisecond) {
		require.NoError(t, err)
		if now.Progress.PartsSealed > 0 {
			break
		}
	}
	require.Eventually(t, func() bool { return len(w.open()) > 1 }, 10*time.Second, time.Millisecond)
	_, err = h.Cancel(ctx, "acme", j.ID, "ann")
	require.NoError(t, err)
	stop()
	require.Empty(t, w.open())
	dropped := 0
	for _, e := range of[observe.PartEnded](w) {
		if e.Outcome == observe.Dropped {
			dropped++
		}
	}
	require.Positive(t, dropped)
}

// A sweep tells what it did, and of what no manifest names: what it removed, and what it
// could not remove.
func TestObserverSeesOrphans(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := &witness{}
	down := false
	h := newHouse(t, func(c *export.Config) {
		c.Observer = w
		c.Sink = &faultySink{Sink: c.Sink, fail: func(op, key string) error {
			if down && op == "delete" {
				return errBoom
			}
			return nil
		}}
	})
	stop := h.start()
	j, m := h.completed(csvOfAll)
	stop()
	require.NoError(t, h.Sweep(ctx))
	last := func() observe.SweepEnded {
		all := of[observe.SweepEnded](w)
		return all[len(all)-1]
	}
	h.sink.Put("acme/"+j.ID+"/runs.9.9.csv", []byte("too late"))
	h.sink.Put("acme/"+j.ID+"/runs.9.8.csv", []byte("later"))
	h.clock.Advance(2 * time.Hour)
	down = true
	require.ErrorIs(t, h.Sweep(ctx), errBoom)
	got := last()
	require.ErrorIs(t, got.Err, errBoom)
	require.Equal(t, observe.Orphans{Objects: 2, Bytes: 13}, got.Stuck)
	require.Equal(t, []any{0, 1, observe.Orphans{}}, []any{got.Settled, got.Failed, got.Removed})
	down = false
	require.NoError(t, h.Sweep(ctx))
	got = last()
	require.Equal(t, observe.Orphans{Objects: 2, Bytes: 13}, got.Removed)
	require.Equal(t, []any{1, 0, observe.Orphans{}}, []any{got.Settled, got.Failed, got.Stuck})
	require.Equal(t, keysOf(m), h.sink.Keys())
}

// R40: an observer that panics at everything changes nothing but the log, which does not
// show what was thrown.
func TestR40_ObserverThatPanics(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	h := newHouse(t, func(c *export.Config) {
		c.Observer, c.Logger = thrower{}, slog.New(slog.NewTextHandler(&log, nil))
	})
	h.start()
	h.completed(csvOfAll)
	require.Contains(t, log.String(), "an observer panicked")
	require.NotContains(t, log.String(), "canary")
}

type thrower struct{}

func (thrower) Begin(context.Context, observe.Operation) context.Context { panic(errors.New("canary")) }
func (thrower) Observe(context.Context, observe.Event)                   { panic("canary") }

// A lockedBuffer is written by several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

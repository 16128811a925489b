package matrix_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/source"
)

// full asks for the sizes of a release, which are not for the race detector.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" && !raceDetector }

var errBroken = errors.New("the connection broke")

// cellSize is the length of a bulk row's one text.
const cellSize = 64 << 10

// A bulk source gives rows of one long text each, and comes to a bad end.
type bulk struct {
	size    int64 // bytes of texts before the end
	end     func(ctx context.Context) error
	reached atomic.Bool // a reader has come to the end
}

func (s *bulk) Datasets(context.Context, string) ([]source.Dataset, error) {
	return []source.Dataset{{
		Name: "bulk", Unguarded: true, Key: []string{"id"},
		Schema: source.Schema{{Name: "id", Kind: source.Int64}, {Name: "body", Kind: source.Bytes}},
	}}, nil
}

func (s *bulk) Open(context.Context, source.Query) (source.Reader, error) {
	return &bulkReader{bulk: s, body: make([]byte, cellSize)}, nil
}

type bulkReader struct {
	*bulk
	given int64
	body  []byte
}

func (r *bulkReader) Read(ctx context.Context, b *source.Batch) error {
	if r.given >= r.size {
		r.reached.Store(true)
		return r.end(ctx)
	}
	for ; r.given < r.size && !b.Full(); r.given += cellSize {
		b.Col(0).AppendInt64(r.given)
		if err := b.Col(1).AppendBytes(r.body); err != nil {
			return err
		}
		b.EndRow()
	}
	return nil
}

func (r *bulkReader) Close() error { return nil }

func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Whatever ends a part, wherever: nothing of it is visible, and nothing hidden
// is left, on every pair.
func TestR25_AbortLeavesNothing(t *testing.T) {
	t.Parallel()
	sizes := []int64{0, 1, 5 << 20, 6 << 20} // beside the 5 MiB of blobsink's parts
	if full() {
		sizes = append(sizes, 5<<20-cellSize, 5<<20+cellSize, 30<<20)
	}
	ends := []struct {
		name  string
		end   func(context.Context) error
		state export.State
		code  export.Code
	}{
		{"error", func(context.Context) error { return errBroken }, export.Failed, export.CodeSourceError},
		{"panic", func(context.Context) error { panic("in the driver") }, export.Failed, export.CodeInternal},
		{"cancel", hang, export.Canceled, export.CodeCanceled},
		{"deadline", hang, export.Failed, export.CodeLimitDuration},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachPair(t, func(t *testing.T, store queue.JobStore, s place) {
				for _, size := range sizes {
					if tt.name == "deadline" && size == 5<<20 {
						continue // each waits for it
					}
					src := &bulk{size: size, end: tt.end}
					engine := newEngine(t, src, store, s, func(c *export.Config) {
						c.MaxAttempts, c.Sweep = 2, 50*time.Millisecond
						if tt.name == "deadline" {
							c.MaxAge = 400 * time.Millisecond
						}
					})
					stop := start(t, engine)
					j := request(t, engine, export.Request{Tenant: "acme", All: true, Format: "csv"})
					if tt.name == "cancel" {
						require.Eventually(t, src.reached.Load, patience, time.Millisecond)
						_, err := engine.Cancel(context.Background(), "acme", j.ID, "ann")
						require.NoError(t, err)
					}
					j = wait(t, engine, j)
					require.Equal(t, tt.state, j.State)
					require.Equal(t, tt.code, j.Error.Code, "%v", j.Error)
					require.True(t, src.reached.Load() || tt.name == "deadline")
					stop()
					require.NoError(t, engine.Sweep(context.Background()))
					require.Empty(t, keysIn(t, s), "%d bytes", size)
					require.Empty(t, s.leftovers(t), "%d bytes", size)
				}
			})
		})
	}
}

// A part that fails takes those with it that were sealed before.
func TestR25_OneBadPartTakesAllWithIt(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, store queue.JobStore, s place) {
		src := &brittle{Source: tables(t)}
		src.good.Store(8) // three of them by the plan
		engine := newEngine(t, src, store, s, func(c *export.Config) { c.MaxAttempts, c.CleanAfter = 1, time.Millisecond })
		stop := start(t, engine)
		j := wait(t, engine, request(t, engine, export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Week}))
		require.Equal(t, export.Failed, j.State)
		require.Greater(t, j.Progress.PartsSealed, 1, "nothing but the plan is sealed")
		stop()
		// A part that was about to commit may have done so behind the first cleaning.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, engine.Sweep(ctx))
		for len(keysIn(t, s)) > 0 {
			require.NoError(t, engine.Sweep(ctx))
		}
		require.Empty(t, s.leftovers(t))
	})
}

// A brittle source opens only so many readers.
type brittle struct {
	source.Source
	good atomic.Int64 // left
}

func (b *brittle) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	if b.good.Add(-1) < 0 {
		return nil, errBroken
	}
	return b.Source.Open(ctx, q)
}

func (b *brittle) Count(ctx context.Context, q source.Query) (int64, error) {
	return source.Count(ctx, b.Source, q)
}

func (b *brittle) Split(ctx context.Context, q source.Query, rows int64) ([]source.Key, error) {
	return source.SplitRows(ctx, b.Source, q, rows)
}

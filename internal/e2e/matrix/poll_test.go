package matrix_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/internal/e2e/outsider"
	"github.com/exportyard/exportyard/queue"
)

// Who lists and fetches all the time never sees a manifest whose files are
// absent or others, while exports complete, fail, are canceled and expire.
func TestR24_ManifestIsNeverAhead(t *testing.T) {
	t.Parallel()
	rounds, polls := 6, int64(200)
	if full() {
		rounds, polls = 60, 12_500 // 100,000 over the eight pairs
	}
	eachPair(t, func(t *testing.T, store queue.JobStore, s place) {
		src := &brittle{Source: tables(t)}
		engine := newEngine(t, src, store, s, func(c *export.Config) {
			c.Keep, c.Sweep, c.MaxAttempts = 30*time.Millisecond, 10*time.Millisecond, 1
		})
		start(t, engine)
		p := &outsider.Poller{Sink: s}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
		defer cancel()
		violation := make(chan error, 1)
		go func() { violation <- p.Run(ctx) }()
		ended := make(map[export.State]int)
		for round := 0; round < rounds || p.Polls.Load() < polls; round++ {
			src.good.Store(1 << 40)
			if round%3 == 1 {
				src.good.Store(7)
			}
			r := exports[round%len(exports)]
			r.Tenant = "acme"
			j := request(t, engine, r)
			if round%3 == 2 {
				cancelMidway(t, engine, j)
			}
			state := wait(t, engine, j).State
			if state == export.Expired { // so soon
				state = export.Completed
			}
			ended[state]++
			if len(violation) > 0 {
				break
			}
		}
		cancel()
		require.NoError(t, <-violation)
		require.Positive(t, p.Manifests.Load(), "no manifest was ever seen")
		require.Len(t, ended, 3, "%v", ended)
	})
}

// cancelMidway cancels a job when it has sealed some parts, if it is not too late.
func cancelMidway(t *testing.T, engine *export.Engine, j *export.Job) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for now, err := range engine.Watch(ctx, j.Tenant, j.ID, time.Millisecond) {
		require.NoError(t, err)
		if now.Progress.PartsSealed >= 3 {
			break
		}
	}
	_, err := engine.Cancel(ctx, j.Tenant, j.ID, "ann")
	var late *export.Error
	if errors.As(err, &late) && late.Code == export.CodeAlreadyFinished {
		return
	}
	require.NoError(t, err)
}

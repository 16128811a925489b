package export_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
)

// B10: what the counts have no place for goes when a run has ended, as the dry run
// says; what a person asked for stays as other exports do, and the newest always.
func TestB10_CountsPrune(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var store queue.JobStore
		h := newHouse(t, bubble(func(c *export.Config) { store = c.Store }))
		h.start()
		s := h.create(export.Schedule{
			ID: "twice", Tenant: "acme", Owner: "ann", Timing: export.Every12Hours, Request: csvOf("runs"), Retention: &export.Retention{Daily: 2},
		})
		pass(6 * time.Hour)
		byHand, err := h.Schedules().RunNow(ctx, "acme", "twice", "ann")
		require.NoError(t, err)
		pass(3*24*time.Hour + time.Hour)
		verdicts, err := h.Schedules().Retention(ctx, "acme", s.ID)
		require.NoError(t, err)
		kept := map[string]string{}
		for _, v := range verdicts {
			kept[v.Job] = fmt.Sprintf("%t%v", v.Kept, v.Reasons)
		}
		runs := h.runs(s)
		want := map[string]string{byHand.ID: "true[manual]"}
		states := map[string]export.State{byHand.ID: export.Completed}
		for i, r := range runs {
			if r.Manual {
				continue
			}
			states[r.Job] = export.Expired
			switch left := len(runs) - i; left {
			case 1: // noon of the last day
				want[r.Job], states[r.Job] = "true[newest daily]", export.Completed
			case 3, 2: // midnight of the last day, and noon of the one before
				if r.Nominal.Hour() == 12 {
					want[r.Job], states[r.Job] = "true[daily]", export.Completed
				}
			}
		}
		require.Equal(t, want, kept, "what went before has no verdict")
		for id, state := range states {
			j, err := h.Get(ctx, "acme", id)
			require.NoError(t, err)
			require.Equal(t, state, j.State)
			require.Equal(t, id != byHand.ID, j.ExpiresAt.IsZero() || j.State == export.Expired, "only what a person asked for has a clock")
		}
		pruned := entriesOf(t, store, "acme", queue.Audit, "export.pruned")
		require.Len(t, pruned, len(runs)-3)
		require.Contains(t, string(pruned[0].Data.Data), "not-counted")
		pass(5 * 24 * time.Hour)
		j, err := h.Get(ctx, "acme", byHand.ID)
		require.NoError(t, err)
		require.Equal(t, export.Expired, j.State, "it is kept as long as other exports")
	})
}

// B9: the file clock of a schedule is its own; without one its exports stay.
func TestB9_FileClockOfASchedule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		policy *export.Retention
		stays  time.Duration // 0 for ever
	}{
		{"as others", nil, 7 * 24 * time.Hour},
		{"its own", &export.Retention{Files: 3 * time.Hour}, 3 * time.Hour},
		{"counts alone", &export.Retention{Daily: 1}, 0},
		{"counts and a clock", &export.Retention{Daily: 1, Files: time.Hour}, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			stop := h.start()
			h.create(export.Schedule{ID: "nightly", Tenant: "acme", Timing: export.DailyAt2, Request: csvOf("runs"), Retention: tt.policy})
			h.clock.Advance(17 * time.Hour)
			require.NoError(t, h.Sweep(t.Context()))
			jobs, _, err := h.List(t.Context(), "acme", nil)
			require.NoError(t, err)
			j := h.wait(jobs[0])
			stop()
			require.Equal(t, export.Completed, j.State)
			if tt.stays == 0 {
				require.Zero(t, j.ExpiresAt)
				return
			}
			require.Equal(t, tt.stays, j.ExpiresAt.Sub(j.FinishedAt))
		})
	}
}

// R30: when a clock leaps ahead by years nothing expires, and somebody is told loudly.
func TestR30_ClockLeap(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newHouse(t, func(c *export.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	stop := h.start()
	j, _ := h.completed(csvOfAll)
	stop()
	ctx := t.Context()
	h.clock.Advance(10 * 365 * 24 * time.Hour)
	for range 2 {
		require.ErrorContains(t, h.Sweep(ctx), "clock")
	}
	now, err := h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, export.Completed, now.State)
	require.NotEmpty(t, h.sink.Keys())
	require.Contains(t, log.String(), "level=ERROR")
	require.Len(t, entriesOf(t, h.store, "", queue.Audit, "clock.leapt"), 1, "once")
	h.clock.Advance(-10*365*24*time.Hour + 8*24*time.Hour)
	require.NoError(t, h.Sweep(ctx))
	now, err = h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, export.Expired, now.State, "the clock is right again, and a week has passed")
}

package export_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/source"
)

var csvOfAll = export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv"}

// A10, A16: the whole life of an export in the audit log and the outbox.
func TestA16_AuditAndOutbox(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, nil)
	h.start()
	j, _ := h.completed(csvOfAll)
	h.content(j, 0)
	again, err := h.Rerun(ctx, "acme", j.ID, "bob")
	require.NoError(t, err)
	require.Equal(t, j.ID, again.RetryOf)
	require.Equal(t, "bob", again.Request.Actor)
	again = h.wait(again)
	require.NoError(t, h.Delete(ctx, "acme", again.ID, "ann"))
	require.Equal(t, []string{"requested", "started", "completed", "downloaded", "rerun", "started", "completed", "deleted", "expired"}, h.audit("acme"))
	require.Equal(t, []string{"completed", "completed", "expired"}, h.outbox("acme"))
	require.Empty(t, h.audit("globex"))
}

// A13: history in pages, newest first, with a line that says what was asked.
func TestA13_History(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, nil)
	h.start()
	var made []string
	for i := range 7 {
		r := csvOfAll
		r.Kind = fmt.Sprint("kind", i)
		j, _ := h.completed(r)
		made = append(made, j.ID)
		h.clock.Advance(time.Second)
	}
	slices.Reverse(made)
	var got []string
	opts := &export.ListOptions{Limit: 3}
	for {
		page, next, err := h.List(ctx, "acme", opts)
		require.NoError(t, err)
		for _, j := range page {
			got = append(got, j.ID)
			require.Equal(t, "everything · csv", j.Summary)
		}
		if opts.After = next; next == "" {
			break
		}
	}
	require.Equal(t, made, got)
	page, _, err := h.List(ctx, "globex", nil)
	require.NoError(t, err)
	require.Empty(t, page)
	r := export.Request{
		Datasets: []export.Selection{{Name: "runs"}}, Zone: "Europe/Berlin", Interval: export.Month, Format: "csv", Profile: "excel", Compression: export.Gzip,
		From: time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC),
	}
	require.Equal(t, "runs · 2026-10-01 until the end Europe/Berlin · one file per month · csv (excel), gzip", r.Summary())
}

// R32: another tenant's export is not found, by every method.
func TestR32_OtherTenantIsNotFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, nil)
	stop := h.start()
	j, _ := h.completed(csvOfAll)
	stop() // its sweeper would note the cleaning
	require.NoError(t, h.Sweep(ctx))
	j, err := h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	for name, call := range map[string]func(tenant string) error{
		"Get":      func(o string) error { _, err := h.Get(ctx, o, j.ID); return err },
		"Cancel":   func(o string) error { _, err := h.Cancel(ctx, o, j.ID, "eve"); return err },
		"Rerun":    func(o string) error { _, err := h.Rerun(ctx, o, j.ID, "eve"); return err },
		"Delete":   func(o string) error { return h.Delete(ctx, o, j.ID, "eve") },
		"Manifest": func(o string) error { _, err := h.Manifest(ctx, o, j.ID); return err },
		"Verify":   func(o string) error { _, err := h.Verify(ctx, o, j.ID); return err },
		"Download": func(o string) error { _, err := h.Download(ctx, export.Download{Tenant: o, Job: j.ID}); return err },
		"Watch": func(o string) error {
			for _, err := range h.Watch(ctx, o, j.ID, time.Second) {
				return err
			}
			return nil
		},
	} {
		for _, other := range []string{"globex", "", "acme "} {
			require.Equal(t, export.CodeNotFound, refusal(t, call(other)).Code, "%s as %q", name, other)
		}
	}
	now, err := h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, j.Version, now.Version, "nothing was changed")
}

// slow makes a source whose reads wait for gate.
func slow(c *export.Config, gate <-chan struct{}) {
	inner := c.Source
	c.Source = &wrapped{Source: inner, open: func(ctx context.Context, q source.Query) (source.Reader, error) {
		select {
		case <-gate:
			return inner.Open(ctx, q)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

// A17, R12: cancel stops the work here at once, frees the slot and leaves
// nothing; a canceled export cannot be canceled again.
func TestR12_Cancel(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	gate := make(chan struct{}, 4)
	h := newHouse(t, func(c *export.Config) { slow(c, gate) })
	h.start()
	gate <- struct{}{} // the plan looks at the first row of nothing: rows parts wait
	gate <- struct{}{}
	j, err := h.Request(ctx, csvOfAll)
	require.NoError(t, err)
	for now, err := range h.Watch(ctx, "acme", j.ID, time.Millisecond) {
		require.NoError(t, err)
		if now.Progress.PartsSealed >= 2 {
			break
		}
	}
	j, err = h.Cancel(ctx, "acme", j.ID, "ann")
	require.NoError(t, err)
	require.Equal(t, export.Canceled, j.State)
	require.Equal(t, export.CodeCanceled, j.Error.Code)
	_, err = h.Cancel(ctx, "acme", j.ID, "ann")
	require.Equal(t, export.CodeAlreadyFinished, refusal(t, err).Code)
	require.NoError(t, h.Sweep(ctx))
	require.Eventually(t, func() bool { return h.sink.Unfinished() == 0 && len(h.sink.Keys()) == 0 }, 10*time.Second, time.Millisecond)
	close(gate)
	h.completed(csvOfAll) // the slot is free
}

// R12: of a cancel and a completion exactly one wins, and the audit agrees.
func TestR12_CancelAgainstComplete(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, func(c *export.Config) { c.PartRows = 1000 })
	h.start()
	won := map[export.State]int{}
	for i := range 200 {
		r := csvOfAll
		r.Tenant = "acme"
		j, err := h.Request(ctx, r)
		require.NoError(t, err)
		var wg sync.WaitGroup
		var canceled bool
		wg.Go(func() {
			for range i * 10 {
				if now, err := h.Get(ctx, "acme", j.ID); err != nil || now.Progress.PartsSealed == i%4 {
					break
				}
			}
			_, err := h.Cancel(ctx, "acme", j.ID, "ann")
			canceled = err == nil
		})
		wg.Wait()
		j = h.wait(j)
		require.Equal(t, canceled, j.State == export.Canceled)
		won[j.State]++
	}
	audit := h.audit("acme")
	count := func(what string) int {
		return len(slices.DeleteFunc(slices.Clone(audit), func(s string) bool { return s != what }))
	}
	require.Equal(t, won[export.Canceled], count("canceled"))
	require.Equal(t, won[export.Completed], count("completed"))
	require.Equal(t, 200, won[export.Canceled]+won[export.Completed])
}

// R31, A14: at its time links stop, then the files go, then the row says so;
// the record stays. One second before, all is there.
func TestR31_Expiry(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, nil)
	stop := h.start()
	j, m := h.completed(csvOfAll)
	stop()
	require.Equal(t, 7*24*time.Hour, j.ExpiresAt.Sub(j.FinishedAt))
	h.clock.Advance(7*24*time.Hour - time.Second)
	require.NoError(t, h.Sweep(ctx))
	require.NotEmpty(t, h.content(j, 0))
	h.clock.Advance(time.Second)
	_, err := h.Download(ctx, export.Download{Tenant: "acme", Job: j.ID})
	require.Equal(t, export.CodeExpired, refusal(t, err).Code, "links stop first")
	require.Equal(t, keysOf(m), h.sink.Keys())
	require.NoError(t, h.Sweep(ctx))
	require.Empty(t, h.sink.Keys())
	j, err = h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, export.Expired, j.State)
	require.Equal(t, []string{"requested", "started", "completed", "downloaded", "expired"}, h.audit("acme"))
}

// R31: a sweep that fails in the middle is finished by the next one.
func TestR31_ExpiryResumes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	deletes, failAt := 0, -1
	inner := newMemsink(t)
	broken := &faultySink{Sink: inner, fail: func(op, _ string) error {
		if op == "delete" {
			deletes++
			if deletes == failAt {
				return errBoom
			}
		}
		return nil
	}}
	h := newHouse(t, func(c *export.Config) { c.Sink = broken })
	stop := h.start()
	r := csvOfAll
	r.Interval = export.Week
	j, _ := h.completed(r)
	stop()
	require.NoError(t, h.Sweep(ctx))
	h.clock.Advance(8 * 24 * time.Hour)
	for i := range 3 {
		deletes, failAt = 0, i+1
		require.ErrorIs(t, h.Sweep(ctx), errBoom)
		now, err := h.Get(ctx, "acme", j.ID)
		require.NoError(t, err)
		require.Equal(t, export.Completed, now.State, "the row says so last")
	}
	failAt = -1
	require.NoError(t, h.Sweep(ctx))
	require.Empty(t, inner.Keys())
}

// R13: a job that nobody works on is failed at its deadline, and its slot freed.
func TestR13_Deadline(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, func(c *export.Config) { c.MaxAge = 30 * time.Hour })
	j, err := h.Request(ctx, csvOfAll)
	require.NoError(t, err)
	for range 29 {
		h.clock.Advance(time.Hour)
		require.NoError(t, h.Sweep(ctx))
	}
	_, err = h.Request(ctx, csvOfAll)
	require.Equal(t, j.ID, refusal(t, err).Job)
	h.clock.Advance(time.Hour)
	require.NoError(t, h.Sweep(ctx))
	j, err = h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, export.CodeLimitDuration, j.Error.Code)
	_, err = h.Request(ctx, csvOfAll)
	require.NoError(t, err)
}

// R9: a part that crashes its process again and again, alone, fails its job;
// another tenant's is not touched.
func TestR9_Poison(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, nil)
	j, err := h.Request(ctx, csvOfAll)
	require.NoError(t, err)
	crash := func(alone bool) queue.Claimed {
		claimed, err := h.store.Claim(ctx, queue.Claim{Worker: "w", Limit: 5, Alone: alone, Lease: time.Minute})
		require.NoError(t, err)
		require.Len(t, claimed, 1)
		h.clock.Advance(time.Minute)
		require.NoError(t, h.Sweep(ctx))
		return claimed[0]
	}
	crash(false) // in company: suspect, and nothing is counted
	none, err := h.store.Claim(ctx, queue.Claim{Worker: "w", Limit: 5, Lease: time.Minute})
	require.NoError(t, err)
	require.Empty(t, none, "a suspect is claimed alone")
	for i := range 3 {
		now, err := h.Get(ctx, "acme", j.ID)
		require.NoError(t, err)
		require.True(t, now.State.Active(), "after %d crashes alone", i)
		require.True(t, crash(true).Part.Alone)
	}
	j, err = h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, export.Failed, j.State)
	require.Equal(t, export.CodeWorkerLost, j.Error.Code)
	require.Equal(t, []string{"requested", "failed"}, h.audit("acme"))
	_, err = h.Request(ctx, csvOfAll)
	require.NoError(t, err, "the slot is free")
}

// R11: fifty graceful stops cost no attempt and no crash, and the work goes on.
func TestR11_DeploysCostNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	gate := make(chan struct{}, 1000)
	store := memstore.New(nil)
	h := newHouse(t, func(c *export.Config) {
		c.Store, c.Grace, c.MaxCrashes, c.MaxAttempts = store, time.Nanosecond, 1, 1
		slow(c, gate)
	})
	gate <- struct{}{}
	j, err := h.Request(ctx, csvOfAll)
	require.NoError(t, err)
	for range 50 {
		stop := h.start()
		require.Eventually(t, func() bool {
			parts, err := store.Parts(ctx, "acme", j.ID, -1, 100)
			return err == nil && slices.ContainsFunc(parts, func(p queue.Part) bool { return p.State == queue.Leased })
		}, 10*time.Second, 100*time.Microsecond)
		stop()
		parts, err := store.Parts(ctx, "acme", j.ID, -1, 100)
		require.NoError(t, err)
		for _, p := range parts {
			require.NotEqual(t, queue.Leased, p.State)
			require.Zero(t, p.Failures)
			require.False(t, p.Suspect)
		}
	}
	close(gate)
	h.start()
	require.Equal(t, export.Completed, h.wait(j).State)
}

// A worker that was paused for longer than its lease can change nothing, and
// what it wrote is collected (R6, R29).
func TestR6_ZombieIsFenced(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t, nil)
	j, err := h.Request(ctx, csvOfAll)
	require.NoError(t, err)
	claimed, err := h.store.Claim(ctx, queue.Claim{Worker: "zombie", Limit: 1, Lease: time.Minute})
	require.NoError(t, err)
	h.clock.Advance(time.Minute)
	require.NoError(t, h.Sweep(ctx))
	h.start()
	j = h.wait(j)
	require.Equal(t, export.Completed, j.State)
	z := claimed[0]
	_, err = h.store.Finish(ctx, queue.Finish{Tenant: "acme", Job: j.ID, Number: z.Part.Number, Fence: z.Part.Fence, Outcome: queue.Seal}, nil)
	require.ErrorIs(t, err, queue.ErrFenced)
	m, err := h.Verify(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.NoError(t, h.Sweep(ctx))
	late := "acme/" + j.ID + "/runs.1.1.csv"
	h.sink.Put(late, []byte("too late"))
	require.NoError(t, h.Sweep(ctx))
	require.Contains(t, h.sink.Keys(), late, "the second pass has its time")
	h.clock.Advance(2 * time.Hour)
	require.NoError(t, h.Sweep(ctx))
	require.Equal(t, keysOf(m), h.sink.Keys())
}

package export_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/sink"
)

// The operator sees active exports of all tenants, and helps those that are stuck.
func TestOperator_ListRequeueFail(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, nil)
	var made []*export.Job
	for _, tenant := range []string{"acme", "globex"} {
		j, err := h.Request(ctx, export.Request{Tenant: tenant, Actor: "ann", All: true, Format: "csv"})
		require.NoError(t, err)
		made = append(made, j)
	}
	op := h.Operator()
	all, next, err := op.List(ctx, operator.Query{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, made[0].ID, all[0].ID)
	all, _, err = op.List(ctx, operator.Query{Limit: 1, After: next})
	require.NoError(t, err)
	require.Equal(t, "globex", all[0].Tenant)
	idle, _, err := op.List(ctx, operator.Query{Only: operator.Idle, Span: time.Hour})
	require.NoError(t, err)
	require.Empty(t, idle)
	h.clock.Advance(2 * time.Hour)
	idle, _, err = op.List(ctx, operator.Query{Only: operator.Idle, Span: time.Hour})
	require.NoError(t, err)
	require.Len(t, idle, 2)
	require.True(t, idle[0].Waits)

	claimed, err := h.store.Claim(ctx, queue.Claim{Worker: "lost", Limit: 1, Lease: time.Hour})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	j := claimed[0].Job
	_, err = op.Requeue(ctx, j.Tenant, j.ID, claimed[0].Part.Number, "ops")
	require.NoError(t, err)
	again, err := h.store.Claim(ctx, queue.Claim{Worker: "next", Limit: 2, Lease: time.Hour})
	require.NoError(t, err)
	require.Len(t, again, 2, "nobody waits for the lease of the lost one")

	failed, err := op.Fail(ctx, "acme", made[0].ID, "ops", "the source is being moved")
	require.NoError(t, err)
	require.Equal(t, export.Failed, failed.State)
	require.Equal(t, export.CodeStopped, failed.Error.Code)
	require.Equal(t, "the source is being moved", failed.Error.Message)
	told := entriesOf(t, h.store, "acme", queue.Outbox, "export.failed")
	require.Len(t, told, 1)
	require.Equal(t, "ann", told[0].Actor, "who asked for it is told")
	_, err = op.Fail(ctx, "acme", made[0].ID, "ops", "once more")
	require.Equal(t, export.CodeAlreadyFinished, refusal(t, err).Code)
	require.Equal(t, "failed", h.audit("acme")[len(h.audit("acme"))-1])
	_, err = h.Request(ctx, export.Request{Tenant: "acme", All: true, Format: "csv"})
	require.NoError(t, err, "the slot is free")
}

// R29, R30, R31, B9: nothing of an export on hold expires, is deleted or purged; when it
// is released its clocks act.
func TestR31_Hold(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, nil)
	stop := h.start()
	j, m := h.completed(csvOfAll)
	stop()
	require.NoError(t, h.Sweep(ctx))
	held, err := h.Operator().Hold(ctx, "acme", j.ID, "legal", "case 17")
	require.NoError(t, err)
	require.True(t, held.Held)
	require.Equal(t, export.CodeHeld, refusal(t, h.Delete(ctx, "acme", j.ID, "ann")).Code)
	h.clock.Advance(8 * 24 * time.Hour)
	require.NoError(t, h.Sweep(ctx))
	done, err := h.Operator().PurgeTenant(ctx, "acme", "ops")
	require.NoError(t, err)
	require.Equal(t, export.Purged{Held: 1}, done)
	require.Equal(t, keysOf(m), h.sink.Keys())
	_, err = h.Operator().Hold(ctx, "acme", j.ID, "legal", "case 18")
	require.Error(t, err, "it is held already")

	_, err = h.Operator().Release(ctx, "acme", j.ID, "legal", "case 17 is closed")
	require.NoError(t, err)
	require.NoError(t, h.Sweep(ctx))
	now, err := h.Get(ctx, "acme", j.ID)
	require.NoError(t, err)
	require.Equal(t, export.Expired, now.State)
	require.Empty(t, h.sink.Keys())
	entries := entriesOf(t, h.store, "acme", queue.Audit, "export.held")
	require.Len(t, entries, 1)
	require.Equal(t, "legal", entries[0].Actor)
	require.Contains(t, string(entries[0].Data.Data), "case 17")
}

// A12: who asked for an export is told, once, that it will expire.
func TestA12_ExpiringSoon(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, nil)
	stop := h.start()
	r := csvOfAll
	r.Actor = "ann"
	j, _ := h.completed(r)
	stop()
	expiring := func() []queue.Entry { return entriesOf(t, h.store, "acme", queue.Outbox, "export.expiring") }
	h.clock.Advance(6*24*time.Hour - time.Second)
	require.NoError(t, h.Sweep(ctx))
	require.Empty(t, expiring())
	h.clock.Advance(time.Second)
	for range 2 {
		require.NoError(t, h.Sweep(ctx))
	}
	require.Len(t, expiring(), 1)
	require.Equal(t, "ann", expiring()[0].Actor)
	require.Equal(t, j.ID, expiring()[0].Job)
	require.Contains(t, string(expiring()[0].Data.Data), j.ExpiresAt.Format(time.RFC3339))
}

// B17: a tenant that leaves leaves nothing at the platform but its audit log; what lies in
// its own bucket is left alone, and other tenants' is not touched.
func TestB17_PurgeTenant(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprint("own bucket ", own), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			var bucket sink.Sink
			h := newHouse(t, func(c *export.Config) {
				bucket, c.Sink = c.Sink, nil
				c.Destination = func(_ context.Context, tenant, _ string) (export.Destination, error) {
					return export.Destination{Sink: bucket, Own: own && tenant == "acme"}, nil
				}
			})
			stop := h.start()
			_, other := h.completed(export.Request{Tenant: "globex", All: true, Format: "csv"})
			_, m := h.completed(csvOfAll)
			stop()
			require.NoError(t, h.Sweep(ctx))
			h.create(export.Schedule{ID: "nightly", Tenant: "acme", Timing: export.DailyAt2, Request: csvOf("runs")})
			active, err := h.Request(ctx, csvOfAll)
			require.NoError(t, err)

			done, err := h.Operator().PurgeTenant(ctx, "acme", "ops")
			require.NoError(t, err)
			require.Equal(t, export.Purged{Waiting: 2}, done)
			j, err := h.Get(ctx, "acme", active.ID)
			require.NoError(t, err)
			require.Equal(t, export.Canceled, j.State)
			want := keysOf(other)
			if own {
				want = append(keysOf(m), want...)
			}
			require.ElementsMatch(t, want, h.sink.Keys())

			h.sink.Put("acme/"+active.ID+"/runs.9.9.csv", []byte("of a worker that did not know"))
			h.clock.Advance(2 * time.Hour)
			done, err = h.Operator().PurgeTenant(ctx, "acme", "ops")
			require.NoError(t, err)
			require.Equal(t, export.Purged{Forgotten: 2}, done)
			jobs, _, err := h.List(ctx, "acme", nil)
			require.NoError(t, err)
			require.Empty(t, jobs)
			list, err := h.Schedules().List(ctx, "acme", "", 10)
			require.NoError(t, err)
			require.Empty(t, list)
			others, _, err := h.List(ctx, "globex", nil)
			require.NoError(t, err)
			require.Len(t, others, 1)
			require.Contains(t, h.audit("acme"), "requested", "the audit log stays")
			require.Len(t, entriesOf(t, h.store, "acme", queue.Audit, "tenant.purged"), 2)
			require.Len(t, entriesOf(t, h.store, "acme", queue.Audit, "export.forgotten"), 2)
			done, err = h.Operator().PurgeTenant(ctx, "acme", "ops")
			require.NoError(t, err)
			require.Zero(t, done)
		})
	}
}

// What could not be removed is told, and the next purge tries again.
func TestB17_PurgeOfABrokenDestination(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	down := false
	h := newHouse(t, func(c *export.Config) {
		c.Sink = &faultySink{Sink: c.Sink, fail: func(op, _ string) error {
			if down && op == "delete" {
				return sink.ErrDenied
			}
			return nil
		}}
	})
	stop := h.start()
	j, _ := h.completed(csvOfAll)
	stop()
	h.clock.Advance(2 * time.Hour)
	down = true
	_, err := h.Operator().PurgeTenant(ctx, "acme", "ops")
	e := refusal(t, err)
	require.Equal(t, j.ID, e.Job)
	_, err = h.Download(ctx, export.Download{Tenant: "acme", Job: j.ID})
	require.Equal(t, export.CodeExpired, refusal(t, err).Code, "links are refused first")
	down = false
	done, err := h.Operator().PurgeTenant(ctx, "acme", "ops")
	require.NoError(t, err)
	require.Equal(t, 1, done.Forgotten)
	require.Empty(t, h.sink.Keys())
}

func TestOperator_Unsupported(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.Store = struct{ queue.JobStore }{c.Store} })
	_, _, err := h.Operator().List(t.Context(), operator.Query{})
	require.Equal(t, export.CodeUnsupported, refusal(t, err).Code)
	_, err = h.Operator().PurgeTenant(t.Context(), "acme", "ops")
	require.Equal(t, export.CodeUnsupported, refusal(t, err).Code)
}

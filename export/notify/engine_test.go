package notify_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source/slicesource"
)

type order struct {
	ID     int64     `export:"order_id,key"`
	Shop   string    `export:"shop,tenant"`
	Amount string    `export:"amount,decimal(10,2)"`
	Paid   time.Time `export:"paid,time"`
}

// What the engine writes into its outbox is what a courier reads: a completed export
// with its figures, a failed one with its reason.
func TestC5_EventsOfTheEngine(t *testing.T) {
	t.Parallel()
	src, err := slicesource.New("orders", []order{
		{1, "acme", "19.90", time.Date(2026, 10, 1, 9, 30, 0, 0, time.UTC)},
		{2, "acme", "7.25", time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)},
		{3, "globex", "not a number", time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)},
	}, nil)
	require.NoError(t, err)
	files, err := memsink.New(nil)
	require.NoError(t, err)
	store := memstore.New(nil)
	engine, err := export.New(export.Config{Source: src, Store: store, Sink: files, Formats: []format.Formatter{csvfmt.Format{}}})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	jobs := map[string]*export.Job{}
	for _, tenant := range []string{"acme", "globex"} {
		job, err := engine.Request(ctx, export.Request{Tenant: tenant, Actor: "ann of " + tenant, All: true, Format: "csv", Interval: export.Day})
		require.NoError(t, err)
		for job, err = range engine.Watch(ctx, tenant, job.ID, time.Second) {
			require.NoError(t, err)
		}
		jobs[tenant] = job
	}
	stop()
	require.NoError(t, <-done)

	f := &fake{}
	require.NoError(t, newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil).Drain(t.Context()))
	var size int64
	m, err := engine.Manifest(t.Context(), "acme", jobs["acme"].ID)
	require.NoError(t, err)
	for _, file := range m.Files {
		size += file.Bytes
	}
	want := []notify.Message{
		{
			Kind: notify.Completed, Tenant: "acme", Actor: "ann of acme", Job: jobs["acme"].ID,
			Files: 2, Rows: 2, Bytes: size, ExpiresAt: jobs["acme"].ExpiresAt,
		},
		{Kind: notify.Failed, Tenant: "globex", Actor: "ann of globex", Job: jobs["globex"].ID, Code: string(export.CodeBadData)},
	}
	got := f.messages()
	require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreFields(notify.Message{}, "ID", "At", "Reason", "Hint")))
	require.NotEmpty(t, got[1].Reason)
	require.NotContains(t, got[1].Reason, "not a number", "row data")

	// Nobody is told of files that will be gone when they are gone already.
	require.False(t, want[0].ExpiresAt.IsZero())
	put(t, store, event("soon", notify.ExpiringSoon, jobs["acme"].ID))
	require.NoError(t, newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil).Drain(t.Context()))
	require.Len(t, f.messages(), 3)
	require.Equal(t, want[0].ExpiresAt, f.messages()[2].ExpiresAt)
	require.NoError(t, engine.Delete(t.Context(), "acme", jobs["acme"].ID, "ann"))
	require.NoError(t, engine.Sweep(t.Context()))
	put(t, store, event("late", notify.ExpiringSoon, jobs["acme"].ID))
	put(t, store, event("purged", notify.ExpiringSoon, "unknown"))
	require.NoError(t, newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil).Drain(t.Context()))
	require.Len(t, f.messages(), 3)
}

package matrix_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/memsink"
)

// small is an export of a few parts, some of them joined, with a key so that
// whoever asked and got no answer asks again.
var small = export.Request{
	Tenant: "acme", IdempotencyKey: "once", Format: "csv", Compression: export.Gzip,
	Datasets: []export.Selection{{Name: "runs"}, {Name: "invoices"}},
}

// A process dies before and after each of its calls of store and sink in turn.
// The next one, which knows that it is alone, brings the export to its end:
// verified, every row once, and nothing else in the sink.
func TestR5_DieAtEveryCall(t *testing.T) {
	t.Parallel()
	src := tables(t)
	template := filepath.Join(t.TempDir(), "jobs.sqlite")
	openStore(t, template, nil) // with the tables
	die := func(t *testing.T, at int) *mortal {
		bucket, err := memsink.New(nil)
		require.NoError(t, err)
		path := copyOf(t, template)
		m := newMortal(at)
		parts := func(c *export.Config) { c.PartRows, c.Parts, c.Workers = 150, 1, 1 }
		first := newEngine(t, src, mortalStore{openStore(t, path, nil), m}, mortalSink{bucket, m}, parts)
		live(t, first, m)

		second := newEngine(t, src, openStore(t, path, &sqlstore.Options{Exclusive: true}), bucket, parts)
		stop := start(t, second)
		j := wait(t, second, request(t, second, small))
		require.Equal(t, export.Completed, j.State, "%v", j.Error)
		stop()
		require.NoError(t, second.Sweep(context.Background()))
		made, err := second.Verify(context.Background(), j.Tenant, j.ID)
		require.NoError(t, err)
		requireSameRows(t, src, bucket, made)
		require.Equal(t, keysOf(made), bucket.Keys())
		jobs, _, err := second.List(context.Background(), "acme", nil)
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		return m
	}
	calls := die(t, 0).count
	t.Logf("%d steps", calls)
	require.Greater(t, calls, 100)
	every := 3 // odd: before and after take turns
	switch {
	case full():
		every = 1
	case raceDetector:
		every = 15
	}
	for at := 1; at <= calls; at += every {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			m := die(t, at)
			t.Logf("died %s", m.last)
		})
	}
}

// live asks for the export, works on it and cleans up, until the process dies.
func live(t *testing.T, engine *export.Engine, m *mortal) {
	t.Helper()
	stop := start(t, engine)
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	j, err := engine.Request(ctx, small)
	if m.died() {
		return
	}
	require.NoError(t, err)
	for now, err := range engine.Watch(ctx, j.Tenant, j.ID, time.Millisecond) {
		if m.died() {
			return
		}
		require.NoError(t, err)
		j = now
	}
	require.Equal(t, export.Completed, j.State, "%v", j.Error)
	stop()
	if err := engine.Sweep(ctx); !m.died() {
		require.NoError(t, err)
	}
}

func copyOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "jobs.sqlite")
	require.NoError(t, os.WriteFile(out, data, 0o600))
	return out
}

package pgsource_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

const (
	accounts  = 4000
	perHead   = 1000
	transfers = `
with pair as (select $1::int as a, $2::int as b, $3::int as amount)
update accounts set balance = balance + case id when pair.a then -pair.amount else pair.amount end
from pair where id in (pair.a, pair.b)`
)

// bank makes accounts that together hold a constant sum.
func bank(t testing.TB, pool *pgxpool.Pool) *pgsource.Source {
	t.Helper()
	exec(t, pool, "create table accounts (id int primary key, org text not null, balance numeric(12,2) not null)")
	exec(t, pool, fmt.Sprintf("insert into accounts select i, 'acme', %d from generate_series(1, %d) as i", perHead, accounts))
	datasets, err := pgsource.Discover(t.Context(), pool, &pgsource.DiscoverOptions{TenantColumn: "org"})
	require.NoError(t, err)
	src, err := pgsource.New(pool, datasets, nil)
	require.NoError(t, err)
	return src
}

// trade moves money between accounts as fast as it can, by four writers, until the
// test ends.
func trade(t testing.TB, pool *pgxpool.Pool) (moved *atomic.Int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	moved = new(atomic.Int64)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(19, uint64(w)))
			for ctx.Err() == nil {
				a, b := 1+random.IntN(accounts-1), accounts
				if b = 1 + random.IntN(accounts); a >= b {
					continue // always in the same order, so that no two wait for each other
				}
				if _, err := pool.Exec(ctx, transfers, a, b, random.IntN(100)); err == nil {
					moved.Add(1)
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); writers.Wait() })
	return moved
}

// A yard is an engine over a source.
type yard struct {
	*export.Engine
	t    testing.TB
	disk *memsink.Sink
}

func newYard(t testing.TB, src source.Source, change func(*export.Config)) *yard {
	t.Helper()
	disk, err := memsink.New(nil)
	require.NoError(t, err)
	config := export.Config{
		Source: src, Store: memstore.New(nil), Sink: disk, Formats: []format.Formatter{csvfmt.Format{}},
		Parts: 4, Workers: 1, PartRows: accounts / 4, Poll: time.Millisecond, RetryBase: time.Millisecond, RetryCap: time.Millisecond,
	}
	if change != nil {
		change(&config)
	}
	engine, err := export.New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return &yard{Engine: engine, t: t, disk: disk}
}

// total exports everything and returns the sum of the balances.
func (y *yard) total() (rows int, cents int64, m *manifest.Manifest) {
	y.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	j, err := y.Request(ctx, export.Request{Tenant: "acme", Actor: "test", All: true, Format: "csv"})
	require.NoError(y.t, err)
	for now, err := range y.Watch(ctx, j.Tenant, j.ID, 10*time.Millisecond) {
		require.NoError(y.t, err)
		j = now
	}
	require.Equal(y.t, export.Completed, j.State, "%v", j.Error)
	m, err = y.Verify(ctx, j.Tenant, j.ID)
	require.NoError(y.t, err)
	for i := range m.Files {
		f, err := y.Download(ctx, export.Download{Tenant: j.Tenant, Job: j.ID, File: i, Actor: "test"})
		require.NoError(y.t, err)
		data, err := io.ReadAll(f)
		require.NoError(y.t, err)
		require.NoError(y.t, f.Close())
		if f.Compression == format.Gzip {
			z, err := gzip.NewReader(bytes.NewReader(data))
			require.NoError(y.t, err)
			data, err = io.ReadAll(z)
			require.NoError(y.t, err)
		}
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		require.NoError(y.t, err)
		for _, line := range lines[1:] {
			balance, err := strconv.ParseFloat(line[2], 64)
			require.NoError(y.t, err)
			cents += int64(balance * 100)
			rows++
		}
	}
	return rows, cents, m
}

// While four writers move money as fast as they can, what four key ranges read
// at once adds up to the same sum every time.
func TestR19_OneInstant(t *testing.T) {
	t.Parallel()
	turns := 10
	if os.Getenv("EXPORTYARD_FULL") != "" {
		turns = 50
	}
	pool, _ := server.StartPostgresPool(t)
	src := bank(t, pool)
	y := newYard(t, src, nil)
	moved := trade(t, pool)
	for turn := range turns {
		before := moved.Load()
		rows, cents, m := y.total()
		require.Equal(t, accounts, rows, "turn %d", turn)
		require.EqualValues(t, accounts*perHead*100, cents, "turn %d", turn)
		require.NotEmpty(t, m.AsOf.Snapshot)
		require.Equal(t, "source", m.Datasets[0].Counted)
		require.Eventually(t, func() bool { return moved.Load() > before }, time.Minute, time.Millisecond)
	}
}

// Without snapshots the parts are of several moments, so the test above has
// something to find; and the manifest claims none.
func TestR19_WithoutSnapshots(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	live := bank(t, pool)
	y := newYard(t, struct {
		source.Source
		source.Counter
		source.Splitter
	}{live, live, live}, func(c *export.Config) { c.Parts = 1 })
	trade(t, pool)
	require.Eventually(t, func() bool {
		_, cents, m := y.total()
		require.Empty(t, m.AsOf.Snapshot)
		return cents != accounts*perHead*100
	}, time.Minute, time.Millisecond)
}

// A server that restarts takes the snapshot with it: the export goes on, with
// bounds instead of an instant; or from a new snapshot where one is required.
func TestD10_SnapshotEndsWithTheServer(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		t.Run(fmt.Sprint(required), func(t *testing.T) {
			t.Parallel()
			own := server.OwnPostgres(t)
			pool := newPool(t, own.DSN())
			src := bank(t, pool)
			exec(t, pool, "checkpoint")
			var opens atomic.Int64
			restart := sync.OnceFunc(func() { own.Stop(); own.Start(t) })
			y := newYard(t, &interrupted{Source: src, at: func() {
				if opens.Add(1) == 3 {
					restart()
				}
			}}, func(c *export.Config) { c.Parts, c.RequireSnapshot, c.MaxAttempts = 1, required, 20 })
			rows, cents, m := y.total()
			require.Equal(t, accounts, rows)
			require.EqualValues(t, accounts*perHead*100, cents)
			require.Equal(t, required, m.AsOf.Snapshot != "")
			require.False(t, m.AsOf.From.IsZero())
		})
	}
}

// interrupted calls at before each read of a snapshot.
type interrupted struct {
	*pgsource.Source
	at func()
}

func (i *interrupted) Snapshot(ctx context.Context, name string) (source.Snapshot, error) {
	snap, err := i.Source.Snapshot(ctx, name)
	if err != nil {
		return nil, err
	}
	return &interruptedSnapshot{snap, snap.(source.Counter), snap.(source.Splitter), i.at}, nil
}

type interruptedSnapshot struct {
	source.Snapshot
	source.Counter
	source.Splitter
	at func()
}

func (s *interruptedSnapshot) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	s.at()
	return s.Snapshot.Open(ctx, q)
}

// Snapshots have connections of their own, of which there is a limit.
func TestD10_SnapshotLimit(t *testing.T) {
	t.Parallel()
	_, dsn := server.StartPostgresPool(t)
	pool := newPool(t, dsn+" pool_max_conns=1")
	runs(t, pool, 10, nil)
	datasets, err := pgsource.Discover(t.Context(), pool, nil)
	require.NoError(t, err)
	src, err := pgsource.New(pool, datasets, &pgsource.Options{Snapshots: 2})
	require.NoError(t, err)
	a, err := src.Snapshot(t.Context(), "")
	require.NoError(t, err)
	b, err := src.Snapshot(t.Context(), "")
	require.NoError(t, err)
	_, err = src.Snapshot(t.Context(), "")
	require.ErrorIs(t, err, source.ErrSnapshotLimit)
	n, err := source.Count(t.Context(), a, source.Query{Dataset: "runs"})
	require.NoError(t, err, "the pool's only connection is free")
	require.EqualValues(t, 10, n)
	exec(t, pool, "delete from runs where id = 1")
	n, err = source.Count(t.Context(), b, source.Query{Dataset: "runs"})
	require.NoError(t, err)
	require.EqualValues(t, 10, n)
	require.NoError(t, a.Close())
	c, err := src.Snapshot(t.Context(), "")
	require.NoError(t, err)
	n, err = source.Count(t.Context(), c, source.Query{Dataset: "runs"})
	require.NoError(t, err)
	require.EqualValues(t, 9, n)
	require.NoError(t, b.Close())
	require.NoError(t, c.Close())
	_, err = src.Snapshot(t.Context(), "'; drop table runs; --")
	require.ErrorIs(t, err, source.ErrSnapshotGone)
}

package pgsource_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

var logFields = []source.Field{
	{Name: "org", Kind: source.String},
	{Name: "at", Kind: source.Timestamp},
	{Name: "n", Kind: source.Int64},
	{Name: "line", Kind: source.String},
}

var allLogs = source.Query{Tenant: "acme", Dataset: "logs", Columns: []string{"n", "line"}, Guard: []string{"org"}}

// logs makes a table without a key, of rows of three tenants, forty to a block.
func logs(t testing.TB, pool *pgxpool.Pool, rows int) {
	t.Helper()
	exec(t, pool, "create table logs (org text not null, at timestamptz, n int, line text) with (autovacuum_enabled = off)")
	exec(t, pool, fmt.Sprintf(`insert into logs select (array['acme', 'acme', 'else'])[1 + i %% 3], timestamptz '2026-01-01' + i * interval '1 minute',
		(i * 7919) %% 100003, repeat(i::text, 25) from generate_series(1, %d) as i`, rows))
}

// logSource reads the table logs, or what has taken its name.
func logSource(t testing.TB, pool *pgxpool.Pool, opts *pgsource.Options) *pgsource.Source {
	t.Helper()
	src, err := pgsource.New(pool, []pgsource.Dataset{{Name: "logs", Table: "logs", Tenant: "org", Time: "at", Fields: logFields}}, opts)
	require.NoError(t, err)
	return src
}

// cuts reads a query raw and returns its bytes and how many rows each batch had.
func cuts(t testing.TB, src source.Source, q source.Query, maxRows, maxBytes int) (data []byte, lengths []int) {
	t.Helper()
	r, err := src.Open(t.Context(), q)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	cutter, _ := source.RawOf(r)
	raw := source.NewRawBatch(maxRows, maxBytes)
	total := 0
	for {
		raw.Reset()
		if err := cutter.ReadRaw(t.Context(), raw); err == io.EOF {
			break
		}
		require.NoError(t, err)
		data, lengths, total = append(data, raw.Data...), append(lengths, raw.Len()), total+raw.Len()
	}
	count, known := r.(source.CountedReader).Count()
	require.True(t, known)
	require.EqualValues(t, total, count)
	return data, lengths
}

// However many connections read it, and in whatever ranges, a table gives the same
// rows in the same order, cut in the same places.
func TestRanges_SameBytes(t *testing.T) {
	t.Parallel()
	narrow := allLogs
	narrow.From, narrow.To = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	nobody := allLogs
	nobody.Tenant = "nobody"
	tests := []struct {
		name, change string
		rows         int
		query        source.Query
		want         int
	}{
		{name: "empty", query: allLogs},
		{name: "one row", rows: 1, query: allLogs, want: 1},
		{name: "one block", rows: 30, query: allLogs, want: 20},
		{name: "many blocks", rows: 6000, query: allLogs, want: 4000},
		{name: "a part of the time", rows: 6000, query: narrow, want: 480},
		{name: "nobody's", rows: 6000, query: nobody},
		{name: "emptied blocks", rows: 6000, query: allLogs, change: "delete from logs where n % 2 = 0 or n between 20000 and 60000; vacuum logs", want: 1202},
		{name: "cut off at the end", rows: 6000, query: allLogs, change: "delete from logs where at > '2026-01-02'; vacuum logs", want: 960},
		{name: "a view that holds rows", rows: 6000, query: allLogs, change: "alter table logs rename to kept; create materialized view logs as select * from kept where n > 50000", want: 2001},
		{
			name: "rows longer than blocks of memory", rows: 60, query: allLogs, want: 40,
			change: "update logs set line = repeat(n::text, 300000) where n % 5 = 0",
		},
	}
	_, dsn := server.StartPostgresPool(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t, schema(t, dsn, i)+" pool_max_conns=8")
			logs(t, pool, tt.rows)
			for _, sql := range splitStatements(tt.change) {
				exec(t, pool, sql)
			}
			for _, limit := range [][2]int{{0, 0}, {7, 0}, {0, 1000}} {
				want, lengths := cuts(t, logSource(t, pool, nil), tt.query, limit[0], limit[1])
				sum := 0
				for _, n := range lengths {
					sum += n
				}
				require.Equal(t, tt.want, sum)
				for _, opts := range []pgsource.Options{
					{Connections: 2}, {Connections: 2, RangeBlocks: 1, OmitCount: true}, {Connections: 3, RangeBlocks: 7}, {Connections: 5, RangeBlocks: 1},
				} {
					got, gotLengths := cuts(t, logSource(t, pool, &opts), tt.query, limit[0], limit[1])
					require.Equal(t, lengths, gotLengths, "%+v", opts)
					require.True(t, slices.Equal(want, got), "%+v", opts)
				}
			}
			want, err := texts(t, logSource(t, pool, nil), tt.query, false)
			require.NoError(t, err)
			got, err := texts(t, logSource(t, pool, &pgsource.Options{Connections: 3, RangeBlocks: 2}), tt.query, false)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, got))
		})
	}
}

// schema makes a schema of a test's own and returns how to connect to it.
func schema(t testing.TB, dsn string, i int) string {
	t.Helper()
	name := fmt.Sprint("s", i)
	exec(t, newPool(t, dsn), "create schema "+name)
	return dsn + " search_path=" + name
}

// A watched pool knows how often a connection was asked of it.
type watched struct {
	*pgxpool.Pool
	acquired atomic.Int64
}

// watch returns a pool that calls acquire, if there is one, with the number of
// each connection that is acquired.
func watch(t testing.TB, dsn string, acquire func(n int64)) *watched {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn + " pool_max_conns=8")
	require.NoError(t, err)
	w := new(watched)
	config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) {
		if n := w.acquired.Add(1); acquire != nil {
			acquire(n)
		}
		return true, nil
	}
	w.Pool, err = pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// requireFree waits until the pool has every connection back; it drops broken ones
// behind the caller's back.
func (w *watched) requireFree(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return w.Stat().AcquiredConns() == 0 }, 10*time.Second, time.Millisecond)
}

// Several connections are for tables whose scan is what the query needs; all else
// is read over one.
func TestRanges_WhereTheyPay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, change string
		dataset      pgsource.Dataset
		opts         pgsource.Options
		want         int64
	}{
		{name: "a table", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, want: 3},
		{name: "as many as there are ranges", opts: pgsource.Options{Connections: 8, RangeBlocks: 80}, want: 2},
		{name: "not asked for", opts: pgsource.Options{RangeBlocks: 1}, want: 1},
		{name: "a small table", opts: pgsource.Options{Connections: 3, RangeBlocks: 200}, want: 1},
		{name: "a key", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, dataset: pgsource.Dataset{Key: []string{"n"}}, want: 1},
		{name: "a query", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, dataset: pgsource.Dataset{Query: "select * from logs"}, want: 1},
		{name: "an index that helps", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, change: "create index on logs (org); insert into logs values ('few'); analyze logs", dataset: pgsource.Dataset{Name: "few"}, want: 1},
		{name: "an index that does not", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, change: "create index on logs (org); analyze logs", want: 3},
		{name: "a view", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, change: "alter table logs rename to kept; create view logs as select * from kept", want: 1},
		{name: "partitions", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, change: "alter table logs rename to kept; create table logs (like kept) partition by list (org); alter table logs attach partition kept default", want: 1},
		{name: "children", opts: pgsource.Options{Connections: 3, RangeBlocks: 1}, change: "create table more () inherits (logs); insert into more select * from logs", want: 1},
	}
	_, dsn := server.StartPostgresPool(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dsn := schema(t, dsn, i)
			pool := newPool(t, dsn)
			logs(t, pool, 6000)
			for _, sql := range splitStatements(tt.change) {
				exec(t, pool, sql)
			}
			w := watch(t, dsn, nil)
			q := allLogs
			if tt.dataset.Name != "" {
				q.Tenant = tt.dataset.Name
			}
			ds := tt.dataset
			ds.Name, ds.Tenant, ds.Fields = "logs", "org", logFields
			if ds.Query == "" {
				ds.Table = "logs"
			}
			src, err := pgsource.New(w.Pool, []pgsource.Dataset{ds}, &tt.opts)
			require.NoError(t, err)
			r, err := src.Open(t.Context(), q)
			require.NoError(t, err)
			if tt.want > 1 {
				require.Eventually(t, func() bool { return w.acquired.Load() == tt.want }, 10*time.Second, time.Millisecond)
			}
			_, err = drain(t.Context(), r)
			require.Equal(t, io.EOF, err)
			require.NoError(t, r.Close())
			require.Equal(t, tt.want, w.acquired.Load())
			w.requireFree(t)
		})
	}
}

// A range is read from its own blocks: the table is never scanned for it.
func TestRanges_Scan(t *testing.T) {
	t.Parallel()
	pool, dsn := server.StartPostgresPool(t)
	logs(t, pool, 6000)
	scans := func(opts *pgsource.Options) (n int) {
		own := newPool(t, dsn+" pool_max_conns=4 application_name=scans")
		cuts(t, logSource(t, own, opts), allLogs, 0, 0)
		own.Close()
		require.Eventually(t, func() bool { // what a session has counted is told when it ends
			var left int
			err := pool.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name = 'scans' and datname = current_database()").Scan(&left)
			return err == nil && left == 0
		}, 10*time.Second, time.Millisecond)
		require.NoError(t, pool.QueryRow(t.Context(), "select seq_scan from pg_stat_user_tables where relname = 'logs'").Scan(&n))
		return n
	}
	before := scans(&pgsource.Options{OmitCount: true})
	require.Equal(t, before, scans(&pgsource.Options{OmitCount: true, Connections: 3, RangeBlocks: 1}))
	require.Equal(t, before+1, scans(&pgsource.Options{OmitCount: true}))
}

// started opens a read over three connections and returns when all have begun.
func started(ctx context.Context, t testing.TB, pool *pgxpool.Pool, src *pgsource.Source) source.Reader {
	t.Helper()
	r, err := src.Open(ctx, allLogs)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(readers(t, pool)) == 3 }, 10*time.Second, time.Millisecond)
	return r
}

// readers returns the sessions that read ranges, the one that began first in front.
func readers(t testing.TB, pool *pgxpool.Pool) (pids []int32) {
	t.Helper()
	rows, err := pool.Query(context.Background(), `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
		and xact_start is not null and query like 'select q.%q.ctid%' order by xact_start`)
	require.NoError(t, err)
	pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
	require.NoError(t, err)
	return pids
}

// What happens to a table while it is read is not seen.
func TestRanges_TableChanges(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"grows":      "insert into logs select l.* from logs as l, generate_series(1, 3)",
		"shrinks":    "delete from logs where at > '2026-01-02'",
		"is vacated": "delete from logs",
		"is updated": "update logs set line = 'new', org = 'acme'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, _ := server.StartPostgresPool(t)
			logs(t, pool, 24_000)
			src := logSource(t, pool, &pgsource.Options{Connections: 3, RangeBlocks: 5})
			r := started(t.Context(), t, pool, src)
			raw := source.NewRawBatch(0, 0)
			cutter, _ := source.RawOf(r)
			require.NoError(t, cutter.ReadRaw(t.Context(), raw))
			exec(t, pool, sql)
			exec(t, pool, "vacuum logs")
			rows, err := drain(t.Context(), r)
			require.Equal(t, io.EOF, err)
			require.Equal(t, 16_000, rows+raw.Len())
			require.NoError(t, r.Close())
		})
	}
}

// Whoever waits for a lock on the table behind one connection does not hold up
// the others, neither those at work nor those that come later.
func TestRanges_LockQueue(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("late ", late), func(t *testing.T) {
			t.Parallel()
			pool, dsn := server.StartPostgresPool(t)
			logs(t, pool, 24_000)
			queued := make(chan struct{})
			w := watch(t, dsn, func(n int64) {
				if late && n > 1 {
					<-queued
				}
			})
			src := logSource(t, w.Pool, &pgsource.Options{Connections: 3, RangeBlocks: 5})
			r, err := src.Open(t.Context(), allLogs)
			require.NoError(t, err)
			if !late {
				require.Eventually(t, func() bool { return len(readers(t, pool)) == 3 }, 10*time.Second, time.Millisecond)
			}
			var waiting sync.WaitGroup
			waiting.Go(func() { exec(t, pool, "alter table logs add column late int") })
			require.Eventually(t, func() bool {
				var n int
				err := pool.QueryRow(t.Context(), "select count(*) from pg_locks where relation = 'logs'::regclass and not granted").Scan(&n)
				return err == nil && n > 0
			}, 10*time.Second, time.Millisecond)
			close(queued)
			rows, err := drain(t.Context(), r)
			require.Equal(t, io.EOF, err)
			require.Equal(t, 16_000, rows)
			require.NoError(t, r.Close())
			waiting.Wait()
		})
	}
}

// Whichever connection fails ends the read with an error that passes, and none is
// left behind.
func TestRanges_ConnectionKilled(t *testing.T) {
	t.Parallel()
	for victim := range 3 {
		t.Run(fmt.Sprint(victim), func(t *testing.T) {
			t.Parallel()
			pool, dsn := server.StartPostgresPool(t)
			logs(t, pool, 24_000)
			w := watch(t, dsn, nil)
			r := started(t.Context(), t, pool, logSource(t, w.Pool, &pgsource.Options{Connections: 3, RangeBlocks: 5}))
			exec(t, pool, fmt.Sprintf("select pg_terminate_backend(%d)", readers(t, pool)[victim]))
			rows, err := drain(t.Context(), r)
			requirePasses(t, err)
			require.Less(t, rows, 16_000)
			_, err = drain(t.Context(), r)
			requirePasses(t, err)
			require.NoError(t, r.Close())
			w.requireFree(t)
			require.Eventually(t, func() bool { return len(readers(t, pool)) == 0 }, 10*time.Second, time.Millisecond)
		})
	}
}

func TestRanges_ServerRestarts(t *testing.T) {
	t.Parallel()
	own := server.OwnPostgres(t)
	pool := newPool(t, own.DSN()+" pool_max_conns=8")
	logs(t, pool, 24_000)
	exec(t, pool, "checkpoint")
	src := logSource(t, pool, &pgsource.Options{Connections: 3, RangeBlocks: 5})
	r := started(t.Context(), t, pool, src)
	own.Stop()
	rows, err := drain(t.Context(), r)
	requirePasses(t, err)
	require.Less(t, rows, 16_000)
	require.NoError(t, r.Close())
	own.Start(t)
	pool.Reset()
	_, lengths := cuts(t, src, allLogs, 16_000, 1<<30)
	require.Equal(t, []int{16_000}, lengths)
}

// Canceled or closed early, by whichever context, a read ends at once with all its
// connections.
func TestRanges_EndEarly(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"open", "read", "close"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			pool, dsn := server.StartPostgresPool(t)
			logs(t, pool, 24_000)
			w := watch(t, dsn, nil)
			open, cancelOpen := context.WithCancel(t.Context())
			defer cancelOpen()
			read, cancelRead := context.WithCancel(t.Context())
			defer cancelRead()
			r := started(open, t, pool, logSource(t, w.Pool, &pgsource.Options{Connections: 3, RangeBlocks: 5}))
			raw := source.NewRawBatch(10, 0)
			cutter, _ := source.RawOf(r)
			require.NoError(t, cutter.ReadRaw(read, raw))
			switch how {
			case "open":
				cancelOpen()
			case "read":
				cancelRead()
			}
			if how != "close" {
				_, err := drain(read, r)
				require.ErrorIs(t, err, context.Canceled)
			}
			require.NoError(t, r.Close())
			w.requireFree(t)
			require.Eventually(t, func() bool { return len(readers(t, pool)) == 0 }, 10*time.Second, time.Millisecond)
		})
	}
}

// A pool that has not enough connections is read with those that it has, by as
// many readers as it has room for.
func TestRanges_SmallPools(t *testing.T) {
	t.Parallel()
	_, dsn := server.StartPostgresPool(t)
	logs(t, newPool(t, dsn), 6000)
	for size := 1; size <= 3; size++ {
		pool := newPool(t, fmt.Sprint(dsn, " pool_max_conns=", size))
		src := logSource(t, pool, &pgsource.Options{Connections: 4, RangeBlocks: 1})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				r, err := src.Open(t.Context(), allLogs)
				if err != nil {
					t.Error(err)
					return
				}
				if rows, err := drain(t.Context(), r); rows != 4000 || err != io.EOF {
					t.Errorf("%d rows and %v", rows, err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		readers.Wait()
		require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, 10*time.Second, time.Millisecond)
	}
}

// Rows are paced as they are handed out, however many connections bring them.
func TestD12_RangesReadRate(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	logs(t, pool, 6000)
	src := logSource(t, pool, &pgsource.Options{Connections: 3, RangeBlocks: 1, RowsPerSecond: 8000})
	begin := time.Now()
	cuts(t, src, allLogs, 100, 0)
	require.GreaterOrEqual(t, time.Since(begin), 500*time.Millisecond)
}

// While four writers move money, what four connections read of one table at once
// adds up to the same sum every time, on a job's snapshot and on the read's own.
func TestR19_Ranges(t *testing.T) {
	t.Parallel()
	turns := 10
	if os.Getenv("EXPORTYARD_FULL") != "" {
		turns = 50
	}
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared snapshot ", shared), func(t *testing.T) {
			t.Parallel()
			pool, dsn := server.StartPostgresPool(t)
			bank(t, pool)
			exec(t, pool, "alter table accounts set (fillfactor = 10)")
			exec(t, pool, "vacuum full accounts") // two hundred blocks
			w := watch(t, dsn, nil)
			datasets, err := pgsource.Discover(t.Context(), w.Pool, &pgsource.DiscoverOptions{TenantColumn: "org"})
			require.NoError(t, err)
			datasets[0].Key = nil
			src, err := pgsource.New(w.Pool, datasets, &pgsource.Options{Connections: 4, RangeBlocks: 8})
			require.NoError(t, err)
			read := source.Source(src)
			if !shared {
				read = struct {
					source.Source
					source.Counter
				}{src, src}
			}
			y := newYard(t, read, func(c *export.Config) { c.Parts = 1 })
			moved := trade(t, pool)
			fanned := 0
			for turn := range turns {
				before, acquired := moved.Load(), w.acquired.Load()
				rows, cents, m := y.total()
				require.Equal(t, accounts, rows, "turn %d", turn)
				require.EqualValues(t, accounts*perHead*100, cents, "turn %d", turn)
				require.Equal(t, shared, m.AsOf.Snapshot != "")
				if w.acquired.Load() >= acquired+4 {
					fanned++
				}
				require.Eventually(t, func() bool { return moved.Load() > before }, time.Minute, time.Millisecond)
			}
			require.Positive(t, fanned)
		})
	}
}

// splitStatements cuts at semicolons: each statement is a transaction of its own.
func splitStatements(sql string) []string {
	return slices.DeleteFunc(strings.Split(sql, "; "), func(s string) bool { return s == "" })
}

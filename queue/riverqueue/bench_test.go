package riverqueue_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// callers is how many ask at once, in every benchmark.
const callers = 8

// BenchmarkRates puts the rates of the store, on both databases, beside those of River
// itself on the same PostgreSQL, whose commits are flushed to the disk as SQLite's are:
//
//	go test -run '^$' -bench Rates -benchtime 3s ./queue/riverqueue
//
// A request is a job with its parts and an audit entry, a claim one part's lease; an insert
// is one of River's jobs, and a work one job fetched, done (which is nothing) and completed.
// A permit is a work of ours: the ring, the job, and its successor.
func BenchmarkRates(b *testing.B) {
	for _, dialect := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL} {
		b.Run("requests/"+string(dialect), func(b *testing.B) { benchmarkRequests(b, dialect) })
		b.Run("claims/"+string(dialect), func(b *testing.B) { benchmarkClaims(b, dialect) })
	}
	b.Run("inserts/river", benchmarkInserts)
	b.Run("works/river", benchmarkWorks)
	b.Run("permits/riverqueue", benchmarkPermits)
}

var flushing = sync.OnceValues(func() (*server, error) {
	return keep("fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_wal_size=2GB")
})

// flushed returns how to connect to a new database whose commits are flushed.
func flushed(b *testing.B) (dsn string) {
	b.Helper()
	needServer(b)
	s, err := flushing()
	require.NoError(b, err)
	dsn = s.database(b, fmt.Sprint("b", databases.Add(1)))
	migrate(b, dsn)
	return dsn
}

func openStore(b *testing.B, dialect sqlstore.Dialect) *sqlstore.Store {
	b.Helper()
	driver, dsn := "sqlite", ""
	if dialect == sqlstore.SQLite {
		dsn = filepath.Join(b.TempDir(), "jobs.db")
	} else {
		driver, dsn = "pgx", flushed(b)
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(b, err)
	db.SetMaxOpenConns(callers + 2)
	db.SetMaxIdleConns(callers + 2)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	store, err := sqlstore.Open(b.Context(), db, dialect, nil)
	require.NoError(b, err)
	return store
}

// measure calls do for b.N numbers, from all callers, and reports how many a second.
func measure(b *testing.B, what string, do func(ctx context.Context, i int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if err := do(b.Context(), int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	report(b, what)
}

func report(b *testing.B, what string) {
	b.Helper()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), what+"/s")
	b.ReportMetric(0, "ns/op")
}

// job is one of a tenant of its own.
func job(i int) queue.NewJob {
	id, tenant := fmt.Sprint("job-", i), fmt.Sprint("tenant-", i)
	return queue.NewJob{
		Job:   queue.Job{ID: id, Tenant: tenant, Kind: "export", Actor: "ann", Slot: tenant, Request: queue.Payload{Version: 1, Data: []byte(`{"all":true}`)}},
		First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
	}
}

func benchmarkRequests(b *testing.B, dialect sqlstore.Dialect) {
	store := openStore(b, dialect)
	measure(b, "requests", func(ctx context.Context, i int) error {
		n := job(i)
		_, _, err := store.Create(ctx, n, []queue.Entry{{ID: n.ID, Tenant: n.Tenant, Job: n.ID, Kind: queue.Audit, Type: "export.requested"}})
		return err
	})
}

// benchmarkClaims claims the parts of a hundred tenants, one at a time.
func benchmarkClaims(b *testing.B, dialect sqlstore.Dialect) {
	store := openStore(b, dialect)
	const tenants = 100
	for i := range tenants {
		_, _, err := store.Create(b.Context(), job(i), nil)
		require.NoError(b, err)
	}
	plans, err := store.Claim(b.Context(), queue.Claim{Worker: "planner", Limit: tenants, Lease: time.Hour})
	require.NoError(b, err)
	require.Len(b, plans, tenants)
	for _, c := range plans {
		_, err := store.Finish(b.Context(), queue.Finish{
			Tenant: c.Job.Tenant, Job: c.Job.ID, Number: c.Part.Number, Fence: c.Part.Fence,
			Outcome: queue.Seal, Planned: make([]queue.Part, b.N/tenants+1),
		}, nil)
		require.NoError(b, err)
	}
	measure(b, "claims", func(ctx context.Context, _ int) error {
		got, err := store.Claim(ctx, queue.Claim{Worker: "w", Limit: 1, Lease: time.Hour})
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("%d parts", len(got))
		}
		return err
	})
}

// nothing is a job of River's own.
type nothing struct{}

func (nothing) Kind() string { return "nothing" }

// A worksOff does nothing so many times.
type worksOff struct {
	river.WorkerDefaults[nothing]
	left atomic.Int64
	done chan struct{}
}

func (w *worksOff) Work(context.Context, *river.Job[nothing]) error {
	if w.left.Add(-1) == 0 {
		close(w.done)
	}
	return nil
}

// client is one of River's with its defaults, but for the hands.
func client(b *testing.B, pool *pgxpool.Pool, w *worksOff) *river.Client[pgx.Tx] {
	b.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: "exportyard_river", Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}},
	})
	require.NoError(b, err)
	return c
}

func benchmarkInserts(b *testing.B) {
	c := client(b, connect(b, flushed(b)), &worksOff{})
	measure(b, "inserts", func(ctx context.Context, _ int) error {
		_, err := c.Insert(ctx, nothing{}, nil)
		return err
	})
}

func benchmarkWorks(b *testing.B) {
	w := &worksOff{done: make(chan struct{})}
	w.left.Store(int64(b.N))
	pool := connect(b, flushed(b))
	c := client(b, pool, w)
	jobs := make([]river.InsertManyParams, b.N)
	for i := range jobs {
		jobs[i].Args = nothing{}
	}
	for begin := 0; begin < len(jobs); begin += 1000 {
		_, err := c.InsertManyFast(b.Context(), jobs[begin:min(begin+1000, len(jobs))])
		require.NoError(b, err)
	}
	b.ResetTimer()
	require.NoError(b, c.Start(context.WithoutCancel(b.Context())))
	<-w.done
	report(b, "works")
	require.NoError(b, c.Stop(context.WithoutCancel(b.Context())))
}

func benchmarkPermits(b *testing.B) {
	d, err := riverqueue.New(connect(b, flushed(b)), nil)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var used atomic.Int64
	done := make(chan struct{})
	b.ResetTimer()
	var serving sync.WaitGroup
	serving.Go(func() {
		err := d.Serve(ctx, callers, func() (bool, error) {
			switch n := used.Add(1); {
			case n == int64(b.N):
				close(done)
			case n > int64(b.N):
				return false, nil
			}
			return true, d.Ring(ctx)
		})
		if err != nil {
			b.Error(err)
		}
	})
	require.NoError(b, d.Ring(ctx))
	<-done
	report(b, "permits")
	cancel()
	serving.Wait()
}

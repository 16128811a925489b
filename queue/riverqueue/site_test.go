package riverqueue_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// patience bounds every wait.
const patience = 2 * time.Minute

// A site is what all hosts of a test share.
type site struct {
	DSN     string
	Folder  string
	Options riverqueue.Options
	Lease   time.Duration
	// Die is where a process kills itself: "ring" before its first ring reaches the
	// database, "read" within the first rows part.
	Die string
}

const siteVariable = "EXPORTYARD_RIVERQUEUE_SITE"

// TestMain is also every process that a test starts.
func TestMain(m *testing.M) {
	if text := os.Getenv(siteVariable); text != "" {
		fmt.Println(child(text))
		os.Exit(1) // it was to be killed
	}
	// The tests wait for most of their time: more of them at once than there are cores.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("8")
	}
	code := m.Run()
	stopKept()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener")); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

// child is a process that asks for an export, works, and dies where it was told to.
func child(text string) error {
	var s site
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := h.Request(ctx, export.Request{Tenant: "acme", All: true, Format: "csv"}); err != nil {
		return err
	}
	return h.Run(ctx)
}

// die kills this process as kill -9 does.
func die() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}

func newSite(t testing.TB) *site {
	t.Helper()
	return &site{DSN: newDatabase(t), Folder: t.TempDir(), Lease: 2 * time.Second, Options: riverqueue.Options{Presence: time.Second}}
}

// killed runs a process until it has killed itself.
func (s *site) killed(t *testing.T, where string) {
	t.Helper()
	with := *s
	with.Die = where
	text, err := json.Marshal(with)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), siteVariable+"="+string(text))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, -1, exit.ExitCode(), "it ended by itself: %s", out)
}

// A host is an engine, with a dispatcher of its own.
type host struct {
	*export.Engine
	pool       *pgxpool.Pool
	jobs       *sql.DB
	dispatcher *riverqueue.Dispatcher
}

const (
	tenantRows = 200
	partRows   = 20 // ten rows parts a tenant
)

type run struct {
	ID  int64  `export:"run_id,key"`
	Org string `export:"org_id,tenant"`
}

// gated is a source that asks before a rows part is read.
type gated struct {
	*slicesource.Source
	gate func(ctx context.Context, q source.Query)
}

func (g gated) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	if g.gate != nil && len(q.After)+len(q.UpTo) > 0 { // the plan looks at rows too
		g.gate(ctx, q)
	}
	return g.Source.Open(ctx, q)
}

// mortal dies at its first ring, if that is where.
type mortal struct {
	*riverqueue.Dispatcher
	dies bool
}

func (m mortal) Ring(ctx context.Context) error {
	if m.dies {
		die()
	}
	return m.Dispatcher.Ring(ctx)
}

func (s *site) open(ctx context.Context, gate func(context.Context, source.Query)) (*host, error) {
	pool, err := pgxpool.New(ctx, s.DSN+" pool_max_conns=8")
	if err != nil {
		return nil, err
	}
	jobs, err := sql.Open("pgx", s.DSN)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, jobs, sqlstore.PostgreSQL, nil)
	if err != nil {
		return nil, err
	}
	disk, err := filesink.New(s.Folder, nil)
	if err != nil {
		return nil, err
	}
	var rows []run
	for i := range 2 * tenantRows {
		rows = append(rows, run{ID: int64(i), Org: []string{"acme", "globex"}[i%2]})
	}
	src, err := slicesource.New("runs", rows, nil)
	if err != nil {
		return nil, err
	}
	d, err := riverqueue.New(pool, &s.Options)
	if err != nil {
		return nil, err
	}
	if s.Die == "read" {
		gate = func(context.Context, source.Query) { die() }
	}
	engine, err := export.New(export.Config{
		Source: gated{src, gate}, Store: store, Sink: disk, Formats: []format.Formatter{csvfmt.Format{}},
		Dispatcher: mortal{d, s.Die == "ring"}, PartRows: partRows, Parts: 4, MaxCrashes: 50,
		Lease: s.Lease, Sweep: 300 * time.Millisecond, Grace: 100 * time.Millisecond,
	})
	return &host{Engine: engine, pool: pool, jobs: jobs, dispatcher: d}, err
}

// host opens a host that ends with the test.
func (s *site) host(t testing.TB, gate func(context.Context, source.Query)) *host {
	t.Helper()
	h, err := s.open(t.Context(), gate)
	require.NoError(t, err)
	t.Cleanup(func() {
		h.pool.Close()
		require.NoError(t, h.jobs.Close())
	})
	return h
}

// work runs the engine until it is stopped, at the latest with the test.
func (h *host) work(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	var once sync.Once
	running.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { once.Do(func() { cancel(); running.Wait() }) }
	t.Cleanup(stop)
	return stop
}

func (h *host) request(t testing.TB, tenant string) *export.Job {
	t.Helper()
	j, err := h.Request(t.Context(), export.Request{Tenant: tenant, All: true, Format: "csv"})
	require.NoError(t, err)
	return j
}

// completed waits for an export, and proves that it has every row of its tenant once.
func (h *host) completed(t testing.TB, tenant, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last *export.Job
	for j, err := range h.Watch(ctx, tenant, id, 20*time.Millisecond) {
		require.NoError(t, err)
		last = j
	}
	require.NotNil(t, last)
	require.Equal(t, export.Completed, last.State, "%v", last.Error)
	m, err := h.Verify(ctx, tenant, id)
	require.NoError(t, err)
	require.Equal(t, int64(tenantRows), m.Rows)
}

// active returns the id of the tenant's only export.
func (h *host) active(t testing.TB, tenant string) string {
	t.Helper()
	jobs, _, err := h.List(t.Context(), tenant, nil)
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	return jobs[0].ID
}

// count counts River's jobs.
func count(t testing.TB, pool *pgxpool.Pool, where string) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from exportyard_river.river_job where "+where).Scan(&n))
	return n
}

func execute(t testing.TB, pool *pgxpool.Pool, statement string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), statement)
	require.NoError(t, err)
}

// eventually waits until something is so.
func eventually(t testing.TB, so func() bool, otherwise string) {
	t.Helper()
	require.Eventually(t, so, patience, 10*time.Millisecond, otherwise)
}

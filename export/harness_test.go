package export_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A run is the row of most tests.
type run struct {
	ID      int64     `export:"run_id,key"`
	Org     string    `export:"org_id,tenant"`
	Prompt  string    `export:"prompt"`
	Cost    string    `export:"cost,decimal(12,4)"`
	Token   string    `export:"token,secret"`
	Created time.Time `export:"created,time"`
}

type invoice struct {
	ID     int64   `export:"invoice_id,key"`
	Org    string  `export:"org_id,tenant"`
	Amount float64 `export:"amount"`
}

// october makes 300 runs for each of two tenants, spread over October 2026.
func october() []run {
	const n = 300
	var rows []run
	for i := range 2 * n {
		rows = append(rows, run{
			ID: int64(i), Org: []string{"acme", "globex"}[i%2], Prompt: fmt.Sprintf("prompt, %d \"quoted\"", i),
			Cost: fmt.Sprintf("%d.%04d", i%9, i%10000), Token: "secret-" + fmt.Sprint(i),
			Created: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 31 * 24 * time.Hour / time.Duration(2*n)),
		})
	}
	return rows
}

// A house is an engine with all that it is wired to.
type house struct {
	*export.Engine
	t      *testing.T
	source source.Source
	store  *memstore.Store
	sink   *memsink.Sink
	clock  *clock
}

// A clock is the store's and the engine's; it only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func runsOf(t *testing.T, rows []run) source.Source {
	t.Helper()
	src, err := slicesource.New("runs", rows, &slicesource.Options{Area: "chat"})
	require.NoError(t, err)
	return src
}

// newHouse wires 300 runs a tenant, cut into parts of 40 rows, unless change
// says otherwise.
func newHouse(t *testing.T, change func(*export.Config)) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}}
	h.store = memstore.New(&memstore.Options{Now: h.clock.Now})
	var err error
	h.sink, err = memsink.New(nil)
	require.NoError(t, err)
	config := export.Config{
		Source: runsOf(t, october()), Store: h.store, Sink: h.sink, Now: h.clock.Now,
		Formats: []format.Formatter{
			csvfmt.Format{}, csvfmt.Format{Profile: csvfmt.Excel}, jsonfmt.Lines{}, jsonfmt.Document{}, parquetfmt.Format{}, xlsxfmt.Format{},
		},
		PartRows: 40, Poll: time.Millisecond, // The clock stands still: a delay of a microsecond would never end.
		RetryBase: time.Nanosecond, RetryCap: time.Nanosecond,
	}
	if change != nil {
		change(&config)
	}
	h.source = config.Source
	h.Engine, err = export.New(config)
	require.NoError(t, err)
	return h
}

// start runs the engine until the test ends or stop is called.
func (h *house) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	h.t.Cleanup(stop)
	return stop
}

// wait follows a job to its end.
func (h *house) wait(j *export.Job) *export.Job {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for now, err := range h.Watch(ctx, j.Tenant, j.ID, time.Millisecond) {
		require.NoError(h.t, err)
		j = now
	}
	return j
}

// waitOut follows a job to its end and moves the clock on while none of its parts is in
// work: those that wait for their time come, and no lease ends.
func (h *house) waitOut(j *export.Job) *export.Job {
	h.t.Helper()
	ctx := context.Background()
	require.Eventually(h.t, func() bool {
		parts, err := h.store.Parts(ctx, j.Tenant, j.ID, -1, 1000)
		require.NoError(h.t, err)
		if !slices.ContainsFunc(parts, func(p queue.Part) bool { return p.State == queue.Leased }) {
			h.clock.Advance(time.Second)
		}
		j, err = h.Get(ctx, j.Tenant, j.ID)
		require.NoError(h.t, err)
		return !j.State.Active()
	}, time.Minute, time.Millisecond)
	return j
}

// export makes a request and follows it to its end.
func (h *house) export(r export.Request) *export.Job {
	h.t.Helper()
	j, err := h.Request(context.Background(), r)
	require.NoError(h.t, err)
	return h.wait(j)
}

// completed makes an export that has to succeed and returns its manifest.
func (h *house) completed(r export.Request) (*export.Job, *manifest.Manifest) {
	h.t.Helper()
	j := h.export(r)
	require.Equal(h.t, export.Completed, j.State, "%v", j.Error)
	m, err := h.Verify(context.Background(), j.Tenant, j.ID)
	require.NoError(h.t, err)
	return j, m
}

// content reads a file and undoes gzip.
func (h *house) content(j *export.Job, file int) []byte {
	h.t.Helper()
	f, err := h.Download(context.Background(), export.Download{Tenant: j.Tenant, Job: j.ID, File: file, Actor: "test"})
	require.NoError(h.t, err)
	defer func() { require.NoError(h.t, f.Close()) }()
	data, err := io.ReadAll(f)
	require.NoError(h.t, err)
	if f.Compression == format.Gzip {
		r, err := gzip.NewReader(bytes.NewReader(data))
		require.NoError(h.t, err)
		r.Multistream(false)
		data, err = io.ReadAll(r)
		require.NoError(h.t, err)
	}
	return data
}

// rows reads a CSV file's rows without the header.
func (h *house) rows(j *export.Job, file int) [][]string {
	h.t.Helper()
	all, err := csv.NewReader(bytes.NewReader(h.content(j, file))).ReadAll()
	require.NoError(h.t, err)
	require.NotEmpty(h.t, all)
	return all[1:]
}

// ids returns the first column of all files, sorted.
func (h *house) ids(j *export.Job, m *manifest.Manifest) []string {
	h.t.Helper()
	var out []string
	for i := range m.Files {
		for _, row := range h.rows(j, i) {
			out = append(out, row[0])
		}
	}
	slices.Sort(out)
	return out
}

// wantIDs are the ids of a tenant's runs, sorted as text.
func wantIDs(rows []run, tenant string) []string {
	var out []string
	for _, r := range rows {
		if r.Org == tenant {
			out = append(out, fmt.Sprint(r.ID))
		}
	}
	slices.Sort(out)
	return out
}

// refusal asserts that err is an [export.Error] and returns it.
func refusal(t *testing.T, err error) *export.Error {
	t.Helper()
	var e *export.Error
	require.ErrorAs(t, err, &e)
	return e
}

// audit returns the types of a tenant's audit entries, in order.
func (h *house) audit(tenant string) []string {
	h.t.Helper()
	entries, err := h.Audit(context.Background(), tenant, 0, 1000)
	require.NoError(h.t, err)
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimPrefix(e.Type, "export."))
	}
	return out
}

// outbox returns the types of a tenant's events, in order.
func (h *house) outbox(tenant string) []string {
	h.t.Helper()
	entries, err := h.store.Entries(context.Background(), tenant, queue.Outbox, 0, 1000)
	require.NoError(h.t, err)
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimPrefix(e.Type, "export."))
	}
	return out
}

// A wrapped source stands before another one; nil functions pass through.
type wrapped struct {
	source.Source
	open func(ctx context.Context, q source.Query) (source.Reader, error)
}

func (w *wrapped) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	if w.open != nil {
		return w.open(ctx, q)
	}
	return w.Source.Open(ctx, q)
}

func (w *wrapped) Count(ctx context.Context, q source.Query) (int64, error) {
	return source.Count(ctx, w.Source, q)
}

func (w *wrapped) Split(ctx context.Context, q source.Query, rows int64) ([]source.Key, error) {
	return source.SplitRows(ctx, w.Source, q, rows)
}

// A script is a reader that does what it is told.
type script struct {
	read  func(*source.Batch) error
	count func() (int64, bool)
}

func (s *script) Read(_ context.Context, b *source.Batch) error { return s.read(b) }
func (s *script) Close() error                                  { return nil }
func (s *script) Count() (int64, bool) {
	if s.count == nil {
		return 0, false
	}
	return s.count()
}

var errBoom = errors.New("boom")

// keysOf returns what a manifest accounts for, sorted.
func keysOf(m *manifest.Manifest) []string {
	keys := map[string]bool{m.Key: true}
	for _, f := range m.Files {
		keys[f.Key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

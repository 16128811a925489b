package export_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/source"
)

// A ledger is a source that changes at every read, and gives snapshots.
type ledger struct {
	t *testing.T

	mu    sync.Mutex
	rows  []run
	reads int
	made  int
	opens int
	held  map[string]source.Source
	limit error // of the next snapshot
	// onRead is called before each read of rows with how many there were; a
	// tenant's rows are read in eight parts.
	onRead func(n int)
}

func newLedger(t *testing.T, rows []run) *ledger {
	return &ledger{t: t, rows: rows, held: make(map[string]source.Source)}
}

// now is the source at this instant; calls afterwards see the next state, in
// which every prompt is another.
func (l *ledger) now() source.Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := make([]run, len(l.rows))
	copy(rows, l.rows)
	for i := range rows {
		rows[i].Prompt = "state " + strconv.Itoa(l.reads)
	}
	l.reads++
	return runsOf(l.t, rows)
}

func (l *ledger) read() {
	l.mu.Lock()
	n, fn := l.opens, l.onRead
	l.opens++
	l.mu.Unlock()
	if fn != nil {
		fn(n)
	}
}

func (l *ledger) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	return l.now().Datasets(ctx, tenant)
}

func (l *ledger) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	l.read()
	return l.now().Open(ctx, q)
}

func (l *ledger) Count(ctx context.Context, q source.Query) (int64, error) {
	return source.Count(ctx, l.now(), q)
}

func (l *ledger) Split(ctx context.Context, q source.Query, rows int64) ([]source.Key, error) {
	return source.SplitRows(ctx, l.now(), q, rows)
}

func (l *ledger) Snapshot(_ context.Context, name string) (source.Snapshot, error) {
	if name == "" {
		at := l.now()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.limit != nil {
			err := l.limit
			l.limit = nil
			return nil, err
		}
		l.made++
		name = "snapshot " + strconv.Itoa(l.made)
		l.held[name] = at
		return &ledgerSnapshot{ledger: l, name: name, own: true}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[name] == nil {
		return nil, fmt.Errorf("ledger: %w", source.ErrSnapshotGone)
	}
	return &ledgerSnapshot{ledger: l, name: name}, nil
}

// lose ends all snapshots, as the end of the process that holds them does.
func (l *ledger) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.held)
}

func (l *ledger) holds() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// requireReleased waits until no snapshot is held, as it is soon after a job's end.
func (l *ledger) requireReleased() {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return l.holds() == 0 }, 10*time.Second, time.Millisecond)
}

type ledgerSnapshot struct {
	*ledger
	name string
	own  bool
}

func (s *ledgerSnapshot) at() (source.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[s.name] == nil {
		return nil, fmt.Errorf("ledger: %w", source.ErrSnapshotGone)
	}
	return s.held[s.name], nil
}

func (s *ledgerSnapshot) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	s.read()
	src, err := s.at()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	return src.Open(ctx, q)
}

func (s *ledgerSnapshot) Count(ctx context.Context, q source.Query) (int64, error) {
	src, err := s.at()
	if err != nil {
		return 0, err
	}
	return source.Count(ctx, src, q)
}

func (s *ledgerSnapshot) Split(ctx context.Context, q source.Query, rows int64) ([]source.Key, error) {
	src, err := s.at()
	if err != nil {
		return nil, err
	}
	return source.SplitRows(ctx, src, q, rows)
}

func (s *ledgerSnapshot) Name() string { return s.name }

func (s *ledgerSnapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own {
		delete(s.held, s.name)
	}
	return nil
}

// states returns the prompts that the files hold, once each.
func (h *house) states(j *export.Job, m *manifest.Manifest) map[string]int {
	h.t.Helper()
	out := make(map[string]int)
	for i := range m.Files {
		for _, row := range h.rows(j, i) {
			out[row[2]]++
		}
	}
	return out
}

func ledgerHouse(t *testing.T, change func(*export.Config)) (*house, *ledger) {
	l := newLedger(t, october())
	return newHouse(t, func(c *export.Config) {
		c.Source = l
		if change != nil {
			change(c)
		}
	}), l
}

var monthly = export.Request{Tenant: "acme", All: true, Format: "csv"}

// All parts show the instant of the plan, and the manifest names it.
func TestD10_OneInstant(t *testing.T) {
	t.Parallel()
	h, l := ledgerHouse(t, nil)
	h.start()
	j, m := h.completed(monthly)
	require.Len(t, h.states(j, m), 1)
	require.EqualValues(t, 300, m.Rows)
	require.Equal(t, "snapshot 1", m.AsOf.Snapshot)
	require.False(t, m.AsOf.From.IsZero())
	require.False(t, m.AsOf.To.Before(m.AsOf.From))
	require.Zero(t, m.Files[0].AsOf)
	l.requireReleased()
}

// A source without snapshots shows between which moments it was read.
func TestR19_AsOfWithoutSnapshots(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	_, m := h.completed(monthly)
	require.Empty(t, m.AsOf.Snapshot)
	require.Equal(t, m.AsOf, m.Files[0].AsOf)
	require.Equal(t, h.clock.Now().UTC(), m.AsOf.From)
}

// When the snapshot is lost the rest is read as it is now, and the manifest
// claims no instant.
func TestD10_SnapshotLost(t *testing.T) {
	t.Parallel()
	h, l := ledgerHouse(t, func(c *export.Config) { c.Parts = 1 })
	once := sync.OnceFunc(l.lose)
	l.onRead = func(n int) {
		if n >= 3 {
			once()
		}
	}
	h.start()
	j, m := h.completed(monthly)
	require.Greater(t, len(h.states(j, m)), 1)
	require.Empty(t, m.AsOf.Snapshot)
	require.False(t, m.AsOf.From.IsZero())
	require.Len(t, h.ids(j, m), 300)
}

// With RequireSnapshot all parts are read again then, from one instant.
func TestD10_RequireSnapshot(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 3, 7} {
		t.Run(strconv.Itoa(after), func(t *testing.T) {
			t.Parallel()
			h, l := ledgerHouse(t, func(c *export.Config) { c.Parts, c.RequireSnapshot = 2, true })
			once := sync.OnceFunc(l.lose)
			l.onRead = func(n int) {
				if n >= after {
					once()
				}
			}
			h.start()
			j, m := h.completed(monthly)
			require.Len(t, h.states(j, m), 1)
			require.Equal(t, "snapshot 2", m.AsOf.Snapshot)
			require.Equal(t, wantIDs(october(), "acme"), h.ids(j, m))
			l.requireReleased()
			require.NoError(t, h.Sweep(t.Context()))
			require.Equal(t, keysOf(m), h.stored(), "what was read before is gone")
		})
	}
}

// stored returns the keys at the destination, sorted.
func (h *house) stored() []string {
	h.t.Helper()
	var keys []string
	for o, err := range h.sink.List(context.Background(), "") {
		require.NoError(h.t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

// A source that gives no snapshot fails what requires one, for good.
func TestD10_RequireSnapshotOfASourceWithout(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.RequireSnapshot = true })
	h.start()
	j := h.export(monthly)
	require.Equal(t, export.Failed, j.State)
	require.Equal(t, export.CodeSourceError, j.Error.Code)
	require.False(t, j.Error.Retryable)
}

// At the limit of snapshots an export goes without, or waits where it has to
// have one.
func TestD10_SnapshotLimit(t *testing.T) {
	t.Parallel()
	limit := fmt.Errorf("ledger: %w", source.ErrSnapshotLimit)
	h, l := ledgerHouse(t, nil)
	l.limit = limit
	h.start()
	_, m := h.completed(monthly)
	require.Empty(t, m.AsOf.Snapshot)

	h, l = ledgerHouse(t, func(c *export.Config) { c.RequireSnapshot, c.Sweep = true, time.Millisecond })
	l.limit = limit
	h.start()
	j, err := h.Request(t.Context(), monthly)
	require.NoError(t, err)
	require.Equal(t, export.Completed, h.waitOut(j).State)
	m, err = h.Verify(t.Context(), j.Tenant, j.ID)
	require.NoError(t, err)
	require.Equal(t, "snapshot 1", m.AsOf.Snapshot)
}

// A failing snapshot is tried again.
func TestD10_SnapshotFails(t *testing.T) {
	t.Parallel()
	h, l := ledgerHouse(t, nil)
	l.limit = errors.New("no connection")
	h.start()
	j, err := h.Request(t.Context(), monthly)
	require.NoError(t, err)
	require.Equal(t, export.Completed, h.waitOut(j).State)
	m, err := h.Verify(t.Context(), j.Tenant, j.ID)
	require.NoError(t, err)
	require.Equal(t, "snapshot 1", m.AsOf.Snapshot)
}

// Engines of one store find the snapshot by its name, whoever planned.
func TestD10_SnapshotIsSharedByEngines(t *testing.T) {
	t.Parallel()
	h, _ := ledgerHouse(t, func(c *export.Config) { c.Parts = 1 })
	h.start()
	other := newHouse(t, func(c *export.Config) {
		c.Source, c.Store, c.Sink, c.Now, c.Parts = h.source, h.store, h.sink, h.clock.Now, 1
	})
	other.start()
	for range 10 {
		j, m := h.completed(monthly)
		require.Len(t, h.states(j, m), 1)
		require.True(t, strings.HasPrefix(m.AsOf.Snapshot, "snapshot "))
	}
}

// The snapshot of a job that ended elsewhere is let go by the sweep.
func TestD10_SnapshotOfACanceledJob(t *testing.T) {
	t.Parallel()
	h, l := ledgerHouse(t, func(c *export.Config) { c.Parts = 1 })
	reading, canceled := make(chan struct{}), make(chan struct{})
	var once sync.Once
	l.onRead = func(n int) {
		if n >= 3 {
			once.Do(func() {
				close(reading)
				<-canceled
			})
		}
	}
	stop := h.start()
	j, err := h.Request(t.Context(), monthly)
	require.NoError(t, err)
	<-reading
	require.Equal(t, 1, l.holds())
	other := newHouse(t, func(c *export.Config) { c.Source, c.Store, c.Sink = h.source, h.store, h.sink })
	_, err = other.Cancel(t.Context(), j.Tenant, j.ID, "ann")
	require.NoError(t, err)
	close(canceled)
	require.NoError(t, h.Sweep(t.Context()))
	l.requireReleased()
	stop()
}

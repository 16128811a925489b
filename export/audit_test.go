package export_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/source"
)

func auditKeys(t *testing.T) *chain.Keys {
	t.Helper()
	keys, err := chain.NewKeys(chain.Key{ID: "a", Secret: make([]byte, chain.MinSecret)})
	require.NoError(t, err)
	return keys
}

// An audited operation is something that somebody does with an engine, and the lines
// that the audit log has of it, each once.
type audited struct {
	name   string
	config func(*export.Config)
	// before leads to where the operation begins.
	before func(t *testing.T, h *house) *export.Job
	do     func(t *testing.T, h *house, j *export.Job)
	want   []string // type and actor
}

// silent are the methods of an engine that change nothing of an export and hand nothing
// out. Every other one needs a case below.
var silent = []string{"Audit", "Get", "Health", "List", "Manifest", "Ring", "Verify", "VerifyAudit", "Watch"}

func allOctober() export.Request {
	return export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv"}
}

func requested(t *testing.T, h *house) *export.Job {
	t.Helper()
	j, err := h.Request(t.Context(), allOctober())
	require.NoError(t, err)
	return j
}

func ended(t *testing.T, h *house) *export.Job {
	t.Helper()
	stop := h.start()
	defer stop()
	return h.wait(requested(t, h))
}

// auditedOperations are all of them, by the engine's method.
func auditedOperations() map[string][]audited {
	return map[string][]audited{
		"Request": {
			{name: "taken", do: func(t *testing.T, h *house, _ *export.Job) { requested(t, h) }, want: []string{"export.requested ann"}},
			{name: "refused", do: func(t *testing.T, h *house, _ *export.Job) {
				r := allOctober()
				r.Format = "paper"
				_, err := h.Request(t.Context(), r)
				require.Error(t, err)
			}, want: []string{"export.refused ann"}},
			{name: "refused for another", before: requested, do: func(t *testing.T, h *house, _ *export.Job) {
				_, err := h.Request(t.Context(), allOctober())
				require.Error(t, err)
			}, want: []string{"export.refused ann"}},
			{name: "asked twice under one key", do: func(t *testing.T, h *house, _ *export.Job) {
				r := allOctober()
				r.IdempotencyKey = "key"
				for range 2 {
					_, err := h.Request(t.Context(), r)
					require.NoError(t, err)
				}
			}, want: []string{"export.requested ann"}},
		},
		// Its entries go with the host's transaction: internal/e2e/hosttx has them.
		"RequestTx": {{name: "a store that cannot", do: func(t *testing.T, h *house, _ *export.Job) {
			_, err := h.RequestTx(t.Context(), nil, allOctober())
			require.Equal(t, export.CodeUnsupported, refusal(t, err).Code)
			r := allOctober()
			r.Format = "paper"
			_, err = h.RequestTx(t.Context(), nil, r)
			require.Error(t, err)
		}, want: []string{"export.refused ann"}}},
		"Rerun": {{name: "run again", before: ended, do: func(t *testing.T, h *house, j *export.Job) {
			_, err := h.Rerun(t.Context(), "acme", j.ID, "bob")
			require.NoError(t, err)
		}, want: []string{"export.rerun bob"}}},
		"Run": {
			{name: "completed", before: requested, do: func(t *testing.T, h *house, j *export.Job) {
				h.start()
				require.Equal(t, export.Completed, h.wait(j).State)
			}, want: []string{"export.started ann", "export.completed ann"}},
			{name: "failed", config: func(c *export.Config) {
				c.Source = &wrapped{Source: c.Source, open: func(context.Context, source.Query) (source.Reader, error) {
					return nil, source.ErrUnsupported
				}}
			}, before: requested, do: func(t *testing.T, h *house, j *export.Job) {
				h.start()
				require.Equal(t, export.Failed, h.wait(j).State)
			}, want: []string{"export.started ann", "export.failed ann"}},
		},
		"Cancel": {{name: "canceled, and once more", before: requested, do: func(t *testing.T, h *house, j *export.Job) {
			_, err := h.Cancel(t.Context(), "acme", j.ID, "bob")
			require.NoError(t, err)
			_, err = h.Cancel(t.Context(), "acme", j.ID, "bob")
			require.Error(t, err)
		}, want: []string{"export.canceled bob"}}},
		"Download": {{name: "each of two", before: ended, do: func(t *testing.T, h *house, j *export.Job) {
			for range 2 {
				f, err := h.Download(t.Context(), export.Download{Tenant: "acme", Job: j.ID, Actor: "bob"})
				require.NoError(t, err)
				require.NoError(t, f.Close())
			}
			_, err := h.Download(t.Context(), export.Download{Tenant: "globex", Job: j.ID, Actor: "eve"})
			require.Error(t, err)
		}, want: []string{"export.downloaded bob", "export.downloaded bob"}}},
		"Delete": {{name: "deleted, and once more", before: ended, do: func(t *testing.T, h *house, j *export.Job) {
			for range 2 {
				require.NoError(t, h.Delete(t.Context(), "acme", j.ID, "bob"))
			}
		}, want: []string{"export.deleted bob", "export.expired ann"}}},
		"Schedules": {{name: "changed and run", do: func(t *testing.T, h *house, _ *export.Job) {
			h.create(export.Schedule{ID: "nightly", Tenant: "acme", Owner: "ann", Timing: export.DailyAt2, Request: csvOf("runs")})
			s := h.Schedules()
			_, err := s.Pause(t.Context(), "acme", "nightly", "bob")
			require.NoError(t, err)
			_, err = s.RunNow(t.Context(), "acme", "nightly", "cem")
			require.NoError(t, err)
			_, err = s.RunNow(t.Context(), "acme", "nightly", "cem")
			require.Error(t, err)
			now, err := s.Resume(t.Context(), "acme", "nightly", "bob")
			require.NoError(t, err)
			_, err = s.Edit(t.Context(), *now, "bob")
			require.NoError(t, err)
			require.NoError(t, s.Remove(t.Context(), "acme", "nightly", "bob"))
			require.Error(t, s.Remove(t.Context(), "acme", "nightly", "bob"))
		}, want: []string{
			"schedule.created ann", "schedule.paused bob", "export.requested cem", "export.refused cem", "schedule.resumed bob", "schedule.edited bob", "schedule.removed bob",
		}}},
		"Operator": {
			{name: "held, released, requeued, failed", before: requested, do: func(t *testing.T, h *house, j *export.Job) {
				o := h.Operator()
				_, err := o.Hold(t.Context(), "acme", j.ID, "bob", "a case")
				require.NoError(t, err)
				_, err = o.Release(t.Context(), "acme", j.ID, "cem", "closed")
				require.NoError(t, err)
				_, err = o.Requeue(t.Context(), "acme", j.ID, 0, "bob")
				require.NoError(t, err)
				_, err = o.Fail(t.Context(), "acme", j.ID, "bob", "enough")
				require.NoError(t, err)
				_, err = o.Fail(t.Context(), "acme", j.ID, "bob", "enough")
				require.Error(t, err)
			}, want: []string{"export.held bob", "export.released cem", "export.requeued bob", "export.failed bob"}},
			{name: "purged", before: requested, do: func(t *testing.T, h *house, _ *export.Job) {
				for range 2 {
					_, err := h.Operator().PurgeTenant(t.Context(), "acme", "bob")
					require.NoError(t, err)
					h.clock.Advance(2 * time.Hour)
				}
			}, want: []string{"export.canceled bob", "tenant.purged bob", "export.forgotten bob", "tenant.purged bob"}},
		},
		"Sweep": {
			{name: "expired", before: ended, do: func(t *testing.T, h *house, _ *export.Job) {
				h.clock.Advance(8 * 24 * time.Hour)
				for range 2 {
					require.NoError(t, h.Sweep(t.Context()))
				}
			}, want: []string{"export.expired ann"}},
			{name: "past its deadline", before: requested, do: func(t *testing.T, h *house, _ *export.Job) {
				h.clock.Advance(3 * 24 * time.Hour)
				for range 2 {
					require.NoError(t, h.Sweep(t.Context()))
				}
			}, want: []string{"export.failed ann"}},
		},
	}
}

// A16: whatever is done with an export is in the audit log, once, and whoever did it. A
// method of the engine that is in neither list fails this test: say what it writes.
func TestA16_EveryOperationIsAudited(t *testing.T) {
	t.Parallel()
	operations := auditedOperations()
	for m := range reflect.TypeFor[*export.Engine]().Methods() {
		require.True(t, operations[m.Name] != nil || slices.Contains(silent, m.Name), "what does the audit log have of Engine.%s?", m.Name)
	}
	for _, method := range slices.Sorted(maps.Keys(operations)) {
		for _, op := range operations[method] {
			t.Run(method+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, func(c *export.Config) {
					if op.config != nil {
						op.config(c)
					}
				})
				var j *export.Job
				if op.before != nil {
					j = op.before(t, h)
				}
				already, err := h.Audit(t.Context(), "acme", 0, 1000)
				require.NoError(t, err)
				op.do(t, h, j)
				entries, err := h.Audit(t.Context(), "acme", 0, 1000)
				require.NoError(t, err)
				var got []string
				for _, e := range entries[len(already):] {
					got = append(got, e.Type+" "+e.Actor)
					about := strings.HasPrefix(e.Type, "export.") && e.Type != "export.refused"
					require.Equal(t, about, e.Job != "", "%s of job %q", e.Type, e.Job)
					require.False(t, e.At.IsZero())
				}
				require.Equal(t, op.want, got)
				others, err := h.Audit(t.Context(), "globex", 0, 1000)
				require.NoError(t, err)
				require.Empty(t, others)
			})
		}
	}
}

// R41: an engine proves the log of a store that has keys, and says what it cannot do of
// one that has none.
func TestR41_VerifyAudit(t *testing.T) {
	t.Parallel()
	var store *memstore.Store
	h := newHouse(t, func(c *export.Config) {
		store = memstore.New(&memstore.Options{Now: c.Now, AuditKeys: auditKeys(t)})
		c.Store = store
	})
	j := ended(t, h)
	head, err := h.VerifyAudit(t.Context(), "acme")
	require.NoError(t, err)
	require.EqualValues(t, 3, head.Number)
	require.NoError(t, h.Delete(t.Context(), "acme", j.ID, "bob"))
	later, err := h.VerifyAudit(t.Context(), "acme", head)
	require.NoError(t, err)
	require.EqualValues(t, 5, later.Number)

	forged := head
	forged.MAC = later.MAC
	_, err = h.VerifyAudit(t.Context(), "acme", forged)
	require.Equal(t, export.CodeVerificationFailed, refusal(t, err).Code)
	var broken *chain.BrokenError
	require.ErrorAs(t, err, &broken)

	_, err = newHouse(t, nil).VerifyAudit(t.Context(), "acme")
	require.Equal(t, export.CodeUnsupported, refusal(t, err).Code)
	lost := newHouse(t, func(c *export.Config) { c.Store = lostStore{c.Store} })
	_, err = lost.VerifyAudit(t.Context(), "acme")
	require.Equal(t, export.CodeUnavailable, refusal(t, err).Code)
}

// A lostStore cannot reach its log.
type lostStore struct{ queue.JobStore }

func (lostStore) AuditChain(context.Context, string, int64, int) (chain.Page, error) {
	return chain.Page{}, errors.New("connection lost")
}

func (s lostStore) VerifyAudit(ctx context.Context, tenant string, known ...chain.Head) (chain.Head, error) {
	keys, err := chain.NewKeys(chain.Key{ID: "a", Secret: make([]byte, chain.MinSecret)})
	if err != nil {
		return chain.Head{}, err
	}
	return keys.Verify(ctx, s, tenant, known...)
}

// An auditor is the host's own log.
type auditor struct {
	mu    sync.Mutex
	lines []string
}

func (a *auditor) Audit(_ context.Context, entries []queue.Entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range entries {
		a.lines = append(a.lines, e.ID+" "+e.Type)
	}
	return nil
}

func (a *auditor) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.lines)
}

// A16: the host's own audit log gets every entry in order, also those that were written
// before it was there, while the engine runs.
func TestA16_AuditorGetsEveryEntry(t *testing.T) {
	t.Parallel()
	host := &auditor{}
	h := newHouse(t, func(c *export.Config) { c.Auditor = host })
	j := requested(t, h)
	require.Empty(t, host.all(), "an entry was handed on in the way of a request")
	stop := h.start()
	h.wait(j)
	require.NoError(t, h.Delete(t.Context(), "acme", j.ID, "bob"))
	stop()
	h.start() // and need not wait for its next look
	var want []string
	entries, err := h.Audit(t.Context(), "acme", 0, 100)
	require.NoError(t, err)
	for _, e := range entries {
		want = append(want, e.ID+" "+e.Type)
	}
	require.Len(t, want, 5)
	require.Eventually(t, func() bool { return slices.Equal(want, host.all()) }, 30*time.Second, 10*time.Millisecond)
}

func TestA16_AuditorNeedsAFeed(t *testing.T) {
	t.Parallel()
	var config export.Config
	newHouse(t, func(c *export.Config) { config = *c })
	config.Auditor, config.Store = &auditor{}, struct{ queue.JobStore }{config.Store}
	_, err := export.New(config)
	require.ErrorContains(t, err, "Config.Auditor")
}
